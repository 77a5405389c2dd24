//! Figures against cases worked by hand. The formulas are in `docs/production.md`.

use serde_json::{Value, json};

use super::{fail_sensor, good, good_data, lot, pass, put, refused};
use crate::common::{Server, now_ms, on_both_engines};

on_both_engines!(
    days_workers_and_progress_by_hand,
    yields_pareto_and_rates_by_hand,
    an_empty_plant_has_no_rates,
    cycle_times_efficiency_and_oee_by_hand,
    process_capability_by_hand,
    work_in_progress_and_the_bottleneck_are_seen_now,
);

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((value - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{value} is not {expected}");
}

async fn an_empty_plant_has_no_rates(server: Server) {
    let overview = good(&server.get("/api/v1/analytics/overview").await, 200);
    let documented = ["total_lots", "active_lots", "total_serials", "passed_serials", "failed_serials"]
        .map(|n| overview[n].clone());
    assert_eq!(documented, [json!(0), json!(0), json!(0), json!(0), json!(0)]);
    assert_eq!(overview["pass_rate"], 0.0);
    let quality = good(&server.get("/api/v1/analytics/quality-metrics").await, 200);
    assert_eq!(
        (&quality["pass_rate"], &quality["rolled_throughput_yield"], &quality["capability"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    let summary = good(&server.get("/api/v1/dashboard/summary").await, 200);
    assert_eq!(
        (&summary["total_started"], &summary["defect_rate"], &summary["lots"]),
        (&json!(0), &json!(0.0), &json!([]))
    );
    assert_eq!(summary["process_wip"].as_array().map(Vec::len), Some(8));
}

/// Four units: three pass everything, one of them after a rework of process 3; the fourth fails process 3 and stays so.
async fn four_units(server: &Server) {
    let lot = lot(server, "WF", 4).await;
    // Three units pass everything; of these, one fails process 3 once and is reworked. The fourth fails it and stays so.
    for serial in &lot.serials[..2] {
        pass(server, &lot.number, serial, 1, 8).await;
    }
    for serial in &lot.serials[2..] {
        pass(server, &lot.number, serial, 1, 2).await;
        fail_sensor(server, &lot.number, serial).await;
    }
    good(
        &server
            .post(&format!("/api/v1/serials/{}/rework", lot.serials[2]), &json!({ "reason": "again" }))
            .await,
        200,
    );
    pass(server, &lot.number, &lot.serials[2], 3, 8).await;
}

async fn yields_pareto_and_rates_by_hand(server: Server) {
    four_units(&server).await;
    let overview = good(&server.get("/api/v1/analytics/overview").await, 200);
    assert_eq!(
        (&overview["total_lots"], &overview["active_lots"], &overview["total_serials"]),
        (&json!(1), &json!(1), &json!(4))
    );
    assert_eq!((&overview["passed_serials"], &overview["failed_serials"]), (&json!(3), &json!(1)));
    near(&overview["pass_rate"], 75.0);

    let quality = good(&server.get("/api/v1/analytics/quality-metrics").await, 200);
    // Process 3: two of four first attempts passed; all others are at 100 %.
    near(&quality["processes"][2]["first_pass_yield"], 50.0);
    near(&quality["rolled_throughput_yield"], 50.0);
    // 4 + 4 + 4 + 5 × 3 first attempts, of which 2 failed.
    near(&quality["first_pass_yield"], 100.0 * 25.0 / 27.0);
    assert_eq!(
        (&quality["passed_serials"], &quality["failed_serials"], &quality["reworks"]),
        (&json!(3), &json!(2), &json!(1))
    );
    near(&quality["pass_rate"], 60.0);
    assert_eq!(
        quality["defect_pareto"],
        json!([{ "key": "SENSOR_TEMP_FAIL", "count": 2, "share": 100.0, "cumulative": 100.0 }])
    );

    let defects = good(&server.get("/api/v1/analytics/defects").await, 200);
    assert_eq!(
        (&defects["total"], &defects["by_process"][0]["key"], &defects["by_operator"][0]["count"]),
        (&json!(2), &json!("SENSOR_INSPECTION"), &json!(2))
    );
    let busbar = defects["by_component_lot"]
        .as_array()
        .expect("array")
        .iter()
        .find(|c| c["kind"] == "BUSBAR")
        .expect("busbar");
    assert_eq!(
        (&busbar["component_lot"], &busbar["used"], &busbar["defects"]),
        (&json!("BB-17"), &json!(4), &json!(2))
    );
    near(&busbar["defect_rate"], 50.0);
    let trend = good(&server.get("/api/v1/analytics/defect-trends").await, 200);
    let trend = trend.as_array().expect("array");
    assert_eq!(
        (trend.len(), &trend[29]["defects"], &trend[29]["by_code"]["SENSOR_TEMP_FAIL"]),
        (30, &json!(2), &json!(2))
    );
    assert_eq!(trend[0]["defects"], 0);
}

async fn days_workers_and_progress_by_hand(server: Server) {
    four_units(&server).await;
    let stats = good(&server.get("/api/v1/analytics/production-stats").await, 200);
    let day = &stats[29];
    let counts = ["created", "started", "passed", "failed", "scrapped", "reworked"].map(|n| day[n].clone());
    assert_eq!(counts, [json!(4), json!(4), json!(3), json!(2), json!(0), json!(1)]);
    let operators = good(&server.get("/api/v1/analytics/operator-performance").await, 200);
    // 4 × 2 and 5 runs of processes 1 to 3, and 3 × 5 of the others.
    assert_eq!(
        (&operators[0]["username"], &operators[0]["completed"], &operators[0]["failed"]),
        (&json!("admin"), &json!(28), &json!(2))
    );

    let summary = good(&server.get("/api/v1/dashboard/summary").await, 200);
    assert_eq!(
        (&summary["total_started"], &summary["total_completed"], &summary["total_defective"]),
        (&json!(4), &json!(3), &json!(2))
    );
    near(&summary["defect_rate"], 40.0);
    // 3 × 8 processes and 2 of the fourth unit, of 4 × 8.
    near(&summary["lots"][0]["progress"], 100.0 * 26.0 / 32.0);
    assert_eq!(summary["date"], day["date"]);
    for (query, total) in [
        ("start_date=2020-01-01&end_date=2020-01-31", 0),
        ("product_model_id=1", 1),
        ("product_model_id=99", 0),
    ] {
        let part = good(&server.get(&format!("/api/v1/analytics/overview?{query}")).await, 200);
        assert_eq!(part["total_lots"], total, "{query}");
    }
}

async fn cycle_times_efficiency_and_oee_by_hand(server: Server) {
    let lot = lot(&server, "WF", 2).await;
    let equipment = json!({ "equipment_code": "LASER-1", "equipment_name": "Laser", "process_id": 1 });
    good(&server.post("/api/v1/equipment", &equipment).await, 201);
    let now = now_ms();
    for (serial, seconds) in lot.serials.iter().zip([30, 90]) {
        let run = json!({
            "lot_id": lot.id, "serial_id": serial, "process_id": 1, "result": "PASS", "equipment_id": "LASER-1",
            "process_data": good_data(1, serial), "started_at": now - seconds * 1_000, "completed_at": now,
        });
        good(&server.post("/api/v1/process-data", &run).await, 201);
    }
    let efficiency = good(&server.get("/api/v1/analytics/process-efficiency").await, 200);
    let first = &efficiency["processes"][0];
    // 30 s and 90 s: mean 60 s, which is the plan.
    near(&first["average_cycle_time_seconds"], 60.0);
    near(&first["min_cycle_time_seconds"], 30.0);
    near(&first["max_cycle_time_seconds"], 90.0);
    near(&first["efficiency"], 100.0);
    let oee = &efficiency["equipment"][0];
    assert_eq!(oee["equipment_code"], "LASER-1");
    near(&oee["availability"], 1.0);
    near(&oee["quality"], 1.0);
    let times = good(&server.get("/api/v1/analytics/cycle-time?process_id=PROC-001").await, 200);
    near(&times[0]["recent_p50_seconds"], 30.0);
    near(&times[0]["recent_p95_seconds"], 90.0);
    let performance = good(&server.get("/api/v1/analytics/process-performance").await, 200);
    assert_eq!((&performance[0]["completed"], &performance[1]["completed"]), (&json!(2), &json!(0)));
    assert_eq!(performance[1]["average_cycle_time_seconds"], Value::Null);
}

async fn process_capability_by_hand(server: Server) {
    let lot = lot(&server, "WF", 3).await;
    // 59.5, 60.0, 60.5 within 59 to 61: mean 60, sample sigma 0.5, Cp = Cpk = 2 ÷ 3.
    for (serial, temp) in lot.serials.iter().zip([59.5, 60.0, 60.5]) {
        pass(&server, &lot.number, serial, 1, 2).await;
        good(&super::start(&server, &lot.number, serial, 3).await, 200);
        let mut data = good_data(3, serial);
        data["temp_sensor"]["measured_temp"] = json!(temp);
        good(&super::complete(&server, &lot.number, serial, 3, "PASS", &data).await, 200);
    }
    let quality = good(&server.get("/api/v1/analytics/quality-metrics?process_id=3").await, 200);
    let value = quality["capability"]
        .as_array()
        .expect("array")
        .iter()
        .find(|c| c["lower"] == 59.0)
        .expect("the temperature");
    assert_eq!(
        (&value["process_number"], &value["n"], &value["upper"]),
        (&json!(3), &json!(3), &json!(61.0))
    );
    near(&value["mean"], 60.0);
    near(&value["sigma"], 0.5);
    near(&value["cp"], 2.0 / 3.0);
    near(&value["cpk"], 2.0 / 3.0);
}

async fn work_in_progress_and_the_bottleneck_are_seen_now(server: Server) {
    let lot = lot(&server, "WF", 3).await;
    for serial in &lot.serials {
        pass(&server, &lot.number, serial, 1, 2).await;
    }
    good(&super::start(&server, &lot.number, &lot.serials[0], 3).await, 200);
    let wip = good(&server.get("/api/v1/dashboard/process-wip").await, 200);
    let third = ["process_number", "wip", "in_process", "waiting"].map(|n| wip[2][n].clone());
    assert_eq!(third, [json!(3), json!(3), json!(1), json!(2)]);
    let now = good(&server.get("/api/v1/analytics/realtime-status").await, 200);
    assert_eq!(
        (&now["units_in_progress"], &now["open_runs"], &now["active_lots"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(now["held_equipment"], 0);
    let processes = good(&server.get("/api/v1/dashboard/processes").await, 200);
    assert_eq!((&processes[0]["today"]["passed"], &processes[0]["planned_seconds"]), (&json!(3), &json!(60)));
    assert_eq!(processes.as_array().map(Vec::len), Some(8));
    let screen = good(&server.get("/api/v1/analytics/dashboard").await, 200);
    assert!(screen["overview"].is_object() && screen["today"].is_object() && screen["quality"].is_object());
    let lots = good(&server.get("/api/v1/dashboard/lots").await, 200);
    near(&lots[0]["progress"], 25.0);

    let day = now["at"].as_str().expect("time")[..10].to_owned();
    let target = json!({ "date": day, "quantity": 100 });
    let set = good(&put(&server, "/api/v1/targets", &target).await, 200);
    assert_eq!(
        good(&put(&server, "/api/v1/targets", &json!({ "date": day, "quantity": 90 })).await, 200)["id"],
        set["id"]
    );
    assert_eq!(good(&server.get(&format!("/api/v1/targets?date={day}")).await, 200)[0]["quantity"], 90);
    assert_eq!(super::delete(&server, &format!("/api/v1/targets/{}", set["id"])).await.status, 204);
    for wrong in [json!({ "date": day, "quantity": 0 }), json!({ "date": "soon", "quantity": 5 })] {
        assert_eq!(refused(&put(&server, "/api/v1/targets", &wrong).await).0, 422, "{wrong}");
    }
}
