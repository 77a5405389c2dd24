//! The demo's vehicles: the same simulator that `nightshift simulate fleet` is.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;

use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::wire;
use nightshift_kernel::Clock;
use tokio::task::JoinHandle;

use crate::cli::simulate::fleet::{Cast, World, show};
use crate::config::{Config, FleetConfig, Secret};

/// The map that they drive on, unless the configuration names one.
const MAP: u32 = 1;
const POLICE: u8 = 5;
const HZ: u8 = 5;
/// The same chases in every demo.
const SEED: u64 = 1;

/// Lets the fleet run: with a secret that only this process knows, unless one is given.
pub(super) fn prepare(config: &mut Config) {
    let random = || RandomState::new().hash_one("the demo's vehicles");
    config.fleet.secret.get_or_insert_with(|| Secret::new(format!("{:016x}{:016x}", random(), random())));
    config.fleet.map_id.get_or_insert(MAP);
}

/// Sends the vehicles out. Should they fail, the rest of the demo goes on.
pub(super) fn begin(fleet: &FleetConfig, server: SocketAddr, clock: &Clock, json: bool) -> JoinHandle<()> {
    let (fleet, clock) = (fleet.clone(), clock.clone());
    tokio::spawn(async move {
        if let Err(error) = patrol(&fleet, server, clock, json).await {
            tracing::warn!(error, "the demo's vehicles do not drive");
        }
    })
}

async fn patrol(fleet: &FleetConfig, server: SocketAddr, clock: Clock, json: bool) -> Result<(), String> {
    let secret = fleet.secret.as_ref().map_or("", |secret| secret.expose());
    let secret = wire::Secret::new(secret).map_err(|error| error.to_string())?;
    let maps = nightshift_actors::fleet_maps(fleet.maps_dir.as_deref())?;
    let map = maps.get(&MapId(fleet.map_id.unwrap_or(MAP))).ok_or("the map does not exist")?;
    let cast = Cast {
        base: format!("ws://{server}"),
        secret,
        map: Arc::clone(map),
        police: POLICE,
        runners: 1,
        seed: SEED,
        stamped: true,
        hz: HZ,
    };
    let mut world = World::open(cast, clock).await?;
    world.play(None, |event| show(event, json)).await
}
