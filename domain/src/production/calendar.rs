//! The plant's day: dates and shifts in plant time.
//!
//! A shift is named by the date on which it began: 02:00 on the 11th belongs to the night shift of the 10th, and so do
//! the lots that are made then.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Hour of plant time at which the day shift begins.
const DAY_HOUR: i8 = 6;
/// Hour of plant time at which the night shift begins.
const NIGHT_HOUR: i8 = 18;

/// A date of plant time, written `YYYY-MM-DD`.
pub type PlantDate = Date;

/// Half of a production day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Shift {
    /// 06:00 to 18:00.
    #[serde(rename = "D")]
    Day,
    /// 18:00 to 06:00 of the next date.
    #[serde(rename = "N")]
    Night,
}

impl Shift {
    /// The letter in numbers, JSON and the store.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Day => 'D',
            Self::Night => 'N',
        }
    }

    /// The word used in the store: [`Self::letter`] as text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "D",
            Self::Night => "N",
        }
    }

    /// The shift that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Day, Self::Night].into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A shift of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShiftDay {
    /// The date on which the shift began.
    pub date: PlantDate,
    /// Which half.
    pub shift: Shift,
}

/// The time zone is not one this program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone of the IANA database, for example Asia/Seoul")]
pub struct UnknownZone(String);

/// Turns instants into dates and shifts.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
}

impl FromStr for Calendar {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        // The bundled database, so that two machines of a plant never disagree.
        let found = jiff::tz::TimeZoneDatabase::bundled().get(name);
        found.map(|zone| Self { zone }).map_err(|_| UnknownZone(name.chars().take(40).collect()))
    }
}

impl Default for Calendar {
    /// Asia/Seoul: the first plant.
    fn default() -> Self {
        "Asia/Seoul".parse().expect("the bundled database has Asia/Seoul")
    }
}

impl Calendar {
    /// The date and time that a clock in the plant shows at `at`.
    pub(crate) fn local(&self, at: Timestamp) -> jiff::civil::DateTime {
        let instant = jiff::Timestamp::from_microsecond(at.us()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        self.zone.to_datetime(instant)
    }

    /// `at` with the plant's offset, in whole seconds: `2025-01-10T10:00:15+09:00`.
    #[must_use]
    pub fn rfc3339(&self, at: Timestamp) -> String {
        let instant = jiff::Timestamp::from_microsecond(at.us()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        instant.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The calendar date of `at`.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> PlantDate {
        self.local(at).date()
    }

    /// The shift that works at `at`, under the date on which it began.
    #[must_use]
    pub fn shift(&self, at: Timestamp) -> ShiftDay {
        let local = self.local(at);
        let (date, hour) = (local.date(), local.hour());
        if hour < DAY_HOUR {
            ShiftDay { date: date.yesterday().unwrap_or(date), shift: Shift::Night }
        } else if hour < NIGHT_HOUR {
            ShiftDay { date, shift: Shift::Day }
        } else {
            ShiftDay { date, shift: Shift::Night }
        }
    }

    /// The production day of `at`: from the day shift's start to the end of the night shift.
    #[must_use]
    pub fn production_date(&self, at: Timestamp) -> PlantDate {
        self.shift(at).date
    }

    /// The instants of the production day `date`: from 06:00 to 06:00 of the next date.
    #[must_use]
    pub fn production_day(&self, date: PlantDate) -> Range<Timestamp> {
        self.at(date, DAY_HOUR)..self.at(date.tomorrow().unwrap_or(date), DAY_HOUR)
    }

    /// The instants of the calendar date `date`: from midnight to midnight.
    #[must_use]
    pub fn calendar_day(&self, date: PlantDate) -> Range<Timestamp> {
        self.at(date, 0)..self.at(date.tomorrow().unwrap_or(date), 0)
    }

    /// The instants of a shift.
    #[must_use]
    pub fn shift_span(&self, of: ShiftDay) -> Range<Timestamp> {
        match of.shift {
            Shift::Day => self.at(of.date, DAY_HOUR)..self.at(of.date, NIGHT_HOUR),
            Shift::Night => {
                self.at(of.date, NIGHT_HOUR)..self.at(of.date.tomorrow().unwrap_or(of.date), DAY_HOUR)
            }
        }
    }

    /// `hour` o'clock of `date`; where a change of the clocks leaves it out, the instant after the change.
    fn at(&self, date: PlantDate, hour: i8) -> Timestamp {
        self.at_time(date, Time::constant(hour, 0, 0, 0))
    }

    /// That time of `date`; where a change of the clocks leaves it out, the instant after the change.
    pub(crate) fn at_time(&self, date: PlantDate, time: Time) -> Timestamp {
        let local = date.to_datetime(time);
        let instant = self.zone.to_timestamp(local).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Timestamp::from_us(instant.as_microsecond())
    }
}
