//! Locks that survive a panic elsewhere: a poisoned table must not end supervision.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every critical section of this crate leaves its data whole, so a poisoned lock is still usable.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
