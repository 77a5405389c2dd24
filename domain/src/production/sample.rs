//! Made-up process data of a unit that is well: what simulated stations report.

use serde_json::{Value, json};

/// The data that a process's own schema asks for, in full, of a unit on which nothing is wrong. `process` is its number, 1 to 8.
#[must_use]
pub fn sample_data(process: u8, unit: &str) -> Value {
    match process {
        1 => json!({ "lot_number_engraved": unit, "marking_result": "SUCCESS" }),
        2 => json!({
            "sma_spring_lot": "SP-3", "busbar_lot": "BB-17", "assembly_time": 2.5, "visual_inspection": "PASS",
        }),
        3 => json!({
            "temp_sensor": { "measured_temp": 60.2, "target_temp": 60, "tolerance": 1, "result": "PASS" },
            "tof_sensor": { "i2c_communication": true, "result": "PASS" },
        }),
        4 => json!({ "firmware_version": "v1.2.3", "upload_result": "SUCCESS" }),
        5 => json!({ "assembly_time": 4.5, "cable_connection": "OK", "final_visual_check": "PASS" }),
        6 => {
            let point = |n: u8| {
                json!({
                    "test_point_id": format!("T{n}"), "temperature": 38.0, "displacement": 10.0 * f64::from(n),
                    "measured_force": 12.4, "spec": { "target_force": 12.0, "tolerance": 1.0 }, "result": "PASS",
                })
            };
            json!({ "test_results": (1..=12).map(point).collect::<Vec<_>>(), "overall_result": "PASS" })
        }
        7 => json!({
            "serial_number": unit, "label_printed": true, "printer_id": "ZEBRA-01",
            "print_time": "2026-01-10T09:00:00+09:00", "barcode_verified": true,
        }),
        _ => json!({ "inspection_result": "PASS", "visual_defects": [] }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DataSchema, RunResult, Strictness, seed_processes};
    use super::*;

    #[test]
    fn a_sample_is_what_each_process_asks_for() {
        for (number, process) in (1..).zip(seed_processes()) {
            let schema = DataSchema::compile(&process.data_schema).expect("a schema");
            let data = sample_data(number, "WF-KR-251110D-001-0001");
            assert_eq!(schema.check(&data, RunResult::Pass, Strictness::Whole), Ok(()), "{number}");
        }
    }
}
