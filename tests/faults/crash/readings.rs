//! Sensors: every reading that was acknowledged is there, once, with its value.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Reading;
use nightshift_kernel::Random;
use reqwest::Method;
use serde_json::{Value, json};

use super::Plant;
use crate::common::{Server, now_ms};
use crate::faults::{assert_balanced, stored};

const SENSORS: u64 = 4;
/// Clients, each with a connection of its own; several share a sensor, so that their readings arrive out of order.
pub(super) const CLIENTS: u64 = 8;
/// Readings in one push, at most; every second push has one.
const PUSH_READINGS_MAX: f64 = 40.0;
/// Age of the oldest reading, days: within the retention that a registration gets by default.
const OLDEST_DAYS: i64 = 300;

/// What was acknowledged to one client.
pub(super) type Acknowledged = (String, Vec<Reading>);

pub(super) async fn prepare(server: &Server) -> i64 {
    for number in 0..SENSORS {
        let answer = server.post("/api/sensors", &json!({ "sensor_id": format!("s{number}") })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    now_ms() - OLDEST_DAYS * 86_400_000
}

fn value_at(time_ms: i64) -> f64 {
    (time_ms.wrapping_mul(2_654_435_761) >> 7 & 0xf_ffff) as f64 / 16.0
}

/// Pushes until told to stop; gives what was acknowledged.
pub(super) async fn work(number: u64, plant: Arc<Plant>, oldest_ms: i64) -> Acknowledged {
    let random = Random::seeded(number);
    let sensor = format!("s{}", number % SENSORS);
    let path = format!("/api/sensors/{sensor}/readings");
    let mut acknowledged = Vec::new();
    let mut next = 0;
    while plant.goes_on() {
        let single = random.fraction() < 0.5;
        let count = if single { 1 } else { 1 + (random.fraction() * PUSH_READINGS_MAX) as i64 };
        let times: Vec<i64> =
            (next..next + count).map(|n| oldest_ms + 1_000 * (n * CLIENTS as i64 + number as i64)).collect();
        next += count;
        let body: Value = times.iter().map(|t| json!({ "time": t, "value": value_at(*t) })).collect();
        let (status, answer) = plant.insist(Method::POST, &path, Some(&body), None).await;
        assert_eq!(status, 200, "{answer}");
        let outcome = |name: &str| answer[name].as_i64().expect("a count");
        assert_eq!(outcome("offered"), count, "{answer}");
        // What a killed program had committed without saying so is a duplicate when it is sent again.
        assert_eq!(outcome("stored") + outcome("duplicate"), count, "{answer}");
        let reading = |t: i64| Reading { at: Timestamp::from_us(t * 1_000), value: value_at(t) };
        acknowledged.extend(times.into_iter().map(reading));
        plant.acknowledge();
    }
    (sensor, acknowledged)
}

/// Gives how many readings there are, and how many were sent again after a commit that nobody heard of.
pub(super) async fn check(server: &Server, all: Vec<Acknowledged>) -> (usize, i64) {
    let mut expected: BTreeMap<String, Vec<Reading>> = BTreeMap::new();
    for (sensor, readings) in all {
        expected.entry(sensor).or_default().extend(readings);
    }
    let (mut readings, mut duplicates) = (0, 0);
    for (sensor, mut expected) in expected {
        expected.sort_unstable_by_key(|r| r.at);
        let found = stored(server, &sensor).await;
        let lost = expected.iter().filter(|r| found.binary_search_by_key(&r.at, |f| f.at).is_err()).count();
        assert_eq!(lost, 0, "{sensor}: acknowledged readings are gone");
        // Every push was acknowledged in the end, so there is nothing else either.
        assert!(found == expected, "{sensor}: {} stored, {} acknowledged", found.len(), expected.len());
        duplicates += assert_balanced(server, &sensor, found.len()).await;
        readings += found.len();
    }
    (readings, duplicates)
}
