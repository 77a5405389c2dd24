//! A vendor's service on loopback: sign-in, pulls, proxy, and what happens when it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde_json::{Value, json};

use crate::common::{Server, now_ms};

#[derive(Default)]
struct Vendor {
    sign_ins: AtomicU32,
    reads: AtomicU32,
    failing: AtomicBool,
}

async fn sign_in(State(vendor): State<Arc<Vendor>>, Form(form): Form<Vec<(String, String)>>) -> Response {
    let wanted =
        [("username".to_owned(), "plant".to_owned()), ("password".to_owned(), "s3cret-word".to_owned())];
    if form != wanted {
        return StatusCode::FORBIDDEN.into_response();
    }
    let n = vendor.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
    Json(json!({ "access_token": format!("token-{n}"), "token_type": "bearer" })).into_response()
}

/// The first token has expired by the time it is used, as happens to every client once.
async fn records(
    State(vendor): State<Arc<Vendor>>,
    Path((device, resource)): Path<(String, String)>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    vendor.reads.fetch_add(1, Ordering::SeqCst);
    if vendor.failing.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "stack trace with token-2").into_response();
    }
    let token = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
    if token != "Bearer token-2" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    assert_eq!((device.as_str(), resource.as_str()), ("wando01", "oxygen"));
    let of = |name: &str| query.iter().find(|(k, _)| k == name).map(|(_, v)| v.parse::<i64>().expect("ms"));
    if let (Some(earlier), Some(later)) = (of("b_time"), of("a_time")) {
        assert!(earlier < later, "b_time is the earlier end");
    }
    let end = now_ms() / 120_000 * 120_000;
    let record = |i: i64| {
        json!({
            "device_id": device, "serial_number": "SN-1", "measure_time": end - (719 - i) * 120_000,
            "coordinates": { "latitude": 34.3, "longitude": 126.7 },
            "oxygen_mpl": { "value": 8.0 + (i as f64 / 40.0).sin() / 10.0, "unit": "mg/L" }
        })
    };
    Json(json!({ "result": (0..720).map(record).collect::<Vec<Value>>() })).into_response()
}

async fn vendor() -> (Arc<Vendor>, String) {
    let vendor = Arc::new(Vendor::default());
    let routes = Router::new()
        .route("/auth", post(sign_in))
        .route("/api/devices/{device}/sensors/{resource}", get(records))
        .with_state(Arc::clone(&vendor));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let base = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move { axum::serve(listener, routes).await.expect("serves") });
    (vendor, base)
}

async fn plant(base: &str) -> Server {
    let (api, auth) = (format!("{base}/api"), format!("{base}/auth"));
    Server::start_with(&[
        ("SENSING__VENDOR__ODEN__BASE_URL", &api),
        ("SENSING__VENDOR__ODEN__AUTH_URL", &auth),
        ("SENSING__VENDOR__ODEN__USERNAME", "plant"),
        ("SENSING__VENDOR__ODEN__PASSWORD", "s3cret-word"),
        ("SENSING__VENDOR__ODEN__POLL_INTERVAL_S", "1"),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_sensor_fills_its_window_and_the_proxy_reads_along() {
    let (vendor, base) = vendor().await;
    let server = plant(&base).await;
    let sensor = json!({ "sensor_id": "wando01", "source": "vendor", "vendor": { "device_id": "wando01" } });
    assert_eq!(server.post("/api/sensors", &sensor).await.status, 201);
    server
        .until("a pull and its repeat", async || {
            let account = server.get("/api/sensors/wando01").await.json()["state"]["account"].clone();
            account["stored"].as_i64() >= Some(720) && account["duplicate"].as_i64() >= Some(700)
        })
        .await;
    assert_eq!(vendor.sign_ins.load(Ordering::SeqCst), 2, "once at first, once when the token had expired");

    let path = "/api/proxy/oden/devices/wando01/sensors/oxygen?size=5";
    let first = server.get(path).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(first.json()["result"][0]["oxygen_mpl"]["value"].is_f64());
    assert_eq!(server.get(path).await.text, first.text, "served again within the cache time");
    for forbidden in ["/api/proxy/oden/auth", "/api/proxy/oden/devices/../auth", "/api/proxy/other/devices"] {
        let refused = server.get(forbidden).await;
        assert!(refused.status.is_client_error(), "{forbidden}: {}", refused.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_vendor_is_left_alone_and_nobody_sees_its_secrets() {
    let (vendor, base) = vendor().await;
    vendor.failing.store(true, Ordering::SeqCst);
    let server = plant(&base).await;
    let sensor = json!({ "sensor_id": "wando01", "source": "vendor", "vendor": { "device_id": "wando01" } });
    assert_eq!(server.post("/api/sensors", &sensor).await.status, 201);
    server
        .until("the breaker opens", async || {
            server.get("/api/v1/health/circuit-breakers").await.text.contains("\"open\"")
        })
        .await;
    let refused = server.get("/api/proxy/oden/devices/wando01/sensors/oxygen").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|s| (1..=60).contains(&s)));
    assert!(!refused.text.contains("token") && !refused.text.contains("s3cret"), "{}", refused.text);
    let (status, dir) = server.stop().await;
    assert!(status.success());
    let reads = vendor.reads.load(Ordering::SeqCst);
    assert!((3..=8).contains(&reads), "{reads} calls to a vendor that fails");
    assert!(!holds(dir.path(), "s3cret-word"), "the password is in a log or the database");
}

/// Whether a file below `dir` holds `needle`.
fn holds(dir: &std::path::Path, needle: &str) -> bool {
    std::fs::read_dir(dir).expect("directory").any(|entry| {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        let bytes = std::fs::read(&path).expect("file");
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}
