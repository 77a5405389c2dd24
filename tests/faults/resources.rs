//! What the program stands on runs out: file descriptors, memory.

use std::path::{Path, PathBuf};

use nightshift_store::testing::postgres_required;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;
use tokio::net::TcpStream;

use super::{assert_balanced, stored};
use crate::common::{Server, now_ms};

/// Files that the program may still open.
const FILES_LEFT: u64 = 24;
/// Connections that hold on to them.
const CONNECTIONS: usize = 80;
/// Bytes of memory that the program may have in all, beside the pages of files; several times what it has when it is idle.
const MEMORY_BYTES: u64 = 700 * 1_024 * 1_024;
/// Pushes that are sent at once, how often, and the readings of each.
const PUSHES: usize = 24;
const ROUNDS: i64 = 2;
const PUSH_READINGS: i64 = 8_000;

async fn register(server: &Server) {
    let answer = server.post("/api/sensors", &json!({ "sensor_id": "s0" })).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_file_descriptors_it_waits_and_goes_on_when_there_are_some() {
    let server = Server::start().await.ready().await;
    register(&server).await;
    let push = async |n: i64| {
        let body = json!([{ "time": now_ms() - 60_000 * (n + 1), "value": 7.5 }]);
        server.post("/api/sensors/s0/readings", &body).await
    };
    assert_eq!(push(0).await.status, 200);
    let pid = server.pid();
    let open =
        std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).expect("its files").count() as u64;
    let before = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(open + FILES_LEFT), ..before };
    prlimit(Some(pid), Resource::Nofile, few).expect("limit the program's files");

    // More than it can accept; the kernel keeps the others waiting.
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(server.address).await.expect("connect"));
    }
    server
        .until("it has no files left", async || {
            let now = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero()))
                .expect("its files")
                .count() as u64;
            now + 2 >= open + FILES_LEFT
        })
        .await;
    // Who is connected is served.
    assert_eq!(server.get("/api/v1/health/liveness").await.status, 200);
    let answer = push(1).await;
    assert!(answer.status == 200 || answer.status == 503, "{}", answer.text);
    let acknowledged = 1 + usize::from(answer.status == 200);

    drop(held);
    server
        .until("connections are accepted again", async || TcpStream::connect(server.address).await.is_ok())
        .await;
    prlimit(Some(pid), Resource::Nofile, before).expect("give the program's files back");
    server.until("pushes are stored", async || push(2).await.status == 200).await;
    let rows = stored(&server, "s0").await.len();
    assert!(rows > acknowledged, "{rows} rows, {acknowledged} acknowledged");
    let shown = server.get("/api/sensors/s0").await.json();
    assert_eq!(shown["state"]["account"]["unaccounted"], 0, "{shown}");
    let (status, _dir) = server.stop().await;
    assert!(status.success(), "{status}");
}

/// A group of processes whose memory is limited; goes away with this.
struct Group(PathBuf);

impl Group {
    /// `None` where this process may make none.
    fn make() -> Option<Self> {
        let name = format!("nightshift-test-{}", std::process::id());
        for (root, limit) in
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")]
        {
            let dir = Path::new(root).join(&name);
            if std::fs::create_dir(&dir).is_err() {
                continue;
            }
            let group = Self(dir);
            if std::fs::write(group.0.join(limit), MEMORY_BYTES.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    fn take(&self, pid: rustix::process::Pid) -> bool {
        std::fs::write(self.0.join("cgroup.procs"), pid.as_raw_nonzero().to_string()).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended; one that has not keeps it, which is only untidy.
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_little_memory_it_refuses_rather_than_dies() {
    let Some(group) = Group::make() else {
        eprintln!(
            "skipped: no group of processes can be made here (PostgreSQL is needed: {})",
            postgres_required()
        );
        return;
    };
    let server = Server::start().await.ready().await;
    register(&server).await;
    if !group.take(server.pid()) {
        eprintln!("skipped: the program cannot be put into a group of processes");
        return;
    }
    let start = now_ms() - 86_400_000 * 300;
    let (mut acknowledged, mut unknown) = (0, 0);
    for round in 0..ROUNDS {
        let values: Vec<f64> = (0..PUSH_READINGS).map(|i| i as f64 / 8.0).collect();
        let push = |n: i64| {
            let start = start + (round * PUSHES as i64 + n) * PUSH_READINGS;
            let body = json!({ "start": start, "interval_s": 0.001, "values": values });
            let server = &server;
            async move { server.post("/api/sensors/s0/readings", &body).await }
        };
        for answer in futures::future::join_all((0..PUSHES as i64).map(push)).await {
            match answer.status.as_u16() {
                200 => acknowledged += answer.json()["stored"].as_u64().expect("a count") as usize,
                // What cannot be taken is refused, in words; what was not answered in time may be stored nevertheless.
                413 | 422 | 429 => assert!(!answer.code().is_empty()),
                503 | 504 => {
                    assert!(!answer.code().is_empty());
                    unknown += PUSH_READINGS as usize;
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
    }
    assert_eq!(server.get("/api/v1/health/liveness").await.status, 200);
    // A sensor takes its pushes in their order: when this one is stored, nothing of those before is under way.
    let last = json!([{ "time": now_ms() - 60_000, "value": 7.5 }]);
    let stored_again = async || server.post("/api/sensors/s0/readings", &last).await.status == 200;
    server.until("a push is stored again", stored_again).await;
    acknowledged += 1;
    let rows = stored(&server, "s0").await.len();
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&rows),
        "{rows} rows, {acknowledged} acknowledged"
    );
    assert_balanced(&server, "s0", rows).await;
    let (status, _dir) = server.stop().await;
    assert!(status.success(), "{status}");
}
