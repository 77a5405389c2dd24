use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::common::Server;
use crate::production::{as_person, delete, fail_sensor, good, lot, pass, person, put, refused};

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_written_read_and_put_away() {
    let server = Server::start().await;
    let empty = good(&server.get("/api/v1/alerts").await, 200);
    let shape =
        ["alerts", "total", "unread_count", "skip", "limit", "poll_after_s"].map(|name| empty[name].clone());
    assert_eq!(shape, [json!([]), json!(0), json!(0), json!(0), json!(100), json!(30)]);
    let made = server.post("/api/v1/alerts", &json!({ "title": "부품 부족 📦", "message": "bin 7" })).await;
    let path = made.header("location").to_owned();
    let made = good(&made, 201);
    assert_eq!(
        (&made["alert_type"], &made["severity"], &made["status"]),
        (&json!("MANUAL"), &json!("MEDIUM"), &json!("UNREAD"))
    );
    assert_eq!(good(&server.get("/api/v1/alerts/unread/count/").await, 200)["unread_count"], 1);
    let read = good(&put(&server, &format!("{path}/read"), &json!({})).await, 200);
    assert_eq!((&read["data"]["status"], &read["data"]["read_by"]), (&json!("READ"), &json!(1)));
    let again = good(&put(&server, &format!("{path}/read"), &json!({})).await, 200);
    assert_eq!(again["data"]["read_at"], read["data"]["read_at"]);
    let away = good(&put(&server, &format!("{path}/archive"), &json!({})).await, 200);
    assert_eq!(away["data"]["status"], "ARCHIVED");
    for (query, count) in [
        ("status=ARCHIVED", 1),
        ("status=UNREAD", 0),
        ("severity=MEDIUM", 1),
        ("alert_type=MANUAL", 1),
        ("limit=1&skip=1", 0),
    ] {
        let found = good(&server.get(&format!("/api/v1/alerts?{query}")).await, 200);
        assert_eq!(found["alerts"].as_array().map(Vec::len), Some(count), "{query}");
    }
    assert_eq!(delete(&server, &path).await.status, 204);
    for (method, path) in
        [(Method::GET, path.clone()), (Method::PUT, format!("{path}/read")), (Method::DELETE, path.clone())]
    {
        assert_eq!(refused(&server.send(method, &path, &json!({})).await), (404, "ALERT_NOT_FOUND".into()));
    }
    for wrong in ["status=GONE", "severity=HUGE", "alert_type=NONE", "limit=0"] {
        assert_eq!(refused(&server.get(&format!("/api/v1/alerts?{wrong}")).await).0, 422, "{wrong}");
    }
    for body in [
        json!({}),
        json!({ "title": "x".repeat(201) }),
        json!({ "title": "a", "message": "x".repeat(1_001) }),
        json!({ "title": "a", "severity": "HUGE" }),
        json!({ "title": "a", "alert_type": "LOT_COMPLETED" }),
    ] {
        assert_eq!(refused(&server.post("/api/v1/alerts", &body).await).0, 422, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_one_alert_and_a_high_one_asks_for_haste() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 3).await;
    for serial in &lot.serials {
        pass(&server, &lot.number, serial, 1, 2).await;
        fail_sensor(&server, &lot.number, serial).await;
    }
    let list = good(&server.get("/api/v1/alerts?alert_type=DEFECT_DETECTED").await, 200);
    assert_eq!(
        (&list["total"], &list["unread_count"], &list["poll_after_s"]),
        (&json!(1), &json!(1), &json!(10))
    );
    let alert = &list["alerts"][0];
    assert_eq!(
        (&alert["severity"], &alert["count"], &alert["lot_id"]),
        (&json!("HIGH"), &json!(3), &json!(lot.id))
    );
    let count = good(&server.get("/api/v1/alerts/unread/count").await, 200);
    assert_eq!((&count["unread_count"], &count["unread_high_count"]), (&json!(1), &json!(1)));

    let many = good(
        &put(&server, "/api/v1/alerts/bulk-read", &json!({ "alert_ids": [alert["id"], 999] })).await,
        200,
    );
    assert_eq!(many["data"]["updated"], 1);
    assert_eq!(good(&server.get("/api/v1/alerts/unread/count").await, 200)["unread_count"], 0);
    let too_many: Vec<i64> = (0..1_001).collect();
    assert_eq!(
        refused(&put(&server, "/api/v1/alerts/bulk-read", &json!({ "alert_ids": too_many })).await).0,
        422
    );

    // It happens again: unread again, counted on.
    good(
        &server
            .post(&format!("/api/v1/serials/{}/rework", lot.serials[0]), &json!({ "reason": "again" }))
            .await,
        200,
    );
    fail_sensor(&server, &lot.number, &lot.serials[0]).await;
    let again = good(&server.get("/api/v1/alerts?status=UNREAD&severity=HIGH").await, 200);
    assert_eq!((&again["alerts"][0]["id"], &again["alerts"][0]["count"]), (&alert["id"], &json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_advised_to_ask_less_often_and_viewers_change_nothing() {
    let server = Server::start().await;
    let worker = person(&server, "worker", "OPERATOR").await;
    let seen = as_person(&server, &worker, Method::GET, "/api/v1/alerts", &json!({})).await;
    assert_eq!(good(&seen, 200)["poll_after_s"], 60);
    let viewer = person(&server, "viewer", "VIEWER").await;
    let made = as_person(&server, &viewer, Method::POST, "/api/v1/alerts", &json!({ "title": "a" })).await;
    assert_eq!(refused(&made).0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_hear_of_alerts() {
    let server = Server::start().await;
    let stream = server
        .client
        .get(server.url("/api/v1/events?kind=alerts.&last_event_id=0"))
        .send()
        .await
        .expect("stream");
    assert_eq!(stream.status(), 200);
    let mut chunks = stream.bytes_stream();
    good(&server.post("/api/v1/alerts", &json!({ "title": "들어보세요" })).await, 201);
    let heard = async {
        let mut text = String::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
            if text.contains("alerts.raised") && text.contains("\n\n") && text.contains("들어보세요") {
                return text;
            }
        }
        panic!("the stream ended: {text}");
    };
    let text = tokio::time::timeout(crate::common::DEADLINE, heard).await.expect("heard in time");
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .or_else(|| text.lines().find_map(|line| line.strip_prefix("data:")))
        .expect("data");
    let event: Value = serde_json::from_str(data).expect("json");
    assert_eq!((&event["data"]["alert_type"], &event["kind"]), (&json!("MANUAL"), &json!("alerts.raised")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_after_his_own_alerts() {
    let server = Server::start().await;
    let kim = person(&server, "kim", "OPERATOR").await;
    let lee = person(&server, "lee", "OPERATOR").await;
    let lot = lot(&server, "WF", 2).await;
    let serial = &lot.serials[0];
    let who = |worker: &str| json!({ "lot_number": lot.number, "serial_number": serial, "process_id": 1, "worker_id": worker });
    good(&as_person(&server, &kim, Method::POST, "/api/v1/process/start", &who("kim")).await, 200);
    let mut failed = who("kim");
    failed["result"] = "FAIL".into();
    failed["process_data"] = json!({ "lot_number_engraved": serial, "marking_result": "FAIL" });
    failed["defects"] = json!([{ "code": "MARKING_FAIL" }]);
    good(&as_person(&server, &kim, Method::POST, "/api/v1/process/complete", &failed).await, 200);
    let everybody = good(&server.post("/api/v1/alerts", &json!({ "title": "fire drill" })).await, 201);

    let titles = async |client: &reqwest::Client| {
        let list = good(&as_person(&server, client, Method::GET, "/api/v1/alerts", &json!({})).await, 200);
        let alerts = list["alerts"].as_array().expect("alerts");
        assert_eq!((&list["total"], &list["unread_count"]), (&json!(alerts.len()), &json!(alerts.len())));
        let kinds = alerts.iter().map(|alert| alert["alert_type"].as_str().expect("type").to_owned());
        (kinds.collect::<Vec<_>>(), alerts.last().expect("one")["id"].clone())
    };
    let (seen, defect) = titles(&kim).await;
    assert_eq!(seen, ["MANUAL", "DEFECT_DETECTED"]);
    assert_eq!(titles(&lee).await.0, ["MANUAL"]);
    let count = as_person(&server, &lee, Method::GET, "/api/v1/alerts/unread/count", &json!({})).await;
    assert_eq!(good(&count, 200)["unread_high_count"], 0);
    // Another's alert is not there, whatever is asked of it.
    let path = format!("/api/v1/alerts/{defect}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, format!("{path}/read")),
        (Method::PUT, format!("{path}/archive")),
    ] {
        let answer = as_person(&server, &lee, method, &path, &json!({})).await;
        assert_eq!(refused(&answer), (404, "ALERT_NOT_FOUND".into()), "{path}");
    }
    let named = json!({ "alert_ids": [defect, everybody["id"]] });
    let many = as_person(&server, &lee, Method::PUT, "/api/v1/alerts/bulk-read", &named).await;
    assert_eq!(good(&many, 200)["data"]["updated"], 1);
    assert_eq!(good(&server.get(&path).await, 200)["status"], "UNREAD");
    let read = as_person(&server, &kim, Method::PUT, &format!("{path}/read"), &json!({})).await;
    assert_eq!(good(&read, 200)["data"]["status"], "READ");
    assert_eq!(good(&server.get("/api/v1/alerts").await, 200)["total"], 2);
}
