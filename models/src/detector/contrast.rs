//! The one number of a window: how far its most unusual stretch stands out from what is usual around it.
//!
//! Distances have a scale of their own on every sensor, so they are divided by a level of the same sensor: that
//! which a quarter of the positions exceed, in the window itself or, where there is one, in the bank. What comes
//! out has no unit; near 1 nothing stands out. Every path to a score ends here.

/// Share of positions, in quarters, whose distances count as usual.
const USUAL_QUARTERS: usize = 3;

/// Added to a window's level, squared distance: differences in a window that repeats exactly are no anomaly.
const FLOOR: f32 = 2.0;

/// The same for a bank, whose level is that of many more positions and steadier.
const BANK_FLOOR: f32 = 0.3;

/// Contrast of a window to itself, from one distance for each position. 0 for a constant window; not a number if
/// a distance is none.
pub(crate) fn in_window(distances: &[f32]) -> f32 {
    highest(distances) / (usual(distances) + FLOOR)
}

/// Contrast of a window to a bank, from the distances of its positions and of positions inside the bank.
pub(crate) fn in_bank(distances: &[f32], bank: &[f32]) -> f32 {
    highest(distances) / (usual(bank) + BANK_FLOOR)
}

fn highest(distances: &[f32]) -> f32 {
    distances.iter().copied().fold(0.0, |best, v| if v.is_nan() || v > best { v } else { best })
}

/// The distance that three quarters of the positions don't exceed.
fn usual(distances: &[f32]) -> f32 {
    let mut scratch = distances.to_vec();
    let at = scratch.len().saturating_sub(1) * USUAL_QUARTERS / 4;
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
        assert!((in_bank(&[33.0; POSITIONS], &bank) - 33.0 / 3.3).abs() < 1e-5);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let mut distances = vec![1.0; POSITIONS];
        distances[5] = f32::NAN;
        assert!(in_window(&distances).is_nan());
    }
}
