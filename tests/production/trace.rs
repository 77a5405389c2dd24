use serde_json::{Value, json};

use super::{fail_sensor, good, lot, pass};
use crate::common::{Server, on_both_engines};

on_both_engines!(a_unit_is_traced_to_its_parts_and_parts_to_their_units,);

async fn a_unit_is_traced_to_its_parts_and_parts_to_their_units(server: Server) {
    let lot = lot(&server, "WF", 3).await;
    pass(&server, &lot.number, &lot.serials[0], 1, 2).await;
    fail_sensor(&server, &lot.number, &lot.serials[0]).await;
    let rework = json!({ "reason": "sensor replaced" });
    good(&server.post(&format!("/api/v1/serials/{}/rework", lot.serials[0]), &rework).await, 200);
    pass(&server, &lot.number, &lot.serials[0], 3, 8).await;
    pass(&server, &lot.number, &lot.serials[1], 1, 2).await;

    let trace = good(&server.get(&format!("/api/v1/serials/{}/trace", lot.serials[0])).await, 200);
    assert_eq!(
        (&trace["serial"]["status"], &trace["lot"]["lot_number"]),
        (&json!("PASSED"), &json!(lot.number))
    );
    let history = trace["process_history"].as_array().expect("array");
    let steps: Vec<(i64, &str)> = history
        .iter()
        .map(|run| {
            (
                run["process"]["process_number"].as_i64().expect("number"),
                run["result"].as_str().expect("result"),
            )
        })
        .collect();
    let expected = [
        (1, "PASS"),
        (2, "PASS"),
        (3, "FAIL"),
        (3, "PASS"),
        (4, "PASS"),
        (5, "PASS"),
        (6, "PASS"),
        (7, "PASS"),
        (8, "PASS"),
    ];
    assert_eq!(steps, expected);
    assert_eq!(history[2]["defects"][0]["code"], "SENSOR_TEMP_FAIL");
    assert_eq!(trace["rework_history"][0]["reason"], "sensor replaced");
    assert!(trace["rework_history"][0]["restarted_at"].is_string());
    let parts: Vec<(&Value, &Value)> = trace["component_lots"]
        .as_array()
        .expect("array")
        .iter()
        .map(|c| (&c["kind"], &c["component_lot"]))
        .collect();
    assert_eq!(parts, [(&json!("BUSBAR"), &json!("BB-17")), (&json!("SMA_SPRING"), &json!("SP-3"))]);
    let total: f64 = history.iter().map(|run| run["duration_seconds"].as_f64().expect("seconds")).sum();
    assert!((trace["total_cycle_time_seconds"].as_f64().expect("seconds") - total).abs() < 0.1);
    assert_eq!(trace["needs_review"], false);

    let holders = server.get("/api/v1/components/BB-17/serials").await;
    assert_eq!(holders.header("x-total-count"), "2");
    let numbers: Vec<Value> =
        good(&holders, 200).as_array().expect("array").iter().map(|s| s["serial_number"].clone()).collect();
    assert_eq!(numbers, [json!(lot.serials[0]), json!(lot.serials[1])]);
    for (query, count) in
        [("BB-17/serials?kind=BUSBAR", 2), ("BB-17/serials?kind=SMA_SPRING", 0), ("NO-SUCH/serials", 0)]
    {
        assert_eq!(
            good(&server.get(&format!("/api/v1/components/{query}")).await, 200).as_array().map(Vec::len),
            Some(count),
            "{query}"
        );
    }
}
