//! The line at work: stations that start and complete every process of their units, alone and under a flood of sign-ins.
//!
//! `cargo bench --bench stations`. Every station waits for each answer before it goes on; server and stations share the
//! machine.

mod support;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use nightshift_kernel::Clock;
use nightshift_store::testing::{self, BareLine, TestDb};
use serde_json::json;
use support::client::{Connection, post};
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::line::{PROCESSES, data, lots, round, send};
use support::process::Server;

/// Rounds that count; one more goes before them.
const ROUNDS: usize = 3;
/// Stations, and bare clients, of the comparison with what the engine can do.
const STATIONS: usize = 100;
/// How long a round of bare clients lasts.
const BARE_FOR: Duration = Duration::from_secs(4);
/// Units that each station takes through all processes in one round.
const UNITS: usize = 2;
/// Connections that try passwords.
const GUESSERS: usize = 32;
/// Sign-ins of either kind whose times are compared.
const SIGN_INS: usize = 60;

/// The middle of several rounds of `stations`; gives the p99 of starts.
async fn stations(
    name: &str,
    address: SocketAddr,
    token: &Arc<str>,
    stations: usize,
    p99_ms_max: f64,
) -> f64 {
    let (mut rates, mut starts, mut completions) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=ROUNDS {
        let lots = lots(address, token, stations, UNITS).await;
        let (rate, mut taken) = round(address, token, lots, Duration::ZERO).await;
        if n > 0 {
            rates.push(rate);
            starts.push(quantile(&mut taken.starts, 0.99) / 1e3);
            completions.push(quantile(&mut taken.completions, 0.99) / 1e3);
        }
    }
    show(&format!("{name}: starts and completions"), Figure::of(rates), "commands/s");
    let p99 = Figure::of(starts);
    hold(&format!("{name}: start, p99"), p99, "ms", Target::AtMost(p99_ms_max));
    hold(&format!("{name}: completion, p99"), Figure::of(completions), "ms", Target::AtMost(p99_ms_max));
    p99.median
}

/// Tries passwords of people who do not exist until told to stop.
async fn guess(address: SocketAddr, stop: Arc<AtomicBool>, tried: Arc<AtomicU32>) {
    let mut connection = Connection::open(address).await.expect("connect");
    while !stop.load(Ordering::Relaxed) {
        let n = tried.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "username": format!("nobody{n}"), "password": "Wrong-Password-1" });
        let request = post("/api/v1/auth/login", "", &body.to_string());
        if connection.exchange(&request).await.is_err() {
            connection = Connection::open(address).await.expect("connect");
        }
    }
}

/// As many clients that write the rows of as many starts and completions, without a question: commands per second.
async fn bare(line: &BareLine, clients: usize) -> f64 {
    let unit = "WF-KR-251110D-001-0001";
    let texts: Vec<String> = (1..=PROCESSES).map(|process| data(process, unit).to_string()).collect();
    line.commands_per_second(clients, &texts, BARE_FOR).await
}

/// 100 stations in alternating rounds with 100 bare clients.
async fn against_the_limit(name: &str, address: SocketAddr, token: &Arc<str>, home: &TestDb) {
    let line = BareLine::open(home).await;
    let (mut ours, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=ROUNDS {
        let lots = lots(address, token, STATIONS, UNITS).await;
        let (rate, _) = round(address, token, lots, Duration::ZERO).await;
        let bare = bare(&line, STATIONS).await;
        if n > 0 {
            ours.push(rate);
            bares.push(bare);
            ratios.push(rate / bare);
        }
    }
    show(&format!("{name}, {STATIONS} stations: starts and completions"), Figure::of(ours), "commands/s");
    show(&format!("{name}, {STATIONS} clients: their bare rows"), Figure::of(bares), "commands/s");
    let (name, ratio) = (format!("{name}: stations / bare rows"), Figure::of(ratios));
    hold(&name, ratio, "", Target::AtLeast(0.5));
}

/// Starts under a flood of sign-ins against starts without one.
async fn flooded(name: &str, address: SocketAddr, token: &Arc<str>) {
    let calm = stations(&format!("{name}, 20 stations"), address, token, 20, 100.0).await;
    let (stop, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let guessers: Vec<_> =
        (0..GUESSERS).map(|_| tokio::spawn(guess(address, Arc::clone(&stop), Arc::clone(&tried)))).collect();
    let busy = stations(&format!("{name}, 20 stations, sign-ins flooding"), address, token, 20, 100.0).await;
    stop.store(true, Ordering::Relaxed);
    for guesser in guessers {
        guesser.await.expect("a guesser");
    }
    show(&format!("{name}: sign-ins tried"), Figure::of([f64::from(tried.load(Ordering::Relaxed))]), "");
    show(&format!("{name}: start, p99, flooded / calm"), Figure::of([busy / calm]), "");
}

/// Whether the time of a refusal tells that a name is unknown.
async fn sign_in_times(name: &str, address: SocketAddr, token: &str) {
    let clock = Clock::system();
    let mut connection = Connection::open(address).await.expect("connect");
    let (mut unknown, mut known) = (Vec::new(), Vec::new());
    for n in 0..SIGN_INS {
        let user = json!({
            "username": format!("worker{n}"), "email": format!("worker{n}@example.com"), "password": "Right-Password-1",
            "full_name": "Worker", "role": "OPERATOR",
        });
        send(&mut connection, "/api/v1/users", token, &user, 201).await;
        for (username, times) in [(format!("worker{n}"), &mut known), (format!("stranger{n}"), &mut unknown)]
        {
            let body = json!({ "username": username, "password": "Wrong-Password-1" });
            let begun = clock.monotonic();
            send(&mut connection, "/api/v1/auth/login", "", &body, 401).await;
            times.push((clock.monotonic() - begun).as_secs_f64() * 1e3);
        }
    }
    let (known, unknown) = (Figure::of(known), Figure::of(unknown));
    show(&format!("{name}: sign-in refused, wrong password"), known, "ms");
    show(&format!("{name}: sign-in refused, unknown name"), unknown, "ms");
    show(&format!("{name}: unknown / wrong"), Figure::of([unknown.median / known.median]), "");
}

async fn measure<F: Future<Output = Option<TestDb>>>(engine: &str, fresh: impl Fn() -> F) {
    let (Some(home), Some(other)) = (fresh().await, fresh().await) else {
        say(&format!("{engine}: skipped, there is none"));
        return;
    };
    home.db.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), Some(&home.options.url)).await;
    let token: Arc<str> = server.sign_in().await.into();
    for (count, p99_ms_max) in [(100, 100.0), (200, 250.0)] {
        stations(&format!("{engine}, {count} stations"), server.address, &token, count, p99_ms_max).await;
    }
    against_the_limit(engine, server.address, &token, &other).await;
    flooded(engine, server.address, &token).await;
    sign_in_times(engine, server.address, &token).await;
}

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(900);

#[tokio::main]
async fn main() {
    let all = async {
        measure("sqlite", || async { Some(testing::sqlite().await) }).await;
        measure("postgres", testing::postgres).await;
    };
    tokio::time::timeout(PATIENCE, all).await.expect("done in time");
}
