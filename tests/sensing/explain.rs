use serde_json::{Value, json};

use crate::common::{Server, now_ms};

/// Milliseconds between two readings.
const STEP_MS: i64 = 120_000;

/// A wave that is stuck for 90 readings, which end 31 readings before its end.
fn stuck() -> Vec<f64> {
    let wave = |i: i32| 8.0 + (f64::from(i) / 12.0).sin() + 0.02 * f64::from(i * i % 7);
    (0..720).map(|i| if (599..689).contains(&i) { 8.25 } else { wave(i) }).collect()
}

/// A sensor whose every score is above its threshold, with a full window.
async fn suspicious(server: &Server, id: &str, values: &[f64], thresholds: Value) {
    let spec = json!({ "sensor_id": id, "unit": "mg/L", "thresholds": thresholds });
    assert_eq!(server.post("/api/sensors", &spec).await.status, 201);
    let first = now_ms() - 720 * STEP_MS;
    let readings: Vec<Value> = values
        .iter()
        .zip(0..)
        .map(|(value, i)| json!({ "time": first + i * STEP_MS, "value": value }))
        .collect();
    let pushed = server.post(&format!("/api/sensors/{id}/readings"), &json!(readings)).await;
    assert!(pushed.status.is_success(), "{}", pushed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abnormal_verdict_says_what_the_window_looks_like() {
    let server = Server::start().await.ready().await;
    suspicious(&server, "s", &stuck(), json!({ "score": 0.0 })).await;
    let verdict = server.post("/api/analyze/s", &json!({})).await.json();
    assert_eq!(verdict["result"], "abnormal", "{verdict}");
    let told = &verdict["explanation"];
    assert_eq!((&told["kind"], &told["ongoing"]), (&json!("stuck"), &json!(false)), "{told}");
    assert_eq!((&told["first_reading"], &told["last_reading"]), (&json!(599), &json!(688)), "{told}");
    let (en, ko) = (told["text"]["en"].as_str().expect("en"), told["text"]["ko"].as_str().expect("ko"));
    assert!(en.starts_with("Stuck at 8.25 mg/L for 2 h 58 min ("), "{en}");
    assert!(ko.starts_with("2시간 58분 동안 8.25 mg/L에 고정됨 ("), "{ko}");

    let listed = server.get("/api/results/s").await.json();
    assert_eq!(&listed[0]["explanation"], told, "it is stored");
    let shown = server.get("/api/sensors/s").await.json();
    assert_eq!(&shown["state"]["last_result"]["explanation"], told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crossed_bound_says_since_when_and_a_normal_verdict_says_nothing() {
    let server = Server::start().await.ready().await;
    let mut values = stuck();
    values[700..].fill(2.5);
    suspicious(&server, "low", &values, json!({ "low": 3.0 })).await;
    let verdict = server.post("/api/analyze/low", &json!({})).await.json();
    let told = &verdict["explanation"];
    assert_eq!((&told["kind"], &told["first_reading"]), (&json!("out_of_bounds"), &json!(700)), "{verdict}");
    assert!(told["text"]["en"].as_str().expect("en").starts_with("At or below the bound of 3 mg/L since "));

    suspicious(&server, "calm", &stuck(), json!({ "score": 1e9 })).await;
    let verdict = server.post("/api/analyze/calm", &json!({})).await.json();
    assert_eq!((&verdict["result"], verdict.get("explanation")), (&json!("normal"), None), "{verdict}");
}
