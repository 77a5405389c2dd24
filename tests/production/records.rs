use serde_json::{Value, json};

use super::{good, good_data, lot, pass, put, refused};
use crate::common::{Server, now_ms};

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_record_is_a_start_and_its_completion() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = good(&server.get(&format!("/api/v1/serials/{}", lot.serials[0])).await, 200)["id"].clone();
    let documented = json!({
        "lot_id": lot.id, "serial_id": serial, "process_id": 1, "operator_id": 1, "data_level": "SERIAL",
        "measurement_data": { "temperature": 25.5, "humidity": 60 }, "result": "PASS",
    });
    let made = server.post("/api/v1/process-data", &documented).await;
    let path = made.header("location").to_owned();
    let run = good(&made, 201);
    assert_eq!(
        (&run["result"], &run["operator_id"], &run["measurements"]["humidity"]),
        (&json!("PASS"), &json!(1), &json!(60))
    );
    assert_eq!(
        (&run["process"]["process_number"], &run["operator"]["username"]),
        (&json!(1), &json!("admin"))
    );
    assert_eq!(good(&server.get(&path).await, 200), run);
    assert_eq!(
        refused(&server.post("/api/v1/process-data/", &documented).await),
        (409, "PROCESS_ALREADY_PASSED".into())
    );

    let timed = json!({
        "lot_id": lot.number, "serial_id": lot.serials[0], "process_id": "PROC-002", "result": "PASS",
        "process_data": good_data(2, ""), "completed_at": now_ms(), "duration_seconds": 90,
    });
    // A run that would have begun before the one before it ended is refused.
    assert_eq!(refused(&server.post("/api/v1/process-data", &timed).await), (400, "INVALID_TIME".into()));
    let open = json!({ "lot_id": lot.id, "serial_id": serial, "process_id": 2 });
    assert_eq!(good(&server.post("/api/v1/process-data", &open).await, 201)["result"], Value::Null);
    assert_eq!(
        good(&server.get("/api/v1/process-data/incomplete").await, 200).as_array().map(Vec::len),
        Some(1)
    );

    let note = good(&put(&server, &path, &json!({ "notes": "검사 완료 ✅" })).await, 200);
    assert_eq!(note["notes"], "검사 완료 ✅");
    assert_eq!(refused(&put(&server, &path, &json!({ "notes": "x".repeat(1_001) })).await).0, 422);
    assert_eq!(refused(&put(&server, "/api/v1/process-data/999", &json!({ "notes": "x" })).await).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let body = json!({ "lot_id": lot.id, "serial_id": lot.serials[0], "process_id": 1, "result": "PASS", "process_data": good_data(1, "") });
    for (field, value, status) in [
        ("lot_id", json!(999), 404),
        ("serial_id", json!(999), 404),
        ("process_id", json!(99), 404),
        ("operator_id", json!(999), 404),
        ("equipment_id", json!(999), 404),
        ("data_level", json!("LOT"), 422),
        ("data_level", json!("UNIT"), 422),
        ("duration_seconds", json!(-1), 422),
        ("process_id", json!(4), 400),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        let answer = server.post("/api/v1/process-data", &wrong).await;
        assert_eq!(refused(&answer).0, status, "{field} {value}: {}", answer.text);
    }
    let runs = server.get("/api/v1/process-data").await;
    assert_eq!(runs.header("x-total-count"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_found_in_every_documented_way() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 2).await;
    let (one, two) = (&lot.serials[0], &lot.serials[1]);
    pass(&server, &lot.number, one, 1, 3).await;
    pass(&server, &lot.number, two, 1, 2).await;
    super::fail_sensor(&server, &lot.number, two).await;
    let serial = good(&server.get(&format!("/api/v1/serials/{one}")).await, 200)["id"].clone();
    for (query, count) in [
        (String::new(), 6),
        (format!("?lot_id={}", lot.id), 6),
        (format!("?serial_id={serial}"), 3),
        ("?process_id=3".into(), 2),
        ("?process_id=PROC-003&result=FAIL".into(), 1),
        ("?data_level=SERIAL".into(), 6),
        ("?data_level=LOT".into(), 0),
        (format!("/serial/{serial}"), 3),
        (format!("/serial/{one}"), 3),
        (format!("/serial/{serial}/process/2"), 1),
        (format!("/lot/{}", lot.id), 6),
        ("/process/3".into(), 2),
        ("/result/FAIL".into(), 1),
        ("/result/PASS".into(), 5),
        ("/operator/1".into(), 6),
        ("/failures".into(), 1),
        ("/incomplete".into(), 0),
        ("/date-range?start_date=2020-01-01&end_date=2099-01-01".into(), 6),
        ("/date-range?start_date=2020-01-01&end_date=2020-01-02".into(), 0),
    ] {
        for slash in ["", "/"] {
            let path = match query.split_once('?') {
                Some((path, rest)) => format!("/api/v1/process-data{path}{slash}?{rest}"),
                None => format!("/api/v1/process-data{query}{slash}"),
            };
            let found = server.get(&path).await;
            assert_eq!(good(&found, 200).as_array().map(Vec::len), Some(count), "{path}");
            assert_eq!(found.header("x-total-count"), count.to_string(), "{path}");
        }
    }
    for wrong in [
        "?result=OK",
        "/result/OK",
        "?data_level=UNIT",
        "/operator/x",
        "/date-range?start_date=x",
        "?skip=-1",
    ] {
        assert_eq!(refused(&server.get(&format!("/api/v1/process-data{wrong}")).await).0, 422, "{wrong}");
    }
    for unknown in ["/999", "/serial/999", "/lot/999", "/process/99", "/serial/999/process/1"] {
        assert_eq!(refused(&server.get(&format!("/api/v1/process-data{unknown}")).await).0, 404, "{unknown}");
    }
}
