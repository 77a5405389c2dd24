use serde_json::{Value, json};

use super::{good, good_data, lot, pass, refused, start};
use crate::common::{Server, now_ms, on_both_engines};

on_both_engines!(
    what_a_station_names_must_be_there,
    times_do_not_run_backwards,
    large_documents_are_kept_and_larger_ones_refused,
    what_is_no_completion_changes_nothing,
    numbers_beyond_every_range_are_refused,
    every_text_takes_every_character,
);

async fn what_a_station_names_must_be_there(server: Server) {
    let (a, b) = (lot(&server, "AA", 1).await, lot(&server, "BB", 1).await);
    let body = json!({ "lot_number": a.number, "serial_number": a.serials[0], "process_id": 1, "worker_id": "admin" });
    for (field, value, status, code) in [
        ("lot_number", json!("NO-SUCH"), 404, "LOT_NOT_FOUND"),
        ("lot_number", json!("🤖"), 404, "LOT_NOT_FOUND"),
        ("serial_number", json!("NO-SUCH"), 404, "SERIAL_NOT_FOUND"),
        ("serial_number", json!(b.serials[0]), 400, "SERIAL_NOT_IN_LOT"),
        ("process_id", json!(99), 404, "PROCESS_NOT_FOUND"),
        ("process_id", json!("PROC-099"), 404, "PROCESS_NOT_FOUND"),
        ("process_id", json!("LASER"), 422, "VALIDATION_ERROR"),
        ("process_id", json!(1.5), 422, "VALIDATION_ERROR"),
        ("process_id", Value::Null, 422, "VALIDATION_ERROR"),
        ("worker_id", json!("nobody"), 404, "WORKER_NOT_FOUND"),
        ("worker_id", json!("W999"), 404, "WORKER_NOT_FOUND"),
        ("equipment_id", json!(99), 404, "EQUIPMENT_NOT_FOUND"),
        ("started_at", json!("soon"), 422, "VALIDATION_ERROR"),
        ("started_at", json!(now_ms() + 3_600_000), 400, "INVALID_TIME"),
        ("started_at", json!("1999-01-01T00:00:00Z"), 400, "INVALID_TIME"),
        ("lot_number", json!(5), 422, "VALIDATION_ERROR"),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        let answer = server.post("/api/v1/process/start", &wrong).await;
        assert_eq!(refused(&answer), (status, code.to_owned()), "{field} {value}: {}", answer.text);
    }
    for missing in ["lot_number", "process_id"] {
        let mut wrong = body.clone();
        wrong.as_object_mut().expect("object").remove(missing);
        let answer = server.post("/api/v1/process/start", &wrong).await;
        assert_eq!(refused(&answer).0, 422, "{missing}");
    }
    good(&server.post("/api/v1/process/start", &body).await, 200);
}

async fn times_do_not_run_backwards(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let now = now_ms();
    let begin = json!({ "lot_number": lot.number, "serial_number": serial, "process_id": 1, "started_at": now - 60_000 });
    good(&server.post("/api/v1/process/start", &begin).await, 200);
    let end = |at: i64| {
        json!({
            "lot_number": lot.number, "serial_number": serial, "process_id": 1, "result": "PASS",
            "process_data": good_data(1, serial), "completed_at": at,
        })
    };
    assert_eq!(
        refused(&server.post("/api/v1/process/complete", &end(now - 120_000)).await),
        (400, "INVALID_TIME".into())
    );
    assert_eq!(
        refused(&server.post("/api/v1/process/complete", &end(now + 3_600_000)).await),
        (400, "INVALID_TIME".into())
    );
    let done = good(&server.post("/api/v1/process/complete", &end(now - 1_000)).await, 200);
    assert_eq!(done["data"]["duration_seconds"], 59.0);
    let early = json!({ "lot_number": lot.number, "serial_number": serial, "process_id": 2, "started_at": now - 600_000 });
    assert_eq!(refused(&server.post("/api/v1/process/start", &early).await), (400, "INVALID_TIME".into()));
}

async fn large_documents_are_kept_and_larger_ones_refused(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    pass(&server, &lot.number, serial, 1, 2).await;
    good(&start(&server, &lot.number, serial, 3).await, 200);
    let body = |bytes: usize| {
        let mut data = good_data(3, serial);
        data["waveform"] = json!("y".repeat(bytes));
        data["😀"] = json!({ "값": "𝄞" });
        json!({ "lot_number": lot.number, "serial_number": serial, "process_id": 3, "result": "PASS", "process_data": data })
    };
    let too_large = server.post("/api/v1/process/complete", &body(2 * 1_024 * 1_024)).await;
    assert_eq!(refused(&too_large), (413, "PAYLOAD_TOO_LARGE".into()));
    good(&server.post("/api/v1/process/complete", &body(1_024 * 1_024)).await, 200);
    let runs = good(&server.get(&format!("/api/v1/process-data/serial/{serial}/process/3")).await, 200);
    let kept = &runs[0]["measurements"];
    assert_eq!(kept["waveform"].as_str().map(str::len), Some(1_024 * 1_024));
    assert_eq!(kept["😀"]["값"], "𝄞");
}

async fn what_is_no_completion_changes_nothing(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    good(&start(&server, &lot.number, serial, 1).await, 200);
    let body = json!({ "lot_number": lot.number, "serial_number": serial, "process_id": 1, "result": "PASS", "process_data": good_data(1, serial) });
    for (field, value) in [
        ("result", json!("MAYBE")),
        ("result", json!(1)),
        ("process_data", json!([])),
        ("process_data", json!("PASS")),
        ("measurement_data", json!(3)),
        ("defects", json!("SENSOR")),
        ("defects", json!([{ "code": "A", "severity": "huge" }])),
        ("defects", json!([{ "name": "no code" }])),
        ("completed_at", json!({})),
        ("notes", json!(5)),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        let answer = server.post("/api/v1/process/complete", &wrong).await;
        assert_eq!(refused(&answer).0, 422, "{field} {value}: {}", answer.text);
    }
    for (field, value) in [
        ("notes", json!("x".repeat(1_001))),
        ("notes", json!("a\u{0}b")),
        ("process_data", json!({ "lot_number_engraved": "a\u{0}", "marking_result": "SUCCESS" })),
    ] {
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        assert_eq!(
            refused(&server.post("/api/v1/process/complete", &wrong).await),
            (400, "INVALID_PROCESS_DATA".into()),
            "{field}"
        );
    }
    for text in ["", "{", "[]", "nothing"] {
        let wrong = server
            .send_text(reqwest::Method::POST, "/api/v1/process/complete", "application/json", text)
            .await;
        assert_eq!(refused(&wrong).0, 422, "{text}");
    }
    assert_eq!(
        good(&server.get("/api/v1/process-data/incomplete").await, 200).as_array().map(Vec::len),
        Some(1)
    );
    good(&server.post("/api/v1/process/complete", &body).await, 200);
}

async fn numbers_beyond_every_range_are_refused(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let begin = |process: &str| {
        format!(r#"{{"lot_number":"{}","serial_number":"{serial}","process_id":{process}}}"#, lot.number)
    };
    for (process, statuses) in [
        ("9223372036854775807", [404, 404]),
        ("9223372036854775808", [422, 404]),
        ("-1", [422, 404]),
        ("1e400", [422, 422]),
        ("1e3", [422, 404]),
        ("\"PROC-99999999999999999999\"", [422, 404]),
    ] {
        let answer = server
            .send_text(reqwest::Method::POST, "/api/v1/process/start", "application/json", begin(process))
            .await;
        assert!(statuses.contains(&refused(&answer).0), "{process}: {}", answer.text);
    }
    pass(&server, &lot.number, serial, 1, 5).await;
    good(&start(&server, &lot.number, serial, 6).await, 200);
    let complete = |field: &str, number: &str| {
        let mut data = good_data(6, serial);
        data["test_results"][0][field] = json!("NUMBER");
        let body = json!({
            "lot_number": lot.number, "serial_number": serial, "process_id": 6, "result": "PASS", "process_data": data,
        });
        body.to_string().replace("\"NUMBER\"", number)
    };
    for (field, number, status, told) in [
        ("displacement", "250.001", 400, "250"),
        ("displacement", "-0.001", 400, "0"),
        ("displacement", "1e308", 400, "250"),
        ("displacement", "1e309", 422, ""),
        ("measured_force", "30.0000001", 400, "30"),
        ("measured_force", "-1e-300", 400, "0"),
        ("measured_force", "99999999999999999999999999999999", 400, "30"),
        ("measured_force", "NaN", 422, ""),
        ("measured_force", "null", 400, ""),
    ] {
        let body = complete(field, number);
        let answer = server
            .send_text(reqwest::Method::POST, "/api/v1/process/complete", "application/json", body)
            .await;
        assert_eq!(answer.status, status, "{field} {number}: {}", answer.text);
        if status == 400 {
            assert_eq!(answer.code(), "INVALID_PROCESS_DATA", "{}", answer.text);
            let named = format!("test_results[0].{field}");
            assert!(answer.text.contains(&named) && answer.text.contains(told), "{named}: {}", answer.text);
        }
    }
    for (field, number) in [("displacement", "250"), ("measured_force", "12.5")] {
        let body = complete(field, number);
        let answer = server
            .send_text(reqwest::Method::POST, "/api/v1/process/complete", "application/json", body)
            .await;
        // The second one comes too late: the first one was well.
        assert!([200, 409].contains(&answer.status.as_u16()), "{}", answer.text);
    }
    for quantity in ["0", "-1", "101", "1e30", "9223372036854775808", "1.5", "\"ten\"", "null"] {
        let body = format!(r#"{{"product_model_id":1,"target_quantity":{quantity}}}"#);
        let answer = server.send_text(reqwest::Method::POST, "/api/v1/lots", "application/json", body).await;
        assert_eq!(answer.status, 422, "{quantity}: {}", answer.text);
    }
}

async fn every_text_takes_every_character(server: Server) {
    // Four bytes in UTF-8, a combining mark, a right-to-left mark, Korean.
    let text = "𝄞 🏭 e\u{301} \u{200f}א 한글";
    let model = json!({ "model_code": "UNI", "model_name": text, "description": text, "specifications": { text: text } });
    let model = good(&server.post("/api/v1/product-models", &model).await, 201);
    let shown = good(&server.get("/api/v1/product-models/code/UNI").await, 200);
    assert_eq!((&shown["model_name"], &shown["specifications"][text]), (&json!(text), &json!(text)));
    let body = json!({ "product_model_id": model["id"], "target_quantity": 1, "work_order": text });
    let lot = good(&server.post("/api/v1/lots", &body).await, 201);
    assert_eq!(good(&server.get(&format!("/api/v1/lots/{}", lot["id"])).await, 200)["work_order"], text);
    let serial = good(&server.post("/api/v1/serials", &json!({ "lot_id": lot["id"] })).await, 201);
    let who = json!({
        "lot_number": lot["lot_number"], "serial_number": serial["serial_number"], "process_id": 3,
        "override_reason": text, "equipment_id": "EQ-1",
    });
    good(&server.post("/api/v1/process/start", &who).await, 200);
    let mut end = who.clone();
    end.as_object_mut().expect("object").remove("override_reason");
    end["result"] = "FAIL".into();
    end["notes"] = text.into();
    end["process_data"] = super::hot_data();
    end["process_data"][text] = json!([text, { text: text }]);
    end["defects"] = json!([{ "code": "SENSOR_TEMP_FAIL", "name": text, "cause": text, "analysis": text }]);
    good(&server.post("/api/v1/process/complete", &end).await, 200);
    let number = serial["serial_number"].as_str().expect("number");
    let run = &good(&server.get(&format!("/api/v1/process-data/serial/{number}")).await, 200)[0];
    assert_eq!((&run["notes"], &run["measurements"][text][1][text]), (&json!(text), &json!(text)));
    assert_eq!(run["override_reason"], text);
    let rework = json!({ "reason": text });
    good(&server.post(&format!("/api/v1/serials/{number}/rework"), &rework).await, 200);
    let trace = good(&server.get(&format!("/api/v1/serials/{number}/trace")).await, 200);
    assert_eq!(trace["rework_history"][0]["reason"], text);
}
