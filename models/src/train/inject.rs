//! Anomalies of twelve kinds, put into windows that had none.

use std::ops::Range;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::WINDOW;
use crate::detector::normalise::Scale;

/// Tries to make a change that can be seen; a stuck value in a flat stretch is none.
const TRIES: usize = 8;

/// Change below this, in units of the window's scale, can't be seen.
const CHANGE_MIN: f32 = 0.8;

/// Readings from an end of the window that stay untouched.
const MARGIN: usize = 8;

/// What can happen to a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One to a few readings far off.
    Spike,
    /// Another level for a while.
    Level,
    /// Another level from here on; the change is the anomaly.
    Shift,
    /// Away slowly, then back at once.
    Drift,
    /// The same value again and again.
    Stuck,
    /// Much more noise.
    Noise,
    /// Swings larger or smaller.
    Scaling,
    /// Time runs faster or slower.
    Speed,
    /// A stretch of another recording.
    Foreign,
    /// A stretch backwards.
    Reversal,
    /// A smooth hump or dip.
    Bump,
    /// Cut off above or below.
    Saturation,
}

/// All kinds.
pub const KINDS: [Kind; 12] = [
    Kind::Spike,
    Kind::Level,
    Kind::Shift,
    Kind::Drift,
    Kind::Stuck,
    Kind::Noise,
    Kind::Scaling,
    Kind::Speed,
    Kind::Foreign,
    Kind::Reversal,
    Kind::Bump,
    Kind::Saturation,
];

/// What was put into a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// What happened.
    pub kind: Kind,
    /// The readings that are anomalous.
    pub readings: Range<usize>,
}

/// Puts an anomaly of a random kind into `window`; says which and where.
///
/// `donor` is a window of another recording. None if nothing that could be seen came about; the window is then
/// as it was.
pub fn inject(window: &mut [f32], donor: &[f32], rng: &mut StdRng) -> Option<Injected> {
    assert!(window.len() == WINDOW && donor.len() == WINDOW, "windows have {WINDOW} readings");
    let mut scratch = Vec::with_capacity(WINDOW);
    let scale = Scale::of(window, &mut scratch);
    for _ in 0..TRIES {
        let kind = KINDS[rng.random_range(0..KINDS.len())];
        let range = place(kind, rng);
        let mut changed = window.to_vec();
        apply(kind, &mut changed, range.clone(), donor, scale, rng);
        let change = changed.iter().zip(&*window).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if change.is_finite() && change >= CHANGE_MIN * scale.unit {
            window.copy_from_slice(&changed);
            return Some(Injected { kind, readings: range });
        }
    }
    None
}

/// Readings after a lasting shift that count as anomalous.
const SHIFT_LABEL: usize = 48;

fn place(kind: Kind, rng: &mut StdRng) -> Range<usize> {
    let length = match kind {
        Kind::Spike => log_uniform(1.0, 6.0, rng) as usize,
        Kind::Shift => SHIFT_LABEL,
        Kind::Stuck | Kind::Saturation | Kind::Reversal | Kind::Speed => {
            log_uniform(24.0, 150.0, rng) as usize
        }
        _ => log_uniform(8.0, 150.0, rng) as usize,
    };
    let start = rng.random_range(MARGIN..WINDOW - MARGIN - length);
    start..start + length
}

fn apply(kind: Kind, window: &mut [f32], range: Range<usize>, donor: &[f32], scale: Scale, rng: &mut StdRng) {
    let sign = if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let size = sign * scale.unit * log_uniform(1.2, 10.0, rng);
    let length = range.len();
    let part = &mut window[range.clone()];
    match kind {
        Kind::Spike => part.iter_mut().for_each(|v| *v += size * 1.5),
        Kind::Level => part.iter_mut().for_each(|v| *v += size),
        Kind::Shift => window[range.start..].iter_mut().for_each(|v| *v += size),
        Kind::Drift => {
            part.iter_mut().enumerate().for_each(|(i, v)| *v += size * (i + 1) as f32 / length as f32)
        }
        Kind::Stuck => {
            let value = part[0];
            part.fill(value);
        }
        Kind::Noise => part.iter_mut().for_each(|v| *v += size.abs() * 0.5 * normal(rng)),
        Kind::Scaling => {
            let mean = part.iter().sum::<f32>() / length as f32;
            let factor =
                if rng.random_bool(0.5) { log_uniform(1.8, 5.0, rng) } else { log_uniform(0.05, 0.5, rng) };
            part.iter_mut().for_each(|v| *v = mean + (*v - mean) * factor);
        }
        Kind::Speed => speed(window, range, rng),
        Kind::Foreign => foreign(part, &donor[range], scale),
        Kind::Reversal => part.reverse(),
        Kind::Bump => part.iter_mut().enumerate().for_each(|(i, v)| {
            let phase = std::f32::consts::PI * (i as f32 + 0.5) / length as f32;
            *v += size * phase.sin().powi(2);
        }),
        Kind::Saturation => saturate(part, sign, rng),
    }
}

/// Plays the stretch at another pace; the readings needed come from around it.
fn speed(window: &mut [f32], range: Range<usize>, rng: &mut StdRng) {
    let pace = if rng.random_bool(0.5) { log_uniform(1.6, 4.0, rng) } else { log_uniform(0.25, 0.6, rng) };
    let middle = (range.start + range.end) as f32 / 2.0;
    let before = window.to_vec();
    for i in range {
        let at = (middle + (i as f32 - middle) * pace).clamp(0.0, (WINDOW - 2) as f32);
        let whole = at as usize;
        let share = at - whole as f32;
        window[i] = before[whole] * (1.0 - share) + before[whole + 1] * share;
    }
}

/// Another recording's stretch, moved to this one's level and, mostly, its swing.
fn foreign(part: &mut [f32], donor: &[f32], scale: Scale) {
    let mut scratch = Vec::with_capacity(part.len());
    let theirs = Scale::of(donor, &mut scratch);
    let level = Scale::of(part, &mut scratch).centre;
    part.iter_mut().zip(donor).for_each(|(v, d)| *v = level + theirs.apply(*d).clamp(-4.0, 4.0) * scale.unit);
}

/// Cuts the stretch off at one of its own middle values.
fn saturate(part: &mut [f32], sign: f32, rng: &mut StdRng) {
    let mut sorted = part.to_vec();
    sorted.sort_by(f32::total_cmp);
    let share = rng.random_range(0.2..0.5);
    let at = if sign > 0.0 { share } else { 1.0 - share };
    let limit = sorted[((sorted.len() - 1) as f32 * at) as usize];
    part.iter_mut().for_each(|v| *v = if sign > 0.0 { v.min(limit) } else { v.max(limit) });
}

/// Evenly over the orders of magnitude from `low` to `high`.
pub(crate) fn log_uniform(low: f32, high: f32, rng: &mut StdRng) -> f32 {
    (rng.random_range(low.ln()..high.ln())).exp()
}

/// A standard normal number: twelve even ones summed are close enough.
pub(crate) fn normal(rng: &mut StdRng) -> f32 {
    (0..12).map(|_| rng.random_range(-0.5_f32..0.5)).sum()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn wave(pace: f32) -> Vec<f32> {
        (0..WINDOW).map(|i| 20.0 + (i as f32 * pace).sin() + 0.05 * (i as f32 * 1.3).cos()).collect()
    }

    #[test]
    fn every_kind_changes_its_range_and_little_else() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut scratch = Vec::new();
        let (clean, donor) = (wave(0.1), wave(0.37));
        let scale = Scale::of(&clean, &mut scratch);
        for kind in KINDS {
            for _ in 0..50 {
                let range = place(kind, &mut rng);
                let mut window = clean.clone();
                apply(kind, &mut window, range.clone(), &donor, scale, &mut rng);
                assert!(window.iter().all(|v| v.is_finite()), "{kind:?}");
                assert_eq!(window[..range.start], clean[..range.start], "{kind:?}");
                if kind != Kind::Shift {
                    assert_eq!(window[range.end..], clean[range.end..], "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_injected_can_be_seen() {
        let mut rng = StdRng::seed_from_u64(2);
        for _ in 0..300 {
            let clean = wave(0.1);
            let mut window = clean.clone();
            let range = inject(&mut window, &wave(0.37), &mut rng).unwrap().readings;
            assert!(!range.is_empty() && range.end <= WINDOW);
            assert!(window[range.clone()].iter().zip(&clean[range]).any(|(a, b)| a != b));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_anomaly() {
        let run = || {
            let mut window = wave(0.1);
            let range = inject(&mut window, &wave(0.2), &mut StdRng::seed_from_u64(3));
            (window, range)
        };
        assert_eq!(run(), run());
    }
}
