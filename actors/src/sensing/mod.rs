//! The sensing domain's actors and the door to them.

mod calibrate;
mod error;
mod freshness;
mod judge;
mod models;
mod oden;
mod register;
mod schedule;
mod scores;
mod sensor;
mod shadow;
mod shared;
mod start;
mod vendor;
mod view;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    FUTURE_SKEW_MAX, Reading, ResultRecord, Schedule, SensorId, downsample_min_max,
};
use nightshift_kernel::{Address, BreakerView, Supervisor};
use nightshift_store::sensing::{self as store, ResultQuery};

pub use error::SensingError;
pub use models::{ComparedVerdict, ComparisonView, DisagreementView, ModelEntry, ModelsView};
pub use view::{
    DirectVerdict, Freshness, ProxyAnswer, PushReport, ReadingScore, RefusedReading, ScheduleView,
    SensorView, Trace, WindowScores,
};

use schedule::ScheduleMessage;
use sensor::SensorMessage;
use shared::Shared;
use vendor::VendorMessage;

pub(crate) use freshness::describe_metrics;
pub(crate) use models::lineup;
pub(crate) use sensor::SensorMessage as CheckpointMessage;
pub(crate) use shared::{Seat, Shared as SensingShared};
pub(crate) use start::spawn;

/// How long a question to a sensor about its state may take.
const VIEW_DEADLINE: Duration = Duration::from_secs(5);
/// How long the schedule may take to say how it stands for a health check.
const OVERDUE_DEADLINE: Duration = Duration::from_secs(2);
/// How long after its due instant and its deadline a run may still be on its way: two looks at the clock.
const OVERDUE_GRACE: Duration = Duration::from_secs(60);
/// How long a question to the schedule, or a change of it, may take.
const SCHEDULE_DEADLINE: Duration = Duration::from_secs(10);
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
    /// One sensor with its live state.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn sensor(&self, id: &SensorId) -> Result<SensorView, SensingError> {
        self.view_of(&self.seat(id)?).await
    }

    /// `limit` sensors after the first `skip`, by id, and how many there are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sensors(&self, skip: usize, limit: usize) -> Result<(Vec<SensorView>, usize), SensingError> {
        let page = self.shared.roster.page(skip, limit);
        let views = stream::iter(page)
            .map(|(_, seat)| async move { self.view_of(&seat).await })
            .buffered(VIEW_CONCURRENCY)
            .try_collect()
            .await?;
        Ok((views, self.shared.roster.len()))
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
        Ok(match points {
            Some(points) => downsample_min_max(&readings, points),
            None => readings,
        })
    }

    /// Judges one sensor now, or as of `at`.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for a future instant, or a part is away. A scorer that is away is no error: the verdict is `unscored`.
    pub async fn analyze(&self, id: &SensorId, at: Option<Timestamp>) -> Result<ResultRecord, SensingError> {
        let (seat, as_of) = (self.seat(id)?, self.as_of(at)?);
        judge::judge_one(&self.shared, id, &seat, as_of).await
    }

    /// Judges every enabled sensor now, or as of `at`.
    ///
    /// # Errors
    /// `Deadline` when it takes too long (what was judged by then is stored), `Invalid` for a future instant, or the
    /// database is away.
    pub async fn analyze_all(&self, at: Option<Timestamp>) -> Result<Vec<ResultRecord>, SensingError> {
        let as_of = self.as_of(at)?;
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

    /// Why the scheduled verdicts cannot be trusted to come, if so: a run is owed for longer than runs may take, or the
    /// schedule does not answer.
    pub(crate) async fn overdue(&self) -> Option<String> {
        let asked = tokio::time::timeout(OVERDUE_DEADLINE, self.schedule()).await;
        let Ok(Ok(view)) = asked else {
            return Some("the schedule does not answer: GET /api/v1/system/tree says why".to_owned());
        };
        view.overdue(self.shared.now(), self.shared.config.run_deadline + OVERDUE_GRACE)
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

    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        self.vendor.iter().map(|(_, view)| view.clone()).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The instant to judge at. A verdict on what has not happened would stay the sensor's newest one until it has.
    fn as_of(&self, at: Option<Timestamp>) -> Result<Timestamp, SensingError> {
        let now = self.shared.now();
        let at = at.unwrap_or(now);
        if at > now + FUTURE_SKEW_MAX {
            return Err(SensingError::Invalid(format!("at must not lie in the future: here it is {now}")));
        }
        Ok(at)
    }

    /// What a sensor says of itself, or the store of it while its actor is in quarantine, restarting or too busy: a
    /// sensor that is in trouble is the one that somebody looks for.
    async fn view_of(&self, seat: &Seat) -> Result<SensorView, SensingError> {
        let view = match seat.address.ask(|reply| SensorMessage::View { reply }, VIEW_DEADLINE).await {
            Ok(answer) => answer?,
            Err(error) => {
                tracing::debug!(sensor = %seat.address.path(), error = %error, "shown from the store");
                sensor::view_of_store(&self.shared, &seat.registration.get()).await?
            }
        };
        let last_result = store::result_latest(&self.shared.db, view.sensor.key).await?;
        Ok(SensorView { last_result, ..view })
    }

    fn seat(&self, id: &SensorId) -> Result<Seat, SensingError> {
        self.shared.roster.get(id).ok_or_else(|| SensingError::NotFound(id.clone()))
    }

    async fn ask_schedule(
        &self,
        make: impl FnOnce(nightshift_kernel::Reply<Result<ScheduleView, SensingError>>) -> ScheduleMessage,
    ) -> Result<ScheduleView, SensingError> {
        self.schedule
            .ask(make, SCHEDULE_DEADLINE)
            .await
            .map_err(|e| SensingError::from_ask(e, "the schedule"))?
    }
}

async fn ask<T>(
    seat: &Seat,
    deadline: Duration,
    make: impl FnOnce(nightshift_kernel::Reply<Result<T, SensingError>>) -> SensorMessage,
) -> Result<T, SensingError> {
    seat.address.ask(make, deadline).await.map_err(|e| SensingError::from_ask(e, "the sensor"))?
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
