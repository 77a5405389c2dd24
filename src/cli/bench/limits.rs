//! Whether the limits of the requirement hold: users, pace, times, and that nothing is lost.

use serde::Serialize;

use super::tally::{Figures, Tally};

/// Users at the same time.
const USERS_MIN: f64 = 100.0;
/// Transactions in a second, and in a day.
const PER_SECOND_MIN: f64 = 20.0;
const PER_DAY_MIN: f64 = 50_000.0;
/// The 95th percentile of each act, milliseconds.
const P95_MS_MAX: [(&str, f64); 4] = [
    ("production.start", 1_000.0),
    ("production.complete", 2_000.0),
    ("dashboard.load", 3_000.0),
    ("production.lot", 2_000.0),
];
/// The 95th percentile of all requests, milliseconds, and the share of failures, percent: where monitoring calls.
const ALL_P95_MS_MAX: f64 = 500.0;
const FAILED_PERCENT_MAX: f64 = 1.0;
/// Seconds of a day.
const DAY_S: f64 = 86_400.0;
/// An open-loop run cannot do more than is due: the last act of a second may be due after its end.
const ROUNDING: f64 = 0.98;

/// A limit, and what was measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Limit {
    pub(super) what: String,
    pub(super) limit: String,
    pub(super) measured: String,
    pub(super) holds: bool,
}

impl Limit {
    fn at_least(what: &str, least: f64, measured: f64, unit: &str) -> Self {
        let holds = measured >= least * ROUNDING;
        Self::new(what, format!("≥ {least:.0} {unit}"), format!("{measured:.1} {unit}"), holds)
    }

    fn at_most(what: &str, most: f64, measured: Option<f64>, unit: &str) -> Self {
        let shown = measured.map_or_else(|| "–".to_owned(), |m| format!("{m:.1} {unit}"));
        // What did not happen cannot be late; that it did not happen shows in the rates.
        Self::new(what, format!("≤ {most:.0} {unit}"), shown, measured.is_none_or(|m| m <= most))
    }

    fn new(what: &str, limit: String, measured: String, holds: bool) -> Self {
        Self { what: what.to_owned(), limit: limit.trim_end().to_owned(), measured, holds }
    }
}

/// Whether an act is a request of its own, and no delivery of something that happened.
fn is_request(act: &str) -> bool {
    ["production.", "sensing."].iter().any(|prefix| act.starts_with(prefix))
}

/// The limits of a run with `users` at the line and `people` who look on; `unaccounted` is what the server and the bench
/// miss.
pub(super) fn limits(tally: &Tally, figures: &[Figures], users: u32, unaccounted: f64) -> Vec<Limit> {
    let of = |act: &str| figures.iter().find(|f| f.act == act);
    let commands = ["production.start", "production.complete"].iter().filter_map(|act| of(act));
    let per_second: f64 = commands.map(|f| f.per_second).sum();
    let mut limits = vec![
        Limit::at_least("users at the same time", USERS_MIN, f64::from(users), "users"),
        Limit::at_least("starts and completions", PER_SECOND_MIN, per_second, "/s"),
        Limit::at_least("transactions in a day at this pace", PER_DAY_MIN, per_second * DAY_S, ""),
    ];
    for (act, most) in P95_MS_MAX {
        limits.push(Limit::at_most(
            &format!("{act}, p95"),
            most,
            of(act).filter(|f| f.done > 0).map(|f| f.p95_ms),
            "ms",
        ));
    }
    limits.push(Limit::at_most("all requests, p95", ALL_P95_MS_MAX, tally.p95_ms_of(is_request), "ms"));
    let (done, failed) = figures.iter().fold((0, 0), |(done, failed), f| (done + f.done, failed + f.failed));
    let share = failed as f64 * 100.0 / ((done + failed) as f64).max(1.0);
    limits.push(Limit::at_most("acts that failed", FAILED_PERCENT_MAX, Some(share), "%"));
    limits.push(Limit::at_most("without an outcome", 0.0, Some(unaccounted.abs()), ""));
    limits
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_run_that_is_slow_or_loses_something_is_told_from_one_that_is_well() {
        let length = Duration::from_secs(10);
        let run = |ms: u64, acts: u64, failed: u64| {
            let tally = Tally::new(length);
            for n in 0..acts {
                let at = length.mul_f64(n as f64 / acts as f64);
                tally.done("production.start", at, Duration::from_millis(ms));
                tally.done("production.complete", at, Duration::from_millis(ms));
            }
            (0..failed).for_each(|_| tally.failed("production.start", Duration::ZERO, "UNAVAILABLE"));
            tally
        };
        let missed = |tally: &Tally, users: u32, unaccounted: f64| -> Vec<String> {
            let limits = limits(tally, &tally.figures(length), users, unaccounted);
            limits.into_iter().filter(|l| !l.holds).map(|l| l.what).collect()
        };
        assert_eq!(missed(&run(20, 100, 1), 100, 0.0), Vec::<String>::new());
        assert_eq!(missed(&run(20, 100, 0), 50, 1.0), ["users at the same time", "without an outcome"]);
        assert_eq!(missed(&run(1_500, 100, 0), 100, 0.0), ["production.start, p95", "all requests, p95"]);
        assert_eq!(missed(&run(20, 20, 0), 100, 0.0), ["starts and completions"]);
        assert_eq!(missed(&run(20, 100, 10), 200, 0.0), ["acts that failed"]);
    }
}
