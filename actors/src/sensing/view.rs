//! What the sensing domain shows.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Account, Provenance, Reading, ResultRecord, Schedule, Sensor, SensorId, Verdict,
};
use serde::Serialize;

/// Whether a sensor speaks. A gap is a fact, not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Freshness {
    /// It has never sent a reading.
    Never,
    /// Its newest reading is within its freshness limit.
    Fresh,
    /// Its newest reading is older than that.
    Stale,
}

/// A sensor with its live state.
#[derive(Debug, Clone)]
pub struct SensorView {
    /// Its registration.
    pub sensor: Sensor,
    /// Whether it speaks.
    pub freshness: Freshness,
    /// Its newest stored reading.
    pub newest: Option<Timestamp>,
    /// The newest value, as the nets see it.
    pub last_value: Option<f32>,
    /// Readings held of its window, at most 720.
    pub window_readings: usize,
    /// The account of its readings since registration.
    pub account: Account,
    /// Its newest verdict.
    pub last_result: Option<ResultRecord>,
}

/// A reading of a push that was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusedReading {
    /// Its place in the push, from 0.
    pub index: usize,
    /// Its time.
    pub time: Timestamp,
    /// Why.
    pub reason: String,
}

/// What became of a push. When this is returned, everything counted as stored is durable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PushReport {
    /// The push's account.
    pub account: Account,
    /// The first refused readings, at most 100.
    pub refused: Vec<RefusedReading>,
}

/// A verdict on values that were handed in and not stored.
#[derive(Debug, Clone)]
pub struct DirectVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// When it was decided.
    pub inference_time: Timestamp,
    /// What it rests on.
    pub provenance: Provenance,
    /// Score of each reading, if the model gives one.
    pub reading_scores: Option<Vec<f32>>,
}

/// The window of a sensor, thinned for a small picture.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// The sensor.
    pub sensor_id: SensorId,
    /// Time of the first value; nothing when there is none.
    pub start: Option<Timestamp>,
    /// Time of the last value.
    pub end: Option<Timestamp>,
    /// The values, oldest first, the lowest and the highest of each stretch.
    pub values: Vec<f64>,
}

/// What a model says of a sensor's window now, reading by reading. Nothing is stored.
#[derive(Debug, Clone)]
pub struct WindowScores {
    /// The verdict; `InsufficientData` when there is no window.
    pub verdict: Verdict,
    /// When it was decided.
    pub inference_time: Timestamp,
    /// What it rests on.
    pub provenance: Provenance,
    /// The window's readings, oldest first.
    pub readings: Vec<ReadingScore>,
}

/// A reading and its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReadingScore {
    /// When it was measured.
    pub time: Timestamp,
    /// What was measured.
    pub value: f64,
    /// Its score, if the model gives one for each reading.
    pub score: Option<f32>,
}

/// The schedule and how it stands.
#[derive(Debug, Clone, Serialize)]
pub struct ScheduleView {
    /// The schedule.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// Due instant of the last run done.
    pub last_run: Option<Timestamp>,
    /// Due instant of the next run.
    pub next_run: Timestamp,
    /// Whether a run is under way.
    pub running: bool,
}

impl ScheduleView {
    /// Says so when a run is owed for longer than `limit`.
    pub(crate) fn overdue(&self, now: Timestamp, limit: Duration) -> Option<String> {
        let owed = self.schedule.owed(self.last_run, now).filter(|owed| now.since(*owed) > limit)?;
        Some(format!("the run due at {owed} is not done: the log says why"))
    }
}

/// An upstream's answer, passed on.
#[derive(Debug, Clone)]
pub struct ProxyAnswer {
    /// HTTP status of the upstream.
    pub status: u16,
    /// Its content type.
    pub content_type: String,
    /// Its body.
    pub body: Vec<u8>,
    /// Age of the answer if it came from the cache, seconds.
    pub age_s: Option<u64>,
}

/// The newest stored reading, for live listeners.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LiveReading<'a> {
    pub(crate) sensor_id: &'a str,
    pub(crate) readings: &'a [Reading],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_overdue_once_its_time_is_over() {
        let (due, limit) = (Timestamp::from_s(1_731_837_600), Duration::from_secs(60));
        let view =
            |last_run| ScheduleView { schedule: Schedule::default(), last_run, next_run: due, running: true };
        let missed = view(Some(due - Duration::from_secs(3_600)));
        assert_eq!(missed.overdue(due + limit, limit), None);
        let said = missed.overdue(due + limit * 2, limit).expect("overdue");
        assert!(said.contains("2024-11-17T10:00:00"), "{said}");
        assert_eq!(view(Some(due)).overdue(due + limit * 2, limit), None);
    }
}
