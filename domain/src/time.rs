//! The plant's instant: microseconds since 1970 UTC in an `i64`, shown as RFC 3339.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Microseconds in a second.
pub const US_PER_S: i64 = 1_000_000;

/// An instant in microseconds since 1970-01-01T00:00:00Z.
///
/// In JSON it is written as RFC 3339 in UTC (`2024-11-17T10:00:00Z`) and read from RFC 3339 with any offset or from a
/// number of milliseconds since 1970, the two forms that today's devices send.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// The text or number is no instant that this system can keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a time: write RFC 3339 (2024-11-17T10:00:00Z) or milliseconds since 1970")]
pub struct ParseTimestampError {
    input: String,
}

impl Timestamp {
    /// 2000-01-01T00:00:00Z: nothing a plant measures is older.
    pub const Y2000: Self = Self(946_684_800 * US_PER_S);
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799 * US_PER_S);

    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_us(us: i64) -> Self {
        Self(us)
    }

    /// From whole seconds since 1970, saturating.
    #[must_use]
    pub const fn from_s(s: i64) -> Self {
        Self(s.saturating_mul(US_PER_S))
    }

    /// From milliseconds since 1970; `None` outside 0001–9999.
    #[must_use]
    pub fn from_ms(ms: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(ms).ok().map(|t| Self(t.as_microsecond()))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn us(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to `self`; negative when `earlier` is later.
    #[must_use]
    pub const fn us_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.us_since(earlier)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => t.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let refused = || ParseTimestampError { input: s.chars().take(40).collect() };
        let text = s.trim();
        if let Ok(ms) = text.parse::<i64>() {
            return Self::from_ms(ms).ok_or_else(refused);
        }
        // A `+` that a query string turned into a space is the commonest slip of hand-written clients.
        let repaired = text.replacen(
            ' ',
            if text.matches(' ').count() == 1 && text.contains('T') { "+" } else { "T" },
            1,
        );
        repaired
            .parse::<jiff::Timestamp>()
            .or_else(|_| format!("{repaired}Z").parse::<jiff::Timestamp>())
            .map(|t| Self(t.as_microsecond()))
            .map_err(|_| refused())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time or milliseconds since 1970")
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Timestamp, E> {
                v.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Timestamp, E> {
                Timestamp::from_ms(v).ok_or_else(|| E::custom("milliseconds since 1970 out of range"))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Timestamp, E> {
                self.visit_i64(
                    i64::try_from(v).map_err(|_| E::custom("milliseconds since 1970 out of range"))?,
                )
            }
        }
        d.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_devices_send() {
        let want = Timestamp::from_s(1_731_837_600);
        for text in [
            "2024-11-17T10:00:00Z",
            "2024-11-17T19:00:00+09:00",
            "2024-11-17T19:00:00 09:00",
            "2024-11-17 10:00:00",
            "2024-11-17T10:00:00",
            "1731837600000",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Ok(want), "{text}");
        }
        assert_eq!(serde_json::from_str::<Timestamp>("1731837600000").expect("ms"), want);
        assert_eq!(serde_json::to_string(&want).expect("json"), "\"2024-11-17T10:00:00Z\"");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "yesterday", "2024-13-01T00:00:00Z", "NaN", "99999999999999999999"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Timestamp>("1.5").is_err());
    }

    proptest! {
        #[test]
        fn text_round_trips(us in 0i64..=Timestamp::MAX.us()) {
            let t = Timestamp::from_us(us);
            prop_assert_eq!(t.to_string().parse::<Timestamp>(), Ok(t));
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
