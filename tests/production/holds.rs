//! What follows from abnormal sensors, over HTTP: hold, alert, marked runs, acknowledgement, review.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{as_person, complete, good, good_data, lot, person, refused};
use crate::common::{CONFIG_FILE, Server};

/// A plant that holds equipment of which two of three verdicts are abnormal, and looks often.
async fn strict() -> Server {
    let dir = Arc::new(TempDir::new().expect("directory"));
    let rules = "[production]\nlook_interval_ms = 50\n\
                 rules = [{ name = \"strict\", abnormal = 2, of = 3, hold = true }]\n";
    std::fs::write(dir.path().join(CONFIG_FILE), rules).expect("written");
    Server::start_in(dir, &[]).await.ready().await
}

/// Registers equipment `EQ-1` with a sensor `eq1` that has a full window; gives the equipment's number.
async fn watched(server: &Server) -> i64 {
    let body = json!({ "equipment_code": "EQ-1", "equipment_name": "Laser" });
    let equipment = good(&server.post("/api/v1/equipment", &body).await, 201)["id"].as_i64().expect("id");
    server.sensor_with_window("eq1").await;
    bounds(server, json!({ "equipment": "EQ-1" })).await;
    equipment
}

async fn bounds(server: &Server, change: Value) {
    let answer = server.send(Method::PATCH, "/api/sensors/eq1", &change).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Has the sensor judged `n` times, every time as abnormal or as within its bounds.
async fn judge(server: &Server, abnormal: bool, n: usize) {
    // Below its lower bound, or within both.
    bounds(server, json!({ "thresholds": { "low": if abnormal { 1_000.0 } else { -1_000.0 } } })).await;
    for _ in 0..n {
        let verdict = good(&server.post("/api/analyze/eq1", &json!({})).await, 200);
        if abnormal {
            assert_eq!(verdict["result"], "abnormal", "{verdict}");
        }
    }
}

async fn start_at(server: &Server, lot: &str, serial: &str) -> crate::common::Answer {
    let body = json!({
        "lot_number": lot, "serial_number": serial, "process_id": 1, "worker_id": "admin", "equipment_id": "EQ-1",
    });
    server.post("/api/v1/process/start", &body).await
}

/// The active hold, once there is one.
async fn hold_of(server: &Server, equipment: i64) -> Value {
    let path = format!("/api/v1/holds?active=true&equipment_id={equipment}");
    server.until("the hold", async || server.get(&path).await.header("x-total-count") == "1").await;
    good(&server.get(&path).await, 200)[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn equipment_is_held_acknowledged_and_its_runs_reviewed() {
    let server = strict().await;
    let equipment = watched(&server).await;
    let made = lot(&server, "WF", 3).await;
    let [one, two, three] = [0, 1, 2].map(|n| made.serials[n].clone());
    good(&start_at(&server, &made.number, &one).await, 200);
    judge(&server, true, 2).await;
    let hold = hold_of(&server, equipment).await;
    let event = hold["event_id"].as_str().expect("an event").to_owned();
    assert_eq!((&hold["is_active"], &hold["released_at"]), (&json!(true), &Value::Null));

    // New starts are refused with the reason; what is under way may end, and other equipment may work.
    let refusal = start_at(&server, &made.number, &two).await;
    assert_eq!(refused(&refusal), (409, "EQUIPMENT_ON_HOLD".into()));
    let told = refusal.json();
    assert_eq!((&told["event_id"], &told["reason"]), (&hold["event_id"], &hold["reason"]));
    assert!(
        told["reason"].as_str().is_some_and(|text| text.contains("eq1") && text.contains("strict")),
        "{told}"
    );
    good(&complete(&server, &made.number, &one, 1, "PASS", &good_data(1, &one)).await, 200);
    good(&super::start(&server, &made.number, &three, 1).await, 200);

    // One event id ties the alert and the marked runs to the hold, and the trace shows it.
    let alerts = good(&server.get(&format!("/api/v1/alerts?event_id={event}")).await, 200);
    assert_eq!(
        (&alerts["total"], &alerts["alerts"][0]["alert_type"]),
        (&json!(1), &json!("EQUIPMENT_ABNORMAL"))
    );
    let trace = good(&server.get(&format!("/api/v1/serials/{one}/trace")).await, 200);
    assert_eq!(trace["needs_review"], true);
    assert_eq!(trace["process_history"][0]["review"]["event_id"], event);
    let trace = good(&server.get(&format!("/api/v1/serials/{three}/trace")).await, 200);
    assert_eq!(trace["needs_review"], false, "it was elsewhere");

    // Only who leads may acknowledge and review.
    let acknowledge = format!("/api/v1/equipment/{equipment}/acknowledge");
    let review = format!("/api/v1/holds/reviews/{event}");
    let worker = person(&server, "worker", "OPERATOR").await;
    for path in [&acknowledge, &review] {
        let answer = as_person(&server, &worker, Method::POST, path, &json!({})).await;
        assert_eq!(refused(&answer).0, 403, "{path}");
    }
    let too_long = json!({ "note": "x".repeat(1_001) });
    assert_eq!(refused(&server.post(&acknowledge, &too_long).await).0, 422);
    let done = good(&server.post(&acknowledge, &json!({ "note": "렌즈를 닦음 🧽" })).await, 200);
    let released = &done["data"]["hold"];
    assert_eq!(
        (&released["is_active"], &released["released_by"], &released["release_note"]),
        (&json!(false), &json!(1), &json!("렌즈를 닦음 🧽"))
    );
    assert_eq!(refused(&server.post(&acknowledge, &json!({})).await), (404, "HOLD_NOT_FOUND".into()));
    assert_eq!(good(&server.get("/api/v1/holds?active=true").await, 200), json!([]));
    good(&start_at(&server, &made.number, &two).await, 200);

    let reviewed = good(&server.post(&review, &json!({})).await, 200);
    assert_eq!(reviewed["data"]["runs"], 1);
    assert_eq!(good(&server.post(&review, &json!({})).await, 200)["data"]["runs"], 0, "once is enough");
    let trace = good(&server.get(&format!("/api/v1/serials/{one}/trace")).await, 200);
    assert_eq!(trace["needs_review"], false);
    assert_eq!(trace["process_history"][0]["review"]["reviewed_by"], 1);
    for kind in ["equipment", "review"] {
        let audit =
            good(&server.get(&format!("/api/v1/audit-logs?entity_type={kind}&action=UPDATE")).await, 200);
        assert!(audit.as_array().is_some_and(|lines| !lines.is_empty()), "{kind}: {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_that_holds_runs_are_marked_and_nothing_stands_still() {
    let server = Server::start_with(&[("PRODUCTION__LOOK_INTERVAL_MS", "50")]).await.ready().await;
    let equipment = watched(&server).await;
    let made = lot(&server, "WF", 1).await;
    judge(&server, true, 2).await;
    let abnormal = async || {
        let alerts = server.get("/api/v1/alerts?alert_type=EQUIPMENT_ABNORMAL").await.json();
        alerts["total"] == 1
    };
    server.until("the alert", abnormal).await;
    let started = good(&start_at(&server, &made.number, &made.serials[0]).await, 200);
    assert!(started["data"]["review_event"].is_string(), "{started}");
    let path = format!("/api/v1/equipment/{equipment}/acknowledge");
    let done = good(&server.send_text(Method::POST, &path, "application/json", "").await, 200);
    assert_eq!(done["data"]["hold"], Value::Null);
    for unknown in ["/api/v1/equipment/999/acknowledge", "/api/v1/equipment/x/acknowledge"] {
        assert!([404, 422].contains(&refused(&server.post(unknown, &json!({})).await).0), "{unknown}");
    }
    assert_eq!(refused(&server.get("/api/v1/holds?equipment_id=x").await).0, 422);
}
