//! The database goes away in the middle of a shift: stations are told so quickly, nothing is half done, and all is well
//! after.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use nightshift_kernel::Clock;
use nightshift_store::testing::{Cluster, postgres_required};
use serde_json::{Value, json};

use crate::common::{Server, read};
use crate::production::{PROCESSES, good, good_data, lot};

/// Units, each with a station of its own.
const UNITS: i64 = 8;
/// Refusals of each station while the database is away: a minute's worth of patience, without waiting for it.
const REFUSALS: usize = 12;
/// Longest answer while the database is away.
const QUICKLY: Duration = Duration::from_secs(2);
/// Pause of a station before it tries again.
const PAUSE: Duration = Duration::from_millis(100);

/// What the stations and the test tell each other.
#[derive(Default)]
struct Board {
    /// Runs that ended, in all.
    done: AtomicUsize,
    /// Refusals since the database went away.
    refused: AtomicUsize,
    away: AtomicBool,
}

/// Sends a command until it has taken effect: one that was told to be away may have.
async fn insist(server: &Server, board: &Board, path: &str, body: &Value, done_before: &str) {
    let clock = Clock::system();
    loop {
        let (away, began) = (board.away.load(Ordering::SeqCst), clock.monotonic());
        let answer = server.post(path, body).await;
        let took = clock.monotonic() - began;
        match answer.status.as_u16() {
            200 => return,
            409 if answer.code() == done_before => return,
            503 => {
                assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.text);
                assert!(
                    answer.header("retry-after").parse::<u64>().is_ok_and(|s| s >= 1),
                    "{:?}",
                    answer.headers
                );
                assert!(!answer.text.to_lowercase().contains("sql"), "{}", answer.text);
                assert!(took < QUICKLY, "a refusal took {took:?}");
                board.refused.fetch_add(usize::from(away), Ordering::SeqCst);
                clock.sleep(PAUSE).await;
            }
            other => panic!("{other}: {}", answer.text),
        }
    }
}

/// Takes a unit through all processes.
async fn work(server: &Server, board: &Board, lot: &str, serial: &str) {
    for process in 1..=PROCESSES {
        let who = json!({ "lot_number": lot, "serial_number": serial, "process_id": process, "worker_id": "admin" });
        insist(server, board, "/api/v1/process/start", &who, "DUPLICATE_START").await;
        let mut end = who;
        end["result"] = "PASS".into();
        end["process_data"] = good_data(process, serial);
        insist(server, board, "/api/v1/process/complete", &end, "DUPLICATE_PASS_COMPLETE").await;
        board.done.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shift_survives_the_loss_of_its_database() {
    let Some(cluster) = Cluster::own().await else {
        assert!(!postgres_required(), "NIGHTSHIFT_REQUIRE_POSTGRES=1, but there is no PostgreSQL");
        eprintln!("skipped: no PostgreSQL");
        return;
    };
    let server = Server::start_with(&[("DATABASE__URL", cluster.url())]).await;
    let made = lot(&server, "WF", UNITS).await;
    let board = Board::default();
    let stations = join_all(made.serials.iter().map(|serial| work(&server, &board, &made.number, serial)));
    let outage = async {
        let middle = usize::try_from(UNITS * PROCESSES / 4).expect("few");
        server.until("the middle of the shift", async || board.done.load(Ordering::SeqCst) >= middle).await;
        assert!(cluster.stop().await, "PostgreSQL stops");
        board.away.store(true, Ordering::SeqCst);
        let all = REFUSALS * made.serials.len();
        server.until("every station was refused", async || board.refused.load(Ordering::SeqCst) >= all).await;
        // Reading needs the database too, and says so; what needs none goes on.
        let figures = server.get("/api/v1/dashboard/summary").await;
        assert_eq!((figures.status.as_u16(), figures.code()), (503, "UNAVAILABLE".to_owned()));
        assert_eq!(server.get("/api/v1/health").await.status, 503);
        let breakers = server.get("/api/v1/health/circuit-breakers").await;
        assert!(breakers.text.contains("open"), "{}", breakers.text);
        board.away.store(false, Ordering::SeqCst);
        assert!(cluster.resume().await, "PostgreSQL starts");
    };
    let both = async { tokio::join!(stations, outage) };
    tokio::time::timeout(crate::common::DEADLINE, both).await.expect("the shift ends");

    let done = good(&server.get(&format!("/api/v1/lots/{}", made.id)).await, 200);
    assert_eq!((&done["status"], &done["passed_quantity"]), (&json!("COMPLETED"), &json!(UNITS)), "{done}");
    let count = async |query: &str| {
        let answer = server.get(&format!("/api/v1/process-data?limit=1&{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("x-total-count").parse::<i64>().expect("a count")
    };
    assert_eq!((count("").await, count("result=PASS").await), (UNITS * PROCESSES, UNITS * PROCESSES));
    let open = server.get("/api/v1/process-data/incomplete").await;
    assert_eq!(open.header("x-total-count"), "0", "nothing is half done");
    // What is kept per day counts each run once, as the rows do.
    let figures = good(&server.get("/api/v1/analytics/process-performance").await, 200);
    for process in figures.as_array().expect("processes") {
        assert_eq!((&process["completed"], &process["passed"]), (&json!(UNITS), &json!(UNITS)), "{process}");
    }
    let recount = format!("/api/v1/lots/{}/quantities", made.id);
    let recounted = server.send(reqwest::Method::PUT, &recount, &json!({})).await;
    assert_eq!(good(&recounted, 200)["passed_quantity"], UNITS);
    // Each run has one event of its start and one of its end.
    for (kind, expected) in
        [("production.started", UNITS * PROCESSES), ("production.completed", UNITS * PROCESSES)]
    {
        assert_eq!(events(&server, kind, expected).await, expected, "{kind}");
    }
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");
    let verified = crate::common::program(dir.path(), &["audit", "verify", "--data-dir", "data"])
        .env("NIGHTSHIFT__DATABASE__URL", cluster.url())
        .output()
        .expect("the program starts");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// Events of a kind in the journal; waits for `expected`, then for as many more as come with the next heartbeat.
async fn events(server: &Server, kind: &str, expected: i64) -> i64 {
    use futures::StreamExt;
    let url = server.url(&format!("/api/v1/events?kind={kind}&last_event_id=0"));
    let answer = server.client.get(url).send().await.expect("stream");
    if answer.status() != 200 {
        panic!("{}", read(answer).await.text);
    }
    let (mut chunks, mut text) = (answer.bytes_stream(), String::new());
    let count = |text: &str| text.lines().filter(|line| line.starts_with("data:")).count() as i64;
    let all = async {
        while count(&text) < expected {
            let chunk = chunks.next().await.expect("the stream goes on").expect("bytes");
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    tokio::time::timeout(crate::common::DEADLINE, all).await.expect("every event in time");
    count(&text)
}
