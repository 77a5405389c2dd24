use reqwest::Method;
use serde_json::{Value, json};

use super::{as_person, complete, good, good_data, lot, pass, person, refused, start};
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_bodies_work_as_they_stand() {
    let server = Server::start().await;
    person(&server, "W001", "OPERATOR").await;
    let model = super::model(&server, "WF").await;
    let body = json!({ "product_model_id": model, "target_quantity": 1, "production_date": "2025-11-10", "shift": "D" });
    let lot = good(&server.post("/api/v1/lots", &body).await, 201);
    good(&server.post("/api/v1/serials", &json!({ "lot_id": lot["id"] })).await, 201);
    let start = json!({
        "lot_number": "WF-KR-251110D-001", "serial_number": "WF-KR-251110D-001-0001", "process_id": 1,
        "worker_id": "W001", "equipment_id": "EQ-001",
    });
    let started = good(&server.post("/api/v1/process/start", &start).await, 200);
    assert_eq!((&started["status"], &started["data"]["result"]), (&json!("success"), &Value::Null));
    assert_eq!(
        (&started["data"]["process_number"], &started["data"]["equipment_code"]),
        (&json!(1), &json!("EQ-001"))
    );
    let complete = json!({
        "lot_number": "WF-KR-251110D-001", "serial_number": "WF-KR-251110D-001-0001", "process_id": 1,
        "result": "PASS", "measurement_data": { "temperature": 25.5, "humidity": 60 },
    });
    let done = good(&server.post("/api/v1/process/complete/", &complete).await, 200);
    assert_eq!(
        (&done["data"]["result"], &done["data"]["measurement_data"]["humidity"]),
        (&json!("PASS"), &json!(60))
    );

    let history = good(&server.get("/api/v1/process/history/WF-KR-251110D-001-0001").await, 200);
    let run = &history["data"]["history"][0];
    assert_eq!(
        (&run["operator"]["username"], &run["process"]["process_code"]),
        (&json!("W001"), &json!("LASER_MARKING"))
    );
    assert_eq!(run["measurements"], run["measurement_data"]);
    let id = &run["id"];
    let shown = good(&server.get(&format!("/api/v1/process-data/{id}")).await, 200);
    assert_eq!((&shown["attempt"], &shown["data_level"]), (&json!(1), &json!("SERIAL")));
}

#[tokio::test(flavor = "multi_thread")]
async fn process_seven_counts_what_has_passed() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    for passed in 0..6 {
        let answer = start(&server, &lot.number, serial, 7).await;
        assert_eq!(answer.status, 400);
        let documented = format!(
            "Process 7 requires all previous processes (1-6) to be PASS. Current PASS count: {passed}"
        );
        assert_eq!(answer.json()["detail"], documented);
        assert!(
            answer.json()["detail_ko"].as_str().is_some_and(|text| text.contains("공정")),
            "{}",
            answer.text
        );
        pass(&server, &lot.number, serial, passed + 1, passed + 1).await;
    }
    pass(&server, &lot.number, serial, 7, 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_processes_holds_and_a_manager_may_break_it() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    assert_eq!(
        refused(&start(&server, &lot.number, serial, 2).await),
        (400, "PREVIOUS_PROCESS_NOT_COMPLETED".into())
    );
    assert_eq!(
        refused(&start(&server, &lot.number, serial, 5).await),
        (400, "INVALID_PROCESS_SEQUENCE".into())
    );
    let overriding = json!({
        "lot_number": lot.number, "serial_number": serial, "process_id": "PROC-003", "override_reason": "marker is down",
    });
    let worker = person(&server, "worker", "OPERATOR").await;
    let by_worker = as_person(&server, &worker, Method::POST, "/api/v1/process/start", &overriding).await;
    assert_eq!(refused(&by_worker), (403, "OVERRIDE_NOT_ALLOWED".into()));
    let manager = person(&server, "manager", "MANAGER").await;
    let by_manager = as_person(&server, &manager, Method::POST, "/api/v1/process/start", &overriding).await;
    assert_eq!(good(&by_manager, 200)["data"]["override_reason"], "marker is down");
    let audit = good(&server.get("/api/v1/audit-logs?entity_type=process_run").await, 200);
    assert!(audit.to_string().contains("marker is down"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_started_once_and_passes_once() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let data = good_data(1, serial);
    assert_eq!(
        refused(&complete(&server, &lot.number, serial, 1, "PASS", &data).await),
        (400, "PROCESS_NOT_STARTED".into())
    );
    good(&start(&server, &lot.number, serial, 1).await, 200);
    assert_eq!(refused(&start(&server, &lot.number, serial, 1).await), (409, "DUPLICATE_START".into()));
    good(&complete(&server, &lot.number, serial, 1, "PASS", &data).await, 200);
    assert_eq!(
        refused(&start(&server, &lot.number, serial, 1).await),
        (409, "PROCESS_ALREADY_PASSED".into())
    );
    assert_eq!(
        refused(&complete(&server, &lot.number, serial, 1, "PASS", &data).await),
        (409, "DUPLICATE_PASS_COMPLETE".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn data_are_held_against_the_schema_of_their_process() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    pass(&server, &lot.number, serial, 1, 2).await;
    good(&start(&server, &lot.number, serial, 3).await, 200);
    let sensor = |temp: Value, result: &str| json!({ "temp_sensor": { "measured_temp": temp, "result": result }, "tof_sensor": { "i2c_communication": true, "result": "PASS" } });
    for (result, data, said) in [
        ("PASS", json!({}), "temp_sensor"),
        ("PASS", sensor(json!("hot"), "PASS"), "temp_sensor.measured_temp"),
        ("PASS", sensor(json!(62.4), "PASS"), "59.0"),
        ("PASS", sensor(json!(62.4), "FAIL"), "59.0"),
        ("PASS", sensor(json!(1_000), "FAIL"), "temp_sensor.measured_temp"),
        ("FAIL", sensor(json!(60), "PASS"), "defects"),
        ("FAIL", sensor(json!(60), "FAIL"), "temp_sensor.result"),
    ] {
        let wrong = complete(&server, &lot.number, serial, 3, result, &data).await;
        assert_eq!(refused(&wrong), (400, "INVALID_PROCESS_DATA".into()), "{result} {data}: {}", wrong.text);
        let body = wrong.json();
        assert!(body["detail"].as_str().expect("text").contains(said), "{data}: {body}");
        assert!(body["errors"][0]["field"].is_string() && body["errors"][0]["message"].is_string(), "{body}");
    }
    let mut named = json!({
        "lot_number": lot.number, "serial_number": serial, "process_id": 3, "result": "PASS",
        "process_data": good_data(3, serial), "defects": ["SENSOR_TEMP_FAIL"],
    });
    assert_eq!(
        refused(&server.post("/api/v1/process/complete", &named).await),
        (400, "INVALID_PROCESS_DATA".into())
    );
    named["result"] = json!("FAIL");
    named["process_data"] = super::hot_data();
    named["defects"] = json!([{ "code": "NO_SUCH" }]);
    assert!(
        refused(&server.post("/api/v1/process/complete", &named).await).1.contains("INVALID_PROCESS_DATA")
    );
    named["defects"] = json!([{ "code": "SENSOR_TEMP_FAIL", "severity": "critical", "measured_value": 62.4, "expected_range": "59–61", "cause": "과열 🔥" }]);
    let failed = good(&server.post("/api/v1/process/complete", &named).await, 200);
    assert_eq!(failed["data"]["defects"][0]["severity"], "critical");
    let defects = good(&server.get("/api/v1/defects?code=SENSOR_TEMP_FAIL&process_id=PROC-003").await, 200);
    assert_eq!((&defects[0]["cause"], &defects[0]["name"]), (&json!("과열 🔥"), &json!("온도 센서 불량")));
    let path = format!("/api/v1/defects/{}", defects[0]["id"]);
    let found = good(&super::put(&server, &path, &json!({ "analysis": "crimp" })).await, 200);
    assert_eq!((&found["analysis"], &found["cause"]), (&json!("crimp"), &json!("과열 🔥")));
    assert_eq!(good(&server.get(&path).await, 200), found);
    assert_eq!(refused(&server.get("/api/v1/defects/999").await), (404, "DEFECT_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_is_read_from_the_data_when_it_is_not_said() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    pass(&server, &lot.number, serial, 1, 2).await;
    good(&start(&server, &lot.number, serial, 3).await, 200);
    let file = json!({
        "schema_version": "1.0", "lot_number": lot.number, "serial_number": serial, "line_id": "LINE-A",
        "process_id": "PROC-003", "process_name": "센서 검사", "equipment_id": "SENSOR-CHECK-01", "worker_id": "W001",
        "process_data": super::hot_data(),
    });
    let done = good(&server.post("/api/v1/process/complete", &file).await, 200);
    assert_eq!(
        (&done["data"]["result"], &done["data"]["defects"][0]["code"]),
        (&json!("FAIL"), &json!("SENSOR_TEMP_FAIL"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_lot_goes_through_a_process_by_the_same_rules() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 2).await;
    let begin = json!({ "lot_number": lot.number, "process_id": 1, "worker_id": 1 });
    let started = good(&server.post("/api/v1/process/start", &begin).await, 200);
    assert_eq!(
        (&started["data"]["data_level"], &started["data"]["serial_id"]),
        (&json!("LOT"), &Value::Null)
    );
    assert_eq!(refused(&server.post("/api/v1/process/start", &begin).await), (409, "DUPLICATE_START".into()));
    let end = json!({ "lot_number": lot.number, "process_id": 1, "result": "PASS", "process_data": good_data(1, &lot.number) });
    good(&server.post("/api/v1/process/complete", &end).await, 200);
    assert_eq!(
        refused(&server.post("/api/v1/process/start", &begin).await),
        (409, "PROCESS_ALREADY_PASSED".into())
    );
    // What the lot has passed counts for its units.
    pass(&server, &lot.number, &lot.serials[0], 2, 3).await;
    let of_lot = good(&server.get("/api/v1/process-data?data_level=LOT").await, 200);
    assert_eq!(of_lot.as_array().map(Vec::len), Some(1));
}
