//! What was measured: latencies by kind of act, what failed and why, and how it went over the time.
//!
//! Latencies are in high-dynamic-range histograms (Tene, HdrHistogram): three digits, from a microsecond to an hour.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest latency that is told apart, microseconds: an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;
/// Digits of a latency that count, overall and in a slot of the course.
const DIGITS: u8 = 3;
const SLOT_DIGITS: u8 = 2;
/// Slots that the time is cut into for the course.
const SLOTS: usize = 120;
/// Different reasons of failures that are told apart; a server that sends more shows the rest as one.
const REASONS_MAX: usize = 50;

/// A kind of act, as the report calls it: `production.start`.
pub(super) type Act = &'static str;

/// One kind of act.
struct Series {
    latency_us: Histogram<u64>,
    course: Vec<Slot>,
    failures: BTreeMap<String, u64>,
}

/// What happened in one slot of the time.
#[derive(Clone)]
struct Slot {
    latency_us: Histogram<u64>,
    failed: u64,
}

fn histogram(digits: u8) -> Histogram<u64> {
    // Both bounds and digits are in range, which a test shows by running.
    Histogram::new_with_bounds(1, LATENCY_US_MAX, digits).expect("bounds and digits that fit")
}

impl Series {
    fn new() -> Self {
        // Slots grow with what they see.
        let slot = || Slot { latency_us: Histogram::new(SLOT_DIGITS).expect("digits that fit"), failed: 0 };
        Self {
            latency_us: histogram(DIGITS),
            course: (0..SLOTS).map(|_| slot()).collect(),
            failures: BTreeMap::new(),
        }
    }
}

/// Where everybody writes down what became of an act. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tally {
    series: Arc<Mutex<BTreeMap<Act, Series>>>,
    /// Length of a slot.
    slot: Duration,
}

impl Tally {
    /// For a run of `length`.
    pub(super) fn new(length: Duration) -> Self {
        let slot = (length / SLOTS as u32).max(Duration::from_millis(100));
        Self { series: Arc::default(), slot }
    }

    /// An act that was due `at` into the run and done `took` after it was due.
    pub(super) fn done(&self, act: Act, at: Duration, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).clamp(1, LATENCY_US_MAX);
        self.with(act, at, |series, slot| {
            series.latency_us.saturating_record(us);
            // A slot grows to what it is given.
            let _ = series.course[slot].latency_us.record(us);
        });
    }

    /// An act that was due `at` into the run and failed.
    pub(super) fn failed(&self, act: Act, at: Duration, reason: &str) {
        self.with(act, at, |series, slot| {
            series.course[slot].failed += 1;
            let known = series.failures.len() < REASONS_MAX || series.failures.contains_key(reason);
            let reason = if known { reason } else { "OTHER" };
            *series.failures.entry(reason.to_owned()).or_default() += 1;
        });
    }

    fn with(&self, act: Act, at: Duration, note: impl FnOnce(&mut Series, usize)) {
        let slot = (at.as_secs_f64() / self.slot.as_secs_f64()) as usize;
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        note(series.entry(act).or_insert_with(Series::new), slot.min(SLOTS - 1));
    }

    /// Acts done and failed so far, of all kinds that begin with `prefix`.
    pub(super) fn counts(&self, prefix: &str) -> (u64, u64) {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let of = series
            .iter()
            .filter(|(act, _)| act.starts_with(prefix))
            .map(|(_, series)| (series.latency_us.len(), series.failures.values().sum::<u64>()));
        of.fold((0, 0), |(done, failed), (d, f)| (done + d, failed + f))
    }

    /// The 95th percentile of all kinds whose name `chosen` picks, together, milliseconds.
    pub(super) fn p95_ms_of(&self, chosen: impl Fn(&str) -> bool) -> Option<f64> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = histogram(DIGITS);
        for (_, one) in series.iter().filter(|(act, _)| chosen(act)) {
            // Both have the same bounds.
            let _ = all.add(&one.latency_us);
        }
        (!all.is_empty()).then(|| all.value_at_quantile(0.95) as f64 / 1e3)
    }

    /// The figures of every kind, over a run that took `length`.
    pub(super) fn figures(&self, length: Duration) -> Vec<Figures> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.iter().map(|(act, series)| Figures::of(act, series, self.slot, length)).collect()
    }
}

/// The figures of one kind of act.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    /// The kind.
    pub(super) act: String,
    /// Acts that were done.
    pub(super) done: u64,
    /// Acts that failed.
    pub(super) failed: u64,
    /// Acts done in a second.
    pub(super) per_second: f64,
    /// Latency from when an act was due, milliseconds.
    pub(super) p50_ms: f64,
    pub(super) p95_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
    pub(super) mean_ms: f64,
    /// Failures by the code of the answer, or by what happened to the connection.
    pub(super) failures: BTreeMap<String, u64>,
    /// How it went over the time.
    pub(super) course: Vec<Moment>,
}

/// One slot of the course.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Moment {
    /// Seconds from the start to the slot's end.
    pub(super) at_s: f64,
    /// Acts done in a second.
    pub(super) per_second: f64,
    /// Acts that failed.
    pub(super) failed: u64,
    /// 95th percentile, milliseconds; none when nothing was done.
    pub(super) p95_ms: Option<f64>,
}

impl Figures {
    fn of(act: &str, series: &Series, slot: Duration, length: Duration) -> Self {
        let ms = |us: u64| us as f64 / 1e3;
        let at = |q: f64| ms(series.latency_us.value_at_quantile(q));
        let (slot_s, length_s) = (slot.as_secs_f64(), length.as_secs_f64().max(1e-3));
        let slots = ((length_s / slot_s).ceil() as usize).clamp(1, SLOTS);
        let moment = |(n, slot): (usize, &Slot)| Moment {
            at_s: (n + 1) as f64 * slot_s,
            per_second: slot.latency_us.len() as f64 / slot_s,
            failed: slot.failed,
            p95_ms: (!slot.latency_us.is_empty()).then(|| ms(slot.latency_us.value_at_quantile(0.95))),
        };
        Self {
            act: act.to_owned(),
            done: series.latency_us.len(),
            failed: series.failures.values().sum(),
            per_second: series.latency_us.len() as f64 / length_s,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(series.latency_us.max()),
            mean_ms: series.latency_us.mean() / 1e3,
            failures: series.failures.clone(),
            course: series.course.iter().take(slots).enumerate().map(moment).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_that_was_done_and_failures_have_reasons() {
        let tally = Tally::new(Duration::from_secs(120));
        for n in 1..=1_000_u64 {
            tally.done("a.one", Duration::from_millis(n * 119), Duration::from_millis(n));
        }
        tally.failed("a.one", Duration::ZERO, "UNAVAILABLE");
        tally.failed("a.two", Duration::from_secs(500), "TRANSPORT");
        assert_eq!((tally.counts("a."), tally.counts("b")), ((1_000, 2), (0, 0)));
        let figures = tally.figures(Duration::from_secs(120));
        let one = &figures[0];
        assert_eq!((one.act.as_str(), one.done, one.failed), ("a.one", 1_000, 1));
        let near = |value: f64, wanted: f64| (value - wanted).abs() <= wanted / 500.0;
        assert!(near(one.p50_ms, 500.0) && near(one.p95_ms, 950.0) && near(one.p999_ms, 999.0), "{one:?}");
        assert!(near(one.max_ms, 1_000.0) && near(one.per_second, 1_000.0 / 120.0), "{one:?}");
        assert_eq!((one.course.len(), one.failures["UNAVAILABLE"]), (120, 1));
        assert_eq!(
            figures[1].course.iter().map(|m| m.failed).sum::<u64>(),
            1,
            "a late one is in the last slot"
        );
        assert!(tally.p95_ms_of(|act| act == "a.one").is_some_and(|ms| near(ms, 950.0)));
        assert_eq!(tally.p95_ms_of(|act| act == "b"), None);
    }

    #[test]
    fn reasons_are_bounded() {
        let tally = Tally::new(Duration::from_secs(1));
        for n in 0..500 {
            tally.failed("a", Duration::ZERO, &format!("R{n}"));
        }
        let figures = tally.figures(Duration::from_secs(1));
        assert!(figures[0].failures.len() <= REASONS_MAX + 1);
        assert_eq!(figures[0].failures.values().sum::<u64>(), 500);
    }
}
