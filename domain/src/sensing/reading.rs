//! A reading, and the rules by which an offered one is stored, known already, late, or refused.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Account;
use crate::Timestamp;

/// How far ahead of the plant's clock a device's clock may run.
pub const FUTURE_SKEW_MAX: Duration = Duration::from_secs(300);

/// One measured value at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// When it was measured.
    #[serde(rename = "time")]
    pub at: Timestamp,
    /// What was measured, in the sensor's unit.
    pub value: f64,
}

/// Why a reading was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// NaN or an infinity.
    #[error("value is not a finite number")]
    NotFinite,
    /// Its clock runs ahead by more than [`FUTURE_SKEW_MAX`].
    #[error("time is more than 5 minutes in the future: check the device's clock")]
    Future,
    /// Before 2000: a device that lost its clock.
    #[error("time is before 2000: check the device's clock")]
    BeforeY2000,
    /// Another value is stored for this time; the first one stays.
    #[error("another value ({kept}) is already stored for this time; the first one stays")]
    Conflict {
        /// The value that stays.
        kept: f64,
    },
}

/// A batch of readings as it was offered, with what is known of its times already.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The readings, in any order.
    pub readings: &'a [Reading],
    /// Stored values at those of the batch's times that are stored already.
    pub known: &'a BTreeMap<Timestamp, f64>,
    /// The plant's time.
    pub now: Timestamp,
    /// Readings before this are late.
    pub horizon: Timestamp,
}

/// What becomes of an offered batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sorted {
    /// To be stored: rising times, none of them known.
    pub fresh: Vec<Reading>,
    /// Index in the batch and reason of each refused reading.
    pub refused: Vec<(usize, Refusal)>,
    /// The batch's account, as it will be once `fresh` is stored.
    pub account: Account,
}

/// Sorts an offered batch into what is new and what is not. Every reading has exactly one outcome; of two readings with
/// one time in the batch, the first counts.
#[must_use]
pub fn sort_offer(offer: Offer<'_>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut fresh: BTreeMap<Timestamp, f64> = BTreeMap::new();
    for (index, reading) in offer.readings.iter().enumerate() {
        sorted.account.offered += 1;
        let before = fresh.get(&reading.at).or_else(|| offer.known.get(&reading.at)).copied();
        match (refusal(*reading, offer.now), before) {
            (Some(refusal), _) => sorted.refused.push((index, refusal)),
            (None, _) if reading.at < offer.horizon => sorted.account.late += 1,
            (None, Some(kept)) if kept == reading.value => sorted.account.duplicate += 1,
            (None, Some(kept)) => sorted.refused.push((index, Refusal::Conflict { kept })),
            (None, None) => {
                fresh.insert(reading.at, reading.value);
            }
        }
    }
    sorted.account.rejected = i64::try_from(sorted.refused.len()).unwrap_or(i64::MAX);
    sorted.account.stored = i64::try_from(fresh.len()).unwrap_or(i64::MAX);
    sorted.fresh = fresh.into_iter().map(|(at, value)| Reading { at, value }).collect();
    sorted
}

fn refusal(reading: Reading, now: Timestamp) -> Option<Refusal> {
    if !reading.value.is_finite() {
        Some(Refusal::NotFinite)
    } else if reading.at > now + FUTURE_SKEW_MAX {
        Some(Refusal::Future)
    } else if reading.at < Timestamp::Y2000 {
        Some(Refusal::BeforeY2000)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_s(1_800_000_000);

    fn at(s: i64, value: f64) -> Reading {
        Reading { at: Timestamp::from_s(s), value }
    }

    fn sort(readings: &[Reading], known: &[Reading]) -> Sorted {
        let known = known.iter().map(|r| (r.at, r.value)).collect();
        sort_offer(Offer { readings, known: &known, now: NOW, horizon: NOW - Duration::from_secs(1_000) })
    }

    #[test]
    fn each_reading_has_its_outcome() {
        let s = NOW.us() / 1_000_000;
        let offered = [
            at(s, 1.0),
            at(s, 1.0),
            at(s, 2.0),
            at(s - 5, 7.0),
            at(s - 5, 8.0),
            at(s - 2_000, 1.0),
            at(s + 301, 1.0),
            at(s + 300, 1.0),
            at(0, 1.0),
            at(s - 9, f64::NAN),
        ];
        let sorted = sort(&offered, &[at(s - 5, 7.0)]);
        assert_eq!(sorted.fresh, vec![at(s, 1.0), at(s + 300, 1.0)]);
        let reasons: Vec<usize> = sorted.refused.iter().map(|(i, _)| *i).collect();
        assert_eq!(reasons, vec![2, 4, 6, 8, 9]);
        assert_eq!(sorted.account, Account { offered: 10, stored: 2, duplicate: 2, late: 1, rejected: 5 });
    }

    fn any_reading() -> impl Strategy<Value = Reading> {
        let s = NOW.us() / 1_000_000;
        (s - 1_500..s + 400, prop_oneof![Just(1.0), Just(2.0), Just(f64::NAN)]).prop_map(|(s, v)| at(s, v))
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_a_repeat_adds_nothing(readings in prop::collection::vec(any_reading(), 0..80)) {
            let first = sort(&readings, &[]);
            prop_assert_eq!(first.account.unaccounted(), 0);
            prop_assert!(first.fresh.windows(2).all(|w| w[0].at < w[1].at));
            let again = sort(&readings, &first.fresh);
            prop_assert_eq!(again.account.stored, 0);
            prop_assert_eq!(again.account.unaccounted(), 0);
            prop_assert_eq!(again.account.late, first.account.late);
            prop_assert_eq!(again.account.rejected, first.account.rejected);
        }
    }
}
