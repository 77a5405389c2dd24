//! When the plant practises: a part of it is killed in a quiet hour, and must come back by itself.

use std::time::Duration;

use crate::Timestamp;
use crate::production::Calendar;

/// Hours of a day.
const DAY_HOURS: u8 = 24;

/// In which hours there is a drill, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillPlan {
    from_hour: u8,
    until_hour: u8,
    interval: Duration,
}

/// The hours of a plan are none of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hours must be 0 to 23 for the first and 1 to 24 for the last")]
pub struct NoHour;

impl DrillPlan {
    /// From `from_hour` (0 to 23) to before `until_hour` (1 to 24) of the plant's time, over midnight where that is not later;
    /// `interval` lies between two drills.
    ///
    /// # Errors
    /// When one of the hours does not exist.
    pub fn new(from_hour: u8, until_hour: u8, interval: Duration) -> Result<Self, NoHour> {
        let fits = from_hour < DAY_HOURS && (1..=DAY_HOURS).contains(&until_hour);
        fits.then_some(Self { from_hour, until_hour, interval }).ok_or(NoHour)
    }

    /// Whether a drill is due at `now`, when the last one was at `last`. A clock that was set back postpones none for ever.
    #[must_use]
    pub fn is_due(&self, now: Timestamp, last: Option<Timestamp>, calendar: &Calendar) -> bool {
        let rested = last.is_none_or(|last| now >= last + self.interval || now < last);
        rested && self.covers(calendar.local(now).hour())
    }

    fn covers(&self, hour: i8) -> bool {
        let hour = u8::try_from(hour).unwrap_or(0);
        if self.from_hour < self.until_hour {
            (self.from_hour..self.until_hour).contains(&hour)
        } else {
            hour >= self.from_hour || hour < self.until_hour
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// 00:00 in Seoul plus so many minutes.
    fn at(minutes: u64) -> Timestamp {
        "2026-11-25T15:00:00Z".parse::<Timestamp>().expect("a time") + Duration::from_secs(minutes * 60)
    }

    #[test]
    fn a_drill_is_due_in_its_hours_once_an_interval() {
        let (plan, calendar) = (DrillPlan::new(2, 4, DAY).expect("hours"), Calendar::default());
        let due = |minutes, last: Option<u64>| plan.is_due(at(minutes), last.map(at), &calendar);
        assert!(!due(119, None) && due(120, None) && due(239, None) && !due(240, None));
        assert!(!due(180, Some(121)) && due(180 + 1_440, Some(121)));
        assert!(due(180, Some(5_000)), "the last one is not in the future: the clock was set");
    }

    #[test]
    fn hours_may_pass_midnight_and_must_exist() {
        let (plan, calendar) = (DrillPlan::new(22, 2, DAY).expect("hours"), Calendar::default());
        let due = |hour: u64| plan.is_due(at(hour * 60), None, &calendar);
        assert_eq!((0..24).filter(|hour| due(*hour)).collect::<Vec<_>>(), [0, 1, 22, 23]);
        assert_eq!(DrillPlan::new(24, 2, DAY), Err(NoHour));
        assert_eq!(DrillPlan::new(0, 0, DAY), Err(NoHour));
    }

    proptest! {
        #[test]
        fn a_whole_day_is_covered_by_a_plan_of_all_hours(from in 0..24_u8, minutes in 0..20_000_u64) {
            let until = if from == 0 { 24 } else { from };
            let plan = DrillPlan::new(from, until, DAY).expect("hours");
            prop_assert!(plan.is_due(at(minutes), None, &Calendar::default()));
        }
    }
}
