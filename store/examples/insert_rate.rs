//! How fast readings become durable, beside the raw bulk insert of the same rows on the same engine.
//!
//! `cargo run --release -p nightshift-store --features testing --example insert_rate`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it measures and prints"
)]

use std::time::{Duration, Instant};

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Account, Reading, SensorKey, SensorSpec};
use nightshift_store::sensing::{ReadingBatch, readings_insert, sensor_insert};
use nightshift_store::testing::{self, TestDb};

const BATCH_READINGS: usize = 1_000;
const GROUP_SINGLES: usize = 64;
const ROUNDS: usize = 100;

fn readings(first: i64, n: usize) -> Vec<Reading> {
    (0..i64::try_from(n).unwrap())
        .map(|i| Reading { at: Timestamp::from_s(first + 2 * i), value: 7.3 + (i % 100) as f64 / 7.0 })
        .collect()
}

fn account(n: usize) -> Account {
    let n = i64::try_from(n).unwrap();
    Account { offered: n, stored: n, ..Account::default() }
}

async fn sensors(home: &TestDb, n: usize) -> Vec<SensorKey> {
    let mut tx = home.db.begin().await.unwrap();
    let mut keys = Vec::new();
    for i in 0..n {
        let spec = SensorSpec::new(format!("s{i}").parse().unwrap());
        keys.push(sensor_insert(&mut tx, &spec, Timestamp::Y2000).await.unwrap().key);
    }
    tx.commit().await.unwrap();
    keys
}

async fn ours(home: &TestDb, batches: &[ReadingBatch<'_>]) -> Duration {
    let start = Instant::now();
    let mut tx = home.db.begin().await.unwrap();
    let outcomes = readings_insert(&mut tx, batches).await.unwrap();
    tx.commit().await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    start.elapsed()
}

fn rate(name: &str, rows: usize, times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let median = times[times.len() / 2];
    let per_s = rows as f64 / median.as_secs_f64();
    println!("{name:<44} {:>9.2} ms median {per_s:>12.0} readings/s", median.as_secs_f64() * 1e3);
    per_s
}

async fn measure(name: &str, home: TestDb) {
    let keys = sensors(&home, GROUP_SINGLES + 1).await;
    let mut raw = testing::RawReadings::open(&home).await;
    let (mut ours_times, mut raw_times, mut single_times) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let rows = readings(1_700_000_000 + 2_000 * i64::try_from(round).unwrap(), BATCH_READINGS);
        let batch = ReadingBatch { sensor_key: keys[0], readings: &rows, account: account(rows.len()) };
        ours_times.push(ours(&home, &[batch]).await);
        let start = Instant::now();
        raw.insert(&rows).await;
        raw_times.push(start.elapsed());
        let one = readings(1_800_000_000 + i64::try_from(round).unwrap(), 1);
        let group: Vec<_> = keys[1..]
            .iter()
            .map(|key| ReadingBatch { sensor_key: *key, readings: &one, account: account(1) })
            .collect();
        single_times.push(ours(&home, &group).await);
    }
    let ours_rate = rate(&format!("{name}: 1,000 readings, one batch"), BATCH_READINGS, &mut ours_times);
    let raw_rate = rate(&format!("{name}: 1,000 readings, raw bulk insert"), BATCH_READINGS, &mut raw_times);
    println!("{name}: ratio {:.2}", ours_rate / raw_rate);
    rate(&format!("{name}: 64 sensors, one reading each"), GROUP_SINGLES, &mut single_times);
}

#[tokio::main]
async fn main() {
    measure("sqlite", testing::sqlite().await).await;
    if let Some(home) = testing::postgres().await {
        measure("postgres", home).await;
    }
}
