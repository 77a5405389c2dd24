//! `/api/sensors/{id}/scores` and `/api/sparklines`: what the page draws.

use serde_json::{Value, json};

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_scored_reading_by_reading_and_nothing_is_stored() {
    let server = Server::start().await.ready().await;
    server.sensor_with_window("full").await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "empty" })).await.status, 201);

    let scored = server.get("/api/sensors/full/scores").await;
    assert_eq!(scored.status, 200, "{}", scored.text);
    let scored = scored.json();
    let readings = scored["readings"].as_array().expect("readings");
    assert_eq!((readings.len(), &scored["window"]["count"]), (720, &json!(720)));
    assert!(
        readings.iter().all(|r| r["time"].is_string() && r["value"].is_number() && r["score"].is_number())
    );
    assert!(scored["score"].is_number() && scored["threshold"].is_number(), "{}", scored["score"]);
    let times: Vec<&str> = readings.iter().map(|r| r["time"].as_str().expect("time")).collect();
    assert!(times.is_sorted());
    assert_eq!(server.get("/api/results/full").await.json(), json!([]), "a picture is no verdict");

    let verdict = server.post("/api/analyze/full", &json!({})).await.json();
    assert_eq!(verdict["result"], scored["result"]);
    let (a, b) = (verdict["score"].as_f64().expect("score"), scored["score"].as_f64().expect("score"));
    assert!((a - b).abs() < 1e-3, "{a} {b}");

    let empty = server.get("/api/sensors/empty/scores").await.json();
    assert_eq!((&empty["result"], &empty["readings"]), (&json!("insufficient_data"), &json!([])));
    assert_eq!(server.get("/api/sensors/nobody/scores").await.code(), "SENSOR_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_windows_come_in_one_answer() {
    let server = Server::start().await;
    server.sensor_with_window("a").await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "b" })).await.status, 201);
    let traces = server.get("/api/sparklines?ids=b,a,nobody&points=60").await.json();
    let ids: Vec<&Value> = traces.as_array().expect("traces").iter().map(|t| &t["sensor_id"]).collect();
    assert_eq!(ids, ["b", "a", "nobody"]);
    let values = traces[1]["values"].as_array().expect("values");
    assert!((30..=62).contains(&values.len()), "{}", values.len());
    let (low, high) =
        values.iter().filter_map(Value::as_f64).fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    assert!(low < 6.01 && high > 7.99, "the lowest and the highest are kept: {low} {high}");
    assert!(traces[1]["start"].as_str() < traces[1]["end"].as_str());
    assert_eq!((&traces[0]["values"], &traces[2]["values"]), (&json!([]), &json!([])));
    for query in ["ids=a&points=1", "ids=..", "points=10", &format!("ids={}", "a,".repeat(201))] {
        assert_eq!(server.get(&format!("/api/sparklines?{query}")).await.status, 422, "{query}");
    }
    assert_eq!(server.get("/api/sparklines?ids=").await.json(), json!([]));
}
