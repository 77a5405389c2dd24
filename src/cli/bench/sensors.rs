//! Sensors that push readings, one at a time, as they come: arrivals by chance, each a request of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nightshift_kernel::Random;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::access::{Access, ask};
use super::pace::Time;
use super::tally::Tally;

/// Pushes under way at most: when the server is so late, a push that is due counts as failed.
const UNDER_WAY_MAX: usize = 2_000;
/// Outcomes of a reading that an answer counts.
const OUTCOMES: [&str; 4] = ["stored", "duplicate", "late", "rejected"];

/// The sensors.
pub(super) struct Sensors {
    access: Arc<Access>,
    tally: Tally,
    ids: Vec<String>,
    /// Readings that answers counted in none of the outcomes.
    unaccounted: Arc<AtomicU64>,
}

impl Sensors {
    /// Registers the sensors.
    pub(super) async fn prepare(
        access: &Arc<Access>,
        tally: &Tally,
        count: u32,
        run: &str,
    ) -> Result<Self, String> {
        let ids: Vec<String> = (0..count).map(|n| format!("bench.{run}.{n}")).collect();
        for id in &ids {
            access.manage(Method::POST, "/api/sensors", &json!({ "sensor_id": id })).await?;
        }
        Ok(Self { access: Arc::clone(access), tally: tally.clone(), ids, unaccounted: Arc::default() })
    }

    /// Pushes `per_second` readings until the run is over; gives how many have no outcome.
    pub(super) async fn push(self, time: Time, per_second: f64, random: Random) -> Result<u64, String> {
        let mut pace = time.arrivals(per_second, random);
        let (places, mut under_way) = (Arc::new(Semaphore::new(UNDER_WAY_MAX)), JoinSet::new());
        let first_ms = time.clock.now_us() / 1_000;
        let mut number = 0_i64;
        while let Some(due) = pace.next().await {
            while under_way.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.tally.failed("sensing.push", due, "NOT_SENT");
                continue;
            };
            let id = &self.ids[number as usize % self.ids.len()];
            let at_ms = first_ms + i64::try_from(due.as_millis()).unwrap_or(0);
            let body = json!([{ "time": at_ms, "value": 7.0 + (number as f64 / 40.0).sin() }]);
            let request =
                self.access.request(Method::POST, &format!("/api/sensors/{id}/readings")).json(&body);
            let (tally, time, lost) = (self.tally.clone(), time.clone(), Arc::clone(&self.unaccounted));
            under_way.spawn(async move {
                match ask(request).await {
                    Ok(answer) => {
                        tally.done("sensing.push", due, time.elapsed().saturating_sub(due));
                        lost.fetch_add(missing(&answer), Ordering::Relaxed);
                    }
                    Err(failure) => tally.failed("sensing.push", due, &failure.code),
                }
                drop(place);
            });
            number += 1;
        }
        while let Some(done) = under_way.join_next().await {
            done.map_err(|e| e.to_string())?;
        }
        self.remove().await;
        Ok(self.unaccounted.load(Ordering::Relaxed))
    }

    /// Takes the sensors away again.
    async fn remove(&self) {
        for id in &self.ids {
            if let Err(error) =
                self.access.manage(Method::DELETE, &format!("/api/sensors/{id}"), &Value::Null).await
            {
                tracing::warn!(error, "a sensor of the bench was not removed");
                return;
            }
        }
    }
}

/// Readings of a push that an answer says nothing of.
fn missing(answer: &Value) -> u64 {
    let count = |name: &str| answer[name].as_u64().unwrap_or(0);
    count("offered").abs_diff(OUTCOMES.map(count).iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_without_an_outcome_is_missing() {
        let answer = json!({ "offered": 5, "stored": 2, "duplicate": 1, "late": 1, "rejected": 0 });
        assert_eq!(missing(&answer), 1);
        assert_eq!(missing(&json!({ "offered": 1, "stored": 1 })), 0);
    }
}
