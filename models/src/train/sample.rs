//! One training batch: windows drawn from the corpus, varied, each with one anomaly in it.

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::corpus::{Corpus, Recording};
use super::inject::{Kind, inject, log_uniform, normal};
use crate::evaluate::baseline::raw_neighbour;
use crate::{BANK_READINGS_MAX, WINDOW};

/// Draws until a window with an anomaly comes about; recordings that are flat for days give none.
const DRAWS_MAX: usize = 200;

/// Different values that a window must have.
const VALUES_MIN: usize = 16;

/// Readings left out between two that are kept, at most: coarser sampling of the same sensor.
const THINNING_MAX: usize = 3;

/// Share of a window's readings that count as usual.
const USUAL: f32 = 0.7;

/// Windows with an anomaly each.
pub(crate) struct Batch {
    pub(crate) windows: Vec<Vec<f32>>,
    /// The anomalous readings of each window.
    pub(crate) labels: Vec<Range<usize>>,
    /// The kind of each anomaly.
    pub(crate) kinds: Vec<Kind>,
    /// Readings of each window that were usual before the anomaly came: recordings have anomalies of their own,
    /// which nobody marked and which must not be taught as clean.
    pub(crate) usual: Vec<Vec<bool>>,
}

/// Windows with the readings before them.
#[derive(Default)]
pub(super) struct Banked {
    /// Windows and their banks.
    pub(super) clean: Vec<(Vec<f32>, Vec<f32>)>,
    /// The same places with an anomaly each.
    pub(super) anomalous: Vec<(Vec<f32>, Vec<f32>)>,
    /// The kind of each anomaly.
    pub(super) kinds: Vec<Kind>,
}

/// Draws up to `size` windows with banks of up to [`BANK_READINGS_MAX`] readings; none where no recording is long
/// enough. As they were recorded: neither thinned nor turned.
pub(super) fn with_bank(corpus: &Corpus, size: usize, rng: &mut StdRng) -> Banked {
    let long = |recording: &&Recording| recording.values.len() >= 2 * WINDOW;
    let long = Corpus { recordings: corpus.recordings.iter().filter(long).cloned().collect() };
    let mut banked = Banked::default();
    for _ in 0..size * DRAWS_MAX {
        let Some(readings) = pick(&long, rng).filter(|_| banked.clean.len() < size) else { break };
        let start = rng.random_range(WINDOW..=readings.len() - WINDOW);
        let window = readings[start..start + WINDOW].to_vec();
        let bank = readings[start.saturating_sub(BANK_READINGS_MAX)..start].to_vec();
        if values_in(&window).min(values_in(&bank)) < VALUES_MIN {
            continue;
        }
        let mut changed = window.clone();
        let Some(injected) = clean(corpus, rng).and_then(|donor| inject(&mut changed, &donor, rng)) else {
            continue;
        };
        banked.clean.push((window, bank.clone()));
        banked.anomalous.push((changed, bank));
        banked.kinds.push(injected.kind);
    }
    banked
}

/// The random numbers of a step: they depend on the seed and the step alone, so that a training that is
/// taken up again goes on as it would have.
pub(crate) fn rng_of(seed: u64, step: usize) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step as u64))
}

/// Draws a batch. None if the corpus has nothing to draw from.
pub(crate) fn batch(corpus: &Corpus, size: usize, rng: &mut StdRng) -> Option<Batch> {
    let mut batch = Batch { windows: Vec::new(), labels: Vec::new(), kinds: Vec::new(), usual: Vec::new() };
    for _ in 0..size * DRAWS_MAX {
        if batch.windows.len() == size {
            break;
        }
        let mut window = clean(corpus, rng)?;
        let donor = clean(corpus, rng)?;
        let before = window.clone();
        if let Some(injected) = inject(&mut window, &donor, rng) {
            batch.windows.push(window);
            batch.labels.push(injected.readings);
            batch.kinds.push(injected.kind);
            batch.usual.push(usual(&before));
        }
    }
    (batch.windows.len() == size).then_some(batch)
}

/// The readings with the lower scores by the raw nearest neighbour.
fn usual(window: &[f32]) -> Vec<bool> {
    let scores = raw_neighbour(window);
    let mut sorted = scores.to_vec();
    sorted.sort_by(f32::total_cmp);
    let limit = sorted[(WINDOW as f32 * USUAL) as usize];
    scores.iter().map(|score| *score <= limit).collect()
}

/// A window without an injected anomaly: a random stretch, thinned, turned, mirrored and roughened by chance.
pub(crate) fn clean(corpus: &Corpus, rng: &mut StdRng) -> Option<Vec<f32>> {
    for _ in 0..DRAWS_MAX {
        let recording = pick(corpus, rng)?;
        let fit = ((recording.len() - 1) / (WINDOW - 1)).min(THINNING_MAX);
        let thinning = if fit > 1 && rng.random_bool(0.3) { rng.random_range(1..=fit) } else { 1 };
        let start = rng.random_range(0..recording.len() - (WINDOW - 1) * thinning);
        let mut window: Vec<f32> =
            recording[start..].iter().step_by(thinning).take(WINDOW).copied().collect();
        if values_in(&window) < VALUES_MIN {
            continue;
        }
        if rng.random_bool(0.5) {
            window.iter_mut().for_each(|v| *v = -*v);
        }
        if rng.random_bool(0.3) {
            window.reverse();
        }
        if rng.random_bool(0.2) {
            roughen(&mut window, rng);
        }
        return Some(window);
    }
    None
}

/// Each folder is as likely as any other, and each recording within it.
fn pick<'a>(corpus: &'a Corpus, rng: &mut StdRng) -> Option<&'a [f32]> {
    let groups = corpus.recordings.last()?.group + 1;
    let group = rng.random_range(0..groups);
    let first = corpus.recordings.partition_point(|r| r.group < group);
    let end = corpus.recordings.partition_point(|r| r.group <= group);
    let among = if first < end { first..end } else { 0..corpus.recordings.len() };
    Some(&corpus.recordings[rng.random_range(among)].values)
}

fn values_in(window: &[f32]) -> usize {
    let mut sorted: Vec<u32> = window.iter().map(|v| v.to_bits()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

fn roughen(window: &mut [f32], rng: &mut StdRng) {
    let mean = window.iter().sum::<f32>() / window.len() as f32;
    let swing = (window.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / window.len() as f32).sqrt();
    let size = swing * log_uniform(0.005, 0.15, rng);
    window.iter_mut().for_each(|v| *v += size * normal(rng));
}
