use reqwest::Method;
use serde_json::json;

use super::{as_person, delete, fail_sensor, good, lot, pass, person, put, refused};
use crate::common::{Server, on_both_engines};

on_both_engines!(
    units_are_numbered_found_and_removed,
    a_place_or_number_is_given_once_and_never_that_of_another_lot,
    a_failed_unit_is_reworked_three_times_and_then_scrapped,
    rework_takes_a_manager_and_a_reason,
    a_unit_is_failed_by_hand_with_a_reason,
);

async fn units_are_numbered_found_and_removed(server: Server) {
    let lot = lot(&server, "WF", 3).await;
    let numbers: Vec<String> = (1..=3).map(|n| format!("{}-{n:04}", lot.number)).collect();
    assert_eq!(lot.serials, numbers);
    let serial = good(&server.get(&format!("/api/v1/serials/{}", numbers[1])).await, 200);
    assert_eq!(
        (&serial["sequence_in_lot"], &serial["status"], &serial["rework_count"]),
        (&json!(2), &json!("CREATED"), &json!(0))
    );
    assert_eq!(serial["lot"]["product_model"]["model_code"], "WF");
    for path in
        [format!("/api/v1/serials/{}/", serial["id"]), format!("/api/v1/serials/number/{}", numbers[1])]
    {
        assert_eq!(good(&server.get(&path).await, 200), serial, "{path}");
    }
    for (query, count) in [
        (format!("?lot_id={}", lot.id), 3),
        ("?status=CREATED".to_owned(), 3),
        (format!("?lot_id={}&status=PASSED", lot.id), 0),
        (format!("/lot/{}", lot.id), 3),
        (format!("/lot/{}", lot.number), 3),
        ("/status/CREATED".to_owned(), 3),
        ("/failed".to_owned(), 0),
    ] {
        let found = server.get(&format!("/api/v1/serials{query}")).await;
        assert_eq!(good(&found, 200).as_array().map(Vec::len), Some(count), "{query}");
    }
    assert_eq!(delete(&server, &format!("/api/v1/serials/{}", serial["id"])).await.status, 204);
    assert_eq!(
        good(&server.get(&format!("/api/v1/lots/{}/quantities", lot.id)).await, 200)["actual_quantity"],
        2
    );
    // The number that was removed is given again: no gap.
    let again = good(&server.post("/api/v1/serials", &json!({ "lot_id": lot.number })).await, 201);
    assert_eq!(again["serial_number"], serial["serial_number"]);
    for unknown in ["999", "NO-SUCH", "number/NO-SUCH", "999/can-rework", "999/trace", "lot/999"] {
        assert_eq!(refused(&server.get(&format!("/api/v1/serials/{unknown}")).await).0, 404, "{unknown}");
    }
}

async fn a_place_or_number_is_given_once_and_never_that_of_another_lot(server: Server) {
    let (a, b) = (lot(&server, "AA", 1).await, lot(&server, "BB", 1).await);
    let model = good(&server.get(&format!("/api/v1/lots/{}", a.id)).await, 200)["product_model_id"].clone();
    let wide = good(
        &server.post("/api/v1/lots", &json!({ "product_model_id": model, "target_quantity": 9 })).await,
        201,
    );
    let make = async |body: serde_json::Value| server.post("/api/v1/serials", &body).await;
    good(&make(json!({ "lot_id": wide["id"], "sequence_in_lot": 4 })).await, 201);
    assert_eq!(
        refused(&make(json!({ "lot_id": wide["id"], "sequence_in_lot": 4 })).await),
        (409, "DUPLICATE_NUMBER".into())
    );
    for place in [0, 10, -1] {
        assert_eq!(
            refused(&make(json!({ "lot_id": wide["id"], "sequence_in_lot": place })).await).0,
            422,
            "{place}"
        );
    }
    let others = json!({ "lot_id": wide["id"], "serial_number": format!("{}-0002", b.number) });
    assert_eq!(refused(&make(others).await), (400, "SERIAL_NOT_IN_LOT".into()));
    good(&make(json!({ "lot_id": wide["id"], "serial_number": "SN-1" })).await, 201);
    assert_eq!(refused(&make(json!({ "lot_id": wide["id"], "serial_number": "SN-1" })).await).0, 409);
    assert_eq!(refused(&make(json!({ "lot_id": 999 })).await), (404, "LOT_NOT_FOUND".into()));
}

async fn a_failed_unit_is_reworked_three_times_and_then_scrapped(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let path = format!("/api/v1/serials/{serial}");
    let can = async || good(&server.get(&format!("{path}/can-rework")).await, 200);
    let rework =
        async || server.post(&format!("{path}/rework"), &json!({ "reason": "connector reseated" })).await;
    pass(&server, &lot.number, serial, 1, 2).await;
    assert_eq!(can().await["code"], "SERIAL_NOT_FAILED");
    assert_eq!(refused(&rework().await), (409, "SERIAL_NOT_FAILED".into()));
    for round in 1..=3 {
        let failed = fail_sensor(&server, &lot.number, serial).await;
        assert_eq!(
            (&failed["data"]["serial_status"], &failed["data"]["defect_status"]),
            (&json!("FAILED"), &json!("DEFECTED"))
        );
        assert_eq!(
            refused(&super::start(&server, &lot.number, serial, 3).await),
            (409, "REWORK_REQUIRED".into())
        );
        assert_eq!(can().await["can_rework"], true);
        let approved = good(&rework().await, 200);
        assert_eq!(
            (&approved["data"]["rework_count"], &approved["data"]["rework"]["number"]),
            (&json!(round), &json!(round))
        );
        assert_eq!(approved["data"]["defect_status"], "REWORK");
        assert!(
            approved["data"]["rework"]["failure_reason"].as_str().expect("text").contains("SENSOR_TEMP_FAIL")
        );
    }
    let last = fail_sensor(&server, &lot.number, serial).await;
    assert_eq!(
        (&last["data"]["defect_status"], &last["data"]["lot_status"]),
        (&json!("SCRAPPED"), &json!("COMPLETED"))
    );
    assert_eq!(can().await["code"], "REWORK_LIMIT_REACHED");
    assert_eq!(refused(&rework().await).0, 409);
    assert_eq!(refused(&super::start(&server, &lot.number, serial, 3).await).0, 409);
    let failed = good(&server.get("/api/v1/serials/failed").await, 200);
    assert_eq!((&failed[0]["serial_number"], &failed[0]["rework_count"]), (&json!(serial), &json!(3)));
}

async fn rework_takes_a_manager_and_a_reason(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let path = format!("/api/v1/serials/{serial}/rework");
    pass(&server, &lot.number, serial, 1, 2).await;
    fail_sensor(&server, &lot.number, serial).await;
    for reason in [json!({}), json!({ "reason": "  " }), json!({ "reason": "x".repeat(1_001) })] {
        assert_eq!(refused(&server.post(&path, &reason).await), (400, "REASON_REQUIRED".into()), "{reason}");
    }
    let body = json!({ "reason": "재작업 🔧" });
    let worker = person(&server, "worker", "OPERATOR").await;
    assert_eq!(refused(&as_person(&server, &worker, Method::POST, &path, &body).await).0, 403);
    let manager = person(&server, "manager", "MANAGER").await;
    let approved = as_person(&server, &manager, Method::POST, &path, &body).await;
    assert_eq!(good(&approved, 200)["data"]["rework"]["reason"], "재작업 🔧");
}

async fn a_unit_is_failed_by_hand_with_a_reason(server: Server) {
    let lot = lot(&server, "WF", 2).await;
    let path = format!("/api/v1/serials/{}/status", lot.serials[0]);
    let step = async |body: serde_json::Value| put(&server, &path, &body).await;
    assert_eq!(refused(&step(json!({ "status": "FAILED", "failure_reason": "dropped" })).await).0, 400);
    good(&step(json!({ "status": "IN_PROGRESS" })).await, 200);
    assert_eq!(refused(&step(json!({ "status": "FAILED" })).await), (400, "REASON_REQUIRED".into()));
    assert_eq!(
        refused(&step(json!({ "status": "PASSED" })).await),
        (400, "PREVIOUS_PROCESS_NOT_COMPLETED".into())
    );
    let failed = good(&step(json!({ "status": "FAILED", "failure_reason": "dropped" })).await, 200);
    assert_eq!(
        (&failed["data"]["failure_reason"], &failed["data"]["status"]),
        (&json!("dropped"), &json!("FAILED"))
    );
    assert_eq!(refused(&step(json!({ "status": "IN_PROGRESS" })).await).0, 409);
    assert_eq!(refused(&step(json!({ "status": "CREATED" })).await).0, 400);
    assert_eq!(refused(&step(json!({ "status": "LOST" })).await).0, 422);
    let counts = good(&server.get(&format!("/api/v1/lots/{}/quantities", lot.id)).await, 200);
    assert_eq!((&counts["failed_quantity"], &counts["defect_rate"]), (&json!(1), &json!(100.0)));
}
