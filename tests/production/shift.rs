//! A whole shift: a lot of five units through the eight processes, with failures, rework and scrap, to its end.

use serde_json::json;

use super::{PROCESSES, fail_sensor, good, lot, pass, refused, start};
use crate::common::{Server, on_both_engines};

on_both_engines!(a_shift_from_the_first_scan_to_the_closed_lot,);

async fn a_shift_from_the_first_scan_to_the_closed_lot(server: Server) {
    let lot = lot(&server, "WF", 5).await;
    let shown = async || good(&server.get(&format!("/api/v1/lots/{}", lot.id)).await, 200);
    for serial in &lot.serials[..3] {
        pass(&server, &lot.number, serial, 1, PROCESSES).await;
    }
    // The fourth unit fails once, is reworked and passes.
    let fourth = &lot.serials[3];
    pass(&server, &lot.number, fourth, 1, 2).await;
    fail_sensor(&server, &lot.number, fourth).await;
    let rework = json!({ "reason": "sensor replaced" });
    good(&server.post(&format!("/api/v1/serials/{fourth}/rework"), &rework).await, 200);
    assert_eq!(shown().await["failed_quantity"], 0);
    pass(&server, &lot.number, fourth, 3, PROCESSES).await;
    // The fifth fails at the laser, where there is no rework.
    let fifth = &lot.serials[4];
    good(&start(&server, &lot.number, fifth, 1).await, 200);
    let failed = json!({
        "lot_number": lot.number, "serial_number": fifth, "process_id": 1, "result": "FAIL",
        "process_data": { "lot_number_engraved": "?", "marking_result": "FAIL" }, "defects": ["MARKING_FAIL"],
    });
    let failed = good(&server.post("/api/v1/process/complete", &failed).await, 200);
    assert_eq!(
        (&failed["data"]["defect_status"], &failed["data"]["lot_status"]),
        (&json!("SCRAPPED"), &json!("COMPLETED"))
    );

    let done = shown().await;
    let counts = ["actual_quantity", "passed_quantity", "failed_quantity", "scrapped_quantity"]
        .map(|name| done[name].clone());
    assert_eq!(counts, [json!(5), json!(4), json!(1), json!(1)]);
    assert_eq!(
        (&done["pass_rate"], &done["defect_rate"], &done["status"]),
        (&json!(80.0), &json!(20.0), &json!("COMPLETED"))
    );
    assert_eq!(refused(&start(&server, &lot.number, &lot.serials[0], 8).await).0, 409);
    let closed = good(&server.post(&format!("/api/v1/lots/{}/close", lot.id), &json!({})).await, 200);
    assert_eq!(closed["data"]["status"], "CLOSED");

    let alerts = good(&server.get("/api/v1/alerts").await, 200);
    let types: Vec<&str> = alerts["alerts"]
        .as_array()
        .expect("array")
        .iter()
        .map(|a| a["alert_type"].as_str().expect("type"))
        .collect();
    assert_eq!(types.iter().filter(|t| **t == "DEFECT_DETECTED").count(), 2, "{types:?}");
    assert_eq!(types.iter().filter(|t| **t == "LOT_COMPLETED").count(), 1, "{types:?}");
    let audit = server.get("/api/v1/audit-logs?entity_type=lot").await;
    assert!(good(&audit, 200).as_array().is_some_and(|lines| !lines.is_empty()));
    let recounted = super::put(&server, &format!("/api/v1/lots/{}/quantities", lot.id), &json!({})).await;
    assert_eq!(good(&recounted, 200)["passed_quantity"], 4);
}
