//! How good the detector is where it is given a bank of what the sensor did before each window.

use serde::{Deserialize, Serialize};

use super::baseline::raw_with_bank;
use super::product::Walker;
use super::{ALPHA, CalibratedReport, Labelled, auroc, calibrated_report, vus_pr};
use crate::bank::BankScorer;
use crate::conformal::Calibration;
use crate::scorer::{ScoreError, WindowScore};
use crate::series::{STRIDE, window_starts};
use crate::{BANK_READINGS_MAX, BANK_READINGS_MIN, WINDOW};

/// Figures with a bank: the readings before each window, whatever they held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BankReport {
    /// Recordings whose prefix is long enough for a bank.
    pub recordings: usize,
    /// Mean VUS-PR of the model over them.
    pub vus_pr: f64,
    /// The same of the raw nearest neighbour in bank and window.
    pub vus_pr_raw_neighbour: f64,
    /// Windows judged.
    pub windows: usize,
    /// Positive ones.
    pub positive: usize,
    /// Chance that a positive window scores above another.
    pub auroc: f64,
    /// Share of positive windows above the model's threshold for banks. Everything called abnormal has 1.
    pub recall: f64,
    /// Share of the others above it. Everything called abnormal has 1.
    pub false_alarm_rate: f64,
    /// Verdicts by each sensor's calibration prefix, scored with banks as well.
    pub calibrated: CalibratedReport,
}

/// One recording, scored with banks.
pub(super) struct Banked {
    vus_pr: f64,
    vus_pr_raw: f64,
    /// Windows after the prefix: positive or not, contrast, called abnormal or not.
    windows: Vec<(bool, f32, bool)>,
    calibration: Calibration,
}

impl Banked {
    pub(super) fn vus_pr(&self) -> f64 {
        self.vus_pr
    }
}

/// None where the prefix is too short for a bank. Windows follow each other as they do in the plant: the bank grows with
/// them.
pub(super) fn judge(
    scorer: &mut BankScorer,
    recording: &Labelled,
    period: usize,
) -> Result<Option<Banked>, ScoreError> {
    let prefix = recording.prefix;
    if prefix < BANK_READINGS_MIN || recording.values.len() < prefix + WINDOW {
        return Ok(None);
    }
    let labels = &recording.labels[prefix..];
    let (mut network, mut raw) = (vec![0.0; labels.len()], vec![0.0; labels.len()]);
    let mut counts = vec![0.0_f32; labels.len()];
    let mut windows = Vec::new();
    let threshold = scorer.threshold();
    let mut note = |at: usize, score: WindowScore| {
        let (window, bank) = with_bank(recording, prefix + at);
        let readings = score.readings.unwrap_or_else(|| vec![score.score; WINDOW].into());
        for (i, (model, plain)) in readings.iter().zip(raw_with_bank(window, bank)).enumerate() {
            network[at + i] += model;
            raw[at + i] += plain;
            counts[at + i] += 1.0;
        }
        let abnormal = f64::from(score.score) > threshold;
        windows.push((labels[at..at + WINDOW].contains(&true), score.score, abnormal));
    };
    let (mut walker, first) = Walker::begin(scorer, &recording.values, prefix)?;
    note(0, first);
    for at in &window_starts(labels.len(), STRIDE)[1..] {
        let score = walker.at(prefix + at)?;
        note(*at, score);
    }
    let figure = |sums: &[f32]| {
        let means: Vec<f32> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
        vus_pr(&means, labels, period).expect("an anomaly lies after the prefix")
    };
    let mut calm = Vec::new();
    let starts = window_starts(prefix - BANK_READINGS_MIN, STRIDE);
    if let Some((first, rest)) = starts.split_first() {
        let (mut walker, score) = Walker::begin(scorer, &recording.values, first + BANK_READINGS_MIN)?;
        calm.push(score.score);
        for start in rest {
            calm.push(walker.at(start + BANK_READINGS_MIN)?.score);
        }
    }
    Ok(Some(Banked {
        vus_pr: figure(&network),
        vus_pr_raw: figure(&raw),
        windows,
        calibration: Calibration::new(calm),
    }))
}

fn with_bank(recording: &Labelled, start: usize) -> (&[f32], &[f32]) {
    let bank = &recording.values[start.saturating_sub(BANK_READINGS_MAX)..start];
    (&recording.values[start..start + WINDOW], bank)
}

/// None without a recording that could be judged.
pub(super) fn report(judged: &[Banked]) -> Option<BankReport> {
    if judged.is_empty() {
        return None;
    }
    let mean = |figure: fn(&Banked) -> f64| judged.iter().map(figure).sum::<f64>() / judged.len() as f64;
    let windows = || judged.iter().flat_map(|banked| banked.windows.iter());
    let scores = |of: bool| -> Vec<f32> {
        windows().filter(|(positive, ..)| *positive == of).map(|(_, score, _)| *score).collect()
    };
    let share = |of: bool| {
        let those = windows().filter(|(positive, ..)| *positive == of);
        those.clone().filter(|(.., abnormal)| *abnormal).count() as f64 / those.count().max(1) as f64
    };
    let own = judged.iter().map(|banked| {
        let windows = banked.windows.iter().map(|(positive, score, _)| (*positive, *score));
        (&banked.calibration, windows.collect())
    });
    Some(BankReport {
        recordings: judged.len(),
        vus_pr: mean(|banked| banked.vus_pr),
        vus_pr_raw_neighbour: mean(|banked| banked.vus_pr_raw),
        windows: windows().count(),
        positive: scores(true).len(),
        auroc: auroc(&scores(true), &scores(false)),
        recall: share(true),
        false_alarm_rate: share(false),
        calibrated: calibrated_report(own, ALPHA),
    })
}
