//! The sensing domain's actors and the door to them.

mod calibrate;
mod error;
mod judge;
mod oden;
mod schedule;
mod sensor;
mod shared;
mod start;
mod vendor;
mod view;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Reading, ResultRecord, Schedule, Sensor, SensorChange, SensorId, SensorSpec, downsample_min_max,
};
use nightshift_kernel::{Address, BreakerView, ControlError, Supervisor};
use nightshift_store::StoreError;
use nightshift_store::sensing::{self as store, ResultQuery};

pub use error::SensingError;
pub use view::{DirectVerdict, Freshness, ProxyAnswer, PushReport, RefusedReading, ScheduleView, SensorView};

use crate::writer::WriteError;
use schedule::ScheduleMessage;
use sensor::SensorMessage;
use shared::{Seat, Shared};
use vendor::VendorMessage;

pub(crate) use sensor::SensorMessage as CheckpointMessage;
pub(crate) use shared::Shared as SensingShared;
pub(crate) use start::spawn;

/// How long a question to a sensor about its state may take.
const VIEW_DEADLINE: Duration = Duration::from_secs(5);
/// How long a change of a registration may wait for its commit.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// How long an ordered stop of one sensor may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(10);
/// How long the proxy waits for the vendor actor, which serves one request at a time.
const PROXY_DEADLINE: Duration = Duration::from_secs(30);
/// Sensors asked at once when many are listed.
const VIEW_CONCURRENCY: usize = 64;
/// Readings that one request may read from the store before they are thinned for a chart.
const READINGS_MAX: usize = 1_000_000;

/// The door to the sensing domain. Cheap to clone.
#[derive(Clone)]
pub struct Sensing {
    shared: Arc<Shared>,
    /// Keeps the sensors.
    supervisor: Supervisor,
    schedule: Address<ScheduleMessage>,
    vendor: Option<(Address<VendorMessage>, BreakerView)>,
}

impl Sensing {
    /// Registers a sensor and starts its actor.
    ///
    /// # Errors
    /// `Exists`, `Invalid`, or a part is away; nothing is registered then, unless the answer is `Deadline`.
    pub async fn register(&self, spec: SensorSpec) -> Result<SensorView, SensingError> {
        let spec = self.checked(spec.validated().map_err(|e| SensingError::Invalid(e.to_string()))?)?;
        if self.shared.roster.get(&spec.sensor_id).is_some() {
            return Err(SensingError::Exists(spec.sensor_id));
        }
        let limit = self.shared.config.sensors_max;
        if self.shared.roster.len() >= limit {
            return Err(SensingError::Invalid(format!(
                "the plant is limited to {limit} sensors (sensing.sensors_max)"
            )));
        }
        let (now, id) = (self.shared.now(), spec.sensor_id.clone());
        let write = self.shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                let sensor = store::sensor_insert(tx, &spec, now).await?;
                let data = serde_json::json!({ "sensor_id": sensor.spec.sensor_id, "key": sensor.key });
                journal(tx, now, "sensing.registered", &sensor.spec.sensor_id, data).await?;
                Ok(sensor)
            })
        });
        let sensor = match write.await {
            Err(WriteError::Store(error)) if matches!(*error, StoreError::Conflict { .. }) => {
                return Err(SensingError::Exists(id));
            }
            other => other?,
        };
        let seat = start::seat(&self.shared, &self.supervisor, Arc::new(sensor))?;
        view_of(&seat).await
    }

    /// Changes a registration.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, or a part is away.
    pub async fn change(&self, id: &SensorId, change: SensorChange) -> Result<SensorView, SensingError> {
        let seat = self.seat(id)?;
        let sensor = self.registration(id).await?;
        let spec = self.checked(change.apply(&sensor.spec).map_err(SensingError::Invalid)?)?;
        let (now, key) = (self.shared.now(), seat.key);
        let changed = Arc::new(Sensor { spec, updated_at: now, ..sensor });
        let stored = Arc::clone(&changed);
        self.shared
            .writer
            .run(CHANGE_DEADLINE, move |tx| {
                Box::pin(async move {
                    store::sensor_update(tx, key, &stored.spec, now).await?;
                    let data = serde_json::json!({ "sensor_id": stored.spec.sensor_id });
                    journal(tx, now, "sensing.changed", &stored.spec.sensor_id, data).await
                })
            })
            .await?;
        let enabled = changed.spec.enabled;
        seat.address
            .send(SensorMessage::Changed(changed), CHANGE_DEADLINE)
            .await
            .map_err(|e| SensingError::from_send(e, "the sensor"))?;
        let seat = Seat { enabled, ..seat };
        self.shared.roster.put(id.clone(), seat.clone());
        view_of(&seat).await
    }

    /// Removes a registration. Readings that are being pushed are stored or refused first; a verdict that is being
    /// computed is not kept; what is stored stays until its retention ends; the id may be used again at once.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn remove(&self, id: &SensorId) -> Result<(), SensingError> {
        let seat = self.seat(id)?;
        let (now, key, subject) = (self.shared.now(), seat.key, id.clone());
        self.shared
            .writer
            .run(CHANGE_DEADLINE, move |tx| {
                Box::pin(async move {
                    store::sensor_remove(tx, key, now).await?;
                    let data = serde_json::json!({ "sensor_id": subject });
                    journal(tx, now, "sensing.removed", &subject, data).await
                })
            })
            .await?;
        self.shared.roster.take(id);
        match self.supervisor.remove(&start::child_name(seat.key), REMOVE_DEADLINE).await {
            Ok(_) | Err(ControlError::NotFound) => Ok(()),
            Err(error) => Err(SensingError::Failed(error.to_string())),
        }
    }

    /// One sensor with its live state.
    ///
    /// # Errors
    /// `NotFound`, or its actor or the database is away.
    pub async fn sensor(&self, id: &SensorId) -> Result<SensorView, SensingError> {
        view_of(&self.seat(id)?).await
    }

    /// `limit` sensors after the first `skip`, by id, and how many there are.
    ///
    /// # Errors
    /// When the database is away. A sensor whose actor is in quarantine is left out.
    pub async fn sensors(&self, skip: usize, limit: usize) -> Result<(Vec<SensorView>, usize), SensingError> {
        let page = self.shared.roster.page(skip, limit);
        let views: Vec<_> = stream::iter(page)
            .map(|(_, seat)| async move { view_of(&seat).await })
            .buffered(VIEW_CONCURRENCY)
            .collect()
            .await;
        let mut shown = Vec::with_capacity(views.len());
        for view in views {
            match view {
                Ok(view) => shown.push(view),
                Err(error @ SensingError::Failed(_)) => {
                    tracing::warn!(error = %error, "a sensor does not answer")
                }
                Err(SensingError::Unavailable { what, .. }) if what == "the sensor" => {}
                Err(error) => return Err(error),
            }
        }
        Ok((shown, self.shared.roster.len()))
    }

    /// Stores readings. What the answer counts as stored is durable.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Overloaded`, or a part is away. After `Deadline` or `Failed` the same push may be sent
    /// again: what was stored counts as duplicate then.
    pub async fn push(&self, id: &SensorId, readings: Vec<Reading>) -> Result<PushReport, SensingError> {
        let seat = self.seat(id)?;
        let limit = self.shared.config.push_readings_max;
        if readings.len() > limit {
            return Err(SensingError::Invalid(format!(
                "at most {limit} readings in one push; there are {}",
                readings.len()
            )));
        }
        ask(&seat, self.shared.config.push_deadline, |reply| SensorMessage::Push { readings, reply }).await
    }

    /// Stored readings from `start` up to before `end`, thinned to about `points` if given.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` when too many would have to be read, or the database is away.
    pub async fn readings(
        &self,
        id: &SensorId,
        start: Timestamp,
        end: Timestamp,
        limit: usize,
        points: Option<usize>,
    ) -> Result<Vec<Reading>, SensingError> {
        let seat = self.seat(id)?;
        let fetch = if points.is_some() { READINGS_MAX + 1 } else { limit.min(READINGS_MAX) };
        let readings = store::readings_range(&self.shared.db, seat.key, start, end, fetch).await?;
        if readings.len() > READINGS_MAX {
            let text = format!(
                "more than {READINGS_MAX} readings lie between start and end: ask for a shorter time"
            );
            return Err(SensingError::Invalid(text));
        }
        Ok(points.map_or_else(|| readings.clone(), |points| downsample_min_max(&readings, points)))
    }

    /// Judges one sensor now, or as of `at`.
    ///
    /// # Errors
    /// `NotFound`, or a part is away. A scorer that is away is no error: the verdict is `unscored`.
    pub async fn analyze(&self, id: &SensorId, at: Option<Timestamp>) -> Result<ResultRecord, SensingError> {
        let seat = self.seat(id)?;
        judge::judge_one(&self.shared, id, &seat, at.unwrap_or_else(|| self.shared.now())).await
    }

    /// Judges every enabled sensor now, or as of `at`.
    ///
    /// # Errors
    /// `Deadline` when it takes too long, or the database is away.
    pub async fn analyze_all(&self, at: Option<Timestamp>) -> Result<Vec<ResultRecord>, SensingError> {
        let as_of = at.unwrap_or_else(|| self.shared.now());
        let run = judge::judge_all(&self.shared, &[], as_of, None);
        tokio::time::timeout(self.shared.config.run_deadline, run)
            .await
            .map_err(|_| SensingError::Deadline)?
    }

    /// Judges 720 values, oldest first, without storing anything.
    ///
    /// # Errors
    /// `Invalid`, or the scorer is away.
    pub async fn analyze_values(
        &self,
        values: &[f32],
        model: Option<&str>,
    ) -> Result<DirectVerdict, SensingError> {
        judge::judge_values(&self.shared, values, model).await
    }

    /// Stored results, newest first, and how many match.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn results(&self, query: &ResultQuery) -> Result<(Vec<ResultRecord>, u64), SensingError> {
        let page = store::results_list(&self.shared.db, query).await?;
        Ok((page.results, page.total))
    }

    /// The schedule and how it stands.
    ///
    /// # Errors
    /// When its actor is away.
    pub async fn schedule(&self) -> Result<ScheduleView, SensingError> {
        self.ask_schedule(|reply| ScheduleMessage::Get { reply }).await
    }

    /// Scores by this schedule from now on.
    ///
    /// # Errors
    /// `Invalid`, or a part is away.
    pub async fn set_schedule(&self, schedule: Schedule) -> Result<ScheduleView, SensingError> {
        self.ask_schedule(|reply| ScheduleMessage::Set { schedule, reply }).await
    }

    /// Reads `path` of the upstream for a dashboard.
    ///
    /// # Errors
    /// `Invalid` for an upstream that is not configured or a path that is not allowed; `Unavailable` while the vendor is.
    pub async fn proxy(
        &self,
        upstream: &str,
        path: &str,
        query: Vec<(String, String)>,
    ) -> Result<ProxyAnswer, SensingError> {
        let Some((vendor, _)) = self.vendor.as_ref().filter(|_| upstream == "oden") else {
            let text = "this upstream is not configured: set API_BASE_URL, API_AUTH_URL, API_USERNAME and API_PASSWORD";
            return Err(SensingError::Invalid(text.to_owned()));
        };
        if !allowed(&self.shared.config.proxy.allow, path) {
            return Err(SensingError::Invalid(
                "this path is not on the proxy's allow-list (sensing.proxy.allow)".to_owned(),
            ));
        }
        let path = path.to_owned();
        vendor
            .ask(|reply| VendorMessage::Fetch { path, query, reply }, PROXY_DEADLINE)
            .await
            .map_err(|e| SensingError::from_ask(e, "the vendor"))?
    }

    /// Crashes a sensor's actor on purpose: a drill that shows, on a living plant, that it comes back with its window and
    /// that its siblings never notice.
    ///
    /// # Errors
    /// `NotFound`, or the actor is away already.
    pub async fn drill(&self, id: &SensorId) -> Result<(), SensingError> {
        let sent = self.seat(id)?.address.send(SensorMessage::Drill, VIEW_DEADLINE).await;
        sent.map_err(|e| SensingError::from_send(e, "the sensor"))
    }

    /// Refuses a registration that names a model which does not exist.
    fn checked(&self, spec: SensorSpec) -> Result<SensorSpec, SensingError> {
        if let Some(model) = &spec.model {
            self.shared.inference.check_model(model)?;
        }
        Ok(spec)
    }

    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        self.vendor.iter().map(|(_, view)| view.clone()).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    async fn registration(&self, id: &SensorId) -> Result<Sensor, SensingError> {
        store::sensor_find(&self.shared.db, id).await?.ok_or_else(|| SensingError::NotFound(id.clone()))
    }

    fn seat(&self, id: &SensorId) -> Result<Seat, SensingError> {
        self.shared.roster.get(id).ok_or_else(|| SensingError::NotFound(id.clone()))
    }

    async fn ask_schedule(
        &self,
        make: impl FnOnce(nightshift_kernel::Reply<Result<ScheduleView, SensingError>>) -> ScheduleMessage,
    ) -> Result<ScheduleView, SensingError> {
        self.schedule
            .ask(make, CHANGE_DEADLINE)
            .await
            .map_err(|e| SensingError::from_ask(e, "the schedule"))?
    }
}

async fn view_of(seat: &Seat) -> Result<SensorView, SensingError> {
    ask(seat, VIEW_DEADLINE, |reply| SensorMessage::View { reply }).await
}

async fn ask<T>(
    seat: &Seat,
    deadline: Duration,
    make: impl FnOnce(nightshift_kernel::Reply<Result<T, SensingError>>) -> SensorMessage,
) -> Result<T, SensingError> {
    seat.address.ask(make, deadline).await.map_err(|e| SensingError::from_ask(e, "the sensor"))?
}

async fn journal(
    tx: &mut nightshift_store::Tx,
    now: Timestamp,
    kind: &str,
    subject: &SensorId,
    data: serde_json::Value,
) -> Result<(), StoreError> {
    tx.journal(nightshift_domain::NewEvent::new(now, kind, subject.as_str(), data)).await.map(|_| ())
}

/// Whether `path` matches one of the patterns; `*` stands for one segment of letters, digits, `_`, `-` and `.`.
fn allowed(patterns: &[String], path: &str) -> bool {
    let plain = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            && segment.bytes().any(|b| b != b'.')
    };
    let segments: Vec<&str> = path.split('/').collect();
    segments.iter().all(|s| plain(s))
        && patterns.iter().any(|pattern| {
            let wanted: Vec<&str> = pattern.split('/').collect();
            wanted.len() == segments.len() && wanted.iter().zip(&segments).all(|(w, s)| *w == "*" || w == s)
        })
}

#[cfg(test)]
#[path = "tests.rs"]
mod living;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_never_open() {
        let allow = crate::config::ProxyConfig::default().allow;
        assert!(allowed(&allow, "devices"));
        assert!(allowed(&allow, "devices/wando01/sensors/oxygen"));
        for path in [
            "",
            "devices/",
            "devices/../admin",
            "devices/a/sensors/..",
            "users",
            "devices/a/sensors/b/c",
            "devices/a%2f/sensors/b",
        ] {
            assert!(!allowed(&allow, path), "{path}");
        }
    }
}
