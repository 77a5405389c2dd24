//! How good a detector is on recordings whose anomalies are known.
//!
//! Beside every figure of the network stand those of chance, of calling everything abnormal and of the raw
//! nearest neighbour, which is the strongest method that costs nothing.

mod bank;
pub(crate) mod baseline;
mod curve;
mod faults;
mod files;
pub(crate) mod product;
mod vus;

use serde::{Deserialize, Serialize};

pub use bank::BankReport;
pub use curve::{Curve, precision_recall};
pub use faults::{Fault, FaultReport, faults};
pub use files::{FileError, Labelled};
pub use product::{SeriesVerdict, VerdictReport};
pub use vus::{period, vus_pr};

use crate::WINDOW;
use crate::bank::BankScorer;
use crate::conformal::Calibration;
use crate::scorer::{ScoreError, Scorer};
use crate::series::{STRIDE, window_starts};

/// Windows scored in one call.
const BATCH: usize = 32;

/// Largest p-value that is abnormal where a sensor is calibrated.
pub(crate) const ALPHA: f64 = 0.05;

/// Seed of the scores by chance.
const CHANCE_SEED: u64 = 1;

/// One figure of each method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Methods {
    /// Scores by chance.
    pub random: f64,
    /// Everything is abnormal.
    pub everything: f64,
    /// Raw nearest neighbour within the window.
    pub raw_neighbour: f64,
    /// The model.
    pub network: f64,
}

/// Figures of one recording, after its calibration prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesReport {
    /// Its name.
    pub name: String,
    /// Readings judged.
    pub readings: usize,
    /// Anomalies among them.
    pub anomalies: usize,
    /// Width of the labels' edges, from the autocorrelation.
    pub period: usize,
    /// VUS-PR.
    pub vus_pr: Methods,
    /// VUS-PR of the model with a bank; absent where the prefix is too short for one.
    #[serde(default)]
    pub vus_pr_bank: Option<f64>,
    /// Verdicts on its windows as the plant gives them.
    #[serde(default)]
    pub verdict: Option<SeriesVerdict>,
}

/// Figures over windows of all recordings, each positive if it holds a labelled reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// Windows judged.
    pub windows: usize,
    /// Positive ones.
    pub positive: usize,
    /// Chance that a positive window scores above another.
    pub auroc: Methods,
    /// Share of positive windows above the model's threshold.
    pub recall: f64,
    /// Share of the others above it.
    pub false_alarm_rate: f64,
}

/// Verdicts by each sensor's own calibration prefix, where it holds enough windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibratedReport {
    /// Largest p-value that is abnormal.
    pub alpha: f64,
    /// Recordings whose prefix is long enough.
    pub recordings: usize,
    /// Windows judged.
    pub windows: usize,
    /// Positive ones.
    pub positive: usize,
    /// Share of positive windows that are called abnormal.
    pub recall: f64,
    /// Share of the others that are.
    pub false_alarm_rate: f64,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// The model's digest.
    pub digest_sha256: String,
    /// The threshold used.
    pub threshold: f64,
    /// Mean VUS-PR over the recordings.
    pub vus_pr: Methods,
    /// Verdicts on windows by the model's one threshold.
    pub windows: WindowReport,
    /// Verdicts on windows by each sensor's calibration.
    pub calibrated: CalibratedReport,
    /// Verdicts on windows as the plant gives them: with a bank and a threshold of the sensor's own where there is enough
    /// of its past.
    #[serde(default)]
    pub verdict: VerdictReport,
    /// The same with a bank for each window. None where no recording has a long enough prefix, or for a model that
    /// takes no bank.
    pub bank: Option<BankReport>,
    /// Each recording.
    pub series: Vec<SeriesReport>,
    /// Recordings that can't be judged, and why.
    pub skipped: Vec<String>,
}

/// Scores of one recording's readings and windows after its prefix, by all methods.
struct Judged {
    report: SeriesReport,
    /// Windows: positive or not, raw neighbour's highest score of a reading, network's score.
    windows: Vec<(bool, f32, f32)>,
    /// From windows of the prefix.
    calibration: Calibration,
    banked: Option<bank::Banked>,
    product: product::Judged,
    curve: Curve,
}

impl Judged {
    /// Windows: positive or not, the network's score.
    fn scores(&self) -> Vec<(bool, f32)> {
        self.windows.iter().map(|(positive, _, network)| (*positive, *network)).collect()
    }
}

/// Evaluates a model on labelled recordings; gives the scores of their readings as well.
///
/// `bank` is the same model's; `None` for a model that takes none.
///
/// Recordings that are shorter than a window, or have an anomaly in their prefix or none after it, are skipped.
///
/// # Errors
///
/// As [`Scorer::score`].
pub fn evaluate(
    scorer: &mut Scorer,
    bank: &mut Option<BankScorer>,
    recordings: &[Labelled],
) -> Result<(EvaluationReport, Vec<Curve>), ScoreError> {
    let mut judged = Vec::new();
    let mut skipped = Vec::new();
    for recording in recordings {
        match reason_to_skip(recording) {
            Some(reason) => skipped.push(format!("{}: {reason}", recording.name)),
            None => judged.push(judge(scorer, bank, recording)?),
        }
    }
    let banked: Vec<bank::Banked> = judged.iter_mut().filter_map(|judged| judged.banked.take()).collect();
    let info = scorer.info();
    let mut curves = Vec::with_capacity(judged.len());
    let mut products = Vec::with_capacity(judged.len());
    let report = EvaluationReport {
        digest_sha256: info.digest_sha256.clone(),
        threshold: info.threshold,
        vus_pr: mean(&judged),
        windows: window_report(&judged, info.threshold),
        calibrated: calibrated_report(
            judged.iter().map(|judged| (&judged.calibration, judged.scores())),
            ALPHA,
        ),
        verdict: VerdictReport::default(),
        bank: bank::report(&banked),
        series: judged
            .into_iter()
            .map(|judged| {
                curves.push(judged.curve);
                products.push(judged.product);
                judged.report
            })
            .collect(),
        skipped,
    };
    Ok((EvaluationReport { verdict: product::report(&products), ..report }, curves))
}

fn reason_to_skip(recording: &Labelled) -> Option<&'static str> {
    let (prefix, rest) = recording.labels.split_at(recording.prefix.min(recording.labels.len()));
    if recording.values.len() < WINDOW || rest.is_empty() {
        Some("shorter than a window")
    } else if prefix.contains(&true) {
        Some("an anomaly lies in its prefix")
    } else if !rest.contains(&true) {
        Some("no anomaly after its prefix")
    } else {
        None
    }
}

fn judge(
    scorer: &mut Scorer,
    bank: &mut Option<BankScorer>,
    recording: &Labelled,
) -> Result<Judged, ScoreError> {
    let (network, raw) = reading_scores(scorer, &recording.values)?;
    let labels = &recording.labels[recording.prefix..];
    let width = period(&recording.values);
    let figure = |scores: &[f32]| vus_pr(scores, labels, width).expect("an anomaly lies after the prefix");
    let chance = baseline::random(labels.len(), CHANCE_SEED);
    let vus_pr = Methods {
        random: figure(&chance),
        everything: figure(&vec![1.0; labels.len()]),
        raw_neighbour: figure(&raw[recording.prefix..]),
        network: figure(&network[recording.prefix..]),
    };
    let product = product::judge(scorer, bank, recording)?;
    let banked = match bank.as_mut() {
        Some(bank) => bank::judge(bank, recording, width)?,
        None => None,
    };
    let curve = Curve {
        name: recording.name.clone(),
        values: recording.values.clone(),
        labels: recording.labels.clone(),
        prefix: recording.prefix,
        window: network.clone(),
        bank: product.readings.clone(),
    };
    let report = SeriesReport {
        name: recording.name.clone(),
        readings: labels.len(),
        anomalies: vus::runs(labels).len(),
        period: width,
        vus_pr,
        vus_pr_bank: banked.as_ref().map(bank::Banked::vus_pr),
        verdict: Some(product.verdict.clone()),
    };
    let mut prefix = Vec::new();
    for start in window_starts(recording.prefix, STRIDE) {
        prefix.push(scorer.score(&[&recording.values[start..start + WINDOW]])?[0].score);
    }
    let windows = window_scores(scorer, recording)?;
    Ok(Judged { report, windows, calibration: Calibration::new(prefix), banked, product, curve })
}

/// Scores per reading by network and raw neighbour, from overlapping windows over the whole recording.
fn reading_scores(scorer: &mut Scorer, values: &[f32]) -> Result<(Vec<f32>, Vec<f32>), ScoreError> {
    let network = crate::series::score_series(scorer, values)?;
    let mut sums = vec![(0.0_f32, 0.0_f32); values.len()];
    for start in window_starts(values.len(), STRIDE) {
        let scores = baseline::raw_neighbour(&values[start..start + WINDOW]);
        for (sum, score) in sums[start..].iter_mut().zip(scores) {
            *sum = (sum.0 + score, sum.1 + 1.0);
        }
    }
    Ok((network, sums.into_iter().map(|(sum, count)| sum / count).collect()))
}

fn window_scores(scorer: &mut Scorer, recording: &Labelled) -> Result<Vec<(bool, f32, f32)>, ScoreError> {
    let after = &recording.values[recording.prefix..];
    let labels = &recording.labels[recording.prefix..];
    let mut all = Vec::new();
    for part in window_starts(after.len(), STRIDE).chunks(BATCH) {
        let windows: Vec<&[f32]> = part.iter().map(|start| &after[*start..*start + WINDOW]).collect();
        for ((start, window), score) in part.iter().zip(&windows).zip(scorer.score(&windows)?) {
            let raw = baseline::raw_neighbour(window).iter().copied().fold(0.0, f32::max);
            all.push((labels[*start..*start + WINDOW].contains(&true), raw, score.score));
        }
    }
    Ok(all)
}

fn mean(judged: &[Judged]) -> Methods {
    let count = judged.len().max(1) as f64;
    let of =
        |figure: fn(&Methods) -> f64| judged.iter().map(|j| figure(&j.report.vus_pr)).sum::<f64>() / count;
    Methods {
        random: of(|m| m.random),
        everything: of(|m| m.everything),
        raw_neighbour: of(|m| m.raw_neighbour),
        network: of(|m| m.network),
    }
}

fn window_report(judged: &[Judged], threshold: f64) -> WindowReport {
    let windows: Vec<(bool, f32, f32)> = judged.iter().flat_map(|j| j.windows.iter().copied()).collect();
    let chance = baseline::random(windows.len(), CHANCE_SEED);
    let split = |scores: &dyn Fn(usize) -> f32| -> (Vec<f32>, Vec<f32>) {
        let (yes, no): (Vec<usize>, Vec<usize>) = (0..windows.len()).partition(|i| windows[*i].0);
        (yes.into_iter().map(scores).collect(), no.into_iter().map(scores).collect())
    };
    let auroc_of = |scores: &dyn Fn(usize) -> f32| {
        let (positive, negative) = split(scores);
        auroc(&positive, &negative)
    };
    let (positive, negative) = split(&|i| windows[i].2);
    let above = |scores: &[f32]| {
        scores.iter().filter(|s| f64::from(**s) > threshold).count() as f64 / scores.len().max(1) as f64
    };
    WindowReport {
        windows: windows.len(),
        positive: positive.len(),
        auroc: Methods {
            random: auroc_of(&|i| chance[i]),
            everything: auroc_of(&|_| 1.0),
            raw_neighbour: auroc_of(&|i| windows[i].1),
            network: auroc(&positive, &negative),
        },
        recall: above(&positive),
        false_alarm_rate: above(&negative),
    }
}

/// From each recording's calibration and its windows: positive or not, score.
fn calibrated_report<'a>(
    judged: impl Iterator<Item = (&'a Calibration, Vec<(bool, f32)>)>,
    alpha: f64,
) -> CalibratedReport {
    let mut recordings = 0;
    let mut verdicts: Vec<(bool, bool)> = Vec::new();
    for (calibration, windows) in judged {
        let Some(threshold) = calibration.threshold(alpha) else { continue };
        recordings += 1;
        verdicts.extend(windows.iter().map(|(positive, score)| (*positive, f64::from(*score) > threshold)));
    }
    let share = |of: bool| {
        let those = verdicts.iter().filter(|(positive, _)| *positive == of);
        those.clone().filter(|(_, abnormal)| *abnormal).count() as f64 / those.count().max(1) as f64
    };
    CalibratedReport {
        alpha,
        recordings,
        windows: verdicts.len(),
        positive: verdicts.iter().filter(|(positive, _)| *positive).count(),
        recall: share(true),
        false_alarm_rate: share(false),
    }
}

/// Chance that a score of `positive` is above one of `negative`, ties counting half. 0.5 if either is empty.
pub fn auroc(positive: &[f32], negative: &[f32]) -> f64 {
    if positive.is_empty() || negative.is_empty() {
        return 0.5;
    }
    let mut sorted = negative.to_vec();
    sorted.sort_by(f32::total_cmp);
    let below = |p: &f32| {
        let less = sorted.partition_point(|n| n < p);
        let up_to = sorted.partition_point(|n| n <= p);
        (less + up_to) as f64 / 2.0
    };
    positive.iter().map(below).sum::<f64>() / (positive.len() as f64 * negative.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceSpec, Model};

    #[test]
    fn auroc_counts_ties_half() {
        assert_eq!(auroc(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(auroc(&[0.0], &[1.0]), 0.0);
        assert_eq!(auroc(&[1.0], &[1.0, 1.0]), 0.5);
        assert_eq!(auroc(&[], &[1.0]), 0.5);
    }

    #[test]
    fn a_report_holds_all_methods_and_skips_what_cannot_be_judged() {
        let mut values: Vec<f32> = (0..3_000).map(|i| (i as f32 * 0.13).sin()).collect();
        values[2_000..2_040].iter_mut().for_each(|v| *v = 4.0 - *v);
        let labels: Vec<bool> = (0..3_000).map(|i| (2_000..2_040).contains(&i)).collect();
        let good =
            Labelled { name: "wave".to_owned(), values: values.clone(), labels: labels.clone(), prefix: 800 };
        let late = Labelled { name: "late".to_owned(), prefix: 2_500, ..good.clone() };
        let short = Labelled {
            name: "short".to_owned(),
            values: values[..700].to_vec(),
            labels: labels[..700].to_vec(),
            prefix: 0,
        };
        let model = Model::builtin_detector();
        let mut scorer = Scorer::new(&model, &DeviceSpec::cpu()).unwrap();
        let (report, curves) =
            evaluate(&mut scorer, &mut BankScorer::new(&model), &[good, late, short]).unwrap();
        assert_eq!((curves.len(), curves[0].window.len()), (1, 3_000));
        assert_eq!((report.series.len(), report.skipped.len()), (1, 2));
        let figures = report.series[0].vus_pr;
        assert!(figures.network > 0.5 && figures.raw_neighbour > 0.5, "{figures:?}");
        assert!(figures.random < 0.1 && figures.everything < 0.1, "{figures:?}");
        assert!(report.windows.positive > 0 && report.windows.positive < report.windows.windows);
        assert_eq!(report.windows.auroc.everything, 0.5);
        let own = report.series[0].verdict.as_ref().unwrap();
        assert_eq!((own.mode.as_str(), own.threshold_from.as_str()), ("bank", "model"));
        assert_eq!(report.verdict.windows, report.windows.windows);
        assert!(report.verdict.auroc > 0.9, "{:?}", report.verdict);
        let bank = report.bank.unwrap();
        assert_eq!((bank.recordings, bank.windows), (1, report.windows.windows));
        assert!(bank.vus_pr > 0.5 && bank.vus_pr_raw_neighbour > 0.5 && bank.auroc > 0.9, "{bank:?}");
    }
}
