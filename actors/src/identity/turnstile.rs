//! One sign-in at a time for each name, so that no crowd slips through between a failure and its lock.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::IdentityError;
use crate::setback::Setback;

/// Locks that names share: two names meet at one rarely, and then one waits for a sign-in.
const LOCKS: usize = 256;
/// Sign-ins that may wait at one lock; more are told to come back.
const WAITING_MAX: usize = 32;
/// How long one may wait.
const TURN_DEADLINE: Duration = Duration::from_secs(5);

/// The turnstile.
pub(super) struct Turnstile(Vec<Lock>);

#[derive(Default)]
struct Lock {
    lock: Mutex<()>,
    waiting: AtomicUsize,
}

impl Default for Turnstile {
    fn default() -> Self {
        Self(std::iter::repeat_with(Lock::default).take(LOCKS).collect())
    }
}

impl Turnstile {
    /// Waits until nobody else signs in by `name`; nobody does while the guard lives.
    pub(super) async fn enter(&self, name: &str) -> Result<MutexGuard<'_, ()>, IdentityError> {
        let busy = || IdentityError::from(Setback::full());
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
        let Lock { lock, waiting } = &self.0[hash as usize % LOCKS];
        let _place = Place(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            return Err(busy());
        }
        tokio::time::timeout(TURN_DEADLINE, lock.lock()).await.map_err(|_| busy())
    }
}

/// A place among those who wait, given back when it is dropped.
struct Place<'t>(&'t AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_do_not_wait_for_each_other_and_a_crowd_is_sent_away() {
        let turnstile = Turnstile::default();
        let held = turnstile.enter("kim").await.expect("first");
        drop(turnstile.enter("lee").await.expect("another name"));
        let mut crowd: Vec<_> = (0..WAITING_MAX).map(|_| Box::pin(turnstile.enter("kim"))).collect();
        for one in &mut crowd {
            assert!(futures::poll!(one).is_pending());
        }
        let refused = turnstile.enter("kim").await;
        assert!(matches!(refused, Err(IdentityError::Setback(Setback::Overloaded { .. }))));
        drop(held);
        for one in crowd {
            drop(one.await.expect("its turn came"));
        }
        assert!(turnstile.0.iter().all(|lock| lock.waiting.load(Ordering::Acquire) == 0));
    }
}
