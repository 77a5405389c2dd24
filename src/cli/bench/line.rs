//! Stations at the line: each user takes units through all processes, a start and a completion each, at a pace of its own.

use std::sync::Arc;

use nightshift_domain::production::{sample_data, seed_processes};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::access::{Access, ask};
use super::pace::Time;
use super::tally::Tally;

/// Units of one lot.
const LOT_UNITS: usize = 20;
/// Answers that say that an earlier try of the same command took effect.
const DONE_BEFORE: [&str; 2] = ["DUPLICATE_START", "DUPLICATE_PASS_COMPLETE"];

/// A unit that waits for its first process.
struct Unit {
    lot: Arc<str>,
    lot_id: Value,
    number: String,
}

/// The line: users, and somebody who sees to it that there are always fresh units.
pub(super) struct Line {
    access: Arc<Access>,
    tally: Tally,
    users: u32,
    per_second: f64,
    model: Value,
    fresh: Arc<Mutex<mpsc::Receiver<Unit>>>,
    supply: mpsc::Sender<Unit>,
}

impl Line {
    /// Makes a product model and the first units.
    pub(super) async fn prepare(
        access: &Arc<Access>,
        tally: &Tally,
        (users, per_second): (u32, f64),
        run: &str,
    ) -> Result<Self, String> {
        let body = json!({ "model_code": format!("B{run}"), "model_name": "Bench" });
        let model = access.manage(Method::POST, "/api/v1/product-models", &body).await?["id"].clone();
        let room = users as usize * 2 + LOT_UNITS;
        let (supply, fresh) = mpsc::channel(room);
        let fresh = Arc::new(Mutex::new(fresh));
        let line = Self {
            access: Arc::clone(access),
            tally: tally.clone(),
            users,
            per_second,
            model,
            fresh,
            supply,
        };
        while line.supply.max_capacity() - line.supply.capacity() < users as usize {
            line.make_lot().await?;
        }
        Ok(line)
    }

    /// Everybody at work until the run is over.
    pub(super) async fn work(self, time: Time) -> Result<(), String> {
        let line = Arc::new(self);
        let mut users = JoinSet::new();
        for number in 0..line.users {
            users.spawn(Arc::clone(&line).user(number, time.clone()));
        }
        tokio::select! {
            () = time.ended() => {}
            made = line.keep_supplied() => made?,
        }
        while let Some(user) = users.join_next().await {
            user.map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Makes lots for as long as there is room for their units.
    async fn keep_supplied(&self) -> Result<(), String> {
        loop {
            self.make_lot().await?;
        }
    }

    async fn make_lot(&self) -> Result<(), String> {
        let body = json!({ "product_model_id": self.model, "target_quantity": LOT_UNITS });
        let lot = self.access.manage(Method::POST, "/api/v1/lots", &body).await?;
        let number: Arc<str> = lot["lot_number"].as_str().ok_or("a lot without a number")?.into();
        for _ in 0..LOT_UNITS {
            let body = json!({ "lot_id": lot["id"] });
            let unit = self.access.manage(Method::POST, "/api/v1/serials", &body).await?;
            let serial = unit["serial_number"].as_str().ok_or("a unit without a number")?.to_owned();
            let unit = Unit { lot: Arc::clone(&number), lot_id: lot["id"].clone(), number: serial };
            self.supply.send(unit).await.map_err(|_| "nobody takes units")?;
        }
        Ok(())
    }

    /// One user: the next command of its unit whenever one is due.
    async fn user(self: Arc<Self>, number: u32, time: Time) {
        let mut pace = time.share(self.per_second, number, self.users);
        let processes = seed_processes().len();
        loop {
            let fresh = async { self.fresh.lock().await.recv().await };
            let unit = tokio::select! {
                unit = fresh => unit,
                () = time.ended() => None,
            };
            let Some(unit) = unit else { return };
            for process in 1..=u8::try_from(processes).unwrap_or(u8::MAX) {
                for start in [true, false] {
                    let Some(due) = pace.next().await else { return };
                    if !self.command(&unit, process, start, due, &time).await {
                        // What a refused unit would do next is refused too.
                        break;
                    }
                }
            }
            let Some(due) = pace.next().await else { return };
            let path = format!("/api/v1/lots/{}", unit.lot_id);
            let looked = ask(self.access.request(Method::GET, &path)).await;
            match looked {
                Ok(_) => self.tally.done("production.lot", due, time.elapsed().saturating_sub(due)),
                Err(failure) => self.tally.failed("production.lot", due, &failure.code),
            }
        }
    }

    /// Sends a command; whether it took effect.
    async fn command(
        &self,
        unit: &Unit,
        process: u8,
        start: bool,
        due: std::time::Duration,
        time: &Time,
    ) -> bool {
        let mut body = json!({
            "lot_number": *unit.lot, "serial_number": unit.number, "process_id": process,
            "worker_id": self.access.username(),
        });
        let (act, path) = if start {
            ("production.start", "/api/v1/process/start")
        } else {
            body["result"] = "PASS".into();
            body["process_data"] = sample_data(process, &unit.number);
            ("production.complete", "/api/v1/process/complete")
        };
        match ask(self.access.request(Method::POST, path).json(&body)).await {
            Ok(_) => {
                self.tally.done(act, due, time.elapsed().saturating_sub(due));
                true
            }
            Err(failure) => {
                self.tally.failed(act, due, &failure.code);
                DONE_BEFORE.contains(&failure.code.as_str())
            }
        }
    }
}
