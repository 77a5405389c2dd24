use serde_json::json;

use crate::common::{Server, now_ms};

#[tokio::test(flavor = "multi_thread")]
async fn silent_sensors_are_counted_for_the_alert() {
    let server = Server::start_with(&[("SYSTEM__ROUND_INTERVAL_S", "1")]).await;
    server.sensor_with_window("speaks").await;
    for body in [
        json!({ "sensor_id": "silent" }),
        json!({ "sensor_id": "new" }),
        json!({ "sensor_id": "off", "enabled": false }),
    ] {
        assert_eq!(server.post("/api/sensors", &body).await.status, 201);
    }
    let yesterday = json!([{ "time": now_ms() - 86_400_000, "value": 7.5 }]);
    for id in ["silent", "off"] {
        assert_eq!(server.post(&format!("/api/sensors/{id}/readings"), &yesterday).await.json()["stored"], 1);
    }
    assert_eq!(server.get("/api/sensors/new").await.json()["state"]["freshness"], "never");
    let counted = async |word: &str| {
        let text = server.get("/metrics").await.text;
        let name = format!("nightshift_sensing_freshness_sensors{{freshness=\"{word}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name).map(str::to_owned))
    };
    let holds = async || {
        let counts = [counted("fresh").await, counted("stale").await, counted("never").await];
        counts == [Some("1".to_owned()), Some("1".to_owned()), Some("1".to_owned())]
    };
    server.until("each enabled sensor is counted once", holds).await;
    assert_eq!(counted("unread").await.as_deref(), Some("0"));
    let one = json!([{ "time": now_ms() - 1_000, "value": 7.5 }]);
    assert_eq!(server.post("/api/sensors/silent/readings", &one).await.json()["stored"], 1);
    server.until("it speaks again", async || counted("stale").await.as_deref() == Some("0")).await;
    assert_eq!(counted("fresh").await.as_deref(), Some("2"));
}
