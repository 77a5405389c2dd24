//! A sensor's own measure of what is unusual: split-conformal p-values from its calibration windows.
//!
//! The p-value of a score is (1 + calibration scores at least as high) ÷ (1 + calibration scores). If new windows
//! come as the calibration windows did, a p-value of at most α comes up in at most α of normal windows. Windows
//! that overlap, or a sensor that drifts, bend that promise: calibrate on windows that are spaced.

use serde::{Deserialize, Serialize};

/// Most scores that are kept.
pub const CALIBRATION_SCORES_MAX: usize = 10_000;

/// Scores of windows in which a sensor was known to be normal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Finite, rising.
    scores: Vec<f32>,
}

impl Calibration {
    /// Takes scores of normal windows, the first [`CALIBRATION_SCORES_MAX`] finite ones of them.
    pub fn new(scores: impl IntoIterator<Item = f32>) -> Self {
        let mut scores: Vec<f32> =
            scores.into_iter().filter(|score| score.is_finite()).take(CALIBRATION_SCORES_MAX).collect();
        scores.sort_by(f32::total_cmp);
        Self { scores }
    }

    /// Windows calibrated on.
    pub fn windows(&self) -> usize {
        self.scores.len()
    }

    /// Whether there are enough windows for a p-value of `alpha` to come up at all: 1 ÷ α − 1 of them.
    pub fn allows(&self, alpha: f64) -> bool {
        alpha > 0.0 && self.p_value(f32::INFINITY) <= alpha
    }

    /// From just above 0 (higher than all calibration scores) to 1.
    pub fn p_value(&self, score: f32) -> f64 {
        let as_high = self.scores.len() - self.scores.partition_point(|s| *s < score);
        (1 + as_high) as f64 / (1 + self.scores.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_few_windows_allow_no_verdict() {
        assert!(!Calibration::default().allows(0.05));
        assert!(!Calibration::new((0..18).map(|i| i as f32)).allows(0.05));
        assert!(Calibration::new((0..19).map(|i| i as f32)).allows(0.05));
        assert_eq!(Calibration::default().p_value(1e9), 1.0);
    }

    proptest! {
        #[test]
        fn at_most_alpha_of_exchangeable_scores_fall_below_it(
            scores in proptest::collection::vec(-1e3_f32..1e3, 20..60),
            alpha in 0.02_f64..0.5,
        ) {
            // Each score in turn is the new one and the others are the calibration.
            let below = (0..scores.len())
                .filter(|i| {
                    let others = scores.iter().enumerate().filter(|(j, _)| j != i).map(|(_, s)| *s);
                    Calibration::new(others).p_value(scores[*i]) <= alpha
                })
                .count();
            prop_assert!(below as f64 <= alpha * scores.len() as f64 + 1e-9);
        }
    }
}
