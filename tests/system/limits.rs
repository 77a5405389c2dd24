use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::common::{DEADLINE, Server};

/// A request whose body never comes.
fn half_sent(server: &Server) -> String {
    let token = &server.token;
    format!(
        "POST /api/sensors HTTP/1.1\r\nhost: plant\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    )
}

async fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    stream
}

/// Everything that still comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut text)).await.expect("closed in time");
    String::from_utf8_lossy(&text).into_owned()
}

/// Connections that this process may hold: it opens as many files as it is allowed to, and keeps some for other tests.
fn connections_possible() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("raised");
    limit.maximum.unwrap_or(u64::MAX).saturating_sub(1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_sent_request_costs_nobody_else_and_ends() {
    let server = Server::start_with(&[("HTTP__BODY_TIMEOUT_S", "1"), ("HTTP__HEADER_TIMEOUT_S", "1")]).await;
    let half = connect(&server, &half_sent(&server)).await;
    let silent = connect(&server, "").await;
    let headless = connect(&server, "GET /api/sensors HTTP/1.1\r\nhost: pl").await;
    assert_eq!(server.get("/api/sensors").await.status, 200);
    let answer = rest(half).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("REQUEST_TIMEOUT"), "{answer}");
    assert!(!rest(headless).await.contains("200 OK"));
    assert_eq!(rest(silent).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_idle_connections_leave_room() {
    let wanted = connections_possible().min(3_000);
    let server =
        Server::start_with(&[("HTTP__HEADER_TIMEOUT_S", "60"), ("HTTP__BODY_TIMEOUT_S", "60")]).await;
    let (mut held, half) = (Vec::new(), half_sent(&server));
    for n in 0..wanted {
        held.push(connect(&server, if n % 6 == 0 { &half } else { "GET / HT" }).await);
    }
    assert_eq!(server.get("/api/sensors").await.status, 200);
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "a" })).await.status, 201);
    let open = server.get("/metrics").await.text;
    let open =
        open.lines().find_map(|l| l.strip_prefix("nightshift_http_connections_open ")).expect("metric");
    assert!(open.parse::<f64>().expect("number") >= wanted as f64, "{open}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait() {
    let server = Server::start_with(&[("HTTP__CONNECTIONS_MAX", "2"), ("HTTP__HEADER_TIMEOUT_S", "2")]).await;
    let held = [connect(&server, "GET ").await, connect(&server, "GET ").await];
    // Both are cut after their time; only then is there room for this one.
    assert_eq!(server.get("/api/v1/health/liveness").await.status, 200);
    for stream in held {
        rest(stream).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_an_answer_and_the_plant_can_still_be_watched() {
    // A vendor that never answers: whoever asks for it keeps its place.
    let vendor = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", vendor.local_addr().expect("address"));
    let server = Server::start_with(&[
        ("HTTP__CONCURRENCY_MAX", "1"),
        ("HTTP__STREAMS_MAX", "1"),
        ("SENSING__VENDOR__ODEN__BASE_URL", &url),
        ("SENSING__VENDOR__ODEN__AUTH_URL", &url),
        ("SENSING__VENDOR__ODEN__USERNAME", "plant"),
        ("SENSING__VENDOR__ODEN__PASSWORD", "secret"),
    ])
    .await;
    let ask = || tokio::spawn(server.client.get(server.url("/api/proxy/oden/devices")).send());
    let held = Mutex::new(ask());
    server
        .until("the slot is taken", async || {
            let taken = server.get("/api/sensors").await.status == 503;
            let mut held = held.lock().expect("nobody panics with it");
            if held.is_finished() {
                // A look at the slot had it first, and this was refused.
                *held = ask();
            }
            taken
        })
        .await;
    let refused = server.get("/api/sensors").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("SERVICE_OVERLOADED", "1"));
    for path in ["/api/health", "/api/v1/system/tree", "/metrics", "/"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    held.lock().expect("nobody panics with it").abort();
    drop(vendor);
    server.until("the slot is free", async || server.get("/api/sensors").await.status == 200).await;

    let stream = server.client.get(server.url("/api/v1/events")).send().await.expect("stream");
    let refused = server.get("/api/v1/events").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "SERVICE_OVERLOADED"));
    assert_ne!(refused.header("retry-after"), "");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_answered() {
    let server =
        Server::start_with(&[("HTTP__REQUEST_TIMEOUT_S", "1"), ("HTTP__BODY_TIMEOUT_S", "60")]).await;
    let answer =
        timeout(DEADLINE + Duration::from_secs(1), rest(connect(&server, &half_sent(&server)).await)).await;
    let answer = answer.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("DEADLINE_EXCEEDED"), "{answer}");
}
