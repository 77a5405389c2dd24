//! Objects, in memory, in a folder and in a bucket of a real server.
//!
//! The server is `moto_server` (`pip install -r .ci/s3-requirements.txt`), named by `NIGHTSHIFT_MOTO_SERVER` or found on the
//! path. Where there is none its test says that it is skipped, unless `NIGHTSHIFT_REQUIRE_S3=1` makes that a failure.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use nightshift_store::blobs::{
    BlobError, BlobKey, Blobs, BlobsConfig, S3Config, S3Credentials, WHOLE_BYTES_MAX,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the server may take to listen.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);
const BUCKET: &str = "nightshift-test";

fn key(text: &str) -> BlobKey {
    BlobKey::new(text).unwrap()
}

/// Bytes that differ from place to place.
fn pattern(size: usize) -> Bytes {
    (0..size).map(|i| u8::try_from((i * 31 + i / 251) % 256).unwrap()).collect()
}

async fn gathered(blobs: &Blobs, name: &BlobKey, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let mut stream = blobs.stream(name, range).await.unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = stream.chunks.next().await {
        all.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(all.len() as u64, stream.range.end - stream.range.start);
    all
}

/// What every place must do.
async fn behaves(blobs: &Blobs) {
    blobs.check().await.expect("it can be written");
    let (name, body) = (key("firmware/1/v1.0.0/a.bin"), pattern(70_000));
    assert!(matches!(blobs.head(&name).await, Err(BlobError::NotFound { .. })));
    assert!(matches!(blobs.get(&name, 10).await, Err(BlobError::NotFound { .. })));
    assert!(matches!(blobs.stream(&name, Some(0..1)).await.map(|_| ()), Err(BlobError::NotFound { .. })));

    blobs.put(&name, body.clone()).await.unwrap();
    let info = blobs.head(&name).await.unwrap();
    assert_eq!(info.size, 70_000);
    assert!(info.written_at.us() > 1_500_000_000_000_000, "{info:?}");
    assert_eq!(blobs.get(&name, 70_000).await.unwrap(), body);
    assert!(matches!(blobs.get(&name, 69_999).await, Err(BlobError::TooLarge { size: 70_000, .. })));

    assert_eq!(blobs.range(&name, 10..20).await.unwrap(), body.slice(10..20));
    assert_eq!(blobs.range(&name, 69_990..80_000).await.unwrap(), body.slice(69_990..));
    for nothing in [70_000..70_001, 5..5] {
        assert!(matches!(blobs.range(&name, nothing).await, Err(BlobError::Range { size: 70_000, .. })));
    }
    assert!(matches!(blobs.range(&name, 0..WHOLE_BYTES_MAX + 1).await, Err(BlobError::TooLarge { .. })));
    assert_eq!(gathered(blobs, &name, None).await, body);
    assert_eq!(gathered(blobs, &name, Some(1..69_999)).await, body.slice(1..69_999));

    blobs.put(&name, Bytes::from_static(b"other")).await.unwrap();
    assert_eq!(blobs.get(&name, 100).await.unwrap(), "other", "a put replaces all of it");

    pieces(blobs).await;

    let mut listed: Vec<String> =
        blobs.list(&key("firmware"), 10).await.unwrap().into_iter().map(|(k, _)| k.to_string()).collect();
    listed.sort();
    assert_eq!(listed, ["firmware/1/v1.0.0/a.bin", "firmware/2/large.bin"]);
    assert_eq!(blobs.list(&key("firmware"), 1).await.unwrap().len(), 1);
    blobs.delete(&name).await.unwrap();
    blobs.delete(&name).await.expect("a removal may be repeated");
    assert!(matches!(blobs.head(&name).await, Err(BlobError::NotFound { .. })));
    rooms(blobs).await;
    sweeps(blobs).await;
}

/// Room made ahead changes nothing of what is kept, and goes only while nothing is in it.
async fn rooms(blobs: &Blobs) {
    let (full, empty) = (key("rooms/1/full"), key("rooms/1/empty"));
    let (name, folders) = (key("rooms/1/full/a.bin"), [full, empty]);
    for _ in 0..2 {
        blobs.make_room(&folders).await.expect("room");
    }
    assert!(blobs.list(&key("rooms"), 10).await.unwrap().is_empty(), "room is no object");
    blobs.put(&name, Bytes::from_static(b"x")).await.unwrap();
    blobs.give_room_back(&folders).await;
    assert_eq!(blobs.get(&name, 10).await.unwrap(), "x");
    blobs.delete(&name).await.unwrap();
    blobs.put(&name, Bytes::from_static(b"y")).await.expect("room that was given back is no hindrance");
    blobs.delete(&name).await.unwrap();
}

/// What belongs to nothing goes, once it is old; most of all never does.
async fn sweeps(blobs: &Blobs) {
    let prefix = key("swept");
    let (mine, orphan) = (key("swept/mine.bin"), key("swept/deep/orphan.bin"));
    for name in [&mine, &orphan, &key("sweptaside.bin")] {
        blobs.put(name, Bytes::from_static(b"x")).await.unwrap();
    }
    let written = blobs.head(&orphan).await.unwrap().written_at;
    let day = Duration::from_secs(86_400);
    let belongs = |name: &BlobKey| *name == mine;
    let young = blobs.sweep(&prefix, written - day, belongs).await.unwrap();
    assert_eq!((young.objects, young.removed, young.left), (2, 0, 0));
    let old = blobs.sweep(&prefix, written + day, belongs).await.unwrap();
    assert_eq!((old.objects, old.removed, old.left), (2, 1, 0));
    blobs.head(&mine).await.expect("it belongs to something");
    blobs.head(&key("sweptaside.bin")).await.expect("it is not below the folder");
    assert!(matches!(blobs.head(&orphan).await, Err(BlobError::NotFound { .. })));
    // As with the wrong database: a person must look.
    for n in 0..25 {
        blobs.put(&key(&format!("swept/{n}.bin")), Bytes::from_static(b"x")).await.unwrap();
    }
    let many = blobs.sweep(&prefix, written + day, belongs).await.unwrap();
    assert_eq!((many.objects, many.removed, many.left), (26, 0, 25));
    let half = |name: &BlobKey| *name == mine || name.as_str().contains("/1");
    let some =
        blobs.sweep(&prefix, written + day, |name| half(name) || name.as_str().contains("/2")).await.unwrap();
    assert_eq!((some.removed, some.left), (8, 0), "0 and 3 to 9");
    for (name, _) in blobs.list(&prefix, 100).await.unwrap() {
        blobs.delete(&name).await.unwrap();
    }
    blobs.delete(&key("sweptaside.bin")).await.unwrap();
}

async fn pieces(blobs: &Blobs) {
    let (name, piece) = (key("firmware/2/large.bin"), pattern(3_000_000));
    let mut given_up = blobs.writer(&name).await.unwrap();
    given_up.write(piece.clone()).await.unwrap();
    given_up.abort().await.unwrap();
    assert!(matches!(blobs.head(&name).await, Err(BlobError::NotFound { .. })), "given up is never there");

    // More than two parts, so that a bucket gets it in several.
    let mut writer = blobs.writer(&name).await.unwrap();
    for _ in 0..6 {
        writer.write(piece.clone()).await.unwrap();
        assert!(matches!(blobs.head(&name).await, Err(BlobError::NotFound { .. })), "half is not there");
    }
    assert_eq!(writer.written(), 18_000_000);
    writer.finish().await.unwrap();
    assert_eq!(blobs.head(&name).await.unwrap().size, 18_000_000);
    let joint = blobs.range(&name, 8_999_990..9_000_010).await.unwrap();
    assert_eq!(joint, [&piece[2_999_990..], &piece[..10]].concat());
}

#[tokio::test]
async fn room_in_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&BlobsConfig::Local { dir: home.path().to_owned() }).unwrap();
    let folders = [key("diagnosis/7/original"), key("diagnosis/7/processed")];
    blobs.make_room(&folders).await.unwrap();
    assert!(
        home.path().join("diagnosis/7/original").is_dir()
            && home.path().join("diagnosis/7/processed").is_dir()
    );
    blobs.put(&key("diagnosis/7/original/a.csv"), Bytes::from_static(b"x")).await.unwrap();
    blobs.give_room_back(&folders).await;
    assert!(home.path().join("diagnosis/7/original/a.csv").is_file());
    assert!(!home.path().join("diagnosis/7/processed").exists(), "nothing lay in it");
    blobs.delete(&key("diagnosis/7/original/a.csv")).await.unwrap();
    blobs.make_room(&folders).await.unwrap();
    blobs.give_room_back(&folders).await;
    assert!(
        !home.path().join("diagnosis").exists() && home.path().is_dir(),
        "all but the store's own folder goes"
    );

    std::fs::write(home.path().join("diagnosis"), b"in the way").unwrap();
    let failed = blobs.make_room(&folders).await;
    assert!(matches!(failed, Err(BlobError::Failed { step: "room", .. })), "{failed:?}");
}

#[tokio::test]
async fn memory() {
    behaves(&Blobs::open(&BlobsConfig::Memory).unwrap()).await;
}

#[tokio::test]
async fn a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep/objects");
    let blobs = Blobs::open(&BlobsConfig::Local { dir: dir.clone() }).unwrap();
    behaves(&blobs).await;
    let again = Blobs::open(&BlobsConfig::Local { dir: dir.clone() }).unwrap();
    assert_eq!(again.head(&key("firmware/2/large.bin")).await.unwrap().size, 18_000_000, "it lasts");
    assert_eq!(files(&dir), 2, "the large one and the probe: nothing half-written stays behind");
    // A kill in the middle of an upload leaves what no list shows.
    let staged = dir.join("firmware/2/large.bin#1");
    std::fs::write(&staged, "half").unwrap();
    assert_eq!(blobs.list(&key("firmware"), 10).await.unwrap().len(), 1);
    let written = blobs.head(&key("firmware/2/large.bin")).await.unwrap().written_at;
    let day = Duration::from_secs(86_400);
    assert_eq!(blobs.sweep(&key("firmware"), written - day, |_| true).await.unwrap().removed, 0);
    assert!(staged.exists(), "it may be under way");
    assert_eq!(blobs.sweep(&key("firmware"), written + day, |_| true).await.unwrap().removed, 1);
    assert!(!staged.exists());
    assert_eq!(files(&dir), 2);
}

fn files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "x").unwrap();
    let refused = Blobs::open(&BlobsConfig::Local { dir: in_the_way.join("objects") });
    assert!(matches!(refused, Err(BlobError::Open { .. })), "{refused:?}");
    let dir = folder.path().join("objects");
    let blobs = Blobs::open(&BlobsConfig::Local { dir: dir.clone() }).unwrap();
    // A file where a folder must be: unlike permissions it stops an administrator too.
    std::fs::write(dir.join("health"), "x").unwrap();
    let failed = blobs.check().await.expect_err("it cannot be written");
    assert!(!failed.is_disk_full(), "{failed:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_apart() {
    let full = std::fs::write("/dev/full", "x").expect_err("it is full");
    let source = object_store_generic(full);
    let failed = BlobError::Failed { step: "put", key: key("a"), source };
    assert!(failed.is_disk_full(), "{failed:?}");
}

fn object_store_generic(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) }
}

/// The server, ended when the test ends.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start() -> Option<Self> {
        let program = std::env::var("NIGHTSHIFT_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self { child, port };
        timeout(START_DEADLINE, server.make_bucket()).await.expect("moto_server listens");
        Some(server)
    }

    /// Waits until it listens, and makes the bucket.
    async fn make_bucket(&self) {
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await {
                let request = format!(
                    "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    self.port
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn config(&self, secret: &str) -> S3Config {
        S3Config {
            bucket: BUCKET.to_owned(),
            region: "ap-northeast-2".to_owned(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            prefix: "plant-a".to_owned(),
            credentials: Some(S3Credentials {
                access_key_id: "test".to_owned(),
                secret_access_key: secret.to_owned(),
            }),
            allow_http: true,
            timeout: Duration::from_secs(20),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_of_a_real_server() {
    let Some(server) = Server::start().await else {
        assert!(
            std::env::var("NIGHTSHIFT_REQUIRE_S3").is_err(),
            "NIGHTSHIFT_REQUIRE_S3 is set, but there is no moto_server"
        );
        eprintln!("skipped: no moto_server, see .ci/s3-requirements.txt");
        return;
    };
    let config = server.config("test");
    let blobs = Blobs::open(&BlobsConfig::S3(config.clone())).unwrap();
    assert_eq!(blobs.location(), "s3://nightshift-test/plant-a");
    assert!(!format!("{config:?}").contains("secret_access_key: \"test\""));
    behaves(&blobs).await;
    // Another plant in the same bucket sees nothing of it.
    let other = S3Config { prefix: "plant-b".to_owned(), ..config.clone() };
    let other = Blobs::open(&BlobsConfig::S3(other)).unwrap();
    assert!(other.list(&key("firmware"), 10).await.unwrap().is_empty());
    let missing = S3Config { bucket: "nightshift-none".to_owned(), ..config };
    let missing = Blobs::open(&BlobsConfig::S3(missing)).expect("a bucket is not asked at the start");
    missing.check().await.expect_err("there is no such bucket");
    drop(server);
    blobs.check().await.expect_err("the server is gone");
}
