//! Verdicts on sensors that the network was not trained on, each with a threshold of its own: what a new plant would see.
//!
//! Of each held-out recording that is long enough the first part is the past that the plant calibrates on; the windows after
//! it are judged as they were recorded, and once more with an anomaly put in. Both are against the same bank. Recordings have
//! anomalies of their own that nobody marked, so the rate of false alarms is one of *alarms*, and at most that false.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::inject::inject;
use super::sample::{clean, rng_of};
use super::{Corpus, HELD_OUT_STEP, TrainError};
use crate::bank::BankScorer;
use crate::catalog::Model;
use crate::device::DeviceSpec;
use crate::evaluate::product::{ALPHA, calibrate};
use crate::scorer::Scorer;
use crate::{BANK_READINGS_MAX, STRIDE, WINDOW};

/// Readings that a sensor is calibrated on: enough for a conformal threshold against banks at the rate wanted.
const PAST: usize = 7_500;

/// Windows of each sensor that are judged after it.
const WINDOWS: usize = 8;

/// Different values that a past must have: what stands still has no scale.
const VALUES_MIN: usize = 16;

/// Figures over the windows of one folder's sensors, or of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnseenFigures {
    /// Sensors.
    pub sensors: usize,
    /// Windows, each judged as it was recorded and with an anomaly.
    pub windows: usize,
    /// Share of those with an anomaly put in that are called abnormal.
    pub recall: f64,
    /// Share of the others that are.
    pub alarm_rate: f64,
    /// The median sensor's share of the others that are: an anomaly of a recording's own does not move it.
    pub alarm_rate_median: f64,
    /// Chance that a window has a higher score with an anomaly than another one without, in units of its sensor's threshold.
    pub auroc: f64,
}

/// What comes of sensors that the network never saw.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// Wanted rate of false alarms.
    pub alpha: f64,
    /// Seed of the choice of sensors and of the anomalies.
    pub seed: u64,
    /// Readings that each sensor was calibrated on.
    pub past: usize,
    /// All of them.
    pub all: UnseenFigures,
    /// By folder, in the order in which the folders were given.
    pub by_folder: Vec<UnseenFigures>,
    /// Recall by kind of anomaly.
    pub recall_by_kind: BTreeMap<String, f64>,
    /// The recordings, by name.
    pub recordings: Vec<String>,
}

/// One window: folder, sensor, score in units of the threshold as recorded and with an anomaly, the anomaly's kind.
struct Judged {
    folder: usize,
    sensor: usize,
    clean: f32,
    spoilt: f32,
    kind: String,
}

/// Judges up to `sensors` held-out recordings of each folder.
///
/// # Errors
/// What [`Scorer::score`] meets.
pub fn unseen(model: &Model, held_out: &Corpus, sensors: usize, seed: u64) -> Result<Unseen, TrainError> {
    let mut scorer = Scorer::new(model, &DeviceSpec::cpu())?;
    let mut bank = BankScorer::new(model);
    let mut rng = rng_of(seed, HELD_OUT_STEP - 1);
    let mut order: Vec<usize> = (0..held_out.recordings.len()).collect();
    order.shuffle(&mut rng);
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut judged, mut recordings) = (Vec::new(), Vec::new());
    for index in order {
        let recording = &held_out.recordings[index];
        let values = &recording.values;
        let count = taken.entry(recording.group).or_default();
        if *count >= sensors || values.len() < PAST + WINDOW || different(&values[..PAST]) < VALUES_MIN {
            continue;
        }
        *count += 1;
        recordings.push(recording.name.clone());
        let calibrated = calibrate(&mut scorer, bank.as_mut(), &values[..PAST])?;
        let starts = (0..WINDOWS).map(|i| PAST + i * STRIDE).take_while(|at| at + WINDOW <= values.len());
        for at in starts {
            let window = &values[at..at + WINDOW];
            let mut spoilt = window.to_vec();
            let donor = clean(held_out, &mut rng);
            let Some(injected) = donor.and_then(|donor| inject(&mut spoilt, &donor, &mut rng)) else {
                continue;
            };
            let past = &values[at.saturating_sub(BANK_READINGS_MAX)..at];
            let mut score = |window: &[f32]| -> Result<f32, TrainError> {
                let score = match bank.as_mut().filter(|_| calibrated.bank) {
                    Some(bank) => bank.open(past, window)?.1.score,
                    None => scorer.score(&[window])?[0].score,
                };
                Ok((f64::from(score) / calibrated.threshold) as f32)
            };
            judged.push(Judged {
                folder: recording.group,
                sensor: index,
                clean: score(window)?,
                spoilt: score(&spoilt)?,
                kind: format!("{:?}", injected.kind).to_lowercase(),
            });
        }
    }
    recordings.sort();
    Ok(summed(&judged, recordings, seed))
}

fn summed(judged: &[Judged], recordings: Vec<String>, seed: u64) -> Unseen {
    let folders = judged.iter().map(|one| one.folder + 1).max().unwrap_or(0);
    let by_folder = (0..folders).map(|folder| figures(judged.iter().filter(|one| one.folder == folder)));
    let mut kinds: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for one in judged {
        let (found, all) = kinds.entry(one.kind.clone()).or_default();
        *found += f64::from(u8::from(one.spoilt > 1.0));
        *all += 1.0;
    }
    Unseen {
        alpha: ALPHA,
        seed,
        past: PAST,
        all: figures(judged.iter()),
        by_folder: by_folder.collect(),
        recall_by_kind: kinds.into_iter().map(|(kind, (found, all))| (kind, found / all)).collect(),
        recordings,
    }
}

fn figures<'a>(judged: impl Iterator<Item = &'a Judged>) -> UnseenFigures {
    let judged: Vec<&Judged> = judged.collect();
    let share =
        |scores: &[f32]| scores.iter().filter(|s| **s > 1.0).count() as f64 / scores.len().max(1) as f64;
    let (clean, spoilt): (Vec<f32>, Vec<f32>) = judged.iter().map(|one| (one.clean, one.spoilt)).unzip();
    let mut sensors: BTreeMap<usize, Vec<f32>> = BTreeMap::new();
    for one in &judged {
        sensors.entry(one.sensor).or_default().push(one.clean);
    }
    let mut rates: Vec<f64> = sensors.values().map(|scores| share(scores)).collect();
    rates.sort_by(f64::total_cmp);
    UnseenFigures {
        sensors: sensors.len(),
        windows: judged.len(),
        recall: share(&spoilt),
        alarm_rate: share(&clean),
        alarm_rate_median: rates.get(rates.len() / 2).copied().unwrap_or(0.0),
        auroc: crate::evaluate::auroc(&spoilt, &clean),
    }
}

fn different(values: &[f32]) -> usize {
    let mut sorted: Vec<u32> = values.iter().map(|v| v.to_bits()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Recording;

    #[test]
    fn sensors_that_repeat_are_calm_until_something_is_put_in() {
        let wave = |pace: f32, name: &str| Recording {
            name: name.to_owned(),
            group: 0,
            values: (0..9_000).map(|i| (i as f32 * pace).sin() + 0.05 * ((i * i) % 13) as f32).collect(),
        };
        let short = Recording { values: vec![1.0; 800], ..wave(0.1, "short") };
        let corpus = Corpus { recordings: vec![wave(0.11, "a"), wave(0.07, "b"), short] };
        let found = unseen(&Model::builtin_detector(), &corpus, 9, 1).unwrap();
        assert_eq!((found.all.sensors, found.by_folder.len()), (2, 1));
        assert_eq!(found.recordings, ["a", "b"]);
        assert!(found.all.windows > 0 && found.all.recall > found.all.alarm_rate, "{found:?}");
        assert!(found.all.auroc > 0.8, "{found:?}");
        assert_eq!(found, unseen(&Model::builtin_detector(), &corpus, 9, 1).unwrap());
    }
}
