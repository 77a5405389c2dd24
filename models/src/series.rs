//! Scores for every reading of a recording of any length, from overlapping windows.

use crate::WINDOW;
use crate::scorer::{ScoreError, Scorer};

/// Readings between the starts of two windows.
pub const STRIDE: usize = 180;

/// Windows scored in one call.
const BATCH: usize = 32;

/// One score per reading: the mean over the windows that hold it.
///
/// A recording shorter than a window is mirrored until it fills one. Where the model scores windows and not
/// readings, each reading gets its windows' scores.
///
/// # Errors
///
/// As [`Scorer::score`]; places in an error count from the start of the recording.
pub fn score_series(scorer: &mut Scorer, readings: &[f32]) -> Result<Vec<f32>, ScoreError> {
    if readings.is_empty() {
        return Err(ScoreError::NoWindow);
    }
    if let Some(reading) = readings.iter().position(|v| !v.is_finite()) {
        return Err(ScoreError::NotFinite { window: 0, reading });
    }
    if readings.len() < WINDOW {
        let filled: Vec<f32> = (0..WINDOW).map(|i| readings[bounce(i, readings.len())]).collect();
        let mut scores = score_series(scorer, &filled)?;
        scores.truncate(readings.len());
        return Ok(scores);
    }
    let starts = window_starts(readings.len(), STRIDE);
    let mut sums = vec![0.0_f64; readings.len()];
    let mut counts = vec![0_u32; readings.len()];
    for part in starts.chunks(BATCH) {
        let windows: Vec<&[f32]> = part.iter().map(|start| &readings[*start..*start + WINDOW]).collect();
        for (start, window) in part.iter().zip(scorer.score(&windows)?) {
            for i in 0..WINDOW {
                let score = window.readings.as_ref().map_or(window.score, |readings| readings[i]);
                sums[start + i] += f64::from(score);
                counts[start + i] += 1;
            }
        }
    }
    Ok(sums.iter().zip(counts).map(|(sum, count)| (sum / f64::from(count)) as f32).collect())
}

/// Starts of windows `stride` apart; the last one ends with the recording. None if it is too short for one.
pub fn window_starts(readings: usize, stride: usize) -> Vec<usize> {
    let Some(last) = readings.checked_sub(WINDOW) else { return Vec::new() };
    let mut starts: Vec<usize> = (0..=last).step_by(stride.max(1)).collect();
    if starts.last() != Some(&last) {
        starts.push(last);
    }
    starts
}

/// Place `i` of a recording that is run through forwards and backwards by turns.
fn bounce(i: usize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let round = 2 * (length - 1);
    let at = i % round;
    if at < length { at } else { round - at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceSpec, Model};

    fn scorer() -> Scorer {
        Scorer::new(&Model::builtin_detector(), &DeviceSpec::cpu()).unwrap()
    }

    #[test]
    fn windows_cover_every_reading() {
        assert!(window_starts(WINDOW - 1, STRIDE).is_empty());
        assert_eq!(window_starts(WINDOW, STRIDE), [0]);
        assert_eq!(window_starts(WINDOW + 1, STRIDE), [0, 1]);
        assert_eq!(window_starts(WINDOW + 180, STRIDE), [0, 180]);
        assert_eq!(window_starts(WINDOW + 200, STRIDE), [0, 180, 200]);
    }

    #[test]
    fn every_length_gets_a_score_per_reading() {
        let wave: Vec<f32> = (0..2_000).map(|i| (i as f32 * 0.1).sin()).collect();
        for length in [1, 2, 96, 719, 720, 721, 2_000] {
            let scores = score_series(&mut scorer(), &wave[..length]).unwrap();
            assert_eq!(scores.len(), length);
            assert!(scores.iter().all(|s| s.is_finite() && *s >= 0.0));
        }
    }

    #[test]
    fn a_change_in_a_wave_scores_highest_where_it_is() {
        let mut wave: Vec<f32> = (0..3_000).map(|i| (i as f32 * 0.1).sin()).collect();
        for (i, v) in wave[1_500..1_560].iter_mut().enumerate() {
            *v += (i as f32 * 0.7).sin() * 3.0;
        }
        let scores = score_series(&mut scorer(), &wave).unwrap();
        let highest = (0..3_000).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert!((1_400..1_660).contains(&highest), "highest at {highest}");
    }

    #[test]
    fn gaps_are_named_by_their_place() {
        let mut wave = vec![1.0; 900];
        wave[800] = f32::NAN;
        let refused = score_series(&mut scorer(), &wave);
        assert_eq!(refused, Err(ScoreError::NotFinite { window: 0, reading: 800 }));
        assert_eq!(score_series(&mut scorer(), &[]), Err(ScoreError::NoWindow));
    }
}
