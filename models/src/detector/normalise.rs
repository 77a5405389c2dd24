//! From raw readings to what the encoder sees.
//!
//! A window is centred on its median and divided by max(1.25 · MAD, 0.2 · standard deviation): the median
//! deviation keeps an outlier from hiding itself, the deviation keeps a nearly constant window from blowing
//! up. Amplitudes stay visible, unlike with a norm over each stretch.

use super::{FEATURES, MARGIN};
use crate::WINDOW;

/// Normalised values and steps are cut off here, in units of the window's scale.
pub(crate) const CLIP: f32 = 20.0;

/// Below this part of the median's size, differences are the noise of 32-bit numbers.
const RESOLUTION: f32 = 1e-6;

/// Larger readings count as this much, so that differences of two stay finite.
const READING_MAX: f32 = 1e30;

/// Centre and scale of a window of finite numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) centre: f32,
    pub(crate) unit: f32,
}

impl Scale {
    /// The robust centre and scale of `values`, which must not be empty.
    pub(crate) fn of(values: &[f32], scratch: &mut Vec<f32>) -> Self {
        let centre = median(values.iter().copied(), scratch);
        let mad = median(values.iter().map(|v| (v - centre).abs()), scratch);
        let unit =
            (1.25 * mad).max(0.2 * deviation(values)).max(RESOLUTION * centre.abs()).max(f32::MIN_POSITIVE);
        Self { centre, unit }
    }

    /// A value in units of this scale, cut off at ±[`CLIP`].
    pub(crate) fn apply(self, value: f32) -> f32 {
        ((value - self.centre) / self.unit).clamp(-CLIP, CLIP)
    }
}

/// The middle element (the upper one of an even count).
fn median(values: impl Iterator<Item = f32>, scratch: &mut Vec<f32>) -> f32 {
    scratch.clear();
    scratch.extend(values);
    let middle = scratch.len() / 2;
    *scratch.select_nth_unstable_by(middle, f32::total_cmp).1
}

fn deviation(values: &[f32]) -> f32 {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let square = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    square.sqrt() as f32
}

/// Fills `features` (`[PADDED, FEATURES]`, row-major) from a window of [`WINDOW`] finite readings.
pub(crate) fn features_into(window: &[f32], features: &mut [f32]) {
    assert_eq!(window.len(), WINDOW, "a window has {WINDOW} readings");
    sequence_into(window, WINDOW, features);
}

/// The same for any number of readings, of which the first `reference` ones set the scale.
pub(crate) fn sequence_into(readings: &[f32], reference: usize, features: &mut [f32]) {
    let padded = readings.len() + 2 * MARGIN;
    assert_eq!(features.len(), padded * FEATURES, "one row of features for each padded reading");
    Normaliser::of(&readings[..reference]).rows_into(readings, 0, features);
}

/// The scales of values and of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normaliser {
    value: Scale,
    step: Scale,
}

impl Normaliser {
    /// As `readings`, of which there are two at least, have them.
    pub(crate) fn of(readings: &[f32]) -> Self {
        let mut scratch = Vec::with_capacity(readings.len());
        let mut values: Vec<f32> = readings.iter().map(|v| v.clamp(-READING_MAX, READING_MAX)).collect();
        let value = Scale::of(&values, &mut scratch);
        values.iter_mut().for_each(|v| *v = value.apply(*v));
        let steps: Vec<f32> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Self { value, step: Scale { centre: 0.0, ..Scale::of(&steps, &mut scratch) } }
    }

    /// A reading in its scale.
    pub(crate) fn value(&self, reading: f32) -> f32 {
        self.value.apply(reading.clamp(-READING_MAX, READING_MAX))
    }

    /// Fills as many rows of features as there is room for, from the padded place `first` on.
    pub(crate) fn rows_into(&self, readings: &[f32], first: usize, features: &mut [f32]) {
        let at = |padded: usize| self.value(readings[mirror(padded, readings.len())]);
        let mut before = at(first.saturating_sub(1));
        for (padded, row) in (first..).zip(features.chunks_exact_mut(FEATURES)) {
            let value = at(padded);
            let step = if padded == 0 { 0.0 } else { value - before };
            row.copy_from_slice(&[value, step, self.step.apply(step)]);
            before = value;
        }
    }
}

/// The reading that stands at a place of the padded ones: mirrored at both ends without repeating them.
fn mirror(padded: usize, readings: usize) -> usize {
    let place = padded.abs_diff(MARGIN);
    if place < readings { place } else { 2 * (readings - 1) - place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::PADDED;

    fn features(window: &[f32]) -> Vec<f32> {
        let mut out = vec![f32::NAN; PADDED * FEATURES];
        features_into(window, &mut out);
        out
    }

    fn wave() -> Vec<f32> {
        (0..WINDOW).map(|i| 7.0 + (i as f32 * 0.05).sin() + (i as f32 * 1.7).cos() * 0.1).collect()
    }

    #[test]
    fn unit_and_offset_of_a_sensor_do_not_matter() {
        let plain = features(&wave());
        let moved: Vec<f32> = wave().iter().map(|v| v * 64.0 - 512.0).collect();
        for (a, b) in plain.iter().zip(features(&moved)) {
            assert!((a - b).abs() < 2e-2, "{a} {b}");
        }
    }

    #[test]
    fn constant_windows_are_all_zero() {
        for level in [0.0, 7.9, -1e30, 1e30, f32::MIN_POSITIVE] {
            assert!(features(&[level; WINDOW]).iter().all(|v| *v == 0.0), "level {level}");
        }
    }

    #[test]
    fn outliers_are_cut_off_and_stay_finite() {
        let mut window = wave();
        window[100] = 3e38;
        window[200] = -3e38;
        assert!(features(&window).iter().all(|v| v.is_finite() && v.abs() <= 2.0 * CLIP));
    }

    #[test]
    fn ends_are_mirrored() {
        let window = wave();
        let rows = features(&window);
        let value = |padded: usize| rows[padded * FEATURES];
        for i in 0..MARGIN {
            assert_eq!(value(MARGIN - 1 - i), value(MARGIN + 1 + i));
            assert_eq!(value(MARGIN + WINDOW + i), value(MARGIN + WINDOW - 2 - i));
        }
    }
}
