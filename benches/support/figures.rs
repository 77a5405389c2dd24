//! Medians with their spread, and ratios against a target.

use std::time::Duration;

/// What several rounds measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Figure {
    /// # Panics
    /// Without a round.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (values[0], values[values.len() - 1]);
        Self { median: values[values.len() / 2], min, max }
    }

    pub(crate) fn of_seconds(values: &[Duration]) -> Self {
        Self::of(values.iter().map(Duration::as_secs_f64))
    }
}

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
        }
    }
}

#[expect(clippy::print_stdout, reason = "printing is what a benchmark does")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints a figure with its spread.
pub(crate) fn show(name: &str, figure: Figure, unit: &str) {
    let Figure { median, min, max } = figure;
    let digits = usize::from(median < 100.0) * 2;
    say(&format!("{name:<58} {median:>11.digits$} {unit:<11} ({min:.digits$} to {max:.digits$})"));
}

/// Prints a figure and whether it is what it should be.
pub(crate) fn hold(name: &str, figure: Figure, unit: &str, target: Target) {
    show(name, figure, unit);
    let (word, bound) = match target {
        Target::AtLeast(bound) => ("at least", bound),
        Target::AtMost(bound) => ("at most", bound),
    };
    let verdict = if target.is_met(figure.median) { "met" } else { "MISSED" };
    say(&format!("{:<58} {:>11}", format!("  target: {word} {bound} {unit}"), verdict));
}

/// The value below which a share of sorted `values` lies.
pub(crate) fn quantile(values: &mut [u32], share: f64) -> f64 {
    values.sort_unstable();
    let at = (values.len() as f64 * share) as usize;
    f64::from(values[at.min(values.len() - 1)])
}
