//! The line at work over HTTP: lots, stations that take units through all processes, and the time of each answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nightshift_domain::production::sample_data;
use nightshift_kernel::Clock;
use serde_json::{Value, json};

use super::client::{Connection, post};

/// Processes of a new plant.
pub(crate) const PROCESSES: usize = 8;

/// A lot's number and its units' numbers.
pub(crate) struct Lot {
    pub(crate) number: String,
    pub(crate) units: Vec<String>,
}

/// Sends a body and gives the answer, which must have that status.
pub(crate) async fn send(
    connection: &mut Connection,
    path: &str,
    token: &str,
    body: &Value,
    status: u16,
) -> Value {
    let answered = connection.exchange(&post(path, token, &body.to_string())).await.expect("an answer");
    assert_eq!(answered, status, "{path} {body}: {}", String::from_utf8_lossy(connection.body()));
    serde_json::from_slice(connection.body()).unwrap_or(Value::Null)
}

/// One lot for each station, all of a model of their own: a shift numbers at most 999 lots of a model.
pub(crate) async fn lots(address: SocketAddr, token: &str, stations: usize, each: usize) -> Vec<Lot> {
    static MODELS: AtomicU32 = AtomicU32::new(0);
    let mut connection = Connection::open(address).await.expect("connect");
    let code = format!("WF{}", MODELS.fetch_add(1, Ordering::Relaxed));
    let body = json!({ "model_code": code, "model_name": "Waist assist" });
    let model = send(&mut connection, "/api/v1/product-models", token, &body, 201).await["id"].clone();
    let mut lots = Vec::with_capacity(stations);
    for _ in 0..stations {
        let body = json!({ "product_model_id": model, "target_quantity": each });
        let lot = send(&mut connection, "/api/v1/lots", token, &body, 201).await;
        let mut units = Vec::with_capacity(each);
        for _ in 0..each {
            let unit =
                send(&mut connection, "/api/v1/serials", token, &json!({ "lot_id": lot["id"] }), 201).await;
            units.push(unit["serial_number"].as_str().expect("a number").to_owned());
        }
        lots.push(Lot { number: lot["lot_number"].as_str().expect("a number").to_owned(), units });
    }
    lots
}

/// What a process says of a unit that is well, in full.
pub(crate) fn data(process: usize, unit: &str) -> Value {
    sample_data(u8::try_from(process).expect("a process"), unit)
}

/// Latencies of starts and of completions, microseconds.
#[derive(Default)]
pub(crate) struct Latencies {
    pub(crate) starts: Vec<u32>,
    pub(crate) completions: Vec<u32>,
}

/// One station: every unit of its lot through every process, with a pause before each command.
async fn work(address: SocketAddr, token: Arc<str>, lot: Lot, pause: Duration) -> Latencies {
    let clock = Clock::system();
    let mut connection = Connection::open(address).await.expect("connect");
    let mut taken = Latencies::default();
    for unit in &lot.units {
        for process in 1..=PROCESSES {
            let who = json!({
                "lot_number": lot.number, "serial_number": unit, "process_id": process, "worker_id": "admin",
            });
            let mut done = who.clone();
            done["result"] = "PASS".into();
            done["process_data"] = data(process, unit);
            for (path, body, times) in [
                ("/api/v1/process/start", &who, &mut taken.starts),
                ("/api/v1/process/complete", &done, &mut taken.completions),
            ] {
                if !pause.is_zero() {
                    clock.sleep(pause).await;
                }
                let begun = clock.monotonic();
                send(&mut connection, path, &token, body, 200).await;
                times.push(u32::try_from((clock.monotonic() - begun).as_micros()).unwrap_or(u32::MAX));
            }
        }
    }
    taken
}

/// A round of all stations: commands per second, and the latencies.
pub(crate) async fn round(
    address: SocketAddr,
    token: &Arc<str>,
    lots: Vec<Lot>,
    pause: Duration,
) -> (f64, Latencies) {
    let clock = Clock::system();
    let begun = clock.monotonic();
    let tasks: Vec<_> =
        lots.into_iter().map(|lot| tokio::spawn(work(address, Arc::clone(token), lot, pause))).collect();
    let mut all = Latencies::default();
    for task in tasks {
        let one = task.await.expect("a station");
        all.starts.extend(one.starts);
        all.completions.extend(one.completions);
    }
    let commands = all.starts.len() + all.completions.len();
    (commands as f64 / (clock.monotonic() - begun).as_secs_f64(), all)
}
