//! What every part of the sensing domain works with.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::production::Calendar;
use nightshift_domain::sensing::{
    Lineup, NewResult, Provenance, ResultRecord, Sensor, SensorId, SensorKey, SensorSpec,
};
use nightshift_kernel::{Address, Clock};
use nightshift_store::Db;
use tokio::sync::{Mutex, MutexGuard};

use super::freshness::{self, Newest};
use super::sensor::SensorMessage;
use crate::cache::Cache;
use crate::config::SensingConfig;
use crate::hub::Hub;
use crate::inference::Inference;
use crate::writer::Writer;

/// How long a write that no client waits for may take.
pub(super) const BACKGROUND_WRITE: Duration = Duration::from_secs(30);
/// Seconds of 30 days.
const MONTH_S: f64 = 2_592_000.0;
/// Locks that the changes of registrations share by id: two ids meet at one rarely, and then one waits for a commit.
const CHANGE_LOCKS: usize = 1_024;

/// The domain's surroundings.
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) writer: Writer,
    pub(crate) hub: Hub,
    pub(crate) inference: Inference,
    pub(crate) clock: Clock,
    pub(crate) config: SensingConfig,
    /// Where answers for the proxy are kept.
    pub(crate) cache: Cache,
    /// Whose local time the explanations tell.
    pub(crate) calendar: Calendar,
    pub(crate) roster: Roster,
    /// Which model judges, and which one is tried.
    pub(crate) lineup: LineupBoard,
    /// Seconds from one run of the schedule to the next, for what a rate comes to in a month.
    pub(crate) period_s: AtomicU32,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// Counts who speaks.
    pub(crate) fn measure_freshness(&self) {
        freshness::measure(&self.roster, self.now());
    }

    /// Runs of the schedule in 30 days.
    pub(crate) fn runs_per_month(&self) -> f64 {
        MONTH_S / f64::from(self.period_s.load(Ordering::Relaxed).max(1))
    }
}

/// The line-up of models, for everybody to read; the store is the truth.
#[derive(Debug)]
pub(crate) struct LineupBoard {
    now: RwLock<Arc<Lineup>>,
    changing: Mutex<()>,
}

impl LineupBoard {
    pub(crate) fn new(lineup: Lineup) -> Self {
        Self { now: RwLock::new(Arc::new(lineup)), changing: Mutex::default() }
    }

    pub(crate) fn get(&self) -> Arc<Lineup> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, lineup: Lineup) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lineup);
    }

    /// Waits until no other change is under way; there is none while the guard lives.
    pub(super) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// The model that judges a sensor: its own, else the live one.
    pub(crate) fn judge_of(&self, spec: &SensorSpec) -> String {
        spec.model.clone().unwrap_or_else(|| self.get().live.clone())
    }
}

/// What a sensor is registered as now. It outlives the lives of the sensor's actor: a restart must not bring back what was
/// registered first.
#[derive(Debug, Clone)]
pub(crate) struct Registration(Arc<RwLock<Arc<Sensor>>>);

impl Registration {
    pub(crate) fn new(sensor: Sensor) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(sensor))))
    }

    pub(crate) fn get(&self) -> Arc<Sensor> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, sensor: Sensor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sensor);
    }
}

/// A sensor's place in the plant.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) key: SensorKey,
    pub(crate) address: Address<SensorMessage>,
    pub(crate) registration: Registration,
    pub(crate) newest: Newest,
}

impl Seat {
    /// Whether the schedule scores it.
    pub(crate) fn enabled(&self) -> bool {
        self.registration.get().spec.enabled
    }
}

/// Who is registered and where to reach them. The store is the truth; this is its index in memory, by id.
#[derive(Debug)]
pub(crate) struct Roster {
    seats: RwLock<BTreeMap<SensorId, Seat>>,
    changing: Vec<Mutex<()>>,
}

impl Default for Roster {
    fn default() -> Self {
        let changing = std::iter::repeat_with(Mutex::default).take(CHANGE_LOCKS).collect();
        Self { seats: RwLock::default(), changing }
    }
}

impl Roster {
    /// Waits until no other change of `id` is under way; there is none while the guard lives.
    pub(crate) async fn changing(&self, id: &SensorId) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
        self.changing[hash as usize % CHANGE_LOCKS].lock().await
    }

    pub(crate) fn get(&self, id: &SensorId) -> Option<Seat> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn put(&self, id: SensorId, seat: Seat) {
        self.seats.write().unwrap_or_else(PoisonError::into_inner).insert(id, seat);
    }

    pub(crate) fn take(&self, id: &SensorId) -> Option<Seat> {
        self.seats.write().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// Shows every seat to `look`, which must be quick.
    pub(super) fn each(&self, look: impl FnMut(&Seat)) {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).values().for_each(look);
    }

    pub(crate) fn len(&self) -> usize {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// `limit` sensors after the first `skip`, by id.
    pub(crate) fn page(&self, skip: usize, limit: usize) -> Vec<(SensorId, Seat)> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        seats.iter().skip(skip).take(limit).map(|(id, seat)| (id.clone(), seat.clone())).collect()
    }

    /// `limit` sensors after `after`, by id: the way to walk all of them while they come and go.
    pub(crate) fn page_after(&self, after: Option<&SensorId>, limit: usize) -> Vec<(SensorId, Seat)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Unbounded, Excluded);
        seats
            .range::<SensorId, _>((from, Unbounded))
            .take(limit)
            .map(|(id, seat)| (id.clone(), seat.clone()))
            .collect()
    }

    /// Whether `key` is still the registration of `id`.
    pub(crate) fn holds(&self, id: &SensorId, key: SensorKey) -> bool {
        self.get(id).is_some_and(|seat| seat.key == key)
    }
}

/// A result about to be stored for `sensor`.
pub(crate) fn new_result(
    sensor: &Sensor,
    verdict: nightshift_domain::sensing::Verdict,
    times: Times,
    provenance: Provenance,
) -> NewResult {
    NewResult {
        sensor_key: sensor.key,
        sensor_id: sensor.spec.sensor_id.clone(),
        verdict,
        as_of: times.as_of,
        inference_time: times.decided,
        run_at: times.run_at,
        provenance,
    }
}

/// The times of a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The instant asked about.
    pub(crate) as_of: Timestamp,
    /// When it was decided.
    pub(crate) decided: Timestamp,
    /// The scheduled run.
    pub(crate) run_at: Option<Timestamp>,
}

/// Stores results in one unit of work.
pub(crate) async fn store_results(
    shared: &Arc<Shared>,
    results: Vec<NewResult>,
    deadline: Duration,
) -> Result<Vec<ResultRecord>, crate::writer::WriteError> {
    let stored = shared
        .writer
        .run(deadline, move |tx| {
            Box::pin(async move { nightshift_store::sensing::results_insert(tx, &results).await })
        })
        .await?;
    stored.iter().for_each(count_verdict);
    Ok(stored)
}

pub(crate) fn count_verdict(record: &ResultRecord) {
    metrics::counter!("nightshift_sensing_verdicts_total", "verdict" => record.result.verdict.as_str())
        .increment(1);
}
