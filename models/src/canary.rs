//! The fixed windows by which a device is checked: the same on every machine and for every model.

use crate::WINDOW;

/// Windows of the canary.
const WINDOWS: usize = 8;

/// Largest difference from the reference that is no alarm.
pub(crate) const TOLERANCE: f32 = 1e-3;

/// Daily waves of several levels with noise, every other one with a jump or a spike in it.
pub(crate) fn windows() -> Vec<Vec<f32>> {
    let mut noise = Noise(0x5EED);
    (0..WINDOWS)
        .map(|w| {
            let level = 2.0 + w as f32;
            let mut window: Vec<f32> = (0..WINDOW)
                .map(|i| level + (i as f32 * 0.026 * (1 + w % 3) as f32).sin() + 0.1 * noise.next())
                .collect();
            if w % 2 == 1 {
                let width = 1 + 40 * (w / 2);
                window[300..300 + width].iter_mut().for_each(|v| *v -= 1.5);
            }
            window
        })
        .collect()
}

/// The windows as a scorer takes them.
pub(crate) fn views(windows: &[Vec<f32>]) -> Vec<&[f32]> {
    windows.iter().map(Vec::as_slice).collect()
}

/// A linear congruential generator: a library's may change its numbers with a version.
struct Noise(u64);

impl Noise {
    /// The next number, evenly from −1 to 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_never_change() {
        let sum: f64 = windows().iter().flatten().map(|v| f64::from(*v)).sum();
        assert_eq!(windows(), windows());
        assert_eq!(windows().len(), WINDOWS);
        assert!(windows().iter().flatten().all(|v| v.is_finite()));
        assert!(
            (sum / (WINDOWS * WINDOW) as f64 - 5.4).abs() < 0.3,
            "mean {}",
            sum / (WINDOWS * WINDOW) as f64
        );
    }
}
