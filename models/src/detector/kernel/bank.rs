//! The detector with a bank: the same distances, to everything that the sensor did before as well.
//!
//! Bank and window are embedded as one sequence in the bank's scale, so an anomaly can't hide by stretching the
//! scale of its own window. Two distances are told of each position: the smallest to anything, for charts, and the smallest
//! to what was before it, for the verdict. A few positions inside the bank are measured against what was before them as
//! well: theirs is the usual distance.

#![expect(
    clippy::needless_range_loop,
    reason = "several arrays share an index; ranges of constant length unroll"
)]

use super::{
    BLOCK, Channels, DetectorKernel, Embedding, FAR, LANES, Lanes, STRIP, embed, encode, mean_of, pool,
    products, stretches,
};
use crate::detector::normalise::sequence_into;
use crate::detector::{CHANNELS, EMBEDDING, FEATURES, MARGIN, POSITIONS, SPAN};
use crate::simd::widest;
use crate::{BANK_READINGS_MIN, WINDOW};

/// Positions from one measured block of the bank to the next.
const BANK_STEP: usize = 32;

/// The first position of the bank that is measured: what comes earlier has next to nothing before it.
const FIRST_INSIDE: usize = 2 * SPAN;

/// Memory of one bank's way through the network, kept between calls.
#[derive(Clone, Default)]
pub(crate) struct BankScratch {
    pub(super) sequence: Vec<f32>,
    pub(super) features: Vec<f32>,
    pub(super) rows: Vec<Channels>,
    pub(super) mixed: Vec<Channels>,
    pub(super) narrow: Vec<Embedding>,
    pub(super) half: Vec<Embedding>,
    pub(super) columns: Vec<f32>,
    pub(super) readings: Vec<f32>,
    pub(super) norms: Vec<f32>,
    /// Means of the bank's embeddings.
    pub(super) centre: Embedding,
    /// Rows before pooling, of the last readings.
    pub(super) tail: Vec<Embedding>,
    /// Readings before the window.
    bank: usize,
    /// Leading readings that set the scale and the usual distance.
    anchor: usize,
    distances: Vec<f32>,
    before: Vec<f32>,
    inside: Vec<f32>,
}

impl BankScratch {
    /// The distance of each position of the last window, to bank and window.
    pub(crate) fn distances(&self) -> &[f32] {
        &self.distances
    }

    /// The same to what was before each.
    pub(crate) fn before(&self) -> &[f32] {
        &self.before
    }

    /// Distances of positions inside the last bank, to what was before each.
    pub(crate) fn inside(&self) -> &[f32] {
        &self.inside
    }

    /// Positions from one column to the next.
    pub(super) fn width(&self) -> usize {
        width_of(self.sequence.len())
    }

    fn prepare(&mut self, bank: &[f32], window: &[f32], anchor: usize) {
        self.bank = bank.len();
        self.anchor = anchor;
        self.sequence.clear();
        self.sequence.extend_from_slice(bank);
        self.sequence.extend_from_slice(window);
        let readings = self.sequence.len();
        let width = width_of(readings);
        self.features.resize((readings + 2 * MARGIN) * FEATURES, 0.0);
        self.make_room(readings);
        for (values, length, fill) in [
            (&mut self.columns, EMBEDDING * width, 0.0),
            (&mut self.readings, width + SPAN, 0.0),
            (&mut self.norms, width, FAR),
            (&mut self.distances, POSITIONS, FAR),
            (&mut self.before, POSITIONS, FAR),
        ] {
            values.clear();
            values.resize(length, fill);
        }
        self.inside.clear();
    }

    /// Room for the way of so many readings through the layers.
    pub(super) fn make_room(&mut self, readings: usize) {
        self.rows.resize(readings + 2 * MARGIN, [0.0; CHANNELS]);
        self.mixed.resize(readings + 2 * MARGIN, [0.0; CHANNELS]);
        self.narrow.resize(readings, [0.0; EMBEDDING]);
        self.half.resize(readings, [0.0; EMBEDDING]);
    }
}

/// Positions of so many readings, rounded up to whole strips with room for a block at the end.
pub(super) fn width_of(readings: usize) -> usize {
    (readings - SPAN + 1 + BLOCK).next_multiple_of(STRIP * LANES)
}

impl DetectorKernel {
    /// Measures a window of [`WINDOW`] finite readings against `bank`, the readings before it: [`BANK_READINGS_MIN`] at
    /// least. The first `anchor` of them, as many at least, set the scale and the usual distance.
    pub(crate) fn against_bank(
        &self,
        window: &[f32],
        bank: &[f32],
        anchor: usize,
        scratch: &mut BankScratch,
    ) {
        self.embed_bank(window, bank, anchor, scratch);
        measured(scratch);
    }

    /// The first half of that: embeddings, and the distances inside the bank.
    pub(super) fn embed_bank(&self, window: &[f32], bank: &[f32], anchor: usize, scratch: &mut BankScratch) {
        assert!(window.len() == WINDOW, "a window");
        assert!((BANK_READINGS_MIN..=bank.len()).contains(&anchor), "a bank to compare it with");
        scratch.prepare(bank, window, anchor);
        sequence_into(&scratch.sequence, anchor, &mut scratch.features);
        embedded(self, scratch);
    }
}

widest! {
    fn embedded(kernel: &DetectorKernel, scratch: &mut BankScratch) = embedded_on
}

widest! {
    fn measured(scratch: &mut BankScratch) = measured_on
}

#[inline(always)]
fn embedded_on<const FMA: bool>(kernel: &DetectorKernel, scratch: &mut BankScratch) {
    let readings = scratch.sequence.len();
    let positions = readings - SPAN + 1;
    let width = width_of(readings);
    encode::<FMA>(kernel, &scratch.features, &mut scratch.rows, &mut scratch.mixed, &mut scratch.narrow);
    scratch.tail.clear();
    scratch.tail.extend_from_slice(&scratch.narrow[readings - MARGIN - SPAN + 1..readings - MARGIN]);
    pool(&mut scratch.narrow, &mut scratch.half);
    // The bank's mean alone, so that it does not move with the window.
    let anchor_positions = scratch.anchor - SPAN + 1;
    scratch.centre = mean_of(&scratch.narrow[..anchor_positions]);
    let rows = &scratch.narrow[..positions];
    embed(rows, &scratch.centre, width, 0, &mut scratch.columns, &mut scratch.norms);
    let norms = &mut scratch.norms[..positions];
    stretches(&scratch.features, kernel.readings, &mut scratch.readings, norms);
    for block in (FIRST_INSIDE..anchor_positions - BLOCK).step_by(BANK_STEP) {
        let before = nearest::<FMA>(scratch, width, block, block).1;
        scratch.inside.extend(before);
    }
}

#[inline(always)]
fn measured_on<const FMA: bool>(scratch: &mut BankScratch) {
    let positions = scratch.sequence.len() - SPAN + 1;
    let width = width_of(scratch.sequence.len());
    for start in (0..POSITIONS).step_by(BLOCK) {
        let (all, before) = nearest::<FMA>(scratch, width, scratch.bank + start, positions);
        for (to, from) in [(&mut scratch.distances, all), (&mut scratch.before, before)] {
            to[start..].iter_mut().zip(from).for_each(|(to, from)| *to = from);
        }
    }
}

/// The smallest distances of the positions from `block` on to any of the first `others` positions, and to those of them that
/// were before.
#[inline(always)]
fn nearest<const FMA: bool>(
    scratch: &BankScratch,
    width: usize,
    block: usize,
    others: usize,
) -> ([f32; BLOCK], [f32; BLOCK]) {
    let mut best = [Lanes::splat(FAR); BLOCK];
    let mut best_before = [Lanes::splat(FAR); BLOCK];
    for at in (0..others).step_by(STRIP * LANES) {
        let products = products::<FMA>(&scratch.columns, &scratch.readings, width, block, at);
        for g in 0..STRIP {
            let to = at + g * LANES;
            let norms = Lanes::load(&scratch.norms[to..]);
            for r in 0..BLOCK {
                let mut distance = norms;
                for (lane, d) in distance.0.iter_mut().enumerate() {
                    let value = *d + scratch.norms[block + r] - 2.0 * products[r][g].0[lane];
                    let apart = (to + lane).abs_diff(block + r) >= SPAN && to + lane < others;
                    *d = if apart { value } else { FAR };
                }
                best[r] = best[r].zip(distance, f32::min);
                let before = only(distance, |lane| to + lane < block + r);
                best_before[r] = best_before[r].zip(before, f32::min);
            }
        }
    }
    let least = |lanes: Lanes| lanes.0.into_iter().fold(FAR, f32::min).max(0.0);
    (best.map(least), best_before.map(least))
}

/// The lanes for which `keep` holds; the others are far.
#[inline(always)]
pub(super) fn only(lanes: Lanes, keep: impl Fn(usize) -> bool) -> Lanes {
    let mut kept = lanes;
    for (lane, v) in kept.0.iter_mut().enumerate() {
        *v = if keep(lane) { *v } else { FAR };
    }
    kept
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use super::*;
    use crate::catalog::{Model, Network};
    use crate::detector::net::{DetectorNet, numbers};

    fn wave(length: usize) -> Vec<f32> {
        let reading = |i: usize| {
            let t = i as f32;
            5.0 + (t * 0.11).sin() + 0.4 * (t * 0.031).cos() + 0.1 * ((t * 12.99).sin() * 43_758.547).fract()
        };
        (0..length).map(reading).collect()
    }

    /// Embeddings by burn, means and distances one by one.
    fn slowly(net: &DetectorNet, factor: f32, sequence: &[f32], bank: usize) -> [Vec<f32>; 3] {
        let padded = sequence.len() + 2 * MARGIN;
        let mut features = vec![0.0; padded * FEATURES];
        sequence_into(sequence, bank, &mut features);
        let data = TensorData::new(features.clone(), [1, padded, FEATURES]);
        let rows = numbers(net.encode(Tensor::from_data(data, &Device::flex())));
        let embedding = |at: usize| -> Vec<f64> {
            let mean =
                |k: usize| (at..at + SPAN).map(|row| f64::from(rows[row * EMBEDDING + k])).sum::<f64>();
            let learned = (0..EMBEDDING).map(|k| mean(k) / SPAN as f64);
            let plain = (at..at + SPAN).map(|i| f64::from(features[(MARGIN + i) * FEATURES] * factor));
            learned.chain(plain).collect()
        };
        let all: Vec<Vec<f64>> = (0..=sequence.len() - SPAN).map(embedding).collect();
        let nearest = |at: usize, others: usize| {
            let apart = (0..others).filter(|other| other.abs_diff(at) >= SPAN);
            let square = |other: usize| all[at].iter().zip(&all[other]).map(|(a, b)| (a - b).powi(2)).sum();
            apart.map(square).fold(f64::INFINITY, f64::min) as f32
        };
        let bank_positions = bank - SPAN + 1;
        let blocks = (FIRST_INSIDE..bank_positions - BLOCK).step_by(BANK_STEP);
        let inside = blocks.flat_map(|block| block..block + BLOCK).map(|at| nearest(at, at));
        let window = || bank..all.len();
        [
            window().map(|at| nearest(at, all.len())).collect(),
            window().map(|at| nearest(at, at)).collect(),
            inside.collect(),
        ]
    }

    #[test]
    fn the_kernel_agrees_with_burn_on_banks_of_any_length() {
        let model = Model::builtin_detector();
        let Network::Detector(weights) = model.network() else { panic!("the detector is one") };
        let kernel = DetectorKernel::new(weights);
        let net = DetectorNet::new(weights, &Device::flex());
        let mut scratch = BankScratch::default();
        for bank in [1_000, 480, 719] {
            let mut sequence = wave(bank + WINDOW);
            sequence[bank + 300..bank + 330].iter_mut().for_each(|v| *v += 1.5);
            kernel.against_bank(&sequence[bank..], &sequence[..bank], bank, &mut scratch);
            let slow = slowly(&net, kernel.readings, &sequence, bank);
            let fast = [scratch.distances(), scratch.before(), scratch.inside()];
            for (fast, slow) in fast.into_iter().zip(slow) {
                assert_eq!(fast.len(), slow.len());
                for (fast, slow) in fast.iter().zip(&slow) {
                    assert!((fast - slow).abs() <= 1e-4 * slow.max(1.0), "bank {bank}: {fast} for {slow}");
                }
            }
        }
    }
}
