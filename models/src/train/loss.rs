//! The ranking loss: anomalous readings must be farther from their nearest neighbour than clean ones.
//!
//! Scores are made as when scoring, only coarser (one position in four), and compared as logarithms, so that
//! the loss asks for an order and not for a size.

use std::ops::Range;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rand::RngExt;
use rand::rngs::StdRng;

use super::sample::Batch;
use crate::WINDOW;
use crate::detector::net::{DetectorNet, nearest, overlap_mask};
use crate::detector::{EMBEDDING, SPAN};

/// Readings that are pooled into one bin.
const BIN: usize = 4;

/// Bins of a window.
pub(crate) const BINS: usize = WINDOW / BIN;

/// Bins of a position.
const SPAN_BINS: usize = SPAN / BIN;

/// Positions of a window.
const COARSE: usize = BINS - SPAN_BINS + 1;

/// Anomalous bins compared in each window.
const ANOMALOUS: usize = 8;

/// Clean bins compared in each window.
const CLEAN: usize = 32;

/// Bins next to an anomaly that count as neither: their stretches cover it too.
const BESIDE: usize = 10;

/// How steeply the loss falls as the order comes right.
const STEEPNESS: f32 = 3.0;

/// Lead in the logarithm that an anomalous bin should have.
const LEAD: f32 = 0.3;

/// Share of comparisons within a window; the rest is across windows, which is what makes one threshold serve all.
const WITHIN: f32 = 0.85;

/// Pull of the mean score towards 1, which nothing else holds in place.
const ANCHOR: f32 = 0.01;

/// The constant tensors of the loss on one device.
pub(crate) struct Ranking {
    /// `[1, COARSE, BINS]`: a position is the mean of its bins.
    pooling: Tensor<3>,
    /// `[COARSE, BINS]`: a bin's score is the mean of the positions that cover it.
    covering: Tensor<2>,
    mask: Tensor<3>,
}

impl Ranking {
    pub(crate) fn new(device: &Device) -> Self {
        let covers = |position: usize, bin: usize| (position..position + SPAN_BINS).contains(&bin);
        let mut pooling = vec![0.0_f32; COARSE * BINS];
        let mut covering = vec![0.0_f32; COARSE * BINS];
        for bin in 0..BINS {
            let count = (0..COARSE).filter(|position| covers(*position, bin)).count() as f32;
            for position in (0..COARSE).filter(|position| covers(*position, bin)) {
                pooling[position * BINS + bin] = 1.0 / SPAN_BINS as f32;
                covering[position * BINS + bin] = 1.0 / count;
            }
        }
        Self {
            pooling: Tensor::from_data(TensorData::new(pooling, [1, COARSE, BINS]), device),
            covering: Tensor::from_data(TensorData::new(covering, [COARSE, BINS]), device),
            mask: overlap_mask(COARSE, SPAN_BINS, device),
        }
    }

    /// Logarithms of the bins' scores, `[batch, BINS]`.
    pub(crate) fn scores(&self, net: &DetectorNet, features: Tensor<3>) -> Tensor<2> {
        let stretches = net.stretches(features.clone(), BIN);
        let encoded = net.encode(features);
        let [batch, ..] = encoded.dims();
        let bins = encoded.reshape([batch, BINS, BIN, EMBEDDING]).mean_dim(2).squeeze_dim::<3>(2);
        let positions = self.pooling.clone().expand([batch, COARSE, BINS]).matmul(bins);
        let distances = nearest(Tensor::cat(vec![positions, stretches], 2), self.mask.clone());
        distances.matmul(self.covering.clone()).add_scalar(1e-4).log()
    }

    /// The loss of a batch.
    pub(crate) fn loss(
        &self,
        net: &DetectorNet,
        features: Tensor<3>,
        drawn: &Batch,
        rng: &mut StdRng,
    ) -> Tensor<1> {
        let scores = self.scores(net, features);
        let device = scores.device();
        let batch = drawn.labels.len();
        let mut anomalous = Vec::with_capacity(batch * ANOMALOUS);
        let mut clean = Vec::with_capacity(batch * CLEAN);
        for (label, usual) in drawn.labels.iter().zip(&drawn.usual) {
            let (inside, outside) = bins_of(label, usual);
            anomalous.extend((0..ANOMALOUS).map(|_| inside[rng.random_range(0..inside.len())] as i64));
            clean.extend((0..CLEAN).map(|_| outside[rng.random_range(0..outside.len())] as i64));
        }
        let take = |bins: Vec<i64>, count: usize| {
            let bins = Tensor::<2, Int>::from_data(TensorData::new(bins, [batch, count]), &device);
            scores.clone().gather(1, bins)
        };
        let anomalous = take(anomalous, ANOMALOUS);
        let clean = take(clean, CLEAN);
        let within = shortfall(clean.clone().unsqueeze_dim::<3>(1) - anomalous.clone().unsqueeze_dim::<3>(2));
        let across =
            shortfall(clean.reshape([1, 1, batch * CLEAN]) - anomalous.reshape([1, batch * ANOMALOUS, 1]));
        let anchor = scores.mean().square().mul_scalar(ANCHOR);
        within.mul_scalar(WITHIN) + across.mul_scalar(1.0 - WITHIN) + anchor
    }
}

/// How far clean scores come up to anomalous ones, on average.
fn shortfall(clean_minus_anomalous: Tensor<3>) -> Tensor<1> {
    activation::softplus(clean_minus_anomalous.add_scalar(LEAD), f64::from(STEEPNESS)).mean()
}

/// Bins inside an anomaly and usual bins well outside it. Neither is ever empty.
fn bins_of(label: &Range<usize>, usual: &[bool]) -> (Vec<usize>, Vec<usize>) {
    let inside = label.start / BIN..(label.end - 1) / BIN + 1;
    let beside = inside.start.saturating_sub(BESIDE)..inside.end + BESIDE;
    let outside: Vec<usize> = (0..BINS).filter(|bin| !beside.contains(bin)).collect();
    let clean: Vec<usize> = outside.iter().copied().filter(|bin| usual[bin * BIN]).collect();
    (inside.collect(), if clean.is_empty() { outside } else { clean })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_inside_outside_or_neither() {
        let (inside, outside) = bins_of(&(100..101), &[true; WINDOW]);
        assert_eq!(inside, [25]);
        assert_eq!(outside.len(), BINS - 21);
        let (inside, outside) = bins_of(&(0..8), &[true; WINDOW]);
        assert_eq!(inside, [0, 1]);
        assert_eq!(outside.first(), Some(&12));
        let (inside, _) = bins_of(&(WINDOW - 4..WINDOW), &[true; WINDOW]);
        assert_eq!(inside, [BINS - 1]);
        let usual: Vec<bool> = (0..WINDOW).map(|i| i < 40).collect();
        assert_eq!(bins_of(&(400..440), &usual).1, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn the_loss_falls_as_the_order_comes_right() {
        let gap = |by: f32| {
            let device = Device::flex();
            let loss = shortfall(Tensor::<3>::full([1, 1, 1], by, &device));
            loss.into_scalar::<f32>()
        };
        assert!(gap(2.0) > gap(0.0) && gap(0.0) > gap(-2.0) && gap(-2.0) > 0.0);
    }
}
