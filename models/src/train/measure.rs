//! What a detector does on sensors that it was not trained on, and the thresholds that follow from it.

use std::collections::BTreeMap;

use super::card::{BankFigures, HeldOut};
use super::inject::Kind;
use super::sample::{batch, clean, rng_of, with_bank};
use super::{Corpus, HELD_OUT_STEP, TrainError};
use crate::catalog::Model;
use crate::detector::contrast;
use crate::device::DeviceSpec;
use crate::scorer::Scorer;

/// Share of clean windows that may come out above a threshold. Recordings have anomalies of their own that nobody
/// marked, so the highest scores of clean windows are not all false: at 1 or 2 % the threshold would be theirs.
const FALSE_ALARMS: f64 = 0.05;

/// Windows scored alone for each one that is scored with a bank, which takes twenty times as long.
const WINDOWS_PER_BANK: usize = 4;

/// Measures `model` on `windows` clean windows of `held_out` and on as many with an anomaly each, and on a quarter
/// of that with banks where recordings are long enough for them.
///
/// The threshold of windows alone is that above which 5 % of the clean windows come out; with banks it is a given one, and the
/// share of clean windows above it is measured. The model's own don't matter.
///
/// # Errors
///
/// Recordings that give no windows, and what [`Scorer::score`] meets.
pub fn measure(model: &Model, held_out: &Corpus, windows: usize, seed: u64) -> Result<HeldOut, TrainError> {
    let mut scorer = Scorer::new(model, &DeviceSpec::cpu())?;
    let mut rng = rng_of(seed, HELD_OUT_STEP);
    let normal: Vec<Vec<f32>> = (0..windows).map_while(|_| clean(held_out, &mut rng)).collect();
    if normal.len() < windows {
        return Err(TrainError::NoWindows);
    }
    let anomalous = batch(held_out, windows, &mut rng).ok_or(TrainError::NoWindows)?;
    let mut score = |windows: &[Vec<f32>]| -> Result<Vec<f32>, TrainError> {
        let views: Vec<&[f32]> = windows.iter().map(Vec::as_slice).collect();
        Ok(scorer.score(&views)?.iter().map(|score| score.score).collect())
    };
    let figures = Figures::new(score(&normal)?, score(&anomalous.windows)?, &anomalous.kinds, None);
    let banked = with_bank(held_out, windows.div_ceil(WINDOWS_PER_BANK), &mut rng);
    let bank = if banked.clean.is_empty() {
        None
    } else {
        let mut score = |windows: &[(Vec<f32>, Vec<f32>)]| -> Result<Vec<f32>, TrainError> {
            let views: Vec<(&[f32], &[f32])> =
                windows.iter().map(|(window, bank)| (window.as_slice(), bank.as_slice())).collect();
            Ok(scorer.score_with_bank(&views)?.iter().map(|score| score.score).collect())
        };
        let clean = score(&banked.clean)?;
        let given = Some(contrast::BANK_THRESHOLD);
        let figures = Figures::new(clean, score(&banked.anomalous)?, &banked.kinds, given);
        Some(BankFigures {
            threshold: figures.threshold,
            clean_windows: banked.clean.len(),
            false_alarm_rate: figures.above,
            recall: figures.recall,
            recall_by_kind: figures.recall_by_kind,
            auroc: figures.auroc,
        })
    };
    Ok(HeldOut {
        threshold: figures.threshold,
        clean_windows: windows,
        false_alarm_rate: FALSE_ALARMS,
        recall: figures.recall,
        recall_by_kind: figures.recall_by_kind,
        auroc: figures.auroc,
        bank,
    })
}

struct Figures {
    threshold: f64,
    /// Share of the clean windows above it.
    above: f64,
    recall: f64,
    recall_by_kind: BTreeMap<String, f64>,
    auroc: f64,
}

impl Figures {
    /// From scores of clean windows, of which there is one at least, and of windows with an anomaly of a kind each, at the
    /// threshold given or at the one that a share of the clean windows exceeds.
    fn new(mut clean: Vec<f32>, anomalous: Vec<f32>, kinds: &[Kind], given: Option<f64>) -> Self {
        clean.sort_by(f32::total_cmp);
        let highest = f64::from(clean[((1.0 - FALSE_ALARMS) * clean.len() as f64) as usize]);
        let threshold = given.unwrap_or(highest);
        let below = clean.partition_point(|score| f64::from(*score) <= threshold);
        let mut counts: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (score, kind) in anomalous.iter().zip(kinds) {
            let (above, all) = counts.entry(format!("{kind:?}").to_lowercase()).or_default();
            *above += if f64::from(*score) > threshold { 1.0 } else { 0.0 };
            *all += 1.0;
        }
        let above: f64 = counts.values().map(|(above, _)| above).sum();
        let auroc = crate::evaluate::auroc(&anomalous, &clean);
        let recall_by_kind = counts.into_iter().map(|(kind, (above, all))| (kind, above / all)).collect();
        Self {
            threshold,
            above: (clean.len() - below) as f64 / clean.len() as f64,
            recall: above / anomalous.len().max(1) as f64,
            recall_by_kind,
            auroc,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_count_what_lies_above_the_threshold() {
        let clean: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let kinds = [Kind::Spike, Kind::Spike, Kind::Level, Kind::Stuck];
        let figures = |given| Figures::new(clean.clone(), vec![95.0, 95.5, 200.0, 0.0], &kinds, given);
        let given = figures(Some(49.5));
        assert_eq!((given.threshold, given.above, given.recall), (49.5, 0.5, 0.75));
        let figures = figures(None);
        assert_eq!((figures.threshold, figures.above, figures.recall), (95.0, 0.04, 0.5));
        let by_kind: Vec<(&str, f64)> =
            figures.recall_by_kind.iter().map(|(kind, recall)| (kind.as_str(), *recall)).collect();
        assert_eq!(by_kind, [("level", 1.0), ("spike", 0.5), ("stuck", 0.0)]);
    }
}
