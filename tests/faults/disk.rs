//! No room: on the data directory's disk, and for a single file. It is said, people are told, and nothing is lost or half there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nightshift_actors::{PrinterMood, SimulatedPrinter};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::database::part_in;
use crate::common::disk::SmallDisk;
use crate::common::{Answer, Server};
use crate::production::firmware::{image, upload};
use crate::production::{good, model};

const MIB: u64 = 1 << 20;
/// Size of the data directory's disk: the program's own files, two images, and some room.
const DISK_BYTES: u64 = 48 * MIB;
/// What is left when people must have heard of it: less than `disk_free_mib_min` of the test.
const NEARLY_FULL_BYTES: u64 = 3 * MIB;
/// An image that fits on an empty disk, and not on a full one.
const IMAGE_BYTES: u32 = 4 << 20;
/// An image larger than a file may grow.
const LARGE_IMAGE_BYTES: u32 = 12 << 20;
/// Bytes that the program's files may grow by.
const ROOM_BYTES: u64 = 4 * MIB;

/// Everything below the folder of objects.
fn objects(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    entries.flat_map(|path| if path.is_dir() { objects(&path) } else { vec![path] }).collect()
}

fn images(dir: &TempDir) -> usize {
    objects(&dir.path().join("data/objects/firmware")).len()
}

async fn queue(server: &Server, number: &str) -> Answer {
    let body = json!({
        "label_type": "SERIAL", "printer_id": "ZEBRA-01", "queue": true, "wait_s": 0,
        "data": { "number": number, "title": "S/N", "product": "로봇", "date": "2025-11-10", "quantity": "1" },
    });
    server.post("/api/v1/label/print", &body).await
}

/// 503 that says what to do, when to come again, and nothing of its cause.
fn assert_no_room(answer: &Answer, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, code), "{}", answer.text);
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|s| s >= 1), "{:?}", answer.headers);
    let text = answer.text.to_lowercase();
    assert!(!text.contains("sql") && !text.contains("os error"), "{}", answer.text);
}

async fn storage_alerts(server: &Server) -> Value {
    good(&server.get("/api/v1/alerts?alert_type=STORAGE_TROUBLE").await, 200)
}

async fn pending(server: &Server) -> String {
    server.get("/api/v1/label/jobs?status=pending&limit=1").await.header("x-total-count").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_data_directory_takes_nothing_in_and_loses_nothing() {
    let dir = Arc::new(TempDir::new().expect("directory"));
    let Some(disk) = SmallDisk::mount(&dir.path().join("data"), DISK_BYTES) else { return };
    let settings =
        [("SYSTEM__DISK_FREE_MIB_MIN", "4"), ("LABELS__STATUS_MS", "300"), ("LABELS__BREAKER_OPEN_S", "1")];
    let server = Server::start_in(Arc::clone(&dir), &settings).await;
    let printer =
        SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), PrinterMood::Silent).await.expect("printer");
    let body = json!({ "printer_id": "ZEBRA-01", "host": "127.0.0.1", "port": printer.address().port() });
    good(&server.post("/api/v1/printers", &body).await, 201);
    let model = model(&server, "WF").await;
    let kept = good(&upload(&server, model, "v1.0.0", image(IMAGE_BYTES)).await, 201);
    good(&queue(&server, "N-0").await, 202);

    // People hear of it while that can still be written down.
    disk.fill_up_to(NEARLY_FULL_BYTES);
    server.until("people are told", async || storage_alerts(&server).await["total"] == 1).await;
    let alert = storage_alerts(&server).await;
    assert!(alert["alerts"][0]["title"].as_str().is_some_and(|title| title.contains("disk")), "{alert}");

    disk.fill_up_to(0);
    let refused = upload(&server, model, "v1.1.0", image(IMAGE_BYTES)).await;
    assert_no_room(&refused, "STORAGE_FULL");
    assert!(refused.text.contains("make room"), "{}", refused.text);
    server.until("nothing of it stays", async || images(&dir) == 1).await;
    let mut queued = 1;
    loop {
        // What the database's own files still hold is taken; then no more.
        let answer = queue(&server, &format!("N-{queued}")).await;
        if answer.status != 202 {
            assert_no_room(&answer, "UNAVAILABLE");
            break;
        }
        queued += 1;
        assert!(queued < 2_000, "the disk was never full");
    }
    assert_eq!(
        pending(&server).await,
        queued.to_string(),
        "what was taken is there, what was refused is not"
    );
    assert_eq!(good(&server.get("/api/v1/firmware").await, 200).as_array().map(Vec::len), Some(1));
    let health = server.get("/api/v1/health").await;
    assert_eq!(part_in(&health, "writer"), "degraded", "{}", health.text);

    disk.empty();
    server
        .until("labels are queued again", async || queue(&server, &format!("N-{queued}")).await.status == 202)
        .await;
    good(&upload(&server, model, "v1.1.0", image(IMAGE_BYTES)).await, 201);
    let (status, _) = server.stop().await;
    assert!(status.success(), "{status}");

    let server = Server::start_in(Arc::clone(&dir), &settings).await;
    assert_eq!(pending(&server).await, (queued + 1).to_string());
    let url = server.url("/api/v1/firmware/download/v1.0.0");
    let bytes = server.client.get(url).send().await.expect("sent").bytes().await.expect("bytes");
    assert_eq!(bytes.len() as u64, kept["file_size"].as_u64().expect("size"));
    assert_eq!(images(&dir), 2);
    printer.set_mood(PrinterMood::Well);
    server.until("they come out", async || printer.count() == queued + 1).await;
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_for_which_there_is_no_room_is_refused_whole() {
    let server = Server::start().await;
    let model = model(&server, "WF").await;
    let own = objects(&server.dir.path().join("data"));
    let longest = own.iter().filter_map(|path| Some(path.metadata().ok()?.len())).max().expect("files");
    let before = getrlimit(Resource::Fsize);
    let full = Rlimit { current: Some(longest + ROOM_BYTES), ..before };
    prlimit(Some(server.pid()), Resource::Fsize, full).expect("limit the program's files");
    let refused = upload(&server, model, "v1.0.0", image(LARGE_IMAGE_BYTES)).await;
    assert_no_room(&refused, "STORAGE_FULL");
    server.until("people are told", async || storage_alerts(&server).await["total"] == 1).await;
    server.until("nothing of it stays", async || images(&server.dir) == 0).await;
    assert_eq!(server.get("/api/v1/firmware").await.text, "[]");
    // What fits is taken, and the version that was refused is still free.
    good(&upload(&server, model, "v0.9.0", image(1_000)).await, 201);
    prlimit(Some(server.pid()), Resource::Fsize, before).expect("give the program's files room");
    let kept = good(&upload(&server, model, "v1.0.0", image(LARGE_IMAGE_BYTES)).await, 201);
    assert_eq!(kept["file_size"], LARGE_IMAGE_BYTES);
    server.stop().await;
}
