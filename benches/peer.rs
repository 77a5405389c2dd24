//! The line at work on Nightshift and on another server that answers the same routes, in alternating rounds: commands in a
//! second, p99 of starts, and lists of lots.
//!
//! `benches/peers/mes/run.sh` starts the other server and this. `NIGHTSHIFT_BENCH_PEER` is its address; both use PostgreSQL, and
//! clients and servers share the machine.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::Clock;
use nightshift_store::testing;
use support::client::{Connection, get_as, post};
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::line::{lots, round};
use support::process::Server;

/// Rounds that count; one more goes before them.
const ROUNDS: usize = 3;
const STATIONS: usize = 100;
const UNITS: usize = 2;
/// Connections that ask for the list of lots, and how often each does.
const READERS: usize = 16;
const LISTS: usize = 50;
/// Password of the first user on both.
const PASSWORD: &str = "Night-Shift-42";

/// Rounds of one server.
#[derive(Default)]
struct Rounds {
    commands: Vec<f64>,
    starts_ms: Vec<f64>,
    lists: Vec<f64>,
}

impl Rounds {
    async fn one(&mut self, address: SocketAddr, token: &Arc<str>, counts: bool) {
        let lots = lots(address, token, STATIONS, UNITS).await;
        let (rate, mut taken) = round(address, token, lots, Duration::ZERO).await;
        let listed = lists(address, token).await;
        if counts {
            self.commands.push(rate);
            self.starts_ms.push(quantile(&mut taken.starts, 0.99) / 1e3);
            self.lists.push(listed);
        }
    }

    fn show(&self, name: &str) {
        show(&format!("{name}: starts and completions"), Figure::of(self.commands.clone()), "commands/s");
        show(&format!("{name}: start, p99"), Figure::of(self.starts_ms.clone()), "ms");
        show(&format!("{name}: lists of 100 lots"), Figure::of(self.lists.clone()), "lists/s");
    }
}

/// Lists of lots in a second.
async fn lists(address: SocketAddr, token: &Arc<str>) -> f64 {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let token = Arc::clone(token);
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.expect("connect");
                let request = get_as("/api/v1/lots?limit=100", &token);
                for _ in 0..LISTS {
                    assert_eq!(connection.exchange(&request).await.expect("an answer"), 200);
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.expect("a reader");
    }
    (READERS * LISTS) as f64 / (clock.monotonic() - begun).as_secs_f64()
}

async fn sign_in(address: SocketAddr) -> Arc<str> {
    let mut connection = Connection::open(address).await.expect("the other server listens");
    let credentials = format!("{{\"username\":\"admin\",\"password\":\"{PASSWORD}\"}}");
    let status = connection.exchange(&post("/api/v1/auth/login", "", &credentials)).await.expect("an answer");
    assert_eq!(status, 200);
    let answer: serde_json::Value = serde_json::from_slice(connection.body()).expect("json");
    answer["access_token"].as_str().expect("a token").into()
}

#[tokio::main]
async fn main() {
    let Ok(peer) = std::env::var("NIGHTSHIFT_BENCH_PEER") else {
        say("skipped: benches/peers/mes/run.sh starts the other server");
        return;
    };
    let peer: SocketAddr = peer.parse().expect("NIGHTSHIFT_BENCH_PEER is an address");
    let Some(home) = testing::postgres().await else {
        say("skipped: no PostgreSQL");
        return;
    };
    home.db.close().await;
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), Some(&home.options.url)).await;
    let tokens: [Arc<str>; 2] = [server.sign_in().await.into(), sign_in(peer).await];
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    for n in 0..=ROUNDS {
        ours.one(server.address, &tokens[0], n > 0).await;
        theirs.one(peer, &tokens[1], n > 0).await;
    }
    ours.show("nightshift");
    theirs.show("peer");
    let ratio = |a: &[f64], b: &[f64]| Figure::of(a.iter().zip(b).map(|(a, b)| a / b));
    hold(
        "starts and completions, nightshift / peer",
        ratio(&ours.commands, &theirs.commands),
        "",
        Target::AtLeast(5.0),
    );
    show("start, p99, nightshift / peer", ratio(&ours.starts_ms, &theirs.starts_ms), "");
    hold("lists of lots, nightshift / peer", ratio(&ours.lists, &theirs.lists), "", Target::AtLeast(5.0));
}
