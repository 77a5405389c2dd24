//! The built-in detector: how unlike every other stretch of its own window is each stretch of it?
//!
//! A small convolutional encoder turns the window into one embedding per position, each standing for the
//! [`SPAN`] readings that begin there; the readings themselves, scaled by a learned factor, are the rest of it. A
//! position's distance is the smallest squared distance to any position that shares no reading with it. A reading's
//! score, in that unit, is the mean over the stretches that cover it; a window's score is the [`contrast`] of its
//! distances, without a unit. Nothing about a sensor is needed but the window itself; a bank of what the sensor did
//! before makes it better.

pub(crate) mod contrast;
pub(crate) mod kernel;
pub(crate) mod net;
pub(crate) mod normalise;
mod weights;

pub(crate) use weights::{BlockWeights, DetectorWeights, recognises};

use crate::WINDOW;

/// Readings that one embedding stands for.
pub(crate) const SPAN: usize = 96;

/// Embeddings of a window.
pub(crate) const POSITIONS: usize = WINDOW - SPAN + 1;

/// What the encoder sees of each reading: value, step to it, step in units of the window's usual step.
pub(crate) const FEATURES: usize = 3;

/// Taps of the first convolution.
pub(crate) const STEM_TAPS: usize = 7;

/// Width between the layers.
pub(crate) const CHANNELS: usize = 48;

/// Taps of each depthwise convolution.
pub(crate) const DEPTH_TAPS: usize = 5;

/// Readings between the taps of the depthwise convolutions, block by block.
pub(crate) const DILATIONS: [usize; 3] = [2, 4, 8];

/// Learned part of an embedding; its [`SPAN`] readings are the other part.
pub(crate) const EMBEDDING: usize = 32;

/// Readings that the layers look back and ahead; the window is mirrored at its ends by as many.
pub(crate) const MARGIN: usize =
    (STEM_TAPS - 1) / 2 + (DEPTH_TAPS - 1) / 2 * (DILATIONS[0] + DILATIONS[1] + DILATIONS[2]);

/// A window with its mirrored margins.
pub(crate) const PADDED: usize = WINDOW + 2 * MARGIN;

/// Scores per reading out of distances per position: the mean over the positions that cover the reading.
pub(crate) fn spread(distances: &[f32]) -> Box<[f32]> {
    assert_eq!(distances.len(), POSITIONS, "one distance for each position");
    let mut sum = 0.0_f64;
    let mut covering = 0_u32;
    (0..WINDOW)
        .map(|reading| {
            if reading < POSITIONS {
                sum += f64::from(distances[reading]);
                covering += 1;
            }
            if reading >= SPAN {
                sum -= f64::from(distances[reading - SPAN]);
                covering -= 1;
            }
            (sum.max(0.0) / f64::from(covering)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_gets_the_mean_of_what_covers_it() {
        let distances: Vec<f32> = (0..POSITIONS).map(|i| ((i * 37) % 101) as f32).collect();
        let readings = spread(&distances);
        assert_eq!(readings.len(), WINDOW);
        for t in [0, 1, 95, 96, 300, 624, 625, 718, 719] {
            let covering: Vec<f32> =
                (0..POSITIONS).filter(|p| (*p..*p + SPAN).contains(&t)).map(|p| distances[p]).collect();
            let mean = covering.iter().sum::<f32>() / covering.len() as f32;
            assert!((readings[t] - mean).abs() < 1e-3, "reading {t}: {} for {mean}", readings[t]);
        }
    }
}
