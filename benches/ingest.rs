//! Readings over HTTP into a durable store: against the server's own no-op, and against the engine's own bulk insert.
//!
//! `cargo bench --bench ingest`. Server and client share the machine; every figure comes from the same server.

mod support;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Account, Reading, SensorKey, SensorSpec};
use nightshift_kernel::Clock;
use nightshift_store::sensing::{ReadingBatch, readings_insert_all, sensor_insert};
use nightshift_store::testing::{self, RawReadings, TestDb};
use support::client::{Connection, get, post};
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::process::Server;

/// Rounds that count; one more goes before them.
const ROUNDS: usize = 5;
/// Connections that post single readings, each to a sensor of its own.
const CONNECTIONS: usize = 64;
/// Requests of all connections together in one round.
const REQUESTS: usize = 40_000;
/// Connections that post batches.
const BATCH_CONNECTIONS: usize = 8;
/// Batches of each of them in one round.
const BATCHES: usize = 25;
const BATCH_READINGS: usize = 1_000;
/// Commits of single readings by the store alone.
const GROUP_COMMITS: usize = 200;
/// Age of the oldest reading.
const OLDEST: Duration = Duration::from_secs(300 * 86_400);

/// One round: how long it took in all, and each request's latency in microseconds.
struct Round {
    took: Duration,
    latencies_us: Vec<u32>,
}

impl Round {
    fn per_second(&self) -> f64 {
        self.latencies_us.len() as f64 / self.took.as_secs_f64()
    }
}

/// Sends `requests[c]` over connection `c`, one after the other, all connections at once.
async fn load(address: SocketAddr, requests: Vec<Arc<Vec<Vec<u8>>>>, times: usize) -> Round {
    let clock = Clock::system();
    let mut connections = Vec::new();
    for _ in &requests {
        connections.push(Connection::open(address).await.expect("connect"));
    }
    let begun = clock.monotonic();
    let tasks: Vec<_> = connections
        .into_iter()
        .zip(requests)
        .map(|(connection, requests)| tokio::spawn(send_all(connection, requests, times, clock.clone())))
        .collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await.expect("a client"));
    }
    Round { took: clock.monotonic() - begun, latencies_us }
}

async fn send_all(
    mut connection: Connection,
    requests: Arc<Vec<Vec<u8>>>,
    times: usize,
    clock: Clock,
) -> Vec<u32> {
    let mut latencies_us = Vec::with_capacity(requests.len() * times);
    for request in std::iter::repeat_n(requests.iter(), times).flatten() {
        let begun = clock.monotonic();
        let status = connection.exchange(request).await.expect("an answer");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(connection.body()));
        latencies_us.push(u32::try_from((clock.monotonic() - begun).as_micros()).unwrap_or(u32::MAX));
    }
    latencies_us
}

/// The time of reading `n` of a sensor.
fn time_ms(n: usize) -> i64 {
    (Clock::system().now_us() / 1_000_000 - OLDEST.as_secs() as i64) * 1_000 + n as i64 * 1_000
}

fn value(n: usize) -> f64 {
    7.3 + (n % 100) as f64 / 7.0
}

/// A round of single readings of every sensor; no reading occurs twice.
fn singles(token: &str, first_ms: i64, round: usize) -> Vec<Arc<Vec<Vec<u8>>>> {
    let each = REQUESTS / CONNECTIONS;
    let request = |sensor: usize, i: usize| {
        let n = round * each + i;
        let json = format!("[{{\"time\":{},\"value\":{}}}]", first_ms + n as i64 * 1_000, value(n));
        post(&format!("/api/sensors/one{sensor}/readings"), token, &json)
    };
    (0..CONNECTIONS).map(|sensor| Arc::new((0..each).map(|i| request(sensor, i)).collect())).collect()
}

/// The readings of one batch.
fn batch(first_ms: i64, n: usize) -> Vec<(i64, f64)> {
    let readings = n * BATCH_READINGS..(n + 1) * BATCH_READINGS;
    readings.map(|i| (first_ms + i as i64 * 1_000, value(i))).collect()
}

fn batches(token: &str, first_ms: i64, round: usize) -> Vec<Arc<Vec<Vec<u8>>>> {
    let request = |sensor: usize, i: usize| {
        let rows: Vec<String> = batch(first_ms, round * BATCHES + i)
            .into_iter()
            .map(|(time, value)| format!("{{\"time\":{time},\"value\":{value}}}"))
            .collect();
        post(&format!("/api/sensors/many{sensor}/readings"), token, &format!("[{}]", rows.join(",")))
    };
    (0..BATCH_CONNECTIONS)
        .map(|sensor| Arc::new((0..BATCHES).map(|i| request(sensor, i)).collect()))
        .collect()
}

async fn register(address: SocketAddr, token: &str, prefix: &str, count: usize) {
    let mut connection = Connection::open(address).await.expect("connect");
    for n in 0..count {
        let request = post("/api/sensors", token, &format!("{{\"sensor_id\":\"{prefix}{n}\"}}"));
        assert_eq!(connection.exchange(&request).await.expect("an answer"), 201);
    }
}

/// The same number of rows as a round of batches, straight into a bare table: one transaction for each `rows_at_once`.
async fn raw_round(raw: &mut RawReadings, first_ms: i64, first_row: usize, rows_at_once: usize) -> f64 {
    let rows = BATCH_CONNECTIONS * BATCHES * BATCH_READINGS;
    let reading =
        |i: usize| Reading { at: Timestamp::from_us((first_ms + i as i64 * 1_000) * 1_000), value: value(i) };
    let readings: Vec<Reading> = (first_row..first_row + rows).map(reading).collect();
    let clock = Clock::system();
    let begun = clock.monotonic();
    for chunk in readings.chunks(rows_at_once) {
        raw.insert(chunk).await;
    }
    rows as f64 / (clock.monotonic() - begun).as_secs_f64()
}

async fn measure_singles(engine: &str, address: SocketAddr, token: &str, first_ms: i64) {
    register(address, token, "one", CONNECTIONS).await;
    let nothing = Arc::new(vec![get("/api/v1/health/liveness")]);
    let (mut noop, mut durable, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let idle = load(address, vec![Arc::clone(&nothing); CONNECTIONS], REQUESTS / CONNECTIONS).await;
        let work = load(address, singles(token, first_ms, round), 1).await;
        if round > 0 {
            ratio.push(work.per_second() / idle.per_second());
            noop.push(idle);
            durable.push(work);
        }
    }
    for (name, rounds) in [("no-op", &mut noop), ("single durable readings", &mut durable)] {
        show(&format!("{engine}: {name}"), Figure::of(rounds.iter().map(Round::per_second)), "requests/s");
        for share in [0.5, 0.99] {
            let figure = Figure::of(rounds.iter_mut().map(|r| quantile(&mut r.latencies_us, share) / 1e3));
            show(&format!("{engine}: {name}, p{:.0}", share * 100.0), figure, "ms");
        }
    }
    let name = format!("{engine}: single durable readings / no-op");
    hold(&name, Figure::of(ratio), "", Target::AtLeast(0.4));
}

async fn measure_batches(engine: &str, server: &Server, token: &str, first_ms: i64, bare: &TestDb) {
    let address = server.address;
    register(address, token, "many", BATCH_CONNECTIONS).await;
    let mut raw = RawReadings::open(bare).await;
    let rows = BATCH_CONNECTIONS * BATCHES * BATCH_READINGS;
    let together = BATCH_CONNECTIONS * BATCH_READINGS;
    let (mut http, mut alone, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let took = load(address, batches(token, first_ms, round), 1).await.took;
        let by_batch = raw_round(&mut raw, first_ms, 2 * round * rows, BATCH_READINGS).await;
        let by_group = raw_round(&mut raw, first_ms, (2 * round + 1) * rows, together).await;
        if round > 0 {
            http.push(rows as f64 / took.as_secs_f64());
            alone.push(by_batch);
            grouped.push(by_group);
        }
    }
    let ratio = |raw: &[f64]| Figure::of(http.iter().zip(raw).map(|(http, raw)| http / raw));
    let (to_alone, to_grouped) = (ratio(&alone), ratio(&grouped));
    show(&format!("{engine}: batches of 1,000 over HTTP"), Figure::of(http), "rows/s");
    show(&format!("{engine}: bulk insert, 1,000 rows a commit"), Figure::of(alone), "rows/s");
    show(&format!("{engine}: bulk insert, 8,000 rows a commit"), Figure::of(grouped), "rows/s");
    hold(&format!("{engine}: HTTP / bulk insert of 1,000"), to_alone, "", Target::AtLeast(0.5));
    show(&format!("{engine}: HTTP / bulk insert of 8,000"), to_grouped, "");
}

/// What the store alone takes to commit one reading of each of 64 sensors, and of half as many: where singles end up.
async fn measure_groups(engine: &str, first_ms: i64, home: &TestDb) {
    let mut keys = Vec::new();
    let mut tx = home.db.begin().await.expect("begin");
    for n in 0..CONNECTIONS {
        let spec = SensorSpec::new(format!("group{n}").parse().expect("an id"));
        keys.push(sensor_insert(&mut tx, &spec, Timestamp::Y2000).await.expect("register").key);
    }
    tx.commit().await.expect("commit");
    let account = Account { offered: 1, stored: 1, ..Account::default() };
    let clock = Clock::system();
    for size in [CONNECTIONS / 2 - 1, CONNECTIONS] {
        let mut times = Vec::new();
        for round in 0..GROUP_COMMITS {
            let at = Timestamp::from_us((first_ms + (size * GROUP_COMMITS + round) as i64 * 1_000) * 1_000);
            let readings = [Reading { at, value: value(round) }];
            let batch = |key: &SensorKey| ReadingBatch { sensor_key: *key, readings: &readings, account };
            let group: Vec<ReadingBatch<'_>> = keys[..size].iter().map(batch).collect();
            let begun = clock.monotonic();
            let mut tx = home.db.begin().await.expect("begin");
            assert!(readings_insert_all(&mut tx, &group).await.expect("insert"));
            tx.commit().await.expect("commit");
            times.push((clock.monotonic() - begun).as_secs_f64() * 1e3);
        }
        show(&format!("{engine}: one commit of {size} single readings, alone"), Figure::of(times), "ms");
    }
}

async fn measure<F: Future<Output = Option<TestDb>>>(engine: &str, fresh: impl Fn() -> F) {
    let (Some(home), Some(bare)) = (fresh().await, fresh().await) else {
        say(&format!("{engine}: skipped, there is none"));
        return;
    };
    home.db.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), Some(&home.options.url)).await;
    let (token, first_ms) = (server.sign_in().await, time_ms(0));
    measure_singles(engine, server.address, &token, first_ms).await;
    measure_batches(engine, &server, &token, first_ms, &bare).await;
    measure_groups(engine, first_ms, &bare).await;
}

#[tokio::main]
async fn main() {
    measure("sqlite", || async { Some(testing::sqlite().await) }).await;
    measure("postgres", testing::postgres).await;
}
