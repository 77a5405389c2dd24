//! The database goes away, or its disk is full: pushes are refused in words, and all goes on once it is back.

use std::sync::Arc;

use nightshift_store::testing::{Cluster, postgres_required};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use tempfile::TempDir;

use super::{assert_balanced, stored};
use crate::common::{Answer, Server, now_ms};

const SENSORS: usize = 4;
/// Pushes sent at once while the database is away.
const BURST: usize = 24;
/// Bytes that the files of a full disk may still grow by.
const ROOM_BYTES: u64 = 200_000;
/// Pushes after which the disk must have been full.
const PUSHES_MAX: i64 = 500;
const PUSH_READINGS: i64 = 1_000;

/// One reading for sensor `number`, the `n`th from the present backwards.
async fn push_one(server: &Server, number: usize, n: i64) -> Answer {
    let body = json!([{ "time": now_ms() - 60_000 * (n + 1), "value": 7.5 }]);
    server.post(&format!("/api/sensors/s{number}/readings"), &body).await
}

/// 503 that says when to come again and shows nothing of its cause.
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(answer.code(), "UNAVAILABLE");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|s| s >= 1), "{:?}", answer.headers);
    assert!(!answer.text.contains("sql"), "{}", answer.text);
}

/// How a part says it is.
pub(super) fn part_in(health: &Answer, name: &str) -> String {
    let health = health.json();
    let part = health["components"].as_array().expect("components").iter().find(|c| c["name"] == name);
    part.and_then(|part| part["state"].as_str()).unwrap_or_default().to_owned()
}

async fn register(server: &Server) {
    for number in 0..SENSORS {
        let answer = server.post("/api/sensors", &json!({ "sensor_id": format!("s{number}") })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_postgres_is_said_and_survived() {
    let Some(cluster) = Cluster::own().await else {
        assert!(!postgres_required(), "NIGHTSHIFT_REQUIRE_POSTGRES=1, but there is no PostgreSQL");
        eprintln!("skipped: no PostgreSQL");
        return;
    };
    let server = Server::start_with(&[("DATABASE__URL", cluster.url())]).await.ready().await;
    register(&server).await;
    for number in 0..SENSORS {
        assert_eq!(push_one(&server, number, 0).await.status, 200);
    }

    assert!(cluster.stop().await, "PostgreSQL stops");
    assert_refused(&push_one(&server, 0, 1).await);
    let health = server.get("/api/v1/health").await;
    assert_eq!((health.status.as_u16(), part_in(&health, "database").as_str()), (503, "down"));
    assert_eq!(server.get("/api/v1/health/readiness").await.status, 503);
    assert_eq!(server.get("/api/v1/health/liveness").await.status, 200);
    assert_eq!(server.get("/api/v1/system/tree").await.status, 200);
    let burst = (0..BURST).map(|n| push_one(&server, n % SENSORS, 2));
    for answer in futures::future::join_all(burst).await {
        assert_refused(&answer);
    }

    assert!(cluster.resume().await, "PostgreSQL starts");
    for number in 0..SENSORS {
        // Sent until it is stored; readings of refused pushes may be there or not, and are sent again.
        server
            .until("pushes are stored again", async || push_one(&server, number, 3).await.status == 200)
            .await;
        assert_eq!(push_one(&server, number, 4).await.status, 200);
        let rows = stored(&server, &format!("s{number}")).await.len();
        assert!(rows >= 3, "{rows}");
        let shown = server.get(&format!("/api/sensors/s{number}")).await.json();
        assert_eq!(shown["state"]["account"]["stored"], rows);
        assert_eq!(shown["state"]["account"]["unaccounted"], 0);
    }
    let health = server.get("/api/v1/health").await;
    assert_eq!(
        (health.status.as_u16(), part_in(&health, "database").as_str()),
        (200, "ok"),
        "{}",
        health.text
    );
    let (status, _dir) = server.stop().await;
    assert!(status.success(), "{status}");
}

/// `PUSH_READINGS` readings that no other push has.
async fn push_many(server: &Server, n: i64) -> Answer {
    let start = now_ms() - 86_400_000 * 200 + n * PUSH_READINGS * 1_000;
    let values: Vec<f64> = (0..PUSH_READINGS).map(|i| (n * PUSH_READINGS + i) as f64 / 8.0).collect();
    let body = json!({ "start": start, "interval_s": 1, "values": values });
    server.post("/api/sensors/s0/readings", &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_survived() {
    let server = Server::start().await.ready().await;
    register(&server).await;
    assert_eq!(push_many(&server, 0).await.status, 200);

    let longest = files_of(&server.dir).map(|(_, bytes)| bytes).max().expect("files");
    let before = getrlimit(Resource::Fsize);
    let full = Rlimit { current: Some(longest + ROOM_BYTES), ..before };
    prlimit(Some(server.pid()), Resource::Fsize, full).expect("limit the program's files");
    let mut acknowledged = 1;
    let refused = loop {
        let answer = push_many(&server, acknowledged).await;
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < PUSHES_MAX, "the disk was never full");
    };
    assert_refused(&refused);
    assert_refused(&push_many(&server, acknowledged).await);
    assert_eq!(stored(&server, "s0").await.len() as i64, acknowledged * PUSH_READINGS);
    assert_eq!(server.get("/api/v1/system/tree").await.status, 200);
    // What is there is read, nothing of this size can be added; something small may have been, and then it is asked again.
    let told = async || {
        assert_refused(&push_many(&server, acknowledged).await);
        let health = server.get("/api/v1/health").await;
        assert_eq!(part_in(&health, "database"), "ok", "{}", health.text);
        part_in(&health, "writer") == "degraded"
    };
    server.until("the writer is said to fail", told).await;

    prlimit(Some(server.pid()), Resource::Fsize, before).expect("give the program's files room");
    server
        .until("pushes are stored again", async || push_many(&server, acknowledged).await.status == 200)
        .await;
    assert_eq!(part_in(&server.get("/api/v1/health").await, "writer"), "ok");
    let rows = ((acknowledged + 1) * PUSH_READINGS) as usize;
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");

    let server = Server::start_in(dir, &[]).await;
    let values: Vec<f64> = stored(&server, "s0").await.into_iter().map(|r| r.value).collect();
    assert_eq!(values, (0..rows).map(|i| i as f64 / 8.0).collect::<Vec<_>>());
    assert_balanced(&server, "s0", rows).await;
}

/// The files of the program's data directory with their sizes.
fn files_of(dir: &Arc<TempDir>) -> impl Iterator<Item = (String, u64)> {
    let entries = std::fs::read_dir(dir.path().join("data")).expect("data directory");
    entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len()))
    })
}
