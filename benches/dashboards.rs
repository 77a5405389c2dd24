//! A thousand dashboards that follow the events of the line while it runs: how late they hear of what happened, and what
//! they cost the stations.
//!
//! `cargo bench --bench dashboards`. Server, stations and dashboards share the machine: 20 stations work at an even pace
//! (more than the twenty commands a second that the plant asks for), because every event goes out a thousand times.

mod support;

use std::future::Future;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nightshift_kernel::Clock;
use nightshift_store::testing::{self, TestDb};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::client::get_as;
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::line::{Latencies, lots, round};
use support::process::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DASHBOARDS: usize = 1_000;
const STATIONS: usize = 20;
/// Rounds, each without and with dashboards: a disk that is slow for a while meets both.
const ROUNDS: usize = 3;
/// Units of each station in a round: 1,440 starts in all, so that a p99 is not the longest few of some hundreds.
const UNITS: usize = 3;
/// Units before anything is measured.
const UNITS_BEFORE: usize = 1;
/// Pause of a station before each command: 20 of them give about 40 commands a second.
const PAUSE: Duration = Duration::from_millis(500);
/// Dashboards that connect at once.
const CONNECTING: usize = 50;
/// How late a dashboard may hear of what happened, milliseconds.
const LATE_MS_MAX: f64 = 250.0;
/// How much slower a start may become.
const SLOWER_MAX: f64 = 1.5;
const PATIENCE: Duration = Duration::from_secs(900);

/// What the dashboards have seen.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    connected: AtomicU64,
    events: AtomicU64,
}

/// Follows the line's events; gives how late each came, microseconds.
async fn dashboard(address: SocketAddr, token: Arc<str>, seen: Arc<Seen>) -> Vec<u32> {
    let clock = Clock::system();
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let request = get_as("/api/v1/events?kind=production.", &token);
    stream.write_all(&request).await.expect("ask");
    let (mut late, mut bytes, mut begun) = (Vec::new(), Vec::with_capacity(64 * 1024), false);
    while !seen.stop.load(Ordering::Relaxed) {
        let wait = tokio::time::timeout(Duration::from_millis(200), stream.read_buf(&mut bytes)).await;
        let Ok(read) = wait else { continue };
        assert_ne!(
            read.expect("the stream"),
            0,
            "a dashboard was cut off: {}",
            String::from_utf8_lossy(&bytes)
        );
        let now_us = clock.now_us();
        if !begun {
            assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes));
            seen.connected.fetch_add(1, Ordering::Relaxed);
            begun = true;
        }
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for line in String::from_utf8_lossy(&bytes[..whole]).lines() {
            if let Some(at_us) = line.strip_prefix("data:").and_then(happened_us) {
                late.push(u32::try_from((now_us - at_us).max(0)).unwrap_or(u32::MAX));
                seen.events.fetch_add(1, Ordering::Relaxed);
            }
        }
        bytes.drain(..whole);
    }
    late
}

/// When an event happened, microseconds. No more is read of it: what a dashboard makes of an event is not the plant's work, and a
/// thousand that parse all of it here would be measured instead.
fn happened_us(text: &str) -> Option<i64> {
    let (_, at) = text.split_once("\"at\":\"")?;
    let at: nightshift_domain::Timestamp = at.split_once('"')?.0.parse().ok()?;
    Some(at.us())
}

async fn paced(address: SocketAddr, token: &Arc<str>, units: usize) -> Latencies {
    let lots = lots(address, token, STATIONS, units).await;
    round(address, token, lots, PAUSE).await.1
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let clock = Clock::system();
    let wait = async {
        while !condition() {
            clock.sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Where the dashboards are: on threads of their own that run when the line and the server leave a core idle, as other machines would.
/// A thread that had merely a low priority would still keep a core from them until its slice is over.
fn elsewhere() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(|| {
            let thread = std::fs::read_link("/proc/thread-self").expect("Linux");
            let id = thread.file_name().expect("a thread's number");
            let chrt = Command::new("chrt").args(["--idle", "--pid", "0"]).arg(id).status();
            assert!(chrt.expect("chrt of util-linux").success(), "a thread may always step back");
        })
        .build()
        .expect("a runtime")
}

/// What a thousand dashboards hear of while the line runs, and how long its starts take meanwhile.
async fn followed(server: &Server, token: &Arc<str>) -> (Vec<u32>, Latencies) {
    let seen = Arc::new(Seen::default());
    let elsewhere = elsewhere();
    let mut dashboards = Vec::with_capacity(DASHBOARDS);
    while dashboards.len() < DASHBOARDS {
        for _ in 0..CONNECTING {
            dashboards.push(elsewhere.spawn(dashboard(server.address, Arc::clone(token), Arc::clone(&seen))));
        }
        let wanted = dashboards.len() as u64;
        until("dashboards are connected", || seen.connected.load(Ordering::Relaxed) >= wanted).await;
    }
    let taken = paced(server.address, token, UNITS).await;
    let expected = (STATIONS * UNITS * support::line::PROCESSES * 2 * DASHBOARDS) as u64;
    until("every dashboard has heard of every command", || seen.events.load(Ordering::Relaxed) >= expected)
        .await;
    seen.stop.store(true, Ordering::Relaxed);
    let mut late = Vec::new();
    for one in dashboards {
        late.extend(one.await.expect("a dashboard"));
    }
    elsewhere.shutdown_background();
    (late, taken)
}

async fn measure<F: Future<Output = Option<TestDb>>>(engine: &str, fresh: impl Fn() -> F) {
    let Some(home) = fresh().await else {
        say(&format!("{engine}: skipped, there is none"));
        return;
    };
    home.db.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), Some(&home.options.url)).await;
    let token: Arc<str> = server.sign_in().await.into();
    paced(server.address, &token, UNITS_BEFORE).await;
    let (mut late, mut without, mut with) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.extend(paced(server.address, &token, UNITS).await.starts);
        let (heard, taken) = followed(&server, &token).await;
        late.extend(heard);
        with.extend(taken.starts);
    }
    show(&format!("{engine}: events delivered"), Figure::of([late.len() as f64]), "");
    show(&format!("{engine}: delivery, p50"), Figure::of([quantile(&mut late, 0.5) / 1e3]), "ms");
    let p99 = Figure::of([quantile(&mut late, 0.99) / 1e3]);
    hold(&format!("{engine}: delivery, p99"), p99, "ms", Target::AtMost(LATE_MS_MAX));
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let [alone, beside] = [&mut without, &mut with].map(|starts| quantile(starts, share) / 1e3);
        show(&format!("{engine}: start, {name}, without dashboards"), Figure::of([alone]), "ms");
        show(&format!("{engine}: start, {name}, with dashboards"), Figure::of([beside]), "ms");
        if name == "p99" {
            let ratio = Figure::of([beside / alone]);
            hold(&format!("{engine}: start, p99, with / without"), ratio, "", Target::AtMost(SLOWER_MAX));
        }
    }
}

#[tokio::main]
async fn main() {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum.or(Some(8_192)), ..before };
    // Where it is refused, the dashboards say so themselves.
    let _ = setrlimit(Resource::Nofile, wanted);
    let all = async {
        measure("sqlite", || async { Some(testing::sqlite().await) }).await;
        measure("postgres", testing::postgres).await;
    };
    tokio::time::timeout(PATIENCE, all).await.expect("done in time");
}
