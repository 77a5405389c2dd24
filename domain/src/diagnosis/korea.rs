//! Korea time, in which today's clients expect what they are shown.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, offset};
use serde::{Serialize, Serializer};

use crate::Timestamp;

/// An instant that is shown in Korea time: `2025-11-10T14:03:00.250+09:00`. Korea has not moved its clocks since 1988, so
/// that a fixed offset is right for everything this plant keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KoreaTime(pub Timestamp);

impl KoreaTime {
    /// Year, month, day, hour, minute, second and fraction in Korea.
    pub(super) fn civil(self) -> DateTime {
        let instant = jiff::Timestamp::from_microsecond(self.0.us()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        TimeZone::fixed(offset(9)).to_datetime(instant)
    }
}

impl fmt::Display for KoreaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+09:00", self.civil())
    }
}

impl Serialize for KoreaTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_nine_hours_ahead_and_read_back() {
        let at: Timestamp = "2025-11-10T15:30:00.25Z".parse().expect("instant");
        let shown = KoreaTime(at).to_string();
        assert_eq!(shown, "2025-11-11T00:30:00.25+09:00");
        assert_eq!(shown.parse::<Timestamp>(), Ok(at));
    }
}
