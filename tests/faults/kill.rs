//! Killed under load, again and again: what was acknowledged is there, once, with its value.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Reading;
use nightshift_kernel::Random;
use nightshift_store::testing::{self, TestDb};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::{assert_balanced, assert_sound, stored};
use crate::common::{DEADLINE, Server, now_ms};

/// Times the program is killed on each engine; `NIGHTSHIFT_KILLS` says otherwise.
const KILLS: u64 = 50;
/// Pushes acknowledged between two kills, at most.
const PUSHES_BETWEEN_MAX: f64 = 120.0;
const SENSORS: u64 = 4;
/// Clients, each with a connection of its own; several share a sensor, so that their readings arrive out of order.
const CLIENTS: u64 = 16;
/// Readings in one push, at most; every second push has one.
const PUSH_READINGS_MAX: f64 = 40.0;
/// Age of the oldest reading, days: within the retention that a registration gets by default.
const OLDEST_DAYS: i64 = 300;

/// Where the program listens; `None` from before it is killed until it has started again.
type Whereabouts = watch::Receiver<Option<String>>;

/// What the clients share.
struct Shared {
    whereabouts: Whereabouts,
    acknowledged: AtomicU64,
    /// Told of every acknowledgement.
    progress: Notify,
    /// Set when no new pushes are wanted. The one under way is still retried until it is acknowledged.
    done: AtomicBool,
    /// Answers other than 200 by status.
    refusals: std::sync::Mutex<BTreeMap<u16, u64>>,
    oldest_ms: i64,
}

impl Shared {
    /// Sends `body` until it is acknowledged.
    async fn push(&self, client: &Client, sensor: &str, body: &Value) -> Value {
        let mut whereabouts = self.whereabouts.clone();
        loop {
            let base = whereabouts.wait_for(Option::is_some).await.expect("the test runs").clone();
            let url = format!("{}/api/sensors/{sensor}/readings", base.as_deref().unwrap_or_default());
            let sent = client.post(url).json(body).send().await;
            let answer = match sent {
                Ok(answer) => Some((answer.status(), answer.text().await)),
                Err(_) => None,
            };
            match answer {
                Some((StatusCode::OK, Ok(text))) => {
                    return serde_json::from_str(&text).expect("an answer in JSON");
                }
                Some((status, Ok(_))) => {
                    assert!(status.is_server_error(), "{sensor}: {status}");
                    *self.refusals.lock().expect("refusals").entry(status.as_u16()).or_default() += 1;
                }
                _ => {
                    // A connection breaks for one reason only: the program it led to was killed.
                    let moved = whereabouts.wait_for(|now| *now != base);
                    timeout(DEADLINE, moved)
                        .await
                        .expect("a live program cut a connection")
                        .expect("the test runs");
                }
            }
        }
    }
}

fn value_at(time_ms: i64) -> f64 {
    (time_ms.wrapping_mul(2_654_435_761) >> 7 & 0xf_ffff) as f64 / 16.0
}

/// Pushes until told to stop; gives what was acknowledged.
async fn client(number: u64, shared: Arc<Shared>) -> (String, Vec<Reading>) {
    let (random, http) = (Random::seeded(number), Client::builder().no_proxy().build().expect("client"));
    let sensor = format!("s{}", number % SENSORS);
    let mut acknowledged = Vec::new();
    let mut next = 0;
    while !shared.done.load(Ordering::Acquire) {
        let single = random.fraction() < 0.5;
        let count = if single { 1 } else { 1 + (random.fraction() * PUSH_READINGS_MAX) as i64 };
        let times: Vec<i64> = (next..next + count)
            .map(|n| shared.oldest_ms + 1_000 * (n * CLIENTS as i64 + number as i64))
            .collect();
        next += count;
        let body: Value = times.iter().map(|t| json!({ "time": t, "value": value_at(*t) })).collect();
        let answer = shared.push(&http, &sensor, &body).await;
        let outcome = |name: &str| answer[name].as_i64().expect("a count");
        assert_eq!(outcome("offered"), count, "{answer}");
        // What a killed program had committed without saying so is a duplicate when it is sent again.
        assert_eq!(outcome("stored") + outcome("duplicate"), count, "{answer}");
        let reading = |t: i64| Reading { at: Timestamp::from_us(t * 1_000), value: value_at(t) };
        acknowledged.extend(times.into_iter().map(reading));
        shared.acknowledged.fetch_add(1, Ordering::AcqRel);
        shared.progress.notify_one();
    }
    (sensor, acknowledged)
}

/// Waits for that many acknowledgements more.
async fn acknowledgements(shared: &Shared, more: u64) {
    let goal = shared.acknowledged.load(Ordering::Acquire) + more;
    let reached = async {
        while shared.acknowledged.load(Ordering::Acquire) < goal {
            shared.progress.notified().await;
        }
    };
    timeout(DEADLINE, reached).await.expect("pushes are acknowledged");
}

async fn survives_kills(home: TestDb, seed: u64) {
    home.db.close().await;
    let kills = std::env::var("NIGHTSHIFT_KILLS").map_or(KILLS, |n| n.parse().expect("NIGHTSHIFT_KILLS"));
    let dir = Arc::new(TempDir::new().expect("directory"));
    let settings = [("DATABASE__URL", home.options.url.as_str())];
    let start = || Server::start_in(Arc::clone(&dir), &settings);
    let base = |server: &Server| Some(server.url(""));

    let mut server = start().await;
    for number in 0..SENSORS {
        let answer = server.post("/api/sensors", &json!({ "sensor_id": format!("s{number}") })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    let (tell, whereabouts) = watch::channel(base(&server));
    let shared = Arc::new(Shared {
        whereabouts,
        acknowledged: AtomicU64::new(0),
        progress: Notify::new(),
        done: AtomicBool::new(false),
        refusals: Default::default(),
        oldest_ms: now_ms() - OLDEST_DAYS * 86_400_000,
    });
    let clients: Vec<_> = (0..CLIENTS).map(|n| tokio::spawn(client(n, Arc::clone(&shared)))).collect();
    let random = Random::seeded(seed);
    for _ in 0..kills {
        acknowledgements(&shared, (random.fraction() * PUSHES_BETWEEN_MAX) as u64).await;
        tell.send_replace(None);
        // Dropping it kills it, without a chance to do anything first.
        drop(server);
        server = start().await;
        tell.send_replace(base(&server));
    }
    acknowledgements(&shared, 1).await;
    shared.done.store(true, Ordering::Release);

    let mut expected: BTreeMap<String, Vec<Reading>> = BTreeMap::new();
    for client in clients {
        let (sensor, readings) = client.await.expect("a client");
        expected.entry(sensor).or_default().extend(readings);
    }
    let (mut readings, mut duplicates) = (0, 0);
    for (sensor, mut expected) in expected {
        expected.sort_unstable_by_key(|r| r.at);
        let found = stored(&server, &sensor).await;
        let lost = expected.iter().filter(|r| found.binary_search_by_key(&r.at, |f| f.at).is_err()).count();
        assert_eq!(lost, 0, "{sensor}: acknowledged readings are gone");
        // Every push was acknowledged in the end, so there is nothing else either.
        assert!(found == expected, "{sensor}: {} stored, {} acknowledged", found.len(), expected.len());
        duplicates += assert_balanced(&server, &sensor, found.len()).await;
        readings += found.len();
    }
    let (status, _dir) = server.stop().await;
    assert!(status.success(), "{status}");
    assert_sound(&home).await;
    let refusals = shared.refusals.lock().expect("refusals").clone();
    eprintln!(
        "{kills} kills, {} pushes and {readings} readings acknowledged, none lost; {duplicates} sent again after a \
         commit nobody heard of; other answers by status: {refusals:?}",
        shared.acknowledged.load(Ordering::Acquire),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    survives_kills(testing::sqlite().await, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() {
    let Some(home) = testing::postgres().await else { return };
    survives_kills(home, 2).await;
}
