//! The one number of a window: how far its most unusual stretch stands out from what is usual around it.
//!
//! Distances have a scale of their own on every sensor, so they are divided by a level of the same sensor. In a window
//! alone that is what a quarter of its positions exceed. Where there is a bank it is what hardly any position of the bank
//! exceeded *when it came*: each is measured against what was before it, as are the window's. So a window's contrast says how
//! many times farther off it is than the sensor's past ever was from its own past; what comes later, an anomaly's own
//! repetition among it, does not make a stretch less unusual than it was. What comes out has no unit. Every path to a score
//! ends here.

/// Share of a window's positions whose distances count as usual.
const USUAL: f32 = 0.75;

/// The same of a bank. Chosen on development series and labelled training series: at 0.75 a sensor whose calm days have a
/// few odd hours is called abnormal in each of them, and at 1 one anomaly in the bank hides all others.
const BANK_USUAL: f32 = 0.98;

/// Added to a window's level, squared distance: differences in a window that repeats exactly are no anomaly.
const FLOOR: f32 = 2.0;

/// The same for a bank, whose level is that of many more positions and steadier.
const BANK_FLOOR: f32 = 0.3;

/// Contrast to a bank above which a window is abnormal whose sensor has no threshold of its own: half as far off again as its
/// past hardly ever was from its own past. Chosen on labelled series: of the windows without a label, 5 % of the development
/// series and 6 % of the other series of the Numenta Anomaly Benchmark are above it. What a quantile of unlabelled recordings
/// says is not usable: their own anomalies are what it is made of.
pub(crate) const BANK_THRESHOLD: f64 = 1.5;

/// Contrast of a window to itself, from one distance for each position. 0 for a constant window; not a number if
/// a distance is none.
pub(crate) fn in_window(distances: &[f32]) -> f32 {
    highest(distances) / (usual(distances) + FLOOR)
}

/// Contrast of a window to a bank, from the distances of its positions to what was before each, and those of positions
/// inside the bank.
pub(crate) fn in_bank(before: &[f32], inside: &[f32]) -> f32 {
    in_bank_of(before, usual_in_bank(inside))
}

/// The same to a bank whose usual distance is known.
pub(crate) fn in_bank_of(before: &[f32], usual: f32) -> f32 {
    highest(before) / (usual + BANK_FLOOR)
}

/// The distance that hardly any position of a bank exceeds, from those of some of them. There is one at least.
pub(crate) fn usual_in_bank(inside: &[f32]) -> f32 {
    quantile(inside, BANK_USUAL)
}

fn highest(distances: &[f32]) -> f32 {
    distances.iter().copied().fold(0.0, |best, v| if v.is_nan() || v > best { v } else { best })
}

/// The distance that three quarters of the positions don't exceed.
fn usual(distances: &[f32]) -> f32 {
    quantile(distances, USUAL)
}

fn quantile(distances: &[f32], share: f32) -> f32 {
    let mut scratch = distances.to_vec();
    let at = (scratch.len().saturating_sub(1) as f32 * share) as usize;
    *scratch.select_nth_unstable_by(at, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::POSITIONS;

    #[test]
    fn one_far_position_stands_out_and_many_do_not() {
        let mut distances = vec![1.0; POSITIONS];
        assert!(in_window(&distances) < 1.0);
        distances[300] = 30.0;
        assert_eq!(in_window(&distances), 30.0 / 3.0);
        distances[..200].fill(30.0);
        assert!(in_window(&distances) < 1.0);
        assert_eq!(in_window(&[0.0; POSITIONS]), 0.0);
    }

    #[test]
    fn a_bank_sets_the_level() {
        let bank: Vec<f32> = (0..=400).map(|i| i as f32 / 100.0).collect();
        assert!((in_bank(&[33.0; POSITIONS], &bank) - 33.0 / 4.22).abs() < 1e-5);
        // One anomaly among many positions does not move it.
        let mut spoilt = bank;
        spoilt[400] = 1e6;
        assert!((in_bank(&[33.0; POSITIONS], &spoilt) - 33.0 / 4.22).abs() < 1e-5);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut distances = vec![1.0; POSITIONS];
        distances[5] = f32::NAN;
        assert!(in_window(&distances).is_nan());
    }
}
