//! The line beside a large past: starts, completions, traces and the overview on a plant that has ten million runs stored,
//! against the same on an empty one.
//!
//! `cargo bench --bench past`. `NIGHTSHIFT_BENCH_RUNS=1000000` makes another past.

mod support;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use nightshift_store::testing::{self, TestDb, fill};
use support::client::{Connection, get_as};
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::line::{lots, round};
use support::process::Server;

/// Runs of the past, when nothing else is asked for.
const RUNS: u64 = 10_000_000;
/// Rounds that count; one more goes before them.
const ROUNDS: usize = 3;
const STATIONS: usize = 20;
const UNITS: usize = 3;
/// Traces, and overviews, of one round.
const READS: usize = 100;
/// How much slower it may be than on an empty plant.
const SLOWER_MAX: f64 = 1.5;
/// Longest overview on a million runs or more, milliseconds.
const OVERVIEW_MS_MAX: f64 = 50.0;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(7_200);

/// Medians of a plant, milliseconds.
struct Times {
    start: f64,
    completion: f64,
    trace: f64,
    overview: Figure,
}

/// The median time of a route, milliseconds.
async fn read(address: SocketAddr, token: &str, path: impl Fn(usize) -> String) -> f64 {
    let clock = Clock::system();
    let mut connection = Connection::open(address).await.expect("connect");
    let mut times = Vec::with_capacity(READS);
    for n in 0..READS {
        let request = get_as(&path(n), token);
        let begun = clock.monotonic();
        let status = connection.exchange(&request).await.expect("an answer");
        assert_eq!(status, 200, "{}: {}", path(n), String::from_utf8_lossy(connection.body()));
        times.push(u32::try_from((clock.monotonic() - begun).as_micros()).unwrap_or(u32::MAX));
    }
    quantile(&mut times, 0.5) / 1e3
}

async fn times(name: &str, address: SocketAddr, token: &Arc<str>) -> Times {
    let (mut starts, mut completions, mut traces, mut overviews) = (vec![], vec![], vec![], vec![]);
    for n in 0..=ROUNDS {
        let made = lots(address, token, STATIONS, UNITS).await;
        let unit = made[0].units[0].clone();
        let (_, mut taken) = round(address, token, made, Duration::ZERO).await;
        let trace = read(address, token, |_| format!("/api/v1/serials/{unit}/trace")).await;
        let overview = read(address, token, |_| "/api/v1/analytics/overview".to_owned()).await;
        if n > 0 {
            starts.push(quantile(&mut taken.starts, 0.5) / 1e3);
            completions.push(quantile(&mut taken.completions, 0.5) / 1e3);
            traces.push(trace);
            overviews.push(overview);
        }
    }
    let figures =
        [("start", starts), ("completion", completions), ("trace", traces), ("overview", overviews)];
    let [start, completion, trace, overview] = figures.map(|(what, times)| {
        let figure = Figure::of(times);
        show(&format!("{name}: {what}, p50"), figure, "ms");
        figure
    });
    Times { start: start.median, completion: completion.median, trace: trace.median, overview }
}

async fn served(name: &str, home: &TestDb) -> Times {
    home.db.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), Some(&home.options.url)).await;
    let token: Arc<str> = server.sign_in().await.into();
    times(name, server.address, &token).await
}

async fn measure<F: Future<Output = Option<TestDb>>>(engine: &str, runs: u64, fresh: impl Fn() -> F) {
    let (Some(empty), Some(full)) = (fresh().await, fresh().await) else {
        say(&format!("{engine}: skipped, there is none"));
        return;
    };
    let clock = Clock::system();
    let begun = clock.monotonic();
    let filled = fill(&full.db, runs, Timestamp::from_us(clock.now_us())).await;
    let took = (clock.monotonic() - begun).as_secs_f64();
    say(&format!("{engine}: {} runs in {} lots, made in {took:.0} s", filled.runs, filled.lots));
    let before = served(&format!("{engine}, empty"), &empty).await;
    let after = served(&format!("{engine}, full"), &full).await;
    for (what, empty, full) in [
        ("start", before.start, after.start),
        ("completion", before.completion, after.completion),
        ("trace", before.trace, after.trace),
    ] {
        let ratio = Figure::of([full / empty]);
        hold(&format!("{engine}: {what}, full / empty"), ratio, "", Target::AtMost(SLOWER_MAX));
    }
    hold(&format!("{engine}: overview, full"), after.overview, "ms", Target::AtMost(OVERVIEW_MS_MAX));
}

#[tokio::main]
async fn main() {
    let asked = std::env::var("NIGHTSHIFT_BENCH_RUNS").ok();
    let runs = asked.map_or(RUNS, |text| text.parse().expect("NIGHTSHIFT_BENCH_RUNS is a number"));
    let all = async {
        measure("sqlite", runs, || async { Some(testing::sqlite().await) }).await;
        measure("postgres", runs, testing::postgres).await;
    };
    tokio::time::timeout(PATIENCE, all).await.expect("done in time");
}
