//! Vehicles that chase on a map of the server, and a dashboard that sees how late each place comes.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use nightshift_domain::fleet::wire::{FrameKey, ToFront, decode};
use tokio_tungstenite::tungstenite::Message;

use super::pace::Time;
use super::tally::Tally;
use crate::cli::simulate::fleet::{Cast, Told, World};
use crate::cli::wire;

/// First byte of a frame with positions.
const POSITIONS: u8 = 0x11;

/// Plays the chase until the run is over; gives what came of it, in words.
pub(super) async fn chase(cast: Cast, token: &str, tally: Tally, time: Time) -> Result<String, String> {
    let (base, key) = (cast.base.clone(), cast.secret.shared());
    let mut world = World::open(cast, time.clock.clone()).await?;
    let told = Told::default();
    world.told = Some(Arc::clone(&told));
    let url = format!("{base}/ws/front/vehicles?plans=false&token={token}");
    let watched = watch(url, &key, told, &tally, &time);
    time.clock.sleep_until(time.start).await;
    let played = async {
        tokio::select! {
            played = world.play(None, |_| {}) => played,
            () = time.ended() => Ok(()),
        }
    };
    let (played, ()) = tokio::join!(played, async {
        tokio::select! {
            () = time.ended() => {}
            broken = watched => tally.failed("fleet.position", time.elapsed(), &broken),
        }
    });
    played?;
    let seen = &world.tally;
    for _ in 0..seen.nacks {
        tally.failed("fleet.frame", time.length, "NACK");
    }
    Ok(format!(
        "{} frames sent, {} refused, {} orders, {} reconnects",
        seen.frames, seen.nacks, seen.orders, seen.reconnects
    ))
}

/// Sees places on a dashboard's socket until it breaks; why it did.
async fn watch(url: String, key: &FrameKey, told: Told, tally: &Tally, time: &Time) -> String {
    let Ok(mut socket) = wire::open(&url).await else { return "TRANSPORT".to_owned() };
    while let Some(message) = socket.next().await {
        let Ok(message) = message else { return "TRANSPORT".to_owned() };
        let Message::Binary(bytes) = message else { continue };
        if bytes.first() != Some(&POSITIONS) {
            continue;
        }
        let now = time.clock.monotonic();
        let Ok(ToFront::Positions(positions)) = decode(&bytes, key) else { continue };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        for car in positions.cars() {
            if let Some(due) = told.remove(&(car.x.to_bits(), car.y.to_bits())) {
                let into = due.saturating_sub(time.start);
                tally.done("fleet.position", into, now.saturating_sub(due).max(Duration::from_micros(1)));
            }
        }
    }
    "CLOSED".to_owned()
}
