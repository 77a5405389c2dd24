//! Every function of the store, on both engines.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod audit;
mod blobs;
mod briefing;
mod calibrations;
mod conservation;
mod diagnosis;
mod events;
mod firmware;
mod fleet;
mod idempotency;
mod labels;
mod production;
mod readings;
mod results;
mod schedule;
mod schema;
mod sensors;
mod sessions;
mod shadow;
mod signins;
mod tokens;
mod transactions;
mod users;
mod windows;

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Account, Reading, Sensor, SensorKey, SensorSpec};
use nightshift_store::sensing::{ReadingBatch, readings_insert, sensor_insert};
use nightshift_store::{Db, StoreError};

const NOW: Timestamp = Timestamp::from_s(1_800_000_000);

fn s(seconds: i64) -> Timestamp {
    if seconds < 0 {
        NOW - Duration::from_secs(seconds.unsigned_abs())
    } else {
        NOW + Duration::from_secs(seconds.unsigned_abs())
    }
}

fn spec(id: &str) -> SensorSpec {
    SensorSpec::new(id.parse().unwrap())
}

async fn register(db: &Db, id: &str) -> Sensor {
    let mut tx = db.begin().await.unwrap();
    let sensor = sensor_insert(&mut tx, &spec(id), NOW).await.unwrap();
    tx.commit().await.unwrap();
    sensor
}

fn r(seconds: i64, value: f64) -> Reading {
    Reading { at: s(seconds), value }
}

fn all_stored(readings: &[Reading]) -> Account {
    let n = i64::try_from(readings.len()).unwrap();
    Account { offered: n, stored: n, ..Account::default() }
}

fn batch(key: SensorKey, readings: &[Reading]) -> ReadingBatch<'_> {
    ReadingBatch { sensor_key: key, readings, account: all_stored(readings) }
}

async fn store(db: &Db, batches: &[ReadingBatch<'_>]) -> Vec<Result<(), StoreError>> {
    let mut tx = db.begin().await.unwrap();
    let outcomes = readings_insert(&mut tx, batches).await.unwrap();
    tx.commit().await.unwrap();
    outcomes
}
