//! Figures over aggregates, as textbooks define them. `docs/production.md` gives each formula.
//!
//! A figure whose denominator is zero is absent: no units are not "0 % passed".

use serde::{Deserialize, Serialize};

use super::{PlantDate, ProcessNumber};

/// `part` of `whole`, percent.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
pub fn percent(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

/// Pass rate: passed ÷ (passed + failed), percent. Units that are not settled don't count.
#[must_use]
pub fn pass_rate(passed: i64, failed: i64) -> Option<f64> {
    percent(passed, passed + failed)
}

/// Defect rate: failed ÷ (passed + failed), percent.
#[must_use]
pub fn defect_rate(passed: i64, failed: i64) -> Option<f64> {
    percent(failed, passed + failed)
}

/// First-pass yield of a process: first attempts that passed ÷ first attempts that ended, percent.
#[must_use]
pub fn first_pass_yield(first_passed: i64, first_completed: i64) -> Option<f64> {
    percent(first_passed, first_completed)
}

/// Rolled throughput yield: the product of the processes' first-pass yields, percent. Absent when a process has none.
#[must_use]
pub fn rolled_throughput_yield(yields: &[Option<f64>]) -> Option<f64> {
    if yields.is_empty() {
        return None;
    }
    yields.iter().try_fold(100.0, |product, of| of.map(|percent| product * percent / 100.0))
}

/// One bar of a Pareto chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParetoBar {
    /// What is counted.
    pub key: String,
    /// How often.
    pub count: i64,
    /// Its share of all, percent.
    pub share: f64,
    /// The share of it and all before it, percent.
    pub cumulative: f64,
}

/// Bars from the most frequent to the least; equal ones by name.
#[must_use]
pub fn pareto(counts: impl IntoIterator<Item = (String, i64)>) -> Vec<ParetoBar> {
    let mut counts: Vec<(String, i64)> = counts.into_iter().filter(|(_, n)| *n > 0).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let total: i64 = counts.iter().map(|(_, n)| n).sum();
    let mut so_far = 0;
    let bar = |(key, count): (String, i64)| {
        so_far += count;
        let share = percent(count, total)?;
        Some(ParetoBar { key, count, share, cumulative: percent(so_far, total)? })
    };
    counts.into_iter().filter_map(bar).collect()
}

/// A sample: size, mean, and the sum of squared distances from the mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Values.
    pub n: i64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared distances from it.
    pub squares: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of values stay far below 2^53")]
impl Sample {
    /// Of values, one by one (Welford): no cancellation where the spread is small against the mean.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        values.into_iter().fold(Self::default(), |s, value| {
            let n = s.n + 1;
            let delta = value - s.mean;
            let mean = s.mean + delta / n as f64;
            Self { n, mean, squares: s.squares + delta * (value - mean) }
        })
    }

    /// Both samples together (Chan).
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let n = self.n + other.n;
        if n == 0 {
            return self;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let delta = other.mean - self.mean;
        Self {
            n,
            mean: self.mean + delta * b / n as f64,
            squares: self.squares + other.squares + delta * delta * a * b / n as f64,
        }
    }

    /// The sample standard deviation: √(squares ÷ (n − 1)). Absent below two values.
    #[must_use]
    pub fn sigma(&self) -> Option<f64> {
        (self.n > 1).then(|| (self.squares / (self.n - 1) as f64).max(0.0).sqrt())
    }
}

/// Process capability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Capability {
    /// (USL − LSL) ÷ 6σ; absent where the specification has one side.
    pub cp: Option<f64>,
    /// The smaller of (USL − mean) ÷ 3σ and (mean − LSL) ÷ 3σ, or the one that there is.
    pub cpk: f64,
}

/// The capability of a sample within limits. Absent without a limit, below two values, or without spread.
#[must_use]
pub fn capability(sample: &Sample, lower: Option<f64>, upper: Option<f64>) -> Option<Capability> {
    let sigma = sample.sigma().filter(|sigma| *sigma > 0.0)?;
    let above = upper.map(|usl| (usl - sample.mean) / (3.0 * sigma));
    let below = lower.map(|lsl| (sample.mean - lsl) / (3.0 * sigma));
    let cpk = match (above, below) {
        (Some(a), Some(b)) => a.min(b),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    Some(Capability { cp: lower.zip(upper).map(|(l, u)| (u - l) / (6.0 * sigma)), cpk })
}

/// The time that runs of a process took, against its plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CycleTime {
    /// Runs that ended.
    pub runs: i64,
    /// Their mean time, seconds.
    pub mean_s: f64,
    /// Planned time ÷ mean time, percent: above 100 is faster than planned. Absent without a plan.
    pub efficiency: Option<f64>,
}

/// The cycle time of `runs` that took `total_us` together. Absent without runs.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "microseconds of a plant's runs stay far below 2^53")]
pub fn cycle_time(runs: i64, total_us: i64, planned_s: Option<i64>) -> Option<CycleTime> {
    if runs <= 0 {
        return None;
    }
    let mean_s = total_us as f64 / 1e6 / runs as f64;
    let efficiency = planned_s.filter(|_| mean_s > 0.0).map(|planned| planned as f64 * 100.0 / mean_s);
    Some(CycleTime { runs, mean_s, efficiency })
}

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProcessLoad {
    /// The process.
    pub number: ProcessNumber,
    /// Units that wait for it or are in it.
    pub wip: i64,
    /// Mean time of its runs in the last seven days, seconds; absent when there were none.
    pub mean_s: Option<f64>,
}

/// The bottleneck: the process whose work in progress takes longest to work off, WIP × mean time. While nothing waits
/// anywhere, the one with the longest mean time. Of equals, the first in the line.
#[must_use]
pub fn bottleneck(loads: &[ProcessLoad]) -> Option<ProcessNumber> {
    #[expect(clippy::cast_precision_loss, reason = "units in progress are few")]
    let backlog = |load: &ProcessLoad| load.mean_s.map(|mean| (load.wip as f64 * mean, mean));
    let mut worst: Option<(ProcessNumber, (f64, f64))> = None;
    for load in loads {
        let Some(of) = backlog(load) else { continue };
        let later = |(number, w): (ProcessNumber, (f64, f64))| of > w || (of == w && load.number < number);
        if worst.is_none_or(later) {
            worst = Some((load.number, of));
        }
    }
    worst.map(|(number, _)| number)
}

/// What overall equipment effectiveness is made of, for one piece of equipment and span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OeeFacts {
    /// Time it was planned to work, microseconds: the shifts of the span.
    pub planned_us: i64,
    /// Of that, time it was held, microseconds.
    pub held_us: i64,
    /// Runs that ended.
    pub completed: i64,
    /// Runs that passed at the first attempt.
    pub good: i64,
    /// Planned time of one run, microseconds.
    pub ideal_us: i64,
}

/// Overall equipment effectiveness, each as a share of 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Oee {
    /// (planned − held) ÷ planned.
    pub availability: f64,
    /// ideal × completed ÷ (planned − held); above 1 the planned time is too long.
    pub performance: f64,
    /// good ÷ completed.
    pub quality: f64,
    /// Their product.
    pub oee: f64,
}

/// OEE where the data allow it: there was planned time that was not all held, runs ended, and a run has a planned time.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "microseconds of a span of years stay below 2^53")]
pub fn oee(facts: &OeeFacts) -> Option<Oee> {
    let running = facts.planned_us - facts.held_us.clamp(0, facts.planned_us.max(0));
    if facts.planned_us <= 0 || running <= 0 || facts.completed <= 0 || facts.ideal_us <= 0 {
        return None;
    }
    let availability = running as f64 / facts.planned_us as f64;
    let performance = facts.ideal_us as f64 * facts.completed as f64 / running as f64;
    let quality = facts.good as f64 / facts.completed as f64;
    Some(Oee { availability, performance, quality, oee: availability * performance * quality })
}

/// A day of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendDay {
    /// The production day.
    pub date: PlantDate,
    /// What passed.
    pub passed: i64,
    /// What failed.
    pub failed: i64,
}

/// Every day from `first` to `last`, those without work as zero: a gap in a chart is not a straight line.
#[must_use]
pub fn trend(first: PlantDate, last: PlantDate, days: &[TrendDay]) -> Vec<TrendDay> {
    let known: std::collections::BTreeMap<PlantDate, TrendDay> = days.iter().map(|d| (d.date, *d)).collect();
    first
        .series(jiff::Span::new().days(1))
        .take_while(|date| *date <= last)
        .map(|date| known.get(&date).copied().unwrap_or(TrendDay { date, passed: 0, failed: 0 }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * (1.0 + b.abs())
    }

    #[test]
    fn rates_by_hand() {
        assert_eq!(pass_rate(4_850, 150), Some(97.0), "the requirement's own example");
        assert_eq!(defect_rate(4_850, 150), Some(3.0));
        assert_eq!(pass_rate(0, 0), None);
        assert_eq!(first_pass_yield(9, 10), Some(90.0));
        assert!(near(rolled_throughput_yield(&[Some(90.0), Some(80.0), Some(100.0)]).expect("rty"), 72.0));
        assert_eq!(rolled_throughput_yield(&[Some(90.0), None]), None);
        assert_eq!(rolled_throughput_yield(&[]), None);
    }

    #[test]
    fn pareto_by_hand() {
        let bars =
            pareto([("B".to_owned(), 5), ("A".to_owned(), 5), ("C".to_owned(), 30), ("D".to_owned(), 0)]);
        let seen: Vec<_> = bars.iter().map(|b| (b.key.as_str(), b.count, b.share, b.cumulative)).collect();
        assert_eq!(seen, [("C", 30, 75.0, 75.0), ("A", 5, 12.5, 87.5), ("B", 5, 12.5, 100.0)]);
        assert!(pareto([]).is_empty());
    }

    #[test]
    fn capability_by_hand() {
        // 59.5, 60, 60.5: mean 60, sample sigma 0.5, so Cp = 2 / 3 and Cpk = 1 / 1.5.
        let sample = Sample::of([59.5, 60.0, 60.5]);
        assert_eq!(sample.sigma(), Some(0.5));
        let both = capability(&sample, Some(59.0), Some(61.0)).expect("both");
        assert!(near(both.cp.expect("cp"), 2.0 / 3.0) && near(both.cpk, 2.0 / 3.0));
        let skew = capability(&Sample::of([60.0, 60.5, 61.0]), Some(59.0), Some(61.0)).expect("skew");
        assert!(near(skew.cpk, 1.0 / 3.0));
        let one = capability(&sample, None, Some(61.5)).expect("one side");
        assert_eq!((one.cp, one.cpk), (None, 1.0));
        assert_eq!(capability(&Sample::of([60.0]), Some(59.0), None), None);
        assert_eq!(capability(&Sample::of([60.0, 60.0]), Some(59.0), None), None, "no spread");
        assert_eq!(capability(&sample, None, None), None);
    }

    #[test]
    fn cycle_time_bottleneck_and_oee_by_hand() {
        let of = cycle_time(4, 600_000_000, Some(120)).expect("runs");
        assert_eq!((of.mean_s, of.efficiency), (150.0, Some(80.0)));
        assert_eq!(cycle_time(0, 0, Some(1)), None);
        let load = |n, wip, mean_s| ProcessLoad { number: ProcessNumber(n), wip, mean_s };
        let loads =
            [load(1, 0, Some(60.0)), load(2, 5, Some(100.0)), load(3, 2, Some(200.0)), load(4, 99, None)];
        assert_eq!(bottleneck(&loads), Some(ProcessNumber(2)));
        assert_eq!(bottleneck(&[load(2, 0, Some(9.0)), load(1, 0, Some(9.0))]), Some(ProcessNumber(1)));
        assert_eq!(bottleneck(&[load(4, 99, None)]), None);
        // 10 h planned, 1 h held, 100 runs of ideally 4.5 min, 90 good: 0.9 × 450/540 × 0.9.
        let hour = 3_600_000_000;
        let facts = OeeFacts {
            planned_us: 10 * hour,
            held_us: hour,
            completed: 100,
            good: 90,
            ideal_us: 270_000_000,
        };
        let got = oee(&facts).expect("oee");
        assert!(
            near(got.availability, 0.9) && near(got.performance, 450.0 / 540.0) && near(got.quality, 0.9)
        );
        assert!(near(got.oee, 0.675));
        assert_eq!(oee(&OeeFacts { held_us: 10 * hour, ..facts }), None);
    }

    #[test]
    fn a_trend_has_every_day() {
        let day = |d, passed| TrendDay { date: date(2025, 2, d), passed, failed: 0 };
        let days = trend(date(2025, 2, 27), date(2025, 3, 1), &[day(28, 7)]);
        assert_eq!(days.iter().map(|d| d.passed).collect::<Vec<_>>(), [0, 7, 0]);
        assert!(trend(date(2025, 3, 1), date(2025, 2, 1), &[]).is_empty());
    }

    proptest! {
        #[test]
        fn merged_samples_are_the_sample_of_all(a in prop::collection::vec(-1e6..1e6, 0..40), b in prop::collection::vec(-1e6..1e6, 0..40)) {
            let all = Sample::of(a.iter().chain(&b).copied());
            let merged = Sample::of(a).merge(Sample::of(b));
            prop_assert_eq!(all.n, merged.n);
            prop_assert!((all.mean - merged.mean).abs() < 1e-6);
            prop_assert!((all.squares - merged.squares).abs() <= 1e-9 * (1.0 + all.squares));
        }
    }
}
