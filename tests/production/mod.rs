//! The MES: catalogues, lots, units, stations, figures, alerts' causes, import and export.

mod agent;
mod analytics;
mod catalogues;
mod exchange;
pub(crate) mod firmware;
mod holds;
mod labels;
mod lots;
mod races;
mod records;
mod refusals;
mod serials;
mod shift;
mod stations;
mod trace;
mod walk;

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Server};

/// Processes of a new plant.
pub(crate) const PROCESSES: i64 = 8;

/// What each process says of a unit that is well.
pub(crate) fn good_data(process: i64, serial: &str) -> Value {
    match process {
        1 => json!({ "lot_number_engraved": serial, "marking_result": "SUCCESS" }),
        2 => {
            json!({ "sma_spring_lot": "SP-3", "busbar_lot": "BB-17", "assembly_time": 2.5, "visual_inspection": "PASS" })
        }
        3 => json!({
            "temp_sensor": { "measured_temp": 60.2, "target_temp": 60, "tolerance": 1, "result": "PASS" },
            "tof_sensor": { "i2c_communication": true, "result": "PASS" },
        }),
        4 => json!({ "firmware_version": "v1.2.3", "upload_result": "SUCCESS" }),
        5 => json!({ "assembly_time": 4.5, "cable_connection": "OK", "final_visual_check": "PASS" }),
        6 => json!({
            "test_results": [{
                "test_point_id": "T1", "temperature": 38.0, "displacement": 120.0, "measured_force": 12.4,
                "spec": { "target_force": 12.0, "tolerance": 1.0 }, "result": "PASS",
            }],
            "overall_result": "PASS",
        }),
        7 => json!({
            "serial_number": serial, "label_printed": true, "printer_id": "ZEBRA-01",
            "print_time": "2025-11-10T09:00:00+09:00", "barcode_verified": true,
        }),
        _ => json!({ "inspection_result": "PASS", "visual_defects": [] }),
    }
}

/// Data of process 3 with a temperature that is too high.
pub(crate) fn hot_data() -> Value {
    json!({
        "temp_sensor": { "measured_temp": 62.4, "target_temp": 60, "tolerance": 1, "result": "FAIL" },
        "tof_sensor": { "i2c_communication": true, "result": "PASS" },
    })
}

/// The answer's body, after its status was as expected.
pub(crate) fn good(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    answer.json()
}

/// Status and code of a refusal.
pub(crate) fn refused(answer: &Answer) -> (u16, String) {
    assert!(!answer.status.is_success(), "{}", answer.text);
    (answer.status.as_u16(), answer.code())
}

pub(crate) async fn put(server: &Server, path: &str, body: &Value) -> Answer {
    server.send(Method::PUT, path, body).await
}

pub(crate) async fn delete(server: &Server, path: &str) -> Answer {
    server.send_text(Method::DELETE, path, "application/json", "").await
}

/// Registers a product model and gives its id.
pub(crate) async fn model(server: &Server, code: &str) -> i64 {
    let body = json!({ "model_code": code, "model_name": format!("{code} model") });
    good(&server.post("/api/v1/product-models", &body).await, 201)["id"].as_i64().expect("id")
}

/// A lot with its units.
pub(crate) struct MadeLot {
    pub(crate) id: i64,
    pub(crate) number: String,
    pub(crate) serials: Vec<String>,
}

/// Makes a lot of `units` units of a model that is registered on the way.
pub(crate) async fn lot(server: &Server, code: &str, units: i64) -> MadeLot {
    let model = model(server, code).await;
    lot_of(server, model, units).await
}

pub(crate) async fn lot_of(server: &Server, model: i64, units: i64) -> MadeLot {
    let body = json!({ "product_model_id": model, "target_quantity": units });
    let lot = good(&server.post("/api/v1/lots", &body).await, 201);
    let id = lot["id"].as_i64().expect("id");
    let mut serials = Vec::new();
    for _ in 0..units {
        let serial = good(&server.post("/api/v1/serials", &json!({ "lot_id": id })).await, 201);
        serials.push(serial["serial_number"].as_str().expect("number").to_owned());
    }
    MadeLot { id, number: lot["lot_number"].as_str().expect("number").to_owned(), serials }
}

pub(crate) async fn start(server: &Server, lot: &str, serial: &str, process: i64) -> Answer {
    let body = json!({
        "lot_number": lot, "serial_number": serial, "process_id": process, "worker_id": "admin", "equipment_id": "EQ-001",
    });
    server.post("/api/v1/process/start", &body).await
}

pub(crate) async fn complete(
    server: &Server,
    lot: &str,
    serial: &str,
    process: i64,
    result: &str,
    data: &Value,
) -> Answer {
    let body = json!({
        "lot_number": lot, "serial_number": serial, "process_id": process, "result": result, "process_data": data,
    });
    server.post("/api/v1/process/complete", &body).await
}

/// Takes a unit through the processes `from` to `to`, all PASS.
pub(crate) async fn pass(server: &Server, lot: &str, serial: &str, from: i64, to: i64) {
    for process in from..=to {
        good(&start(server, lot, serial, process).await, 200);
        let done = complete(server, lot, serial, process, "PASS", &good_data(process, serial)).await;
        good(&done, 200);
    }
}

/// Lets process 3 fail on a unit that has passed 1 and 2.
pub(crate) async fn fail_sensor(server: &Server, lot: &str, serial: &str) -> Value {
    good(&start(server, lot, serial, 3).await, 200);
    good(&complete(server, lot, serial, 3, "FAIL", &hot_data()).await, 200)
}

/// A new user of `role`, signed in.
pub(crate) async fn person(server: &Server, name: &str, role: &str) -> reqwest::Client {
    let password = "Night-shift-8";
    let body = json!({ "username": name, "password": password, "full_name": name, "role": role });
    good(&server.post("/api/v1/users", &body).await, 201);
    let credentials = json!({ "username": name, "password": password });
    let signed_in = good(&server.post("/api/v1/auth/login", &credentials).await, 200);
    crate::common::client_with(signed_in["access_token"].as_str().expect("token"))
}

/// A request of somebody else than the administrator.
pub(crate) async fn as_person(
    server: &Server,
    client: &reqwest::Client,
    method: Method,
    path: &str,
    body: &Value,
) -> Answer {
    crate::common::read(client.request(method, server.url(path)).json(body).send().await.expect(path)).await
}
