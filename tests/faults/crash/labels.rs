//! Labels: every job that was acknowledged is there and no other, each ends, and what was printed was printed once.

use std::collections::BTreeSet;
use std::sync::Arc;

use nightshift_actors::{PrinterMood, SimulatedPrinter};
use reqwest::Method;
use serde_json::{Value, json};

use super::Plant;
use crate::common::Server;
use crate::production::{good, lot};

/// A printer that outlives the program, and a unit whose label it prints.
pub(super) struct Desk {
    printer: SimulatedPrinter,
    unit: String,
}

/// The jobs that were acknowledged.
pub(super) type Acknowledged = BTreeSet<i64>;

pub(super) async fn prepare(server: &Server) -> Desk {
    let printer =
        SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), PrinterMood::Well).await.expect("a printer");
    let body = json!({ "printer_id": "ZEBRA-01", "host": "127.0.0.1", "port": printer.address().port() });
    good(&server.post("/api/v1/printers", &body).await, 201);
    Desk { printer, unit: lot(server, "LB", 1).await.serials.remove(0) }
}

/// Has labels printed until told to stop.
pub(super) async fn work(plant: Arc<Plant>, desk: &Desk) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for number in 0.. {
        if !plant.goes_on() {
            break;
        }
        let body =
            json!({ "serial_number": desk.unit, "printer_id": "ZEBRA-01", "queue": true, "wait_s": 0 });
        let key = format!("label {number}");
        let (status, answer) =
            plant.insist(Method::POST, "/api/v1/label/print", Some(&body), Some(&key)).await;
        // Told at once that it waits or, where it was quick, that it is done; or that nobody knows.
        assert!([201, 202].contains(&status) || answer["job_id"].is_i64(), "{status} {answer}");
        let id = answer["data"]["id"].as_i64().or(answer["job_id"].as_i64()).expect("a job");
        assert!(acknowledged.insert(id), "a job twice: {answer}");
        plant.acknowledge();
    }
    acknowledged
}

/// Gives how many labels were printed.
pub(super) async fn check(server: &Server, desk: &Desk, acknowledged: Acknowledged) -> usize {
    let count = async |state: &str| {
        let answer = server.get(&format!("/api/v1/label/jobs?printer_id=ZEBRA-01&limit=1{state}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("x-total-count").parse::<u64>().expect("a count")
    };
    server
        .until("every job has ended", async || {
            count("&status=pending").await + count("&status=printing").await == 0
        })
        .await;
    let jobs = count("").await;
    assert_eq!(jobs, acknowledged.len() as u64, "jobs");
    for id in &acknowledged {
        let job: Value = good(&server.get(&format!("/api/v1/label/jobs/{id}")).await, 200);
        assert!(["printed", "unknown"].iter().any(|state| job["status"] == *state), "{job}");
    }
    // A job of which nobody knows is never printed again: its label came out once or not at all.
    let (printed, labels) = (count("&status=printed").await, desk.printer.count());
    assert!((printed..=jobs).contains(&labels), "{printed} of {jobs} jobs printed, {labels} labels");
    acknowledged.len()
}
