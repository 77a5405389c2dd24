//! VUS-PR: the volume under the surface of precision over recall as the labels' edges soften.
//!
//! After Paparrizos et al., "Volume Under the Surface" (VLDB 2022), with the details of TSB-AD 1.5: labels get
//! edges of up to half the sensor's period on both sides, falling as √(1 − distance ÷ width); recall is scaled
//! by the share of anomalies that were met at all; 250 thresholds, evenly over the ranks of the scores.

use std::ops::Range;

/// Thresholds per curve.
const THRESHOLDS: usize = 250;

/// Period of a series that shows none, in readings.
const PERIOD_DEFAULT: usize = 125;

/// Readings that the period is looked for in.
const PERIOD_READINGS_MAX: usize = 20_000;

/// Longest lag that is looked at, and the shortest.
const LAGS: Range<usize> = 3..401;

/// The lag of the highest peak of the autocorrelation, else 125.
pub fn period(values: &[f32]) -> usize {
    let values = &values[..values.len().min(PERIOD_READINGS_MAX)];
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64;
    let centred: Vec<f64> = values.iter().map(|v| f64::from(*v) - mean).collect();
    let correlation = |lag: usize| centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>();
    let lags: Vec<f64> = (LAGS.start..LAGS.end.min(values.len())).map(correlation).collect();
    let is_peak = |i: &usize| lags[*i] > lags[i - 1] && lags[*i] > lags[i + 1];
    let peak = (1..lags.len().saturating_sub(1)).filter(is_peak).max_by(|a, b| lags[*a].total_cmp(&lags[*b]));
    match peak {
        Some(i) if (3..=300).contains(&i) => i + LAGS.start,
        _ => PERIOD_DEFAULT,
    }
}

/// VUS-PR of `scores` against `labels` with edges of up to `width` ÷ 2 readings. None without an anomaly.
pub fn vus_pr(scores: &[f32], labels: &[bool], width: usize) -> Option<f64> {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let anomalies = runs(labels);
    if anomalies.is_empty() {
        return None;
    }
    let ranking = Ranking::new(scores);
    let sum: f64 = (0..=width).map(|width| ranking.area(scores, labels, &anomalies, width)).sum();
    Some(sum / (width + 1) as f64)
}

/// Stretches of consecutive labels.
pub(super) fn runs(labels: &[bool]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (i, _) in labels.iter().enumerate().filter(|(_, label)| **label) {
        match runs.last_mut() {
            Some(run) if run.end == i => run.end = i + 1,
            _ => runs.push(i..i + 1),
        }
    }
    runs
}

/// Readings by falling score, and how many of them each threshold takes.
struct Ranking {
    order: Vec<usize>,
    /// For each threshold its score and the count of readings that reach it.
    cuts: Vec<(f32, usize)>,
}

impl Ranking {
    fn new(scores: &[f32]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let cut = |k: usize| {
            let rank = (k as f64 * (scores.len() - 1) as f64 / (THRESHOLDS - 1) as f64) as usize;
            let score = scores[order[rank]];
            (score, order.partition_point(|i| scores[*i] >= score))
        };
        let cuts = (0..THRESHOLDS).map(cut).collect();
        Self { order, cuts }
    }

    /// Area under precision over recall for edges of one width.
    fn area(&self, scores: &[f32], labels: &[bool], anomalies: &[Range<usize>], width: usize) -> f64 {
        let softened = soften(labels, anomalies, width);
        let highest: Vec<f32> = merge(anomalies, width / 2, labels.len())
            .into_iter()
            .map(|stretch| scores[stretch].iter().copied().fold(f32::NEG_INFINITY, f32::max))
            .collect();
        let positives = labels.iter().filter(|label| **label).count() as f64;
        let (mut taken, mut met, mut met_edges) = (0, 0.0_f64, 0.0_f64);
        let (mut area, mut recall_before) = (0.0, 0.0);
        for (score, count) in &self.cuts {
            for i in &self.order[taken..*count] {
                met += softened[*i];
                met_edges += if labels[*i] { 0.0 } else { softened[*i] };
            }
            taken = *count;
            // The positives themselves and half the edges that were met.
            let wanted = positives + met_edges / 2.0;
            let found = highest.iter().filter(|best| *best >= score).count() as f64 / highest.len() as f64;
            let recall = (met / wanted).min(1.0) * found;
            area += (recall - recall_before) * met / taken as f64;
            recall_before = recall;
        }
        area
    }
}

/// Labels as numbers, with edges.
fn soften(labels: &[bool], anomalies: &[Range<usize>], width: usize) -> Vec<f64> {
    let mut softened: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    for anomaly in anomalies {
        for distance in 1..=width / 2 {
            let weight = (1.0 - distance as f64 / width as f64).sqrt();
            let before = anomaly.start.checked_sub(distance);
            for i in before.into_iter().chain([anomaly.end - 1 + distance]).filter(|i| *i < labels.len()) {
                softened[i] = (softened[i] + weight).min(1.0);
            }
        }
    }
    softened
}

/// Anomalies with their edges, joined where the edges touch.
fn merge(anomalies: &[Range<usize>], edge: usize, length: usize) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::new();
    for anomaly in anomalies {
        let wide = anomaly.start.saturating_sub(edge)..(anomaly.end + edge).min(length);
        match merged.last_mut() {
            Some(last) if last.end > wide.start => last.end = wide.end,
            _ => merged.push(wide),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(length: usize, anomalies: &[Range<usize>]) -> Vec<bool> {
        (0..length).map(|i| anomalies.iter().any(|a| a.contains(&i))).collect()
    }

    #[test]
    fn without_edges_it_is_the_average_precision_scaled_by_what_was_met() {
        let labels = labels(250, &[10..11, 20..21]);
        let mut scores: Vec<f32> = (0..250).map(|i| -(i as f32)).collect();
        scores[20] = 2.0;
        scores[30] = 1.0;
        // One of two found at precision 1, which counts half since half of the anomalies are met; the other
        // after ten clean ones and the decoy.
        let expected = 0.25 * 1.0 + 0.75 * (2.0 / 13.0);
        assert!((vus_pr(&scores, &labels, 0).unwrap() - expected).abs() < 1e-9);
    }

    #[test]
    fn perfect_scores_get_nearly_one_and_constant_ones_the_share_of_labels() {
        let labels = labels(2_000, &[500..560, 1_200..1_260]);
        let perfect: Vec<f32> = labels.iter().map(|l| f32::from(u8::from(*l))).collect();
        assert!(vus_pr(&perfect, &labels, 0).unwrap() > 0.999);
        let all = vus_pr(&vec![1.0; 2_000], &labels, 0).unwrap();
        assert!((all - 0.06).abs() < 1e-9, "{all}");
        assert!(vus_pr(&perfect, &vec![false; 2_000], 10).is_none());
    }

    #[test]
    fn softened_edges_forgive_a_near_miss() {
        let labels = labels(1_000, std::slice::from_ref(&(500..510)));
        let near: Vec<f32> = (0..1_000).map(|i| if (512..522).contains(&i) { 1.0 } else { 0.0 }).collect();
        assert!(vus_pr(&near, &labels, 40).unwrap() > 4.0 * vus_pr(&near, &labels, 0).unwrap());
    }

    #[test]
    fn a_wave_has_its_period() {
        let wave: Vec<f32> = (0..3_000).map(|i| (i as f32 * std::f32::consts::TAU / 96.0).sin()).collect();
        assert_eq!(period(&wave), 96);
        assert_eq!(period(&[1.0; 500]), PERIOD_DEFAULT);
        assert_eq!(period(&[]), PERIOD_DEFAULT);
    }
}
