//! The station's own program, as it is run: killed, cut off, with a wrong clock, with files that are none.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use nightshift_kernel::Random;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{MadeLot, good, good_data, lot, lot_of, start};
use crate::common::disk::SmallDisk;
use crate::common::{Server, program};
use crate::identity::machine;

/// An agent with a folder of its own.
struct Agent {
    home: PathBuf,
    server: String,
    settings: Vec<(String, String)>,
    child: Option<Child>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Agent {
    async fn new(server: &Server, url: String) -> Self {
        let home = server.dir.path().join("station");
        std::fs::create_dir_all(home.join("work/pending")).expect("folder");
        let (_, token) = machine(server, "agent", &["agent", "station"]).await;
        std::fs::write(home.join("token"), token).expect("token");
        let quick = [("SCAN_MS", "20"), ("SETTLE_MS", "0"), ("POLL_MS", "100"), ("TIMEOUT_S", "5")];
        let settings = quick.map(|(name, value)| (format!("NIGHTSHIFT__AGENT__{name}"), value.to_owned()));
        Self { home, server: url, settings: settings.to_vec(), child: None }
    }

    fn run(&mut self) {
        let args = [
            "agent",
            "--server",
            &self.server,
            "--station",
            "STATION-04",
            "--token-file",
            "token",
            "--work-dir",
            "work",
            "--page",
            "127.0.0.1:0",
            "--data-dir",
            "data",
        ];
        let mut command = program(&self.home, &args);
        command.env("NIGHTSHIFT__LOG__DAYS_KEPT", "0");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the agent starts");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.join("work").join(name)
    }

    /// Drops a file as an app does: whole, by a rename.
    fn drop_file(&self, name: &str, text: &str) {
        let partial = self.path("pending").join(format!("{name}.tmp"));
        std::fs::write(&partial, text).expect("written");
        std::fs::rename(&partial, self.path("pending").join(name)).expect("renamed");
    }

    fn count(&self, folder: &str) -> usize {
        names(&self.path(folder)).into_iter().filter(|name| !name.ends_with(".error.json")).count()
    }
}

fn names(folder: &Path) -> Vec<String> {
    // The agent makes its folders when it starts.
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.retain(|name| name.ends_with(".json"));
    names.sort();
    names
}

/// The documented file.
fn file(lot: &str, serial: &str, process: i64, at: &str) -> (String, String) {
    let body = json!({
        "schema_version": "1.0", "lot_number": lot, "serial_number": serial, "line_id": "LINE-A",
        "process_id": format!("PROC-{process:03}"), "process_name": "레이저 마킹", "equipment_id": "EQ-001",
        "worker_id": "admin", "start_time": at, "complete_time": at, "process_data": good_data(process, serial),
    });
    (format!("{serial}_PROC-{process:03}_1.json"), body.to_string())
}

/// The time as a station writes it, `seconds` from now.
fn at(seconds: i64) -> String {
    let now = nightshift_kernel::Clock::system().now_us() + seconds * 1_000_000;
    nightshift_domain::Timestamp::from_us(now).to_string()
}

/// A way to the server on which answers get lost: the request arrives, the connection breaks.
async fn lossy(server: std::net::SocketAddr, lost: Arc<AtomicU64>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    let chance = Random::seeded(11);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (chance, lost) = (chance.clone(), Arc::clone(&lost));
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(server).await else { return };
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
                let mut bytes = vec![0; 16 * 1_024];
                while let Ok(n @ 1..) = from_server.read(&mut bytes).await {
                    if chance.fraction() < 0.15 {
                        lost.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    if to_client.write_all(&bytes[..n]).await.is_err() {
                        break;
                    }
                }
                up.abort();
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_files_thirty_kills_and_lost_answers_are_five_hundred_completions() {
    const FILES: usize = 500;
    const KILLS: usize = 30;
    let server = Server::start().await;
    let model = super::model(&server, "WF").await;
    let lost = Arc::new(AtomicU64::new(0));
    let mut agent = Agent::new(&server, lossy(server.address, Arc::clone(&lost)).await).await;
    for _ in 0..FILES / 100 {
        let lot = lot_of(&server, model, 100).await;
        for serial in &lot.serials {
            good(&start(&server, &lot.number, serial, 1).await, 200);
            let (name, text) = file(&lot.number, serial, 1, &at(0));
            agent.drop_file(&name, &text);
        }
    }
    for kill in 1..=KILLS {
        agent.run();
        let wanted = FILES * kill / (KILLS + 1);
        server.until("some files are done", async || agent.count("completed") >= wanted).await;
        agent.kill();
    }
    agent.run();
    server.until("all files are done", async || agent.count("completed") == FILES).await;
    assert_eq!((agent.count("pending"), agent.count("error")), (0, 0), "{:?}", names(&agent.path("error")));
    let passed = server.get("/api/v1/process-data/result/PASS?limit=1").await;
    assert_eq!(passed.header("x-total-count"), "500", "each once");
    assert_eq!(server.get("/api/v1/process-data/incomplete?limit=1").await.header("x-total-count"), "0");
    assert!(lost.load(Ordering::Relaxed) > 20, "answers were lost: {}", lost.load(Ordering::Relaxed));
    let station = || async { good(&server.get("/api/v1/stations/STATION-04").await, 200) };
    server.until("the server knows", async || station().await["pending"] == 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_completion_goes_to_error_with_its_reason_and_others_go_on() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let mut agent = Agent::new(&server, server.url("")).await;
    good(&start(&server, &lot.number, serial, 1).await, 200);
    let (_, good_file) = file(&lot.number, serial, 1, &at(0));
    agent.drop_file("a.json", "{\"schema_version\": \"1.0\", ");
    agent.drop_file("b.json", &good_file.replace("\"1.0\"", "\"9.0\""));
    agent.drop_file("c.json", &good_file.replace(lot.number.as_str(), "WF-KR-251110D-999"));
    agent.drop_file("d.json", &good_file);
    agent.drop_file("e.json", &good_file);
    agent.drop_file("f.json", &" ".repeat(1_100_000));
    agent.run();
    server.until("all are moved", async || agent.count("pending") == 0).await;
    assert_eq!(
        names(&agent.path("completed")),
        ["d.json", "e.json"],
        "the same content twice is one completion"
    );
    assert_eq!(server.get("/api/v1/process-data/result/PASS").await.header("x-total-count"), "1");
    let reason = |name: &str| -> Value {
        let text = std::fs::read(agent.path("error").join(format!("{name}.error.json"))).expect(name);
        serde_json::from_slice(&text).expect("json")
    };
    assert_eq!(reason("a")["code"], "INVALID_JSON");
    assert_eq!(reason("b")["code"], "SCHEMA_VERSION");
    assert_eq!((&reason("c")["code"], &reason("c")["status"]), (&json!("LOT_NOT_FOUND"), &json!(404)));
    assert_eq!(reason("f")["code"], "FILE_TOO_LARGE");
    assert_eq!(agent.count("error"), 4);
    server
        .until("people are told", async || {
            good(&server.get("/api/v1/alerts?alert_type=STATION_TROUBLE").await, 200)["total"] == 1
        })
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_unit_are_sent_in_the_order_of_their_completion() {
    let server = Server::start().await;
    let lot: MadeLot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let mut agent = Agent::new(&server, server.url("")).await;
    agent.settings.push(("NIGHTSHIFT__AGENT__START_MISSING".to_owned(), "true".to_owned()));
    // Their names would have them the other way round.
    for process in 1..=3 {
        let (_, text) = file(&lot.number, serial, process, &at(process - 60));
        agent.drop_file(&format!("{}.json", 9 - process), &text);
    }
    agent.run();
    server.until("all are done", async || agent.count("completed") == 3).await;
    assert_eq!(agent.count("error"), 0);
    let history = good(&server.get(&format!("/api/v1/process/history/{serial}")).await, 200);
    let order: Vec<i64> = history["data"]["history"]
        .as_array()
        .expect("list")
        .iter()
        .filter_map(|run| run["process"]["process_number"].as_i64())
        .collect();
    assert_eq!(order, [1, 2, 3]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_reaches_the_folder_checked_and_its_state_reaches_the_server() {
    let server = Server::start().await;
    let model = super::model(&server, "WF").await;
    let mut agent = Agent::new(&server, server.url("")).await;
    agent.run();
    server
        .until("the station is known", async || server.get("/api/v1/stations/STATION-04").await.status == 200)
        .await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 253).expect("a byte")).collect();
    let kept = super::firmware::upload(&server, model, "v1.2.3", bytes.clone()).await;
    assert_eq!(kept.status, 201, "{}", kept.text);
    let body = json!({ "version": "v1.2.3", "station_id": "STATION-04" });
    let ordered = good(&server.post("/api/v1/firmware/deploy", &body).await, 202);
    let path = format!("/api/v1/firmware/deployments/{}", ordered["data"]["id"]);
    let status = async |wanted: &str| good(&server.get(&path).await, 200)["status"] == wanted;
    server.until("ready", async || status("ready").await).await;
    let folder = agent.path("firmware");
    assert_eq!(std::fs::read(folder.join("firmware_v1.2.3.bin")).expect("image"), bytes);
    let meta: Value =
        serde_json::from_slice(&std::fs::read(folder.join("firmware_meta.json")).expect("meta"))
            .expect("json");
    assert_eq!(
        (&meta["version"], &meta["status"], &meta["file_size"]),
        (&json!("v1.2.3"), &json!("READY"), &json!(200_000))
    );
    assert!(meta["downloaded_at"].as_str().is_some_and(|at| at.ends_with("+09:00")), "{meta}");
    // The station's own program takes it from there.
    for (word, wanted) in [("UPLOADING", "uploading"), ("UPLOADED", "succeeded")] {
        let mut meta = meta.clone();
        meta["status"] = json!(word);
        std::fs::write(folder.join("meta.tmp"), meta.to_string()).expect("written");
        std::fs::rename(folder.join("meta.tmp"), folder.join("firmware_meta.json")).expect("renamed");
        server.until(wanted, async || status(wanted).await).await;
    }
    server
        .until("it says what runs", async || {
            good(&server.get("/api/v1/stations/STATION-04").await, 200)["running_version"] == "v1.2.3"
        })
        .await;
    // A second one is altered in the store, though as long as before: its bytes are never put in place.
    good(&super::firmware::upload(&server, model, "v1.2.4", bytes.clone()).await, 201);
    let objects = server.dir.path().join("data/objects/firmware");
    let newest =
        std::fs::read_dir(objects).expect("folder").map(|e| e.expect("entry").path()).max().expect("one");
    let mut altered = bytes.clone();
    altered[100_000] ^= 1;
    std::fs::write(newest, altered).expect("altered");
    let body = json!({ "version": "v1.2.4", "station_id": "STATION-04" });
    let ordered = good(&server.post("/api/v1/firmware/deploy", &body).await, 202);
    let path = format!("/api/v1/firmware/deployments/{}", ordered["data"]["id"]);
    server.until("refused", async || good(&server.get(&path).await, 200)["status"] == "failed").await;
    let reason = good(&server.get(&path).await, 200)["reason"].as_str().expect("reason").to_owned();
    assert!(reason.contains("not what was uploaded"), "{reason}");
    assert!(!folder.join("firmware_v1.2.4.bin").exists());
    server.stop().await;
}

/// A server whose clock is a day behind: what the agent makes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_whose_clock_is_a_day_ahead_still_completes_and_says_so() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    good(&start(&server, &lot.number, serial, 1).await, 200);
    // What the plant says of a station's own wrong time, when nobody puts it right.
    let (_, text) = file(&lot.number, serial, 1, &at(86_400));
    let refused = server
        .send_text(reqwest::Method::POST, "/api/v1/process/complete", "application/json", text.clone())
        .await;
    assert!(!refused.status.is_success(), "{}", refused.text);
    let mut agent = Agent::new(&server, skewed(server.address, -86_400).await).await;
    agent.drop_file("a.json", &text);
    agent.run();
    server.until("it is done", async || agent.count("completed") == 1).await;
    let history = good(&server.get(&format!("/api/v1/process/history/{serial}")).await, 200);
    assert_eq!(history["data"]["history"][0]["result"], "PASS");
    let told = async || {
        let station = good(&server.get("/api/v1/stations/STATION-04").await, 200);
        station["troubles"].as_array().is_some_and(|all| all.contains(&json!("clock_off")))
    };
    server.until("people are told", told).await;
    server.stop().await;
}

/// An answer on its way.
struct Passed {
    path: String,
    range: Option<String>,
    status: reqwest::StatusCode,
    headers: reqwest::header::HeaderMap,
    body: axum::body::Bytes,
}

impl Passed {
    /// As it came, with this body.
    fn with(self, body: axum::body::Body) -> axum::response::Response {
        let mut response = axum::response::Response::new(body);
        *response.status_mut() = self.status;
        for name in ["content-type", "content-length", "content-range", "etag"] {
            if let Some(value) = self.headers.get(name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}

/// A way to the server on which `change` may change every answer.
async fn through<C>(server: std::net::SocketAddr, change: C) -> String
where
    C: Fn(Passed) -> axum::response::Response + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("address");
    let client =
        reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("client");
    let pass = move |request: axum::extract::Request| {
        let (client, change) = (client.clone(), change.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 4_000_000).await.expect("body");
            let url = format!("http://{server}{}", parts.uri);
            let mut headers = parts.headers.clone();
            headers.remove("host");
            headers.remove("accept-encoding");
            let range = headers.get("range").map(|value| value.to_str().expect("text").to_owned());
            let answer =
                client.request(parts.method, url).headers(headers).body(body).send().await.expect("answer");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await.expect("bytes");
            change(Passed { path: parts.uri.path().to_owned(), range, status, headers, body })
        }
    };
    let router = axum::Router::new().fallback(pass);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A way to the server on which its `now` is `seconds` away from the station's: as if the station's clock were wrong.
async fn skewed(server: std::net::SocketAddr, seconds: i64) -> String {
    through(server, move |mut passed| {
        let shown = match serde_json::from_slice::<Value>(&passed.body) {
            Ok(mut value) if value["now"].is_string() => {
                value["now"] = json!(at(seconds));
                value.to_string().into_bytes()
            }
            _ => passed.body.to_vec(),
        };
        passed.headers.remove("content-length");
        passed.with(shown.into())
    })
    .await
}

/// A way to the server on which the first `cuts` downloads break off in the middle; and which ranges were asked for.
async fn cutting(server: std::net::SocketAddr, cuts: usize) -> (String, Arc<Mutex<Vec<Option<String>>>>) {
    let asked = Arc::<Mutex<Vec<Option<String>>>>::default();
    let noted = Arc::clone(&asked);
    let url = through(server, move |passed| {
        let body = passed.body.clone();
        if !passed.path.contains("/download/") {
            return passed.with(body.into());
        }
        let mut asked = noted.lock().expect("ranges");
        asked.push(passed.range.clone());
        if asked.len() > cuts {
            return passed.with(body.into());
        }
        let half = std::future::ready(Ok(body.slice(..body.len() / 2)));
        let broken = async {
            // What came before goes out first.
            tokio::task::yield_now().await;
            Err(std::io::Error::other("the line broke"))
        };
        let pieces = futures::stream::once(half).chain(futures::stream::once(broken));
        passed.with(axum::body::Body::from_stream(pieces))
    })
    .await;
    (url, asked)
}

/// Orders a version for the station, and gives where the deployment is.
async fn order(server: &Server, version: &str) -> String {
    let body = json!({ "version": version, "station_id": "STATION-04" });
    let ordered = good(&server.post("/api/v1/firmware/deploy", &body).await, 202);
    format!("/api/v1/firmware/deployments/{}", ordered["data"]["id"])
}

async fn until_status(server: &Server, deployment: &str, wanted: &str) -> Value {
    server.until(wanted, async || good(&server.get(deployment).await, 200)["status"] == wanted).await;
    good(&server.get(deployment).await, 200)
}

async fn known(server: &Server) {
    server
        .until("the station is known", async || server.get("/api/v1/stations/STATION-04").await.status == 200)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_cut_short_is_fetched_to_its_end_and_never_put_in_place_half() {
    let server = Server::start().await;
    let model = super::model(&server, "WF").await;
    let (url, asked) = cutting(server.address, 2).await;
    let mut agent = Agent::new(&server, url).await;
    agent.run();
    known(&server).await;
    let bytes = super::firmware::image(400_000);
    good(&super::firmware::upload(&server, model, "v1.2.3", bytes.clone()).await, 201);
    until_status(&server, &order(&server, "v1.2.3").await, "ready").await;
    let folder = agent.path("firmware");
    assert_eq!(std::fs::read(folder.join("firmware_v1.2.3.bin")).expect("image"), bytes);
    let ranges = asked.lock().expect("ranges").clone();
    let ranges: Vec<Option<&str>> = ranges.iter().map(Option::as_deref).collect();
    assert_eq!(
        ranges,
        [None, Some("bytes=200000-"), Some("bytes=300000-")],
        "each goes on where it broke off"
    );
    // One that is cut short in the store is never handed out.
    good(&super::firmware::upload(&server, model, "v1.2.4", bytes.clone()).await, 201);
    let objects = server.dir.path().join("data/objects/firmware");
    let newest =
        std::fs::read_dir(objects).expect("folder").map(|e| e.expect("entry").path()).max().expect("one");
    std::fs::write(newest, &bytes[..399_999]).expect("cut short");
    let failed = until_status(&server, &order_next(&server, &agent, "v1.2.4").await, "failed").await;
    assert!(failed["reason"].as_str().is_some_and(|why| why.contains("FIRMWARE_DAMAGED")), "{failed}");
    assert!(!folder.join("firmware_v1.2.4.bin").exists());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_replaced_under_its_version_is_fetched_anew() {
    let server = Server::start().await;
    let model = super::model(&server, "WF").await;
    let mut agent = Agent::new(&server, server.url("")).await;
    agent.run();
    known(&server).await;
    let bytes = super::firmware::image(100_000);
    good(&super::firmware::upload(&server, model, "v1.2.3", bytes.clone()).await, 201);
    // The server never gives a version other bytes; whoever lays others down at the station is found out.
    let other = super::firmware::upload(&server, model, "v1.2.3", super::firmware::image(99_999)).await;
    assert_eq!(super::refused(&other), (409, "ALREADY_EXISTS".into()));
    until_status(&server, &order(&server, "v1.2.3").await, "ready").await;
    let image = agent.path("firmware").join("firmware_v1.2.3.bin");
    std::fs::write(&image, vec![0; 100_000]).expect("replaced");
    until_status(&server, &order_next(&server, &agent, "v1.2.3").await, "ready").await;
    assert_eq!(std::fs::read(&image).expect("image"), bytes);
    server.stop().await;
}

/// Ends the deployment under way as the station's program would, and orders another.
async fn order_next(server: &Server, agent: &Agent, version: &str) -> String {
    let meta = agent.path("firmware").join("firmware_meta.json");
    let mut text: Value = serde_json::from_slice(&std::fs::read(&meta).expect("meta")).expect("json");
    text["status"] = json!("ERROR");
    std::fs::write(meta.with_extension("tmp"), text.to_string()).expect("written");
    std::fs::rename(meta.with_extension("tmp"), &meta).expect("renamed");
    let ended =
        async || good(&server.get("/api/v1/firmware/deployments").await, 200)[0]["status"] == "failed";
    server.until("the first one has ended", ended).await;
    order(server, version).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_whose_clock_is_a_day_behind_completes_at_the_plants_time() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let mut agent = Agent::new(&server, skewed(server.address, 86_400).await).await;
    agent.settings.push(("NIGHTSHIFT__AGENT__START_MISSING".to_owned(), "true".to_owned()));
    // By its own clock it was completed a day ago; the plant says just now.
    let (_, text) = file(&lot.number, serial, 1, &at(-86_405));
    agent.drop_file("a.json", &text);
    agent.run();
    server.until("it is done", async || agent.count("completed") == 1).await;
    let history = good(&server.get(&format!("/api/v1/process/history/{serial}")).await, 200);
    let run = &history["data"]["history"][0];
    let completed: nightshift_domain::Timestamp =
        run["completed_at"].as_str().and_then(|at| at.parse().ok()).unwrap_or_else(|| panic!("{run}"));
    let off_us = completed.us() - (nightshift_kernel::Clock::system().now_us());
    assert!(off_us.abs() < 600_000_000, "{run}: {off_us} µs from now");
    let told = async || {
        let station = good(&server.get("/api/v1/stations/STATION-04").await, 200);
        station["troubles"].as_array().is_some_and(|all| all.contains(&json!("clock_off")))
    };
    server.until("people are told", told).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_folder_without_room_loses_nothing_and_is_well_again_with_room() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 2).await;
    let model = good(&server.get("/api/v1/product-models/code/WF").await, 200)["id"].as_i64().expect("id");
    let mut agent = Agent::new(&server, server.url("")).await;
    let Some(disk) = SmallDisk::mount(&agent.home.join("work"), 4 << 20) else { return };
    for folder in ["pending", "completed", "error", "firmware"] {
        std::fs::create_dir_all(agent.path(folder)).expect("folder");
    }
    for serial in &lot.serials {
        good(&start(&server, &lot.number, serial, 1).await, 200);
        let (name, text) = file(&lot.number, serial, 1, &at(0));
        agent.drop_file(&name, &text);
    }
    agent.drop_file("bad.json", "{\"schema_version\": \"1.0\", ");
    disk.fill_up_to(0);
    agent.run();
    // What needs no room goes on; what needs some waits where it is.
    server.until("completions go on", async || agent.count("completed") == 2).await;
    let troubles = async || good(&server.get("/api/v1/stations/STATION-04").await, 200)["troubles"].clone();
    server.until("people are told", async || troubles().await == json!(["disk_full"])).await;
    let alerts = good(&server.get("/api/v1/alerts?alert_type=STATION_TROUBLE").await, 200);
    assert_eq!(alerts["total"], 1, "{alerts}");
    assert_eq!((names(&agent.path("pending")), agent.count("error")), (vec!["bad.json".to_owned()], 0));
    // Firmware does not fit: the deployment says why, and leaves the little room to completions.
    good(&super::firmware::upload(&server, model, "v1.2.3", super::firmware::image(200_000)).await, 201);
    let failed = until_status(&server, &order(&server, "v1.2.3").await, "failed").await;
    assert!(failed["reason"].as_str().is_some_and(|why| why.contains("cannot be written")), "{failed}");
    // Hidden is only what the agent looks for room with.
    let left =
        std::fs::read_dir(agent.path("firmware")).expect("folder").map(|e| e.expect("entry").file_name());
    let left: Vec<_> = left.filter(|name| !name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
    disk.empty();
    server.until("the bad file is moved", async || agent.count("error") == 1).await;
    assert!(agent.path("error").join("bad.error.json").exists() && agent.count("pending") == 0);
    until_status(&server, &order(&server, "v1.2.3").await, "ready").await;
    // What is left to do is the bad file, and once somebody has looked at it, nothing.
    server.until("there is room", async || troubles().await == json!(["refused"])).await;
    std::fs::remove_file(agent.path("error").join("bad.json")).expect("looked at");
    server.until("all is well", async || troubles().await == json!([])).await;
    agent.kill();
    drop(disk);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 2).await;
    let mut agent = Agent::new(&server, server.url("")).await;
    // The agent's journal is on a disk that is full.
    let state = agent.home.join("data/agent");
    std::fs::create_dir_all(&state).expect("folder");
    std::os::unix::fs::symlink("/dev/full", state.join("journal.jsonl")).expect("linked");
    for serial in &lot.serials {
        good(&start(&server, &lot.number, serial, 1).await, 200);
        let (name, text) = file(&lot.number, serial, 1, &at(0));
        agent.drop_file(&name, &text);
    }
    agent.run();
    server.until("both are done", async || agent.count("completed") == 2).await;
    server
        .until("people are told", async || {
            good(&server.get("/api/v1/alerts?alert_type=STATION_TROUBLE").await, 200)["total"] == 1
        })
        .await;
    // The same content again, in another life that remembers nothing: the server knows it.
    agent.kill();
    let done = names(&agent.path("completed"));
    let text = std::fs::read_to_string(agent.path("completed").join(&done[0])).expect("text");
    agent.drop_file("again.json", &text);
    agent.run();
    server.until("it is done again", async || agent.count("pending") == 0).await;
    assert_eq!(agent.count("error"), 0);
    assert_eq!(server.get("/api/v1/process-data/result/PASS").await.header("x-total-count"), "2");
    server.stop().await;
}
