//! Numbers of lots and units: `{model}-{country}-{YYMMDD}{D|N}-{nnn}` and `{lot}-{nnnn}`.
//!
//! Numbers that people bring from elsewhere (`LOT-2025-001`) are taken as they are, as long as no other lot has them.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Calendar, FieldFault, PlantDate, Refusal, Shift, ShiftDay};
use crate::Timestamp;

/// Longest number that a caller may bring, characters.
pub const GIVEN_CHARS_MAX: usize = 50;
/// Longest number that this program makes: a model code of 50 characters and what follows it.
pub const NUMBER_CHARS_MAX: usize = 80;
/// Last number of a shift's series.
pub const LOT_NUMBER_MAX: u16 = 999;
/// Most units of a lot, whatever the configuration says: what the four digits of a serial number hold.
pub const SEQUENCE_MAX: u16 = 9_999;
/// Most units of a lot when the configuration does not say.
pub const TARGET_QUANTITY_MAX_DEFAULT: u16 = 100;
/// Years of two digits belong to this century.
const CENTURY: i16 = 2000;

fn is_number(text: &str, chars_max: usize) -> bool {
    (1..=chars_max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
        && text.bytes().any(|b| b != b'-')
}

macro_rules! number_text {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A number that is stored, or that a scanner read.
            ///
            /// # Errors
            /// The form, when no such number can exist.
            pub fn parse(text: &str) -> Result<Self, FieldFault> {
                Self::within(text, NUMBER_CHARS_MAX)
            }

            fn within(text: &str, chars_max: usize) -> Result<Self, FieldFault> {
                if is_number(text, chars_max) {
                    Ok(Self(text.to_owned()))
                } else {
                    let message = format!("must be 1 to {chars_max} characters of A-Z, 0-9 and '-'");
                    Err(FieldFault::new($field, message))
                }
            }

            /// The number as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = FieldFault;
            fn try_from(text: String) -> Result<Self, FieldFault> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(number: $name) -> String {
                number.0
            }
        }
    };
}

number_text! {
    /// The number of a lot.
    LotNumber, "lot_number"
}
number_text! {
    /// The number of a unit.
    SerialNumber, "serial_number"
}

/// What the lots of one shift, model and country have in common: they are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LotSeries {
    /// Model code and country, for example `WF-KR`.
    prefix: String,
    /// The shift.
    day: ShiftDay,
}

impl LotSeries {
    /// The series of a model's lots in a shift.
    ///
    /// # Errors
    /// When the date is not in 2000–2099: two digits of a year hold no more.
    pub fn new(model_code: &str, country: &str, day: ShiftDay) -> Result<Self, FieldFault> {
        if !(CENTURY..CENTURY + 100).contains(&day.date.year()) {
            return Err(FieldFault::new("production_date", "must be in the years 2000 to 2099"));
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '-' };
        let prefix: String = format!("{model_code}-{country}").chars().map(plain).collect();
        Ok(Self { prefix, day })
    }

    /// The series of lots that are numbered at `now`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn at(
        model_code: &str,
        country: &str,
        calendar: &Calendar,
        now: Timestamp,
    ) -> Result<Self, FieldFault> {
        Self::new(model_code, country, calendar.shift(now))
    }

    /// Model code and country.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The date on which the shift began.
    #[must_use]
    pub fn date(&self) -> PlantDate {
        self.day.date
    }

    /// The shift.
    #[must_use]
    pub fn shift(&self) -> Shift {
        self.day.shift
    }

    /// The lot number `n` of the series.
    ///
    /// # Errors
    /// When `n` is not 1 to [`LOT_NUMBER_MAX`].
    pub fn number(&self, n: u16) -> Result<LotNumber, Refusal> {
        if !(1..=LOT_NUMBER_MAX).contains(&n) {
            return Err(Refusal::LotNumbersExhausted { series: self.to_string() });
        }
        Ok(LotNumber(format!("{self}-{n:03}")))
    }

    /// The next number after `last` that nobody brought from elsewhere. The store keeps `last` per series and raises it
    /// in the transaction that makes the lot: numbers have no gap and no double.
    ///
    /// # Errors
    /// [`Refusal::LotNumbersExhausted`] after [`LOT_NUMBER_MAX`].
    pub fn next(&self, last: u16, taken: impl Fn(u16) -> bool) -> Result<u16, Refusal> {
        (last.saturating_add(1)..=LOT_NUMBER_MAX)
            .find(|n| !taken(*n))
            .ok_or_else(|| Refusal::LotNumbersExhausted { series: self.to_string() })
    }
}

impl fmt::Display for LotSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.day.date.year(), self.day.date.month(), self.day.date.day());
        write!(f, "{}-{:02}{month:02}{day:02}{}", self.prefix, year - CENTURY, self.day.shift)
    }
}

impl LotNumber {
    /// A number that a caller brings.
    ///
    /// # Errors
    /// The form.
    pub fn given(text: &str) -> Result<Self, FieldFault> {
        Self::within(text, GIVEN_CHARS_MAX)
    }

    /// The series and the place in it, where the number has the form that this program makes.
    #[must_use]
    pub fn parts(&self) -> Option<(LotSeries, u16)> {
        let (head, number) = self.0.rsplit_once('-')?;
        let (prefix, day) = head.rsplit_once('-')?;
        let n = digits(number, 3)?;
        if n == 0 || day.len() != 7 || !prefix.contains('-') || prefix.starts_with('-') {
            return None;
        }
        let shift = Shift::from_word(day.get(6..)?)?;
        let two = |from: usize| digits(day.get(from..from + 2)?, 2);
        let (year, month, dom) = (two(0)?, two(2)?, two(4)?);
        let date = Date::new(
            CENTURY + i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(dom).ok()?,
        )
        .ok()?;
        Some((LotSeries { prefix: prefix.to_owned(), day: ShiftDay { date, shift } }, n))
    }

    /// The number of the unit at `sequence` of this lot.
    ///
    /// # Errors
    /// When `sequence` is not 1 to [`SEQUENCE_MAX`].
    pub fn serial(&self, sequence: u16) -> Result<SerialNumber, FieldFault> {
        if !(1..=SEQUENCE_MAX).contains(&sequence) {
            return Err(FieldFault::new("sequence_in_lot", format!("must be 1 to {SEQUENCE_MAX}")));
        }
        Ok(SerialNumber(format!("{self}-{sequence:04}")))
    }
}

impl SerialNumber {
    /// A number that a caller brings.
    ///
    /// # Errors
    /// The form.
    pub fn given(text: &str) -> Result<Self, FieldFault> {
        Self::within(text, GIVEN_CHARS_MAX)
    }

    /// The lot's number and the place in it, where the number has the form that this program makes for lots it numbered.
    #[must_use]
    pub fn parts(&self) -> Option<(LotNumber, u16)> {
        let (lot, sequence) = self.0.rsplit_once('-')?;
        let lot = LotNumber(lot.to_owned());
        let sequence = digits(sequence, 4).filter(|n| *n > 0)?;
        lot.parts().map(|_| (lot, sequence))
    }
}

/// Exactly `len` digits.
fn digits(text: &str, len: usize) -> Option<u16> {
    if text.len() == len && text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The lowest place of a lot that no unit has: a unit that was removed leaves no gap.
#[must_use]
pub fn next_sequence(used: &[u16]) -> u16 {
    let mut used = used.to_vec();
    used.sort_unstable();
    used.dedup();
    let gap = (1u16..).zip(&used).find(|(want, have)| want != *have).map(|(want, _)| want);
    gap.unwrap_or_else(|| u16::try_from(used.len()).unwrap_or(u16::MAX).saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn seoul(text: &str) -> Timestamp {
        format!("{text}+09:00").parse().expect("time")
    }

    #[test]
    fn the_documented_numbers() {
        let series =
            LotSeries::at("WF", "KR", &Calendar::default(), seoul("2025-11-10T09:00:00")).expect("series");
        let lot = series.number(1).expect("lot");
        assert_eq!(lot.as_str(), "WF-KR-251110D-001");
        assert_eq!(lot.serial(1).expect("serial").as_str(), "WF-KR-251110D-001-0001");
        assert_eq!(lot.parts(), Some((series.clone(), 1)));
        assert!(series.number(0).is_err());
        assert_eq!(series.next(999, |_| false).expect_err("full").code(), "LOT_NUMBERS_EXHAUSTED");
        assert_eq!(series.next(0, |n| n < 4), Ok(4), "passes over numbers that people brought");
    }

    #[test]
    fn after_midnight_it_is_still_the_night_of_the_day_before() {
        let calendar = Calendar::default();
        let at = |text: &str| {
            let ShiftDay { date, shift } = calendar.shift(seoul(text));
            format!("{date}{shift}")
        };
        assert_eq!(at("2025-11-10T05:59:59.999999"), "2025-11-09N");
        assert_eq!(at("2025-11-10T06:00:00"), "2025-11-10D");
        assert_eq!(at("2025-11-10T17:59:59.999999"), "2025-11-10D");
        assert_eq!(at("2025-11-10T18:00:00"), "2025-11-10N");
        assert_eq!(at("2025-11-11T00:00:00"), "2025-11-10N");
        assert_eq!(at("2026-01-01T03:00:00"), "2025-12-31N");
    }

    #[test]
    fn brought_numbers_are_taken_as_they_are() {
        assert_eq!(LotNumber::given("LOT-2025-001").expect("lot").parts(), None);
        assert_eq!(SerialNumber::given("SN-2025-001-001").expect("serial").parts(), None);
        for bad in ["", "lot-1", "LOT 1", "LOT_1", "---", "LÖT-1", "A\u{0}", &"A".repeat(51)] {
            assert!(LotNumber::given(bad).is_err(), "{bad}");
        }
        for odd in [
            "WF-KR-251310D-001",
            "WF-KR-251110X-001",
            "WF-KR-251110D-000",
            "KR-251110D-001",
            "WF-KR-251110D-1",
        ] {
            assert_eq!(LotNumber::given(odd).expect("well formed").parts(), None, "{odd}");
        }
    }

    #[test]
    fn a_removed_unit_leaves_no_gap() {
        assert_eq!(next_sequence(&[]), 1);
        assert_eq!(next_sequence(&[3, 1, 2]), 4);
        assert_eq!(next_sequence(&[4, 1, 2]), 3);
        assert_eq!(next_sequence(&[2, 3]), 1);
    }

    proptest! {
        #[test]
        fn numbers_round_trip(
            code in "[A-Z0-9][A-Z0-9-]{0,20}", us in 946_800_000_000_000i64..4_000_000_000_000_000, n in 1u16..=999,
            unit in 1u16..=9_999
        ) {
            let series = LotSeries::at(&code, "KR", &Calendar::default(), Timestamp::from_us(us)).expect("series");
            let lot = series.number(n).expect("lot");
            prop_assert_eq!(lot.parts(), Some((series, n)));
            let serial = lot.serial(unit).expect("serial");
            prop_assert_eq!(serial.parts(), Some((lot.clone(), unit)));
            prop_assert_eq!(SerialNumber::parse(serial.as_str()), Ok(serial));
        }

        #[test]
        fn a_series_has_no_gap_and_no_double(taken in prop::collection::btree_set(1u16..60, 0..30)) {
            let series = LotSeries::new("WF", "KR", ShiftDay { date: date(2025, 11, 10), shift: Shift::Day }).expect("series");
            let mut last = 0;
            let mut seen = taken.clone();
            for _ in 0..80 {
                last = series.next(last, |n| taken.contains(&n)).expect("room");
                prop_assert!(seen.insert(last), "{} twice", last);
            }
            prop_assert_eq!(seen.iter().copied().collect::<Vec<_>>(), (1..=*seen.last().expect("some")).collect::<Vec<_>>());
        }

        #[test]
        fn every_instant_is_in_its_shift_whatever_the_zone(
            s in 1_000_000_000i64..4_000_000_000, zone in prop::sample::select(vec!["Asia/Seoul", "Europe/Berlin", "UTC"])
        ) {
            let calendar: Calendar = zone.parse().expect("zone");
            let at = Timestamp::from_s(s);
            let shift = calendar.shift(at);
            prop_assert!(calendar.shift_span(shift).contains(&at));
            prop_assert!(calendar.production_day(shift.date).contains(&at));
            prop_assert!(calendar.calendar_day(calendar.date(at)).contains(&at));
            if zone == "Asia/Seoul" {
                let span = calendar.shift_span(shift);
                prop_assert_eq!(span.end.us_since(span.start), 12 * 3_600 * crate::time::US_PER_S);
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = (LotNumber::parse(&text).map(|n| n.parts()), SerialNumber::parse(&text).map(|n| n.parts()));
        }
    }
}
