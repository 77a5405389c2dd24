//! What the plant would say of a recording: windows one after the other, against a bank where there is one, with the
//! threshold that the recording's own calm prefix allows.

use serde::{Deserialize, Serialize};

pub(crate) use super::ALPHA;
use super::{Labelled, auroc};
use crate::bank::{BankMemory, BankScorer};
use crate::conformal::Calibration;
use crate::plan::CalibrationPlan;
use crate::scorer::{ScoreError, Scorer};
use crate::series::{STRIDE, window_starts};
use crate::{BANK_READINGS_MAX, BANK_READINGS_MIN, WINDOW};

/// Windows of a month of 30 days that is judged every hour.
const WINDOWS_PER_MONTH: f64 = 720.0;

/// Verdicts on windows as the plant gives them, over all recordings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerdictReport {
    /// Share of windows with a labelled reading that are called abnormal.
    pub recall: f64,
    /// Share of the others that are.
    pub false_alarm_rate: f64,
    /// Chance that a window with a labelled reading has a higher score, in units of its sensor's threshold, than
    /// another one.
    pub auroc: f64,
    /// Windows judged.
    pub windows: usize,
    /// Those with a labelled reading.
    pub positive: usize,
    /// False alarms in 30 days of one sensor that is judged every hour, from the share above.
    pub false_alarms_per_sensor_month: f64,
}

/// Verdicts on one recording's windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesVerdict {
    /// `bank` or `window`.
    pub mode: String,
    /// `conformal`, `extreme_value`, or `model` where the prefix is too short for a threshold of its own.
    pub threshold_from: String,
    /// The threshold.
    pub threshold: f64,
    /// Windows judged.
    pub windows: usize,
    /// Those with a labelled reading.
    pub positive: usize,
    /// Share of them that are called abnormal. Absent without any.
    pub recall: Option<f64>,
    /// Share of the others that are. Absent without any.
    pub false_alarm_rate: Option<f64>,
}

/// One recording's verdicts.
pub(super) struct Judged {
    pub(super) verdict: SeriesVerdict,
    /// Windows: positive or not, score in units of the threshold.
    windows: Vec<(bool, f32)>,
    /// Scores of the readings after the prefix, against the bank; none where there is none.
    pub(super) readings: Option<Vec<f32>>,
}

/// Scores the windows of a recording from `from` on that are `stride` apart, each against what was before it.
pub(super) struct Walker<'a> {
    scorer: &'a mut BankScorer,
    values: &'a [f32],
    memory: BankMemory,
    end: usize,
}

impl<'a> Walker<'a> {
    /// Scores the first window, which begins at `start`.
    pub(super) fn begin(
        scorer: &'a mut BankScorer,
        values: &'a [f32],
        start: usize,
    ) -> Result<(Self, crate::WindowScore), ScoreError> {
        let bank = &values[start.saturating_sub(BANK_READINGS_MAX)..start];
        let end = start + WINDOW;
        let (memory, score) = scorer.open(bank, &values[start..end])?;
        Ok((Self { scorer, values, memory, end }, score))
    }

    /// Scores a later window.
    pub(super) fn at(&mut self, start: usize) -> Result<crate::WindowScore, ScoreError> {
        let fresh = &self.values[self.end..start + WINDOW];
        self.end = start + WINDOW;
        self.scorer.advance(&mut self.memory, fresh)
    }
}

/// How a recording's prefix calibrates it, and the threshold.
pub(crate) struct Calibrated {
    pub(crate) bank: bool,
    pub(crate) from: &'static str,
    pub(crate) threshold: f64,
}

/// Calibrates on a calm prefix, as the plant does on a sensor's past.
pub(crate) fn calibrate(
    scorer: &mut Scorer,
    bank: Option<&mut BankScorer>,
    prefix: &[f32],
) -> Result<Calibrated, ScoreError> {
    let info = scorer.info();
    let (alone, banked) = (info.threshold, info.bank_threshold.unwrap_or(f64::INFINITY));
    let may = bank.is_some();
    let Some(plan) = CalibrationPlan::of(prefix.len(), 0, ALPHA, may) else {
        let bank = may && prefix.len() >= BANK_READINGS_MIN;
        return Ok(Calibrated { bank, from: "model", threshold: if bank { banked } else { alone } });
    };
    let starts = plan.starts(prefix.len());
    let mut scores = Vec::with_capacity(starts.len());
    match bank.filter(|_| plan.bank) {
        Some(bank) => {
            let (mut walker, first) = Walker::begin(bank, prefix, starts[0])?;
            scores.push(first.score);
            for start in &starts[1..] {
                scores.push(walker.at(*start)?.score);
            }
        }
        None => {
            for part in starts.chunks(super::BATCH) {
                let windows: Vec<&[f32]> = part.iter().map(|at| &prefix[*at..*at + WINDOW]).collect();
                scores.extend(scorer.score(&windows)?.iter().map(|score| score.score));
            }
        }
    }
    let model = if plan.bank { banked } else { alone };
    let threshold = plan.threshold(&Calibration::new(scores), ALPHA, model);
    let from = if plan.provisional { "extreme_value" } else { "conformal" };
    Ok(Calibrated {
        bank: plan.bank,
        from: if threshold.is_some() { from } else { "model" },
        threshold: threshold.unwrap_or(model),
    })
}

/// Judges the windows after a recording's prefix.
pub(super) fn judge(
    scorer: &mut Scorer,
    bank: &mut Option<BankScorer>,
    recording: &Labelled,
) -> Result<Judged, ScoreError> {
    let prefix = recording.prefix;
    let calibrated = calibrate(scorer, bank.as_mut(), &recording.values[..prefix])?;
    let labels = &recording.labels[prefix..];
    let starts = window_starts(labels.len(), STRIDE);
    let mut windows = Vec::with_capacity(starts.len());
    let mut sums = vec![(0.0_f32, 0.0_f32); labels.len()];
    let mut note = |start: usize, score: crate::WindowScore| {
        for (sum, reading) in sums[start..].iter_mut().zip(score.readings.iter().flatten()) {
            *sum = (sum.0 + reading, sum.1 + 1.0);
        }
        let positive = labels[start..start + WINDOW].contains(&true);
        windows.push((positive, (f64::from(score.score) / calibrated.threshold) as f32));
    };
    let banked = calibrated.bank && !starts.is_empty();
    match bank.as_mut().filter(|_| banked) {
        Some(bank) => {
            let (mut walker, first) = Walker::begin(bank, &recording.values, prefix)?;
            note(0, first);
            for start in &starts[1..] {
                let score = walker.at(prefix + start)?;
                note(*start, score);
            }
        }
        None => {
            for start in &starts {
                let at = prefix + start;
                let score = scorer.score(&[&recording.values[at..at + WINDOW]])?.remove(0);
                note(*start, score);
            }
        }
    }
    let readings = banked.then(|| sums.into_iter().map(|(sum, count)| sum / count.max(1.0)).collect());
    let (recall, false_alarm_rate) = (share(&windows, true), share(&windows, false));
    let verdict = SeriesVerdict {
        mode: if banked { "bank" } else { "window" }.to_owned(),
        threshold_from: calibrated.from.to_owned(),
        threshold: calibrated.threshold,
        windows: windows.len(),
        positive: windows.iter().filter(|(positive, _)| *positive).count(),
        recall,
        false_alarm_rate,
    };
    Ok(Judged { verdict, windows, readings })
}

/// Share of the windows of one kind that are above their threshold.
fn share(windows: &[(bool, f32)], of: bool) -> Option<f64> {
    let those = windows.iter().filter(|(positive, _)| *positive == of);
    let count = those.clone().count();
    (count > 0).then(|| those.filter(|(_, score)| *score > 1.0).count() as f64 / count as f64)
}

/// The verdicts of all recordings together.
pub(super) fn report(judged: &[Judged]) -> VerdictReport {
    let windows: Vec<(bool, f32)> = judged.iter().flat_map(|j| j.windows.iter().copied()).collect();
    let of = |wanted: bool| -> Vec<f32> {
        windows.iter().filter(|(positive, _)| *positive == wanted).map(|(_, score)| *score).collect()
    };
    let false_alarm_rate = share(&windows, false).unwrap_or(0.0);
    VerdictReport {
        recall: share(&windows, true).unwrap_or(0.0),
        false_alarm_rate,
        auroc: auroc(&of(true), &of(false)),
        windows: windows.len(),
        positive: of(true).len(),
        false_alarms_per_sensor_month: false_alarm_rate * WINDOWS_PER_MONTH,
    }
}
