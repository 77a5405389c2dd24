//! The line: lots and units that were acknowledged are there and no others, and every start and completion that was
//! acknowledged is one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use nightshift_domain::production::sample_data;
use reqwest::Method;
use serde_json::{Value, json};

use super::Plant;
use crate::common::Server;
use crate::production::{PROCESSES, good, model};

/// Stations, each with lots of its own.
pub(super) const STATIONS: u64 = 4;
/// Units that are made of a lot, and for how many it has room.
const UNITS: usize = 3;
const ROOM: usize = 50;

/// Which units of which lots have passed how many processes.
pub(super) type Acknowledged = BTreeMap<String, BTreeMap<String, i64>>;

pub(super) async fn prepare(server: &Server) -> i64 {
    model(server, "WF").await
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned()
}

/// Makes lots and takes their units through all processes until told to stop.
pub(super) async fn work(number: u64, plant: Arc<Plant>, model: i64) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for round in 0.. {
        if !plant.goes_on() {
            break;
        }
        let body = json!({ "product_model_id": model, "target_quantity": ROOM });
        let key = format!("lot {number} {round}");
        let (status, lot) = plant.insist(Method::POST, "/api/v1/lots", Some(&body), Some(&key)).await;
        assert_eq!(status, 201, "{lot}");
        let units = acknowledged.entry(text(&lot, "lot_number")).or_default();
        for unit in 0..UNITS {
            let key = format!("unit {number} {round} {unit}");
            let body = json!({ "lot_id": lot["id"] });
            let (status, made) = plant.insist(Method::POST, "/api/v1/serials", Some(&body), Some(&key)).await;
            assert_eq!(status, 201, "{made}");
            let again = units.insert(text(&made, "serial_number"), 0);
            assert_eq!(again, None, "a number twice: {made}");
            plant.acknowledge();
        }
        for (unit, passed) in units.iter_mut() {
            for process in 1..=PROCESSES {
                if !plant.goes_on() {
                    return acknowledged;
                }
                run(&plant, &text(&lot, "lot_number"), unit, process).await;
                *passed = process;
            }
        }
    }
    acknowledged
}

/// One start and one completion. Neither has a key: a second one is told apart by what the first has left.
async fn run(plant: &Plant, lot: &str, unit: &str, process: i64) {
    let who =
        json!({ "lot_number": lot, "serial_number": unit, "process_id": process, "worker_id": "admin" });
    let mut end = who.clone();
    end["result"] = "PASS".into();
    end["process_data"] = sample_data(u8::try_from(process).expect("small"), unit);
    for (path, body, done_before) in [
        ("/api/v1/process/start", &who, "DUPLICATE_START"),
        ("/api/v1/process/complete", &end, "DUPLICATE_PASS_COMPLETE"),
    ] {
        let (status, answer) = plant.insist(Method::POST, path, Some(body), None).await;
        assert!(status == 200 || answer["code"] == done_before, "{path} {body}: {answer}");
        plant.acknowledge();
    }
}

/// Gives how many runs there are.
pub(super) async fn check(server: &Server, all: Vec<Acknowledged>) -> usize {
    let lots: Acknowledged = all.into_iter().flatten().collect();
    let count = async |path: &str| {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("x-total-count").parse::<usize>().expect("a count")
    };
    // The labels' own lot with its unit was there before.
    assert_eq!(count("/api/v1/lots?limit=1").await - 1, lots.len(), "lots");
    let units: usize = lots.values().map(BTreeMap::len).sum();
    assert_eq!(count("/api/v1/serials?limit=1").await - 1, units, "units");
    let mut runs = 0;
    for (lot, units) in &lots {
        let shown = good(&server.get(&format!("/api/v1/lots/number/{lot}")).await, 200);
        let whole = units.values().filter(|passed| **passed == PROCESSES).count();
        assert_eq!(shown["passed_quantity"], json!(whole), "{shown}");
        assert_eq!(shown["actual_quantity"], json!(units.len()), "{shown}");
        for (unit, passed) in units {
            let history = good(&server.get(&format!("/api/v1/process/history/{unit}")).await, 200);
            let history = history["data"]["history"].as_array().expect("runs").clone();
            let mut seen: Vec<i64> = history
                .iter()
                .map(|run| run["process"]["process_number"].as_i64().expect("a number"))
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, (1..=*passed).collect::<Vec<_>>(), "{unit}: one run of each process");
            assert!(history.iter().all(|run| run["result"] == "PASS"), "{unit}: {history:?}");
            runs += seen.len();
        }
    }
    assert_eq!(count("/api/v1/process-data?limit=1").await, runs);
    assert_eq!(count("/api/v1/process-data/incomplete?limit=1").await, 0, "nothing is half done");
    runs
}
