//! Robust statistics of a window: what is usual in it, whatever the fault did to a part of it.

use std::ops::Range;

/// Factor from a median absolute deviation to the standard deviation of normal noise.
const MAD_TO_SD: f64 = 1.482_6;

/// The value that a share `q` of the numbers do not exceed. 0 of no numbers.
pub(super) fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * q).round() as usize;
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

pub(super) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// Standard deviation as the numbers' median deviation says it.
pub(super) fn robust_sd(values: &[f64]) -> f64 {
    let centre = median(values.to_vec());
    MAD_TO_SD * median(values.iter().map(|v| (v - centre).abs()).collect())
}

/// The typical size of what the signal does: its median deviation, a fifth of its standard deviation at least.
pub(super) fn spread(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    robust_sd(values).max(0.2 * sd)
}

pub(super) fn steps(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Medians over `width` values around each; fewer at the ends, as many on either side as there are.
pub(super) fn rolling_median(values: &[f64], width: usize) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let half = |i: usize| (width / 2).min(i).min(last - i).max(1);
    let part = |i: usize| &values[i.saturating_sub(half(i))..(i + half(i)).min(last) + 1];
    (0..values.len()).map(|i| median(part(i).to_vec())).collect()
}

/// Means over `width` values around each; fewer at the ends.
pub(super) fn rolling_mean(values: &[f64], width: usize) -> Vec<f64> {
    around(values, width, |part| part.iter().sum::<f64>() / part.len() as f64)
}

/// Means over `width` values, as near around each as the ends allow: always as many, so that what repeats in them is gone.
pub(super) fn whole_mean(values: &[f64], width: usize) -> Vec<f64> {
    let width = width.clamp(1, values.len().max(1));
    let first = |i: usize| i.saturating_sub(width / 2).min(values.len() - width);
    (0..values.len()).map(|i| values[first(i)..first(i) + width].iter().sum::<f64>() / width as f64).collect()
}

/// `of` the `width` values around each; fewer at the ends.
pub(super) fn around(values: &[f64], width: usize, of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let half = width / 2;
    let part = |i: usize| &values[i.saturating_sub(half)..(i + half + 1).min(values.len())];
    (0..values.len()).map(|i| of(part(i))).collect()
}

/// Stretches in which `holds` is true, joined over breaks of up to `join` places.
pub(super) fn runs(length: usize, join: usize, holds: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for i in (0..length).filter(|i| holds(*i)) {
        match runs.last_mut() {
            Some(run) if i <= run.end + join => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// Autocorrelation of the values at each lag from 0 to `lag_max`; all 0 for a constant.
pub(super) fn autocorrelation(values: &[f64], lag_max: usize) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let centred: Vec<f64> = values.iter().map(|v| v - mean).collect();
    let energy = centred.iter().map(|v| v * v).sum::<f64>();
    let at = |lag: usize| {
        let pairs = centred.len() - lag;
        let sum = centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>();
        if energy > 0.0 { sum / energy * centred.len() as f64 / pairs as f64 } else { 0.0 }
    };
    (0..=lag_max.min(values.len().saturating_sub(1))).map(at).collect()
}

/// The shortest lag at which the values repeat, with their correlation there; none where nothing repeats.
pub(super) fn period(values: &[f64], lag_max: usize) -> Option<(usize, f64)> {
    let correlation = autocorrelation(values, lag_max);
    // What is near in time is alike: a period begins after the correlation was gone.
    let first = correlation.iter().position(|c| *c < 0.2)?;
    let peaks = (first.max(1)..correlation.len().saturating_sub(1))
        .filter(|i| correlation[*i] >= correlation[i - 1] && correlation[*i] > correlation[i + 1]);
    let peaks: Vec<usize> = peaks.collect();
    let highest = peaks.iter().map(|i| correlation[*i]).fold(0.0, f64::max);
    let found = peaks.into_iter().find(|i| correlation[*i] >= 0.85 * highest)?;
    Some((found, correlation[found]))
}
