use serde_json::json;

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_shown_and_set() {
    let server = Server::start().await;
    let before = server.get("/api/config/schedule").await.json();
    assert_eq!((&before["period_s"], &before["running"]), (&json!(3600), &json!(false)));
    let wanted = json!({ "reference_time": "2024-01-01T00:00:30Z", "period_s": 600, "sensor_ids": [] });
    let set = server.post("/api/config/schedule/", &wanted).await;
    assert_eq!((set.status.as_u16(), &set.json()["period_s"]), (200, &json!(600)), "{}", set.text);
    assert!(set.json()["next_run"].as_str().expect("time").ends_with(":30Z"));
    for body in [
        json!({ "reference_time": "2024-01-01T00:00:30Z", "period_s": 1 }),
        json!({ "reference_time": "2024-01-01T00:00:30Z" }),
        json!({ "reference_time": "never", "period_s": 600 }),
        json!({ "reference_time": "2024-01-01T00:00:30Z", "period_s": 600, "sensor_ids": ["a b"] }),
        json!({ "reference_time": "2024-01-01T00:00:30Z", "period_s": 600, "cron": "* * * * *" }),
    ] {
        let refused = server.post("/api/config/schedule", &body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "VALIDATION_ERROR"), "{body}");
    }
    assert_eq!(server.get("/api/config/schedule").await.json()["period_s"], 600);
}
