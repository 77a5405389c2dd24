//! When the plant's own briefing of the day is due.

use std::str::FromStr;

use jiff::civil::Time;

use crate::Timestamp;
use crate::production::{Calendar, PlantDate};

/// The time of day is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of day: write HH:MM, in the plant's time")]
pub struct NoTimeOfDay(String);

/// A time of day, in plant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyTime(Time);

impl FromStr for DailyTime {
    type Err = NoTimeOfDay;
    fn from_str(s: &str) -> Result<Self, NoTimeOfDay> {
        let refused = || NoTimeOfDay(s.chars().take(20).collect());
        let (hour, minute) = s.trim().split_once(':').ok_or_else(refused)?;
        let number = |text: &str| {
            text.parse::<i8>().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
        };
        let (hour, minute) = (number(hour).ok_or_else(refused)?, number(minute).ok_or_else(refused)?);
        Time::new(hour, minute, 0, 0).map(Self).map_err(|_| refused())
    }
}

impl Default for DailyTime {
    /// 06:00: the night shift hands over.
    fn default() -> Self {
        Self(Time::constant(6, 0, 0, 0))
    }
}

/// A day's briefing: its date, and what it tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The date on which it is due.
    pub date: PlantDate,
    /// From the instant when the last one was due.
    pub from: Timestamp,
    /// Until this one is due.
    pub until: Timestamp,
}

impl DailyTime {
    fn on(self, date: PlantDate, calendar: &Calendar) -> Day {
        let from = calendar.at_time(date.yesterday().unwrap_or(date), self.0);
        Day { date, from, until: calendar.at_time(date, self.0) }
    }

    /// The newest one that is due at or before `now`.
    #[must_use]
    pub fn latest(self, now: Timestamp, calendar: &Calendar) -> Day {
        let today = self.on(calendar.date(now), calendar);
        if today.until <= now {
            today
        } else {
            self.on(today.date.yesterday().unwrap_or(today.date), calendar)
        }
    }

    /// When the next one is due after `now`.
    #[must_use]
    pub fn next(self, now: Timestamp, calendar: &Calendar) -> Timestamp {
        let day = self.latest(now, calendar).date;
        self.on(day.tomorrow().unwrap_or(day), calendar).until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_one() {
        let (at, seoul) = ("06:00".parse::<DailyTime>().expect("a time"), Calendar::default());
        let before: Timestamp = "2026-11-26T05:59:59+09:00".parse().expect("a time");
        let after: Timestamp = "2026-11-26T06:00:00+09:00".parse().expect("a time");
        assert_eq!(at.latest(before, &seoul).date.to_string(), "2026-11-25");
        let day = at.latest(after, &seoul);
        assert_eq!((day.date.to_string(), day.until), ("2026-11-26".to_owned(), after));
        assert_eq!(day.until.since(day.from).as_secs(), 86_400);
        assert_eq!(at.next(before, &seoul), after);
        assert_eq!(at.next(after, &seoul).since(after).as_secs(), 86_400);
        for text in ["6:00", "24:00", "06:60", "", "noon", "06-00"] {
            assert!(text.parse::<DailyTime>().is_err(), "{text}");
        }
    }
}
