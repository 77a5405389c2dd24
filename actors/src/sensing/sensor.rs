//! One sensor: takes its readings in order, stores them before it answers, holds its last 720, hands out its window.
//!
//! Owned by the `sensing` supervisor, one per registration. Everything it knows is in the store: a new life reads it
//! back with its first message, so that a hundred thousand sensors start without a stampede. It waits for its commit
//! inside the handler: one sensor's pushes are strictly in order, and different sensors share commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Account, History, Offer, Reading, Sensor, SensorKey, Sorted, WINDOW_READINGS, Window, WindowShortfall,
    downsample_min_max, sort_offer,
};
use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_store::StoreError;
use nightshift_store::sensing::{self as store, WindowCheckpoint};

use super::calibrate::{Usual, Usuals};
use super::error::SensingError;
use super::freshness::Newest;
use super::shared::{Registration, Shared};
use super::view::{Freshness, LiveReading, PushReport, RefusedReading, SensorView};
use crate::writer::WriteError;

/// Refused readings that an answer lists; the rest are only counted.
const REFUSED_LISTED_MAX: usize = 100;
/// After the database did not answer, the pushes that wait for this sensor are told so at once for this long, instead of
/// each waiting for it in turn.
const AWAY_PAUSE: Duration = Duration::from_secs(1);
/// Readings of a push that live listeners are told of: the newest.
const LIVE_READINGS_MAX: usize = 100;

type Answer<T> = Reply<Result<T, SensingError>>;

/// What a sensor takes.
pub(crate) enum SensorMessage {
    /// Store these readings.
    Push { readings: Vec<Reading>, reply: Answer<PushReport> },
    /// Show yourself, without the newest verdict: that is in the store alone.
    View { reply: Answer<SensorView> },
    /// Hand out the window that ends at `at`.
    Window { at: Timestamp, reply: Answer<WindowAnswer> },
    /// Adopt what the store held when the plant started.
    Preload(Box<Preload>),
    /// What is usual for you was learnt anew.
    Calibrated(Arc<Usual>),
    /// Hand out the window, thinned to about so many readings.
    Trace { points: usize, reply: Answer<Vec<Reading>> },
    /// Crash, as a drill.
    Drill,
    /// Hand out the newest readings for a checkpoint, if there are new ones.
    Checkpoint { reply: Reply<Option<WindowCheckpoint>> },
}

/// A window, or why there is none, with the registration that it belongs to.
pub(crate) struct WindowAnswer {
    pub(crate) sensor: Arc<Sensor>,
    pub(crate) last_value: Option<f64>,
    pub(crate) usual: Usuals,
    pub(crate) window: Result<Window, WindowShortfall>,
}

/// State of a sensor, as read for many at once.
pub(crate) struct Preload {
    pub(crate) history: History,
    pub(crate) account: Account,
    pub(crate) usual: Usuals,
}

/// What the actor reads back from the store.
struct Known {
    history: History,
    account: Account,
    usual: Usuals,
    /// Count of stored readings at the last checkpoint handed out.
    checkpointed: Option<i64>,
}

/// The actor.
pub(super) struct SensorActor {
    shared: Arc<Shared>,
    registration: Registration,
    /// Where others see how old its newest reading is.
    newest: Newest,
    /// `None` until the first message, and after a write whose outcome is unknown.
    known: Option<Known>,
    /// Monotonic time until which the database counts as away.
    away_until: Option<Duration>,
}

impl SensorActor {
    pub(super) fn new(shared: Arc<Shared>, registration: Registration, newest: Newest) -> Self {
        Self { shared, registration, newest, known: None, away_until: None }
    }

    async fn known(&mut self) -> Result<&mut Known, SensingError> {
        if self.known.is_none() {
            self.known = Some(load(&self.shared, self.registration.get().key).await?);
        }
        self.known.as_mut().ok_or_else(|| SensingError::Failed("not loaded".to_owned()))
    }

    fn is_away(&self) -> bool {
        self.away_until.is_some_and(|until| self.shared.clock.monotonic() < until)
    }

    /// Notes that a push was not stored: what the store says next counts, after a pause if the database is away.
    fn failed(&mut self, error: SensingError) -> SensingError {
        // What was turned away for lack of room is not stored for certain; asking the store would only add to its work.
        if !matches!(error, SensingError::Overloaded { .. }) {
            self.known = None;
        }
        if matches!(error, SensingError::Unavailable { .. }) && !self.is_away() {
            self.away_until = Some(self.shared.clock.monotonic() + AWAY_PAUSE);
        }
        error
    }

    async fn push(&mut self, now: Timestamp, readings: &[Reading]) -> Result<PushReport, SensingError> {
        if self.is_away() {
            return Err(SensingError::database_away());
        }
        let sorted = match self.store(now, readings).await? {
            Some(sorted) => sorted,
            // An earlier push whose end nobody waited for was stored after this life had looked: look again.
            None => {
                self.known = None;
                let clash =
                    || SensingError::Failed("readings of these times are being stored already".into());
                self.store(now, readings).await?.ok_or_else(clash)?
            }
        };
        let known = self.known().await?;
        known.history.extend(&sorted.fresh);
        known.account += sorted.account;
        count(sorted.account);
        self.tell(&sorted.fresh);
        let refused = sorted.refused.iter().take(REFUSED_LISTED_MAX).map(|(index, refusal)| RefusedReading {
            index: *index,
            time: readings[*index].at,
            reason: refusal.to_string(),
        });
        Ok(PushReport { account: sorted.account, refused: refused.collect() })
    }

    /// Sorts an offer and stores it; nothing when the store holds one of its times and this life did not know.
    async fn store(&mut self, now: Timestamp, readings: &[Reading]) -> Result<Option<Sorted>, SensingError> {
        let (shared, sensor) = (Arc::clone(&self.shared), self.registration.get());
        let (key, horizon) = (sensor.key, sensor.spec.horizon(now));
        let newest = self.known().await?.history.newest();
        let old: Vec<Timestamp> =
            readings.iter().map(|r| r.at).filter(|at| newest.is_some_and(|n| *at <= n)).collect();
        let known =
            if old.is_empty() { BTreeMap::new() } else { store::readings_at(&shared.db, key, &old).await? };
        let sorted = sort_offer(Offer { readings, known: &known, now, horizon });
        if sorted.account.offered == 0 {
            return Ok(Some(sorted));
        }
        let deadline = shared.config.push_deadline;
        // After a failure it may be committed or not: nobody knows.
        match shared.writer.readings(key, sorted.fresh.clone(), sorted.account, deadline).await {
            Ok(()) => Ok(Some(sorted)),
            Err(WriteError::Store(error)) if matches!(*error, StoreError::Conflict { .. }) => Ok(None),
            Err(WriteError::Store(error)) if matches!(*error, StoreError::Missing { .. }) => {
                Err(SensingError::NotFound(sensor.spec.sensor_id.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn tell(&self, fresh: &[Reading]) {
        if fresh.is_empty() {
            return;
        }
        let sensor = self.registration.get();
        let id = sensor.spec.sensor_id.as_str();
        self.shared.hub.tell("sensing.readings", id, || {
            let newest = &fresh[fresh.len().saturating_sub(LIVE_READINGS_MAX)..];
            serde_json::to_string(&LiveReading { sensor_id: id, readings: newest }).unwrap_or_default()
        });
    }

    async fn view(&mut self, now: Timestamp) -> Result<SensorView, SensingError> {
        let sensor = self.registration.get();
        Ok(show(&sensor, self.known().await?, now))
    }

    async fn window(&mut self, at: Timestamp) -> Result<WindowAnswer, SensingError> {
        let (shared, sensor) = (Arc::clone(&self.shared), self.registration.get());
        let spec = &sensor.spec;
        let cut =
            |history: &History| history.window(at, spec.interval(), spec.freshness(), spec.window_span_max());
        let known = self.known().await?;
        let (held, usual) = (&known.history, known.usual.clone());
        let (window, last_value) = if held.newest().is_none_or(|newest| newest <= at) {
            (cut(held), held.last_value())
        } else {
            let not_before = at - spec.window_span_max();
            let readings =
                store::readings_latest(&shared.db, sensor.key, at, WINDOW_READINGS, not_before).await?;
            let past = History::from_readings(&readings);
            (cut(&past), past.last_value())
        };
        Ok(WindowAnswer { window, last_value: last_value.map(f64::from), usual, sensor })
    }

    fn checkpoint(&mut self) -> Option<WindowCheckpoint> {
        let sensor_key = self.registration.get().key;
        let known = self.known.as_mut()?;
        let stored = known.account.stored;
        (stored > 0 && known.checkpointed != Some(stored)).then(|| {
            known.checkpointed = Some(stored);
            WindowCheckpoint { sensor_key, stored, data: known.history.to_bytes() }
        })
    }
}

/// What the store knows of a sensor.
async fn load(shared: &Shared, key: SensorKey) -> Result<Known, SensingError> {
    let db = &shared.db;
    let readings = store::readings_latest(db, key, Timestamp::MAX, WINDOW_READINGS, Timestamp::Y2000).await?;
    let (account, _expired) = store::account_find(db, key).await?;
    let usual = store::calibrations_of(db, key).await?.into_iter().collect();
    let history = History::from_readings(&readings);
    Ok(Known { history, account, usual, checkpointed: None })
}

fn show(sensor: &Sensor, known: &Known, now: Timestamp) -> SensorView {
    let newest = known.history.newest();
    let freshness = match newest {
        None => Freshness::Never,
        Some(at) if now.since(at) <= sensor.spec.freshness() => Freshness::Fresh,
        Some(_) => Freshness::Stale,
    };
    SensorView {
        freshness,
        newest,
        last_value: known.history.last_value(),
        window_readings: known.history.len(),
        account: known.account,
        last_result: None,
        sensor: sensor.clone(),
    }
}

/// A sensor as the store knows it, for when its actor does not answer.
pub(super) async fn view_of_store(shared: &Shared, sensor: &Sensor) -> Result<SensorView, SensingError> {
    Ok(show(sensor, &load(shared, sensor.key).await?, shared.now()))
}

fn count(account: Account) {
    let add = |outcome: &'static str, n: i64| {
        metrics::counter!("nightshift_sensing_readings_total", "outcome" => outcome)
            .increment(u64::try_from(n).unwrap_or(0));
    };
    metrics::counter!("nightshift_sensing_readings_offered_total")
        .increment(u64::try_from(account.offered).unwrap_or(0));
    add("stored", account.stored);
    add("duplicate", account.duplicate);
    add("late", account.late);
    add("rejected", account.rejected);
}

impl Actor for SensorActor {
    type Message = SensorMessage;

    async fn handle(&mut self, ctx: &Context<SensorMessage>, message: SensorMessage) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        match message {
            SensorMessage::Push { readings, reply } => {
                let outcome = self.push(now, &readings).await;
                reply.send(outcome.map_err(|error| self.failed(error)));
            }
            SensorMessage::View { reply } => {
                reply.send(self.view(now).await);
            }
            SensorMessage::Window { at, reply } => {
                reply.send(self.window(at).await);
            }
            SensorMessage::Trace { points, reply } => {
                let known = self.known().await;
                reply.send(known.map(|known| downsample_min_max(&known.history.readings(), points)));
            }
            SensorMessage::Preload(preload) => {
                let Preload { history, account, usual } = *preload;
                let checkpointed = Some(account.stored);
                self.known.get_or_insert(Known { history, account, usual, checkpointed });
            }
            SensorMessage::Calibrated(usual) => {
                if let Some(known) = &mut self.known {
                    known.usual = known.usual.with(usual);
                }
            }
            SensorMessage::Drill => return Err(Fault::new("drill: crashed on request")),
            SensorMessage::Checkpoint { reply } => {
                reply.send(self.checkpoint());
            }
        }
        if let Some(known) = &self.known {
            self.newest.set(known.history.newest());
        }
        Ok(())
    }
}

/// How long a sensor's handler may take: its commit's deadline and room for a slow read.
pub(super) fn budget(push_deadline: Duration) -> Duration {
    push_deadline + Duration::from_secs(20)
}
