//! Plants that have run before: registered sensors with full windows, checkpoints and a verdict each.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Account, Basis, History, NewResult, Provenance, Reading, SensorId, SensorKey, SensorSpec, Verdict,
    WINDOW_READINGS,
};
use nightshift_store::sensing::{
    ReadingBatch, WindowCheckpoint, readings_insert, results_insert, sensor_insert, window_save,
};
use nightshift_store::{Db, Tx};

/// Sensors prepared in one transaction.
const CHUNK: usize = 4_096;
/// Seconds between two readings.
const INTERVAL: Duration = Duration::from_secs(120);

/// How much of the plant's past is in its database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past {
    pub(crate) sensors: usize,
    /// Every how manieth sensor has all readings of its window stored; the others have a checkpoint and the newest one.
    pub(crate) stored_every: usize,
}

/// The id of sensor `number`.
pub(crate) fn id(number: usize) -> SensorId {
    format!("line-{:02}.s{number:06}", number % 100).parse().expect("a sensor id")
}

/// 720 readings of sensor `number`, the last one at `end`: a daily wave, a process's own beat, and noise.
pub(crate) fn window(number: usize, end: Timestamp) -> Vec<Reading> {
    let phase = number as f64 * 0.37;
    let value = |i: usize| {
        let t = i as f64;
        7.0 + (t * 0.0087 + phase).sin() + 0.2 * (t * 0.31 + phase).sin() + 0.05 * noise(number, i)
    };
    let at = |i: usize| end - INTERVAL * u32::try_from(WINDOW_READINGS - 1 - i).expect("a small number");
    (0..WINDOW_READINGS).map(|i| Reading { at: at(i), value: value(i) }).collect()
}

/// Even between -1 and 1, the same for the same place.
fn noise(number: usize, i: usize) -> f64 {
    let mut x = (number as u64) << 32 | i as u64;
    for _ in 0..2 {
        x = (x ^ (x >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (x >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// Fills a migrated database.
///
/// # Panics
/// When it fails.
pub(crate) async fn prepare(db: &Db, past: Past, now: Timestamp) {
    let end = now - Duration::from_secs(30);
    for first in (0..past.sensors).step_by(CHUNK) {
        let numbers = first..(first + CHUNK).min(past.sensors);
        let mut tx = db.begin().await.expect("begin");
        prepare_chunk(&mut tx, past, numbers, end).await;
        tx.commit().await.expect("commit");
    }
}

async fn prepare_chunk(tx: &mut Tx, past: Past, numbers: std::ops::Range<usize>, end: Timestamp) {
    let (mut windows, mut results, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    for number in numbers {
        let spec = SensorSpec::new(id(number));
        let key = sensor_insert(tx, &spec, end).await.expect("register").key;
        let readings = window(number, end);
        results.push(result(key, number, end));
        let first = if number % past.stored_every == 0 { 0 } else { WINDOW_READINGS - 1 };
        let data = History::from_readings(&readings).to_bytes();
        let kept = i64::try_from(WINDOW_READINGS - first).expect("small");
        windows.push(WindowCheckpoint { sensor_key: key, stored: kept, data });
        stored.push((key, readings[first..].to_vec()));
    }
    let batches: Vec<ReadingBatch<'_>> = stored
        .iter()
        .map(|(key, readings)| {
            let n = i64::try_from(readings.len()).expect("a small number");
            let account = Account { offered: n, stored: n, ..Account::default() };
            ReadingBatch { sensor_key: *key, readings, account }
        })
        .collect();
    let outcomes = readings_insert(tx, &batches).await.expect("store readings");
    assert!(outcomes.iter().all(Result::is_ok), "every reading is new");
    window_save(tx, &windows).await.expect("save checkpoints");
    results_insert(tx, &results).await.expect("store verdicts");
}

fn result(key: SensorKey, number: usize, at: Timestamp) -> NewResult {
    let provenance = Provenance {
        score: Some(0.4),
        threshold: Some(1.0),
        basis: Some(Basis::Model {
            id: "detector".to_owned(),
            digest: "0".repeat(64),
            calibration: None,
            bank: None,
        }),
        device: Some("cpu".to_owned()),
        ..Provenance::default()
    };
    let (sensor_id, run_at) = (id(number), Some(at));
    let verdict = Verdict::Normal;
    NewResult { sensor_key: key, sensor_id, verdict, as_of: at, inference_time: at, run_at, provenance }
}
