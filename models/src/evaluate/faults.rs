//! Faults of every kind at several strengths, put into calm stretches of real recordings: which are found, and how soon.
//!
//! Each recording gives its calm prefix. The fault begins after a part of it that serves as past; windows that end ever
//! later after its begin are judged as the plant would judge them, until one is called abnormal. A gap in time is the
//! plant's to see and no model's: it is found when a result says that the sensor is silent, or that its window has a gap.
//! Places and noise come from a fixed seed.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{History, Reading, SensorSpec};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::Labelled;
use super::product::{Calibrated, Walker, calibrate};
use crate::WINDOW;
use crate::bank::BankScorer;
use crate::detector::normalise::Scale;
use crate::scorer::{ScoreError, Scorer};
use crate::train::inject::normal;

/// Readings after a fault's begin at which windows end that are judged: the schedule of a sensor that is looked at every
/// half hour to hour.
const DELAYS: [usize; 8] = [10, 20, 30, 60, 90, 120, 180, 240];
/// Places in each recording.
const PLACES: usize = 2;
/// Readings that are kept free after a fault's begin.
const AFTER: usize = DELAYS[DELAYS.len() - 1];
/// Seed of places and noise.
const SEED: u64 = 1;
/// Strengths, in units of the recording's scale; other kinds make theirs of them.
const STRENGTHS: [f32; 3] = [1.5, 3.0, 6.0];

/// The kinds of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Readings do not come, and later ones have later times.
    Gap,
    /// Readings are missing and no time tells: those before and after stand side by side.
    Splice,
    /// The same value again and again.
    Stuck,
    /// Three readings far off.
    Spike,
    /// A slow way off.
    Drift,
    /// Much more noise.
    NoiseBurst,
    /// Another level from there on.
    LevelShift,
    /// Cut off above.
    Saturation,
    /// Time runs faster.
    Periodicity,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Gap,
        Self::Splice,
        Self::Stuck,
        Self::Spike,
        Self::Drift,
        Self::NoiseBurst,
        Self::LevelShift,
        Self::Saturation,
        Self::Periodicity,
    ];

    /// Puts it into `values` from `at` on. `unit` is the recording's scale, `strength` one of 1.5, 3 and 6.
    fn put(self, values: &mut Vec<f32>, at: usize, unit: f32, strength: f32, rng: &mut StdRng) {
        let size = unit * strength;
        match self {
            Self::Gap | Self::Splice => {
                let end = (at + missing(strength)).min(values.len());
                values.drain(at..end);
            }
            Self::Stuck => {
                let (value, length) = (values[at], (40.0 * strength) as usize);
                values[at..].iter_mut().take(length).for_each(|v| *v = value);
            }
            Self::Spike => values[at..].iter_mut().take(3).for_each(|v| *v += 1.5 * size),
            Self::Drift => {
                let way = |i: usize| (i as f32 / AFTER as f32).min(1.0);
                values[at..].iter_mut().enumerate().for_each(|(i, v)| *v += size * way(i));
            }
            Self::NoiseBurst => {
                values[at..].iter_mut().take(120).for_each(|v| *v += 0.5 * size * normal(rng))
            }
            Self::LevelShift => values[at..].iter_mut().for_each(|v| *v += size),
            Self::Saturation => {
                let mut sorted = values[at..].to_vec();
                sorted.sort_by(f32::total_cmp);
                // At the upper 40, 20 and 10 parts of a hundred from below: the stronger the lower.
                let limit = sorted[((sorted.len() - 1) as f32 * 0.6 / strength) as usize];
                values[at..].iter_mut().for_each(|v| *v = v.min(limit));
            }
            Self::Periodicity => {
                let (before, pace) = (values[at..].to_vec(), 1.0 + 0.5 * strength);
                for (i, v) in values[at..].iter_mut().enumerate() {
                    *v = before[((i as f32 * pace) as usize) % before.len()];
                }
            }
        }
    }
}

/// Readings that are missing: 36, 72 and 144.
fn missing(strength: f32) -> usize {
    (24.0 * strength) as usize
}

/// How a kind of fault at one strength was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// The kind.
    pub kind: Fault,
    /// Strength, in units of the recording's scale for the kinds that have a size.
    pub strength: f32,
    /// Faults put in.
    pub count: usize,
    /// Share of them that were found within 240 readings.
    pub detected: f64,
    /// Readings from begin to verdict of half of those that were found, at most; absent where none was.
    pub delay_median: Option<usize>,
}

/// Puts faults into the calm prefixes of recordings and judges what follows. Recordings whose prefix is too short give none.
///
/// # Errors
/// As [`Scorer::score`].
pub fn faults(
    scorer: &mut Scorer,
    bank: &mut Option<BankScorer>,
    recordings: &[Labelled],
) -> Result<Vec<FaultReport>, ScoreError> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut outcomes: Vec<Vec<Option<usize>>> = vec![Vec::new(); Fault::ALL.len() * STRENGTHS.len()];
    for recording in recordings {
        let calm = &recording.values[..recording.prefix.min(recording.values.len())];
        // Past enough for a threshold of its own, and room for what follows.
        let Some(room) = calm.len().checked_sub(AFTER + 2 * WINDOW) else { continue };
        let unit = Scale::of(calm, &mut Vec::with_capacity(calm.len())).unit;
        for _ in 0..PLACES {
            let at = 2 * WINDOW + rng.random_range(0..=room);
            let calibrated = calibrate(scorer, bank.as_mut(), &calm[..at])?;
            for (k, kind) in Fault::ALL.into_iter().enumerate() {
                for (s, strength) in STRENGTHS.into_iter().enumerate() {
                    if kind == Fault::Gap {
                        outcomes[k * STRENGTHS.len() + s]
                            .push(gap_found_after(&calm[..at], missing(strength)));
                        continue;
                    }
                    let mut values = calm.to_vec();
                    kind.put(&mut values, at, unit, strength, &mut rng);
                    let found = found_after(scorer, bank, &calibrated, &values, at)?;
                    outcomes[k * STRENGTHS.len() + s].push(found);
                }
            }
        }
    }
    let named = Fault::ALL.into_iter().flat_map(|kind| STRENGTHS.map(|strength| (kind, strength)));
    Ok(named.zip(outcomes).map(|((kind, strength), outcomes)| summed(kind, strength, &outcomes)).collect())
}

fn summed(kind: Fault, strength: f32, outcomes: &[Option<usize>]) -> FaultReport {
    let mut delays: Vec<usize> = outcomes.iter().flatten().copied().collect();
    delays.sort_unstable();
    let detected = delays.len() as f64 / outcomes.len().max(1) as f64;
    FaultReport {
        kind,
        strength,
        count: outcomes.len(),
        detected,
        delay_median: delays.get(delays.len() / 2).copied(),
    }
}

/// Intervals from the last reading before a gap of so many to the first look at which the plant says so. It looks at the
/// sensor's history as it is then, with the limits of a sensor that names none.
fn gap_found_after(before: &[f32], missing: usize) -> Option<usize> {
    let spec = SensorSpec::new("gap".parse().expect("an id"));
    let step = spec.interval();
    let time = |i: usize| Timestamp::from_s(0) + step * u32::try_from(i).unwrap_or(u32::MAX);
    let at = before.len();
    let past = before.iter().enumerate().skip(at.saturating_sub(WINDOW));
    let past: Vec<Reading> = past.map(|(i, v)| Reading { at: time(i), value: f64::from(*v) }).collect();
    DELAYS.into_iter().find(|delay| {
        let mut history = History::from_readings(&past);
        let later =
            (at + missing..at + delay).map(|i| Reading { at: time(i), value: f64::from(before[i % at]) });
        history.extend(&later.collect::<Vec<_>>());
        let window = history.window(time(at - 1 + delay), step, spec.freshness(), spec.window_span_max());
        window.map_or(true, |window| window.facts.gaps > 0)
    })
}

/// Readings from a fault's begin to the first window that is called abnormal.
fn found_after(
    scorer: &mut Scorer,
    bank: &mut Option<BankScorer>,
    calibrated: &Calibrated,
    values: &[f32],
    at: usize,
) -> Result<Option<usize>, ScoreError> {
    let ends = DELAYS.into_iter().filter(|delay| at + delay <= values.len());
    let mut walker: Option<Walker<'_>> = None;
    let mut bank = bank.as_mut().filter(|_| calibrated.bank);
    for delay in ends {
        let start = at + delay - WINDOW;
        let score = match (&mut walker, bank.take()) {
            (Some(walker), _) => walker.at(start)?.score,
            (None, Some(bank)) => {
                let (begun, score) = Walker::begin(bank, values, start)?;
                walker = Some(begun);
                score.score
            }
            (None, None) => scorer.score(&[&values[start..start + WINDOW]])?[0].score,
        };
        if f64::from(score) > calibrated.threshold {
            return Ok(Some(delay));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceSpec, Model};

    #[test]
    fn strong_faults_in_a_calm_wave_are_found_and_the_suite_repeats() {
        let values: Vec<f32> =
            (0..4_000).map(|i| (i as f32 * 0.13).sin() + 0.05 * ((i * i) % 13) as f32).collect();
        let wave = Labelled { name: "wave".to_owned(), labels: vec![false; 4_000], prefix: 4_000, values };
        let model = Model::builtin_detector();
        let mut scorer = Scorer::new(&model, &DeviceSpec::cpu()).unwrap();
        let mut bank = BankScorer::new(&model);
        let reports = faults(&mut scorer, &mut bank, std::slice::from_ref(&wave)).unwrap();
        assert_eq!(reports.len(), 27);
        assert!(reports.iter().all(|report| report.count == PLACES));
        let strong = |kind| reports.iter().find(|r| r.kind == kind && r.strength == 6.0).unwrap();
        for kind in [Fault::Gap, Fault::LevelShift, Fault::Stuck, Fault::NoiseBurst] {
            assert_eq!(strong(kind).detected, 1.0, "{kind:?} {reports:?}");
        }
        assert_eq!(faults(&mut scorer, &mut bank, &[wave]).unwrap(), reports);
    }

    #[test]
    fn a_gap_is_found_while_the_sensor_is_silent_or_by_its_window() {
        let calm: Vec<f32> = (0..2_000).map(|i| (i as f32 * 0.13).sin()).collect();
        assert_eq!(gap_found_after(&calm, 0), None, "nothing is missing");
        let found: Vec<_> = STRENGTHS.iter().map(|s| gap_found_after(&calm, missing(*s)).unwrap()).collect();
        assert!(found.iter().all(|delay| *delay <= 60) && found.is_sorted(), "{found:?}");
        assert_eq!(gap_found_after(&calm, 3), Some(10), "a short one is seen in the window after it");
    }
}
