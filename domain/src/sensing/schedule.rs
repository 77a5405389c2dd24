//! When the plant scores its sensors by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SensorId;
use crate::Timestamp;

/// Shortest period, seconds.
pub const PERIOD_S_MIN: u32 = 10;
/// Longest period, seconds: a week.
pub const PERIOD_S_MAX: u32 = 7 * 86_400;
/// Most sensors that a schedule may name.
const SENSOR_IDS_MAX: usize = 100_000;

/// What a schedule got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The period is out of range.
    #[error("period_s must be {PERIOD_S_MIN} to {PERIOD_S_MAX}")]
    Period,
    /// Too many sensors are named.
    #[error("sensor_ids must name at most {SENSOR_IDS_MAX} sensors; leave it out to score all")]
    TooMany,
}

/// Runs at `reference_time + n × period_s`, for the named sensors or for all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// An instant at which a run is due; all others follow from it. May lie in the past or the future.
    pub reference_time: Timestamp,
    /// Seconds between two runs.
    pub period_s: u32,
    /// The sensors to score; all enabled ones when empty.
    #[serde(default)]
    pub sensor_ids: Vec<SensorId>,
}

impl Default for Schedule {
    /// Hourly at minute 0, all sensors: what the first site ran.
    fn default() -> Self {
        Self { reference_time: Timestamp::Y2000, period_s: 3_600, sensor_ids: Vec::new() }
    }
}

impl Schedule {
    /// Refuses a period that is out of range and a list that is too long.
    ///
    /// # Errors
    /// [`ScheduleError`], naming the field.
    pub fn validated(self) -> Result<Self, ScheduleError> {
        if !(PERIOD_S_MIN..=PERIOD_S_MAX).contains(&self.period_s) {
            return Err(ScheduleError::Period);
        }
        if self.sensor_ids.len() > SENSOR_IDS_MAX {
            return Err(ScheduleError::TooMany);
        }
        Ok(self)
    }

    fn period(&self) -> Duration {
        Duration::from_secs(self.period_s.max(1).into())
    }

    /// The latest due instant at or before `now`; `None` while the reference lies in the future.
    #[must_use]
    pub fn latest_due(&self, now: Timestamp) -> Option<Timestamp> {
        let since_us = now.us_since(self.reference_time);
        let period_us = i64::from(self.period_s.max(1)) * crate::time::US_PER_S;
        (since_us >= 0)
            .then(|| Timestamp::from_us(self.reference_time.us() + since_us / period_us * period_us))
    }

    /// The first due instant after `now`.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Timestamp {
        self.latest_due(now).map_or(self.reference_time, |due| due + self.period())
    }

    /// The run to do now, given the due instant of the last one done. Of several missed runs only the latest is caught
    /// up; a schedule that never ran waits for its first due instant instead of inventing a missed one. A last run that
    /// lies in the future was done by a clock that has been set back since: it must not hold up the runs until then.
    #[must_use]
    pub fn owed(&self, last_done: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let due = self.latest_due(now)?;
        last_done.is_some_and(|done| done < due || done > now).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hourly() -> Schedule {
        Schedule::default()
    }

    #[test]
    fn a_missed_run_is_caught_up_once() {
        let schedule = hourly();
        let ten = Timestamp::from_s(1_731_837_600);
        let later = ten + Duration::from_secs(3 * 3_600 + 60);
        let owed = schedule.owed(Some(ten), later).expect("missed");
        assert_eq!(owed, ten + Duration::from_secs(3 * 3_600));
        assert_eq!(schedule.owed(Some(owed), later), None);
        assert_eq!(schedule.owed(None, later), None);
    }

    #[test]
    fn a_clock_that_was_set_back_stops_no_runs() {
        let schedule = hourly();
        let ten = Timestamp::from_s(1_731_837_600);
        let years_ahead = ten + Duration::from_secs(4 * 365 * 86_400);
        assert_eq!(schedule.owed(Some(years_ahead), ten), Some(ten));
        assert_eq!(schedule.owed(Some(ten), ten), None);
    }

    #[test]
    fn a_reference_in_the_future_waits() {
        let schedule = Schedule { reference_time: Timestamp::from_s(2_000_000_000), ..hourly() };
        let now = Timestamp::from_s(1_900_000_000);
        assert_eq!(schedule.latest_due(now), None);
        assert_eq!(schedule.next_due(now), schedule.reference_time);
    }

    proptest! {
        #[test]
        fn due_instants_enclose_now(now in 0i64..4_000_000_000_000_000, reference in 0i64..4_000_000_000_000_000, period in PERIOD_S_MIN..PERIOD_S_MAX) {
            let schedule = Schedule { reference_time: Timestamp::from_us(reference), period_s: period, sensor_ids: vec![] };
            let now = Timestamp::from_us(now);
            prop_assert!(schedule.next_due(now) > now);
            if let Some(due) = schedule.latest_due(now) {
                prop_assert!(due <= now);
                prop_assert_eq!(due + schedule.period(), schedule.next_due(now));
            }
        }
    }
}
