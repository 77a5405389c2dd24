//! A sensor's own measure of what is unusual: split-conformal p-values from its calibration windows.
//!
//! The p-value of a score is (1 + calibration scores at least as high) ÷ (1 + calibration scores). If new windows
//! come as the calibration windows did, a p-value of at most α comes up in at most α of normal windows. That takes
//! 1 ÷ α − 1 calibration windows at least: 19 of them for α = 0.05. Windows that overlap, or a sensor that drifts,
//! bend that promise: calibrate on windows whose starts are [`STRIDE`](crate::STRIDE) readings apart or more.
//!
//! Until there are that many, [`Calibration::extreme`] takes a threshold from a distribution fitted to fewer.

use serde::{Deserialize, Serialize};

/// Most scores that are kept.
pub const CALIBRATION_SCORES_MAX: usize = 10_000;

/// Fewest scores that a distribution of extreme values is fitted to.
pub const EXTREME_SCORES_MIN: usize = 20;

/// Narrowest distribution of the logarithms of scores that is believed: few windows may be alike by chance.
const EXTREME_SCALE_MIN: f64 = 0.08;

/// Interquartile range of the Gumbel distribution of scale 1: ln(ln 4 ÷ ln(4/3)).
const GUMBEL_QUARTILES: f64 = 1.572_5;

/// Scores of windows in which a sensor was known to be normal; serialised it is a plain list of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<f32>", into = "Vec<f32>")]
pub struct Calibration {
    /// Finite, rising.
    scores: Vec<f32>,
}

impl From<Vec<f32>> for Calibration {
    fn from(scores: Vec<f32>) -> Self {
        Self::new(scores)
    }
}

impl From<Calibration> for Vec<f32> {
    fn from(calibration: Calibration) -> Self {
        calibration.scores
    }
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

    /// The score above which a window is abnormal, so that its p-value is at most `alpha`. None where
    /// [`Calibration::allows`] says no, and for an `alpha` of 1 or more.
    ///
    /// It is one of the calibration scores: the highest whose own p-value is above `alpha`.
    pub fn threshold(&self, alpha: f64) -> Option<f64> {
        if !self.allows(alpha) {
            return None;
        }
        let above = self.scores.partition_point(|score| self.p_value(*score) > alpha);
        above.checked_sub(1).map(|last| f64::from(self.scores[last]))
    }

    /// The score that a share `alpha` of windows exceeds if the logarithms of scores follow a Gumbel distribution, as
    /// largest values of many do. Fitted by median and quartiles, so that anomalies among a few of the windows, and
    /// windows that overlap, do not move it far. None with fewer than [`EXTREME_SCORES_MIN`] scores, or for an `alpha`
    /// that is no share.
    pub fn extreme(&self, alpha: f64) -> Option<f64> {
        if self.scores.len() < EXTREME_SCORES_MIN || !(alpha > 0.0 && alpha < 1.0) {
            return None;
        }
        let at = |share: f64| {
            let place = share * (self.scores.len() - 1) as f64;
            let (low, part) = (place.floor() as usize, place.fract());
            let log = |i: usize| f64::from(self.scores[i.min(self.scores.len() - 1)]).max(1e-6).ln();
            log(low) + part * (log(low + 1) - log(low))
        };
        let scale = ((at(0.75) - at(0.25)) / GUMBEL_QUARTILES).max(EXTREME_SCALE_MIN);
        let place = at(0.5) + scale * std::f64::consts::LN_2.ln();
        Some((place - scale * (-(1.0 - alpha).ln()).ln()).exp())
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
        assert_eq!(Calibration::new((0..18).map(|i| i as f32)).threshold(0.05), None);
        assert_eq!(Calibration::new((0..19).map(|i| i as f32)).threshold(0.05), Some(18.0));
        assert_eq!(Calibration::new((0..39).map(|i| i as f32)).threshold(0.05), Some(37.0));
    }

    #[test]
    fn extremes_are_told_from_few_scores() {
        use rand::rngs::StdRng;
        use rand::{RngExt, SeedableRng};
        let mut rng = StdRng::seed_from_u64(1);
        let mut score = || (1.5 - 0.4 * (-rng.random_range(1e-9_f64..1.0).ln()).ln()).exp() as f32;
        let mut exceeded = 0;
        for _ in 0..200 {
            let threshold = Calibration::new((0..28).map(|_| score())).extreme(0.05).unwrap();
            exceeded += (0..100).filter(|_| f64::from(score()) > threshold).count();
        }
        assert!((500..1_800).contains(&exceeded), "{exceeded} of 20,000");
        // A fifth of anomalies moves it, but not to where they are.
        let spoilt = (0..32).map(|_| score()).chain([500.0; 8]).collect::<Vec<f32>>();
        assert!(Calibration::new(spoilt).extreme(0.05).unwrap() < 100.0);
        assert_eq!(Calibration::new([1.0; 19]).extreme(0.05), None);
        assert!(Calibration::new([1.0; 20]).extreme(0.05).unwrap() > 1.0);
        assert_eq!(Calibration::new([1.0; 20]).extreme(1.0), None);
    }

    #[test]
    fn a_calibration_is_kept_as_its_scores() {
        let text = serde_json::to_string(&Calibration::new([3.5, 1.0, f32::NAN])).unwrap();
        assert_eq!(text, "[1.0,3.5]");
        let kept: Calibration = serde_json::from_str("[3.5, 1.0]").unwrap();
        assert_eq!(kept, Calibration::new([1.0, 3.5]));
    }

    proptest! {
        #[test]
        fn a_score_above_the_threshold_is_one_of_a_small_p_value(
            scores in proptest::collection::vec(-3_i8..8, 0..60),
            score in -4_i8..9,
            alpha in prop_oneof![Just(0.05), Just(0.1), 0.001_f64..0.999],
        ) {
            let calibration = Calibration::new(scores.into_iter().map(f32::from));
            let abnormal = calibration.threshold(alpha).is_some_and(|threshold| f64::from(score) > threshold);
            prop_assert_eq!(abnormal, calibration.p_value(f32::from(score)) <= alpha);
            prop_assert_eq!(calibration.threshold(alpha).is_some(), calibration.allows(alpha));
        }

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
