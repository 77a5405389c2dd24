use serde_json::json;

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let server = Server::start().await.ready().await;
    server.sensor_with_window("kept").await;
    let schedule = json!({ "reference_time": "2024-01-01T00:00:00Z", "period_s": 86_400 });
    assert_eq!(server.post("/api/config/schedule", &schedule).await.status, 200);
    let verdict = server.post("/api/analyze/kept", &json!({})).await.json();
    let before = server.get("/api/sensors/kept").await.json();
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");

    let server = Server::start_in(dir, &[]).await.ready().await;
    let after = server.get("/api/sensors/kept").await.json();
    for field in ["created_at", "interval_s"] {
        assert_eq!(after[field], before[field]);
    }
    for field in ["account", "newest", "last_value", "window_readings"] {
        assert_eq!(after["state"][field], before["state"][field], "{field}");
    }
    assert_eq!(after["state"]["last_result"]["id"], verdict["id"]);
    assert_eq!(server.get("/api/config/schedule").await.json()["period_s"], 86_400);
    assert_eq!(server.get("/api/results/kept").await.json()[0]["score"], verdict["score"]);
    let again = server.post("/api/analyze/kept", &json!({ "at": verdict["as_of"] })).await.json();
    assert_eq!((&again["score"], &again["window"]), (&verdict["score"], &verdict["window"]));
}
