//! Seeded randomness for jitter: the same seed gives the same schedule.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::sync::lock;

/// A shared source of random numbers; clones draw from the same sequence. Not for secrets.
#[derive(Clone, Debug)]
pub struct Random {
    source: Arc<Mutex<StdRng>>,
}

impl Random {
    /// A source that repeats itself exactly for the same `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { source: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    /// A source that differs from process to process.
    #[must_use]
    pub fn unpredictable() -> Self {
        Self::seeded(RandomState::new().build_hasher().finish())
    }

    /// A number in `[0, 1)`.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        lock(&self.source).random::<f64>()
    }

    /// A duration between half of `full` and `full`, so that those who failed together come back apart.
    #[must_use]
    pub fn jittered(&self, full: Duration) -> Duration {
        let half = full / 2;
        half + half.mul_f64(self.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (a, b) = (Random::seeded(7), Random::seeded(7));
        let draw = |random: &Random| (0..20).map(|_| random.fraction()).collect::<Vec<_>>();
        assert_eq!(draw(&a), draw(&b));
        assert_ne!(draw(&a), draw(&Random::seeded(8)));
    }

    #[test]
    fn jitter_stays_in_the_upper_half_and_spreads() {
        let random = Random::seeded(1);
        let full = Duration::from_secs(10);
        let drawn: Vec<_> = (0..200).map(|_| random.jittered(full)).collect();
        assert!(drawn.iter().all(|d| *d >= full / 2 && *d <= full));
        assert!(drawn.iter().max() > drawn.iter().min());
    }
}
