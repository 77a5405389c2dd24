//! The methods that a network must beat to be worth its cost.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::WINDOW;
use crate::detector::normalise::Scale;
use crate::detector::{POSITIONS, SPAN, spread};

/// Scores by chance.
pub(super) fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(0.0..1.0)).collect()
}

/// Scores of a window's readings by the raw readings alone: the squared distance of each stretch of
/// [`SPAN`] normalised readings to the most similar one that shares no reading with it.
pub(crate) fn raw_neighbour(window: &[f32]) -> Box<[f32]> {
    let mut scratch = Vec::with_capacity(WINDOW);
    let scale = Scale::of(window, &mut scratch);
    let values: Vec<f32> = window.iter().map(|v| scale.apply(*v)).collect();
    let mut nearest = vec![f32::INFINITY; POSITIONS];
    for lag in SPAN..POSITIONS {
        let square = |i: usize| f64::from(values[i] - values[i + lag]).powi(2);
        let mut sum: f64 = (0..SPAN).map(square).sum();
        for i in 0..POSITIONS - lag {
            let distance = sum.max(0.0) as f32;
            nearest[i] = nearest[i].min(distance);
            nearest[i + lag] = nearest[i + lag].min(distance);
            if i + SPAN + lag < WINDOW {
                sum += square(i + SPAN) - square(i);
            }
        }
    }
    spread(&nearest)
}

/// The same against `bank` and window, in the bank's scale.
pub(crate) fn raw_with_bank(window: &[f32], bank: &[f32]) -> Box<[f32]> {
    let scale = Scale::of(bank, &mut Vec::with_capacity(bank.len()));
    let values: Vec<f32> = bank.iter().chain(window).map(|v| scale.apply(*v)).collect();
    let mut nearest = vec![f32::INFINITY; POSITIONS];
    let mut closer = |position: usize, distance: f64| {
        if let Some(at) = position.checked_sub(bank.len()) {
            nearest[at] = nearest[at].min(distance.max(0.0) as f32);
        }
    };
    for lag in SPAN..values.len() - SPAN + 1 {
        // Positions of the window look back by the lag; those within it also ahead.
        let first = bank.len().max(lag);
        let square = |i: usize| f64::from(values[i] - values[i - lag]).powi(2);
        let mut sum: f64 = (first..first + SPAN).map(square).sum();
        for position in first..=values.len() - SPAN {
            closer(position, sum);
            closer(position - lag, sum);
            if position + SPAN < values.len() {
                sum += square(position + SPAN) - square(position);
            }
        }
    }
    spread(&nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeating_window_scores_nothing_and_a_break_in_it_most() {
        let mut window: Vec<f32> = (0..WINDOW).map(|i| ((i % 24) as f32 - 12.0).abs()).collect();
        assert!(raw_neighbour(&window).iter().all(|s| *s < 1e-6));
        window[400..430].fill(3.0);
        let scores = raw_neighbour(&window);
        let highest = (0..WINDOW).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert!((340..490).contains(&highest), "highest at {highest}");
    }

    #[test]
    fn a_bank_makes_known_what_it_holds() {
        let bank: Vec<f32> = (0..1_000).map(|i| ((i * i) % 97) as f32).collect();
        let scores = raw_with_bank(&bank[280..], &bank);
        assert!(scores.iter().all(|s| *s < 1e-3), "every stretch was there before");
        let mut window = bank[280..].to_vec();
        window[300..320].fill(0.0);
        let scores = raw_with_bank(&window, &bank);
        let highest = (0..WINDOW).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert!((240..380).contains(&highest), "highest at {highest}");
    }

    #[test]
    fn lags_are_summed_exactly() {
        let window: Vec<f32> = (0..WINDOW).map(|i| ((i * i) % 97) as f32).collect();
        let mut scratch = Vec::new();
        let scale = Scale::of(&window, &mut scratch);
        let values: Vec<f32> = window.iter().map(|v| scale.apply(*v)).collect();
        let distance =
            |a: usize, b: usize| (0..SPAN).map(|k| (values[a + k] - values[b + k]).powi(2)).sum::<f32>();
        let nearest: Vec<f32> = (0..POSITIONS)
            .map(|a| {
                let others = (0..POSITIONS).filter(|b| a.abs_diff(*b) >= SPAN);
                others.map(|b| distance(a, b)).fold(f32::INFINITY, f32::min)
            })
            .collect();
        for (fast, slow) in raw_neighbour(&window).iter().zip(spread(&nearest)) {
            assert!((fast - slow).abs() <= 1e-3 * slow.max(1.0), "{fast} {slow}");
        }
    }
}
