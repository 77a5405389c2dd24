//! Vehicles: who was seen as registered stays registered, once; frames are sent meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::SinkExt;
use nightshift_domain::fleet::Kind;
use nightshift_domain::fleet::wire::encode;
use reqwest::Method;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::Plant;
use crate::common::Server;
use crate::fleet::{key, position, register};

/// Vehicles that register at most.
const VEHICLES_MAX: u32 = 150;
/// Positions that each sends.
const POSITIONS: u32 = 20;
/// Ids begin here.
const FIRST: u32 = 500;

/// Registers vehicles and sends their positions until told to stop; gives those that were seen.
pub(super) async fn work(plant: Arc<Plant>) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    for id in FIRST..FIRST + VEHICLES_MAX {
        while plant.goes_on() && !is_known(&plant, id).await {
            let here = plant.here().await;
            if drive(&here.base, id).await.is_err() {
                plant.moved_from(&here).await;
            }
        }
        if !plant.goes_on() {
            break;
        }
        seen.insert(id);
        plant.acknowledge();
    }
    seen
}

/// Registers and sends positions over a connection of its own.
async fn drive(base: &str, id: u32) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let (mut wire, _) = connect_async(format!("{}/ws/vehicles", base.replacen("http", "ws", 1))).await?;
    let me = register(id, Kind::Police, &format!("V{id}"));
    wire.send(Message::binary(encode(&me, &key()))).await?;
    for n in 0..POSITIONS {
        let at = position(id, n as f32, id as f32);
        wire.send(Message::binary(encode(&at, &key()))).await?;
    }
    // The plant's end of the connection closes when it has read all.
    wire.close(None).await
}

async fn is_known(plant: &Plant, id: u32) -> bool {
    let (status, list) = plant.insist(Method::GET, "/vehicles", None, None).await;
    assert_eq!(status, 200, "{list}");
    list["vehicles"].as_array().expect("vehicles").iter().any(|v| v["vehicle_id"] == id)
}

/// Gives how many vehicles there are.
pub(super) async fn check(server: &Server, seen: BTreeSet<u32>) -> usize {
    let list = server.get("/vehicles").await.json();
    let listed: Vec<u64> = list["vehicles"]
        .as_array()
        .expect("vehicles")
        .iter()
        .filter_map(|v| v["vehicle_id"].as_u64())
        .collect();
    let known: BTreeSet<u64> = listed.iter().copied().collect();
    assert_eq!(listed.len(), known.len(), "a vehicle twice");
    let lost: Vec<u32> = seen.iter().copied().filter(|id| !known.contains(&u64::from(*id))).collect();
    assert!(lost.is_empty(), "vehicles are gone: {lost:?}");
    listed.len()
}
