//! Faults that show within a few readings: flat stretches, spikes, bursts of noise, steps.

use std::ops::Range;

use super::stats::{around, median, quantile, robust_sd, rolling_median, runs, spread, steps};
use super::{Found, Kind};

/// Fewest equal readings in a row that are a flat stretch.
const FLAT_MIN: usize = 12;
/// A flat stretch is as many times as long as any other one of the window.
const FLAT_OTHERS: usize = 3;
/// Differences below this part of the signal's spread are none.
const FLAT_SHARE: f64 = 1e-6;
/// Fewest readings of a dropout.
const DROPOUT_MIN: usize = 4;
/// Most readings of a spike.
const SPIKE_MAX: usize = 8;
/// Most spikes of one fault; more are something else.
const SPIKES_MAX: usize = 4;
/// A spike is as many usual deviations from the readings around it.
const SPIKE_SD: f64 = 8.0;
/// And as many times as far as the signal spreads.
const SPIKE_SPREAD: f64 = 0.5;
/// Readings over which noise is measured.
const NOISE_WIDTH: usize = 24;
/// A burst is as many times as rough as the rest.
const NOISE_RATIO: f64 = 3.0;
/// Part of the way up to its height at which a burst begins.
const NOISE_EDGE: f64 = 0.2;
/// Shortest burst, readings.
const NOISE_MIN: usize = 12;
/// Readings on either side of a step whose medians are compared.
const STEP_SIDE: usize = 12;
/// A step is as many times as large as what the signal does elsewhere in so many readings.
const STEP_RATIO: f64 = 1.8;
/// The comparison sees a step in up to so many places; a slope in more.
const STEP_WIDTH_MAX: usize = 17;

/// A window's values with what several kinds ask of it.
pub(super) struct Signal {
    pub(super) values: Vec<f64>,
    pub(super) steps: Vec<f64>,
    pub(super) spread: f64,
    /// Differences below this are none.
    pub(super) nothing: f64,
}

impl Signal {
    pub(super) fn new(values: &[f32]) -> Self {
        let values: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
        let size = quantile(values.iter().map(|v| v.abs()).collect(), 0.5);
        let spread = spread(&values);
        let nothing = (FLAT_SHARE * spread).max(f64::from(f32::EPSILON) * size).max(f64::MIN_POSITIVE);
        Self { steps: steps(&values), values, spread, nothing }
    }

    fn level(&self, span: &Range<usize>) -> f64 {
        median(self.values[span.clone()].to_vec())
    }

    /// Stretches of equal readings, three at least.
    fn flats(&self) -> Vec<Range<usize>> {
        let equal = runs(self.steps.len(), 0, |i| self.steps[i].abs() <= self.nothing);
        equal.into_iter().map(|run| run.start..run.end + 1).filter(|run| run.len() >= 3).collect()
    }

    fn ends(&self) -> (f64, f64) {
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// Steps into and out of a stretch, absolute; fewer at the window's ends.
    fn edges(&self, run: &Range<usize>) -> Vec<f64> {
        let into = run.start.checked_sub(1).map(|i| self.steps[i].abs());
        into.into_iter().chain(self.steps.get(run.end - 1).map(|step| step.abs())).collect()
    }

    /// A step that the signal's own usual steps don't reach.
    fn large_step(&self) -> f64 {
        let sizes = || self.steps.iter().map(|s| s.abs()).filter(|s| *s > self.nothing).collect::<Vec<_>>();
        (3.0 * quantile(sizes(), 0.9)).max(4.0 * robust_sd(&self.steps)).max(self.nothing)
    }
}

/// Stuck, saturated, or dropped to a level of its own.
pub(super) fn flat(signal: &Signal) -> Vec<Found> {
    let flats = signal.flats();
    let Some(longest) = flats.iter().max_by_key(|run| run.len()) else { return Vec::new() };
    let level = signal.level(longest);
    let same = |run: &Range<usize>| (signal.level(run) - level).abs() <= 4.0 * signal.nothing;
    let others = flats.iter().filter(|run| *run != longest && !same(run)).map(Range::len).max().unwrap_or(0);
    let here: Vec<&Range<usize>> = flats.iter().filter(|run| same(run)).collect();
    let count: usize = here.iter().map(|run| run.len()).sum();
    let (low, high) = signal.ends();
    let outermost = (level - low).abs() <= signal.nothing || (high - level).abs() <= signal.nothing;
    let large = signal.large_step();
    let smooth = here.iter().all(|run| signal.edges(run).iter().all(|edge| *edge < large));
    let span = here[0].start..here[here.len() - 1].end;
    if outermost
        && smooth
        && count >= FLAT_MIN
        && count >= FLAT_OTHERS * others
        && count < signal.values.len()
    {
        return vec![Found::new(Kind::Saturation, span, level)];
    }
    let jumps = signal.edges(longest);
    let apart = outermost && !jumps.is_empty() && jumps.iter().all(|edge| *edge > large);
    if apart
        && longest.len() >= DROPOUT_MIN
        && longest.len() >= others
        && stands_apart(signal, longest, level)
    {
        return vec![Found::new(Kind::Dropout, longest.clone(), level)];
    }
    let next = flats.iter().filter(|run| *run != longest).map(Range::len).max().unwrap_or(0);
    if longest.len() >= FLAT_MIN && longest.len() >= FLAT_OTHERS * next {
        return vec![Found::new(Kind::Stuck, longest.clone(), level)];
    }
    Vec::new()
}

/// Whether a level is beyond where the rest of the window is.
fn stands_apart(signal: &Signal, run: &Range<usize>, level: f64) -> bool {
    let rest = || {
        let outside = signal.values.iter().enumerate().filter(|(i, _)| !run.contains(i));
        outside.map(|(_, v)| *v).collect::<Vec<_>>()
    };
    let (low, high) = (quantile(rest(), 0.01), quantile(rest(), 0.99));
    let margin = 0.5 * (high - low).max(signal.nothing);
    level < low - margin || level > high + margin
}

/// A few readings far from those before and after them.
pub(super) fn spike(signal: &Signal) -> Vec<Found> {
    let values = &signal.values;
    let middle = rolling_median(values, 2 * SPIKE_MAX + 5);
    let off: Vec<f64> = values.iter().zip(&middle).map(|(v, m)| (v - m).abs()).collect();
    let usual = median(off.clone()) * 1.482_6;
    let limit = (SPIKE_SD * usual).max(2.0 * quantile(off.clone(), 0.97)).max(SPIKE_SPREAD * signal.spread);
    if limit <= 0.0 {
        return Vec::new();
    }
    let peak =
        |run: &Range<usize>| run.clone().max_by(|a, b| off[*a].total_cmp(&off[*b])).unwrap_or(run.start);
    let narrow = |run: Range<usize>| {
        let top = peak(&run);
        let high = |i: &usize| off[*i] > 0.5 * off[top];
        let before = (run.start..top).rev().take_while(high).count();
        top - before..top + 1 + (top + 1..run.end).take_while(high).count()
    };
    let far = runs(off.len(), 1, |i| off[i] > limit).into_iter().map(narrow);
    // Beside a step the median belongs to the other side: a spike is far from both its sides, which are alike.
    let both = |run: &Range<usize>| {
        let top = values[peak(run)];
        let before = |n: usize| median(values[run.start.saturating_sub(n)..run.start].to_vec());
        let after = |n: usize| median(values[run.end..(run.end + n).min(values.len())].to_vec());
        let (rise, fall) = match (run.start, run.end) {
            (0, _) => (top - after(3), top - after(3)),
            (_, end) if end == values.len() => (top - before(3), top - before(3)),
            _ => (top - before(3), top - after(3)),
        };
        let least = rise.abs().min(fall.abs());
        let inside = run.start > 0 && run.end < values.len();
        let alike = !inside || (before(STEP_SIDE) - after(STEP_SIDE)).abs() <= 0.5 * least;
        rise * fall > 0.0 && least > limit && alike
    };
    let spikes: Vec<Range<usize>> = far.filter(|run| run.len() <= SPIKE_MAX && both(run)).collect();
    if spikes.len() > SPIKES_MAX {
        return Vec::new();
    }
    spikes.into_iter().map(|span| Found::new(Kind::Spike, span.clone(), values[peak(&span)])).collect()
}

/// A stretch that is much rougher than the rest.
pub(super) fn noise(signal: &Signal) -> Vec<Found> {
    let bends: Vec<f64> = signal.steps.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    // The largest few bends are left out: one spike is no noise.
    let rough = around(&bends, NOISE_WIDTH, |part| {
        let mut sorted = part.to_vec();
        sorted.sort_by(f64::total_cmp);
        let kept = &sorted[..part.len().saturating_sub(7).max(1)];
        kept.iter().sum::<f64>() / kept.len() as f64
    });
    let usual = median(rough.clone()).max(1e-3 * signal.spread).max(signal.nothing);
    let high = runs(rough.len(), NOISE_WIDTH / 2, |i| rough[i] > 2.0 * usual);
    let peak = |run: &Range<usize>| rough[run.clone()].iter().copied().fold(0.0, f64::max);
    let Some(burst) = high.iter().max_by(|a, b| peak(a).total_cmp(&peak(b))) else { return Vec::new() };
    let others = high.iter().filter(|run| *run != burst).map(&peak).fold(usual, f64::max);
    let ratio = peak(burst) / usual;
    let long = burst.len() >= NOISE_MIN && burst.len() < rough.len() * 6 / 10;
    if ratio < NOISE_RATIO || peak(burst) < 1.6 * others || !long {
        return Vec::new();
    }
    // The measure smears the burst's ends.
    let inside = |i: &usize| rough[*i] > usual + NOISE_EDGE * (peak(burst) - usual);
    let start = burst.clone().find(inside).unwrap_or(burst.start);
    let end = burst.clone().rev().find(inside).unwrap_or(burst.end - 1);
    vec![Found::new(Kind::NoiseBurst, start + 1..end + 2, ratio)]
}

/// Another level from one reading to the next, for a while or for good.
pub(super) fn level_shift(signal: &Signal) -> Vec<Found> {
    let values = &signal.values;
    let length = values.len();
    if length < 6 * STEP_SIDE {
        return Vec::new();
    }
    let side = |from: usize, to: usize| median(values[from..to].to_vec());
    let jump = |at: usize| side(at, at + STEP_SIDE) - side(at - STEP_SIDE, at);
    let places = STEP_SIDE..length - STEP_SIDE + 1;
    let jumps: Vec<f64> = places.clone().map(jump).collect();
    let sizes: Vec<f64> = jumps.iter().map(|j| j.abs()).collect();
    let Some(best) = (0..sizes.len()).max_by(|a, b| sizes[*a].total_cmp(&sizes[*b])) else {
        return Vec::new();
    };
    let far_from = |i: usize, from: usize| i.abs_diff(from) > 2 * STEP_SIDE;
    // The way back is as large as the way there: it is not held against it.
    let back = (0..sizes.len())
        .filter(|i| far_from(*i, best) && jumps[*i] * jumps[best] < 0.0 && is_abrupt(&sizes, *i))
        .max_by(|a, b| sizes[*a].total_cmp(&sizes[*b]))
        .filter(|i| sizes[*i] > 0.6 * sizes[best]);
    let elsewhere = (0..sizes.len()).filter(|i| far_from(*i, best) && back.is_none_or(|b| far_from(*i, b)));
    let usual = elsewhere.map(|i| sizes[i]).fold(0.0, f64::max);
    if sizes[best] < STEP_RATIO * usual || sizes[best] < 100.0 * signal.nothing || !is_abrupt(&sizes, best) {
        return Vec::new();
    }
    let place = |i: usize| sharpest(signal, i + places.start);
    let (first, second) = (place(best), back.map(place));
    let (start, end) = match second {
        Some(other) => (first.min(other), first.max(other)),
        None => (first, length),
    };
    let amount = if second.is_some_and(|other| other < first) { -jumps[best] } else { jumps[best] };
    vec![Found::new(Kind::LevelShift, start..end, amount)]
}

/// Whether the comparison of both sides falls to half within few places: a slope stays high for longer.
fn is_abrupt(sizes: &[f64], at: usize) -> bool {
    let above = |i: &usize| sizes[*i] >= 0.5 * sizes[at];
    let before = (0..at).rev().take_while(above).count();
    let after = (at + 1..sizes.len()).take_while(above).count();
    before + after < STEP_WIDTH_MAX
}

/// The first reading after the largest step near a place.
fn sharpest(signal: &Signal, near: usize) -> usize {
    let from = near.saturating_sub(STEP_SIDE / 2 + 1);
    let to = (near + STEP_SIDE / 2).min(signal.steps.len());
    let largest = (from..to).max_by(|a, b| signal.steps[*a].abs().total_cmp(&signal.steps[*b].abs()));
    largest.unwrap_or(near.saturating_sub(1)) + 1
}
