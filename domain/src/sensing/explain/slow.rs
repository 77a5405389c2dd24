//! Faults that take many readings: a drift away from where the signal was, another rhythm.

use std::ops::Range;

use super::kinds::Signal;
use super::stats::{autocorrelation, median, period, robust_sd, rolling_mean, steps, whole_mean};
use super::{Found, Kind};

/// Readings from one place to the next at which a drift may begin or end.
const DRIFT_GRID: usize = 12;
/// Shortest drift, readings.
const DRIFT_MIN: usize = 72;
/// Readings before a drift that it is measured against.
const DRIFT_BEFORE: usize = 48;
/// Share of the signal's variation that a ramp that stays explains; one that returns can look like a hump, so it explains more.
const DRIFT_STAYS: f64 = 0.75;
const DRIFT_RETURNS: f64 = 0.8;
/// A drift goes as many times as far as what it leaves unexplained.
const DRIFT_SD: f64 = 4.0;
/// A drift leaves at most this share of what a step would leave unexplained.
const DRIFT_NOT_A_STEP: f64 = 0.95;
/// Correlation from one repetition to the next without which nothing has a rhythm.
const RHYTHM_MIN: f64 = 0.5;
/// Change of a period, as a share, that is another rhythm.
const RHYTHM_CHANGE: f64 = 0.2;
/// Share of a period by which two of the same rhythm differ at most.
const RHYTHM_SAME: f64 = 0.12;
/// Correlation at the usual time below which the usual rhythm is gone.
const RHYTHM_GONE: f64 = 0.0;
/// Stretches that must have the usual rhythm before another one is strange.
const RHYTHM_USUAL_MIN: usize = 3;

/// A slow way off, and at its end a stop or a return.
pub(super) fn drift(signal: &Signal) -> Vec<Found> {
    let length = signal.values.len();
    if length < DRIFT_BEFORE + DRIFT_MIN + DRIFT_GRID {
        return Vec::new();
    }
    // The rhythm shows in the steps, whatever the level does; a large one is not of it.
    let mut rhythmic = steps(&rolling_mean(&signal.values, 9));
    let usual = 3.0 * robust_sd(&rhythmic);
    rhythmic.iter_mut().for_each(|step| *step = step.clamp(-usual, usual));
    let rhythm = period(&rhythmic, length / 4).filter(|(_, r)| *r >= RHYTHM_MIN);
    let width = rhythm.map_or(2 * DRIFT_GRID, |(lag, _)| lag.max(2 * DRIFT_GRID));
    let smooth = whole_mean(&signal.values, width);
    let points: Vec<f64> = smooth.iter().step_by(DRIFT_GRID).copied().collect();
    let (n, blur) = (points.len(), width / 2 / DRIFT_GRID);
    let mean = points.iter().sum::<f64>() / n as f64;
    let total = points.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    if total.sqrt() <= 100.0 * signal.nothing {
        return Vec::new();
    }
    let ramps = |stays| best_fit(&points, Shape { stays, step: false, blur });
    let wanted = |stays| if stays { DRIFT_STAYS } else { DRIFT_RETURNS };
    let good = [true, false]
        .into_iter()
        .filter_map(|stays| ramps(stays).filter(|fit| fit.explained >= wanted(stays)));
    let Some(best) = good.max_by(|a, b| a.explained.total_cmp(&b.explained)) else { return Vec::new() };
    // A step can be followed by a steep ramp, but not as well as by a step.
    let steps =
        [true, false].into_iter().filter_map(|stays| best_fit(&points, Shape { stays, step: true, blur }));
    let as_steps = steps.map(|fit| fit.explained).fold(0.0, f64::max);
    let left = ((1.0 - best.explained) * total / n as f64).sqrt();
    let before = robust_sd(&points[..best.span.start.max(2)]);
    let far = best.change.abs() >= DRIFT_SD * left && best.change.abs() >= (2.0 * before).max(signal.spread);
    if !far || 1.0 - best.explained > DRIFT_NOT_A_STEP * (1.0 - as_steps) {
        return Vec::new();
    }
    let span = best.span.start * DRIFT_GRID..((best.span.end + 1) * DRIFT_GRID).min(length);
    vec![Found::new(Kind::Drift, span, best.change)]
}

/// A level with a ramp or a step on it.
struct Fit {
    /// Points between which it lies.
    span: Range<usize>,
    change: f64,
    /// Share of the points' squares that it explains.
    explained: f64,
}

/// What is fitted.
#[derive(Clone, Copy)]
struct Shape {
    /// Whether it stays at its end or returns.
    stays: bool,
    /// Whether it is there at once.
    step: bool,
    /// Points on either side over which the signal was smoothed, and the shape is too.
    blur: usize,
}

impl Shape {
    /// Heights at every point, from 0 to 1.
    fn heights(self, points: usize, span: &Range<usize>) -> Vec<f64> {
        let height = |i: usize| match i {
            i if i <= span.start => 0.0,
            _ if self.step && (self.stays || i < span.end) => 1.0,
            i if !self.step && i <= span.end => (i - span.start) as f64 / span.len() as f64,
            _ => f64::from(u8::from(self.stays)),
        };
        whole_mean(&(0..points).map(height).collect::<Vec<f64>>(), 2 * self.blur + 1)
    }
}

/// Where a shape explains most.
fn best_fit(points: &[f64], shape: Shape) -> Option<Fit> {
    let n = points.len();
    let length_min = if shape.step { 1 } else { DRIFT_MIN / DRIFT_GRID };
    let from = DRIFT_BEFORE / DRIFT_GRID..n.saturating_sub(length_min);
    let spans = from.flat_map(|from| {
        let last = if shape.step && shape.stays { from + length_min + 1 } else { n };
        (from + length_min..last.min(n)).map(move |to| from..to)
    });
    spans.map(|span| fit(points, span, shape)).max_by(|a, b| a.explained.total_cmp(&b.explained))
}

fn fit(points: &[f64], span: Range<usize>, shape: Shape) -> Fit {
    let heights = shape.heights(points.len(), &span);
    let n = points.len() as f64;
    let (mean, middle) = (points.iter().sum::<f64>() / n, heights.iter().sum::<f64>() / n);
    let (mut total, mut square, mut product) = (0.0, 0.0, 0.0);
    for (v, height) in points.iter().zip(heights) {
        total += (v - mean).powi(2);
        square += (height - middle).powi(2);
        product += (height - middle) * (v - mean);
    }
    if square <= 0.0 || total <= 0.0 {
        return Fit { span, change: 0.0, explained: 0.0 };
    }
    Fit { span, change: product / square, explained: product * product / square / total }
}

/// The signal repeats in another time than it does elsewhere in the window.
pub(super) fn rhythm(signal: &Signal) -> Vec<Found> {
    let values = rolling_mean(&signal.values, 3);
    let length = values.len();
    let Some((usual, correlation)) = period(&values, length / 5) else { return Vec::new() };
    if correlation < RHYTHM_MIN * 0.6 || usual < 4 {
        return Vec::new();
    }
    // A faster rhythm is seen within a few of the usual repetitions, a slower one takes more of them.
    [2, 4].into_iter().find_map(|cycles| other_rhythm(&values, usual, cycles)).into_iter().collect()
}

/// The rhythm of a stretch of the window.
struct Beat {
    at: usize,
    lag: f64,
    /// Correlation at the window's usual lag.
    at_usual: f64,
}

/// Looks for another rhythm in stretches of so many usual repetitions.
fn other_rhythm(values: &[f64], usual: usize, cycles: usize) -> Option<Found> {
    let length = values.len();
    let (size, stride) = ((cycles * usual).max(48), (usual / 2).max(4));
    if length < 3 * size / 2 {
        return None;
    }
    let beat = |at: usize| {
        let part = &values[at..at + size];
        let (lag, _) = period(part, size * 6 / 10).filter(|(_, r)| *r >= RHYTHM_MIN)?;
        let at_usual = autocorrelation(part, usual)[usual];
        Some(Beat { at, lag: lag as f64, at_usual })
    };
    let places = (0..=length - size).step_by(stride);
    let beats: Vec<Beat> = places.filter_map(beat).collect();
    if beats.is_empty() {
        return None;
    }
    let around_usual = |beat: &&Beat| (beat.lag / usual as f64 - 1.0).abs() <= 2.0 * RHYTHM_SAME;
    let usual = median(beats.iter().filter(around_usual).map(|beat| beat.lag).collect());
    let change = |beat: &Beat| (beat.lag / usual - 1.0).abs();
    let same = beats.iter().filter(|beat| change(beat) <= RHYTHM_SAME).count();
    // What repeats in the usual time repeats in its multiples too.
    let differs =
        |beat: &&Beat| change(beat) >= RHYTHM_CHANGE && (beat.lag < usual || beat.at_usual < RHYTHM_GONE);
    let other: Vec<&Beat> = beats.iter().filter(differs).collect();
    let strangest = other.iter().max_by(|a, b| change(a).total_cmp(&change(b)))?;
    let alike = |beat: &&&Beat| (beat.lag / strangest.lag - 1.0).abs() <= 2.0 * RHYTHM_SAME;
    let near: Vec<usize> = other.iter().filter(alike).map(|beat| beat.at).collect();
    if same < RHYTHM_USUAL_MIN || 2 * same < near.len() {
        return None;
    }
    let (first, last) = (*near.first()?, *near.last()?);
    // A stretch is seen from as early as its end reaches into it: the middle half is sure.
    let span = first + size / 4..last + size * 3 / 4;
    Some(Found { usual, ..Found::new(Kind::Periodicity, span, strangest.lag) })
}
