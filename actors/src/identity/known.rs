//! Who was found to be let in lately, so that not every request asks the store.
//!
//! What this process revokes is gone at once. What another node revokes is too, where the nodes share a cache: it is marked
//! there, and whoever was remembered with other marks is asked about again. Without one it is noticed within [`FRESH`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cache::Marks;

/// How long something is believed without asking the store.
pub(super) const FRESH: Duration = Duration::from_secs(5);
/// Entries kept.
const ENTRIES_MAX: usize = 10_000;

/// What is known by key.
#[derive(Debug)]
pub(super) struct Known<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
    /// Counts what was forgotten on purpose: what was read before is not remembered after.
    epoch: AtomicU64,
}

#[derive(Debug, Clone)]
struct Entry<V> {
    value: V,
    asked_at: Duration,
    /// How it was marked before the store was asked; nothing when that could not be known.
    marks: Option<Marks>,
    touched: bool,
}

/// What the cache says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<V> {
    /// Asked lately.
    Fresh(V),
    /// Asked once; good only while the store cannot be asked.
    Stale(V),
    /// Something was revoked since: not good until the store has been asked.
    Doubted,
    /// Not known.
    Unknown,
}

/// When the store was asked, so that an answer older than a revocation is not kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    epoch: u64,
    marks: Option<Marks>,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::default(), epoch: AtomicU64::new(0) }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Known<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `key`, which is marked with `marks` now; it counts as used.
    pub(super) fn find(&self, key: &K, marks: Option<Marks>, now: Duration) -> Found<V> {
        match self.lock().get_mut(key) {
            None => Found::Unknown,
            Some(entry) => {
                entry.touched = true;
                let (then, value) = (entry.marks, entry.value.clone());
                match then.zip(marks) {
                    Some((then, now)) if then != now => Found::Doubted,
                    Some(_) if now < entry.asked_at + FRESH => Found::Fresh(value),
                    _ => Found::Stale(value),
                }
            }
        }
    }

    /// To be called before the store is asked, with marks that were read before.
    pub(super) fn ask(&self, marks: Option<Marks>) -> Asked {
        Asked { epoch: self.epoch.load(Ordering::Acquire), marks }
    }

    /// Remembers what the store said, unless something was revoked meanwhile.
    pub(super) fn remember(&self, asked: Asked, key: K, value: V, now: Duration) {
        let mut entries = self.lock();
        if self.epoch.load(Ordering::Acquire) != asked.epoch {
            return;
        }
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            entries.retain(|_, entry| now < entry.asked_at + FRESH);
            if entries.len() >= ENTRIES_MAX {
                entries.clear();
            }
        }
        entries.insert(key, Entry { value, asked_at: now, marks: asked.marks, touched: true });
    }

    /// Forgets those that `gone` names.
    pub(super) fn forget(&self, gone: impl Fn(&K, &V) -> bool) {
        let mut entries = self.lock();
        self.epoch.fetch_add(1, Ordering::AcqRel);
        entries.retain(|key, entry| !gone(key, &entry.value));
    }

    /// Those that were used since the last time this was asked.
    pub(super) fn take_touched(&self) -> Vec<K> {
        let mut entries = self.lock();
        let touched =
            entries.iter_mut().filter_map(|(key, entry)| std::mem::take(&mut entry.touched).then_some(key));
        touched.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const CALM: Option<Marks> = Some(Marks::NONE);

    #[test]
    fn what_is_known_ages_and_is_forgotten_at_once() {
        let known = Known::default();
        assert_eq!(known.find(&1, CALM, s(0)), Found::Unknown);
        known.remember(known.ask(CALM), 1, "a", s(0));
        assert_eq!(known.find(&1, CALM, s(4)), Found::Fresh("a"));
        assert_eq!(known.find(&1, CALM, s(5)), Found::Stale("a"));
        assert_eq!(known.take_touched(), [1]);
        assert!(known.take_touched().is_empty());
        known.forget(|key, _| *key == 1);
        assert_eq!(known.find(&1, CALM, s(5)), Found::Unknown);
    }

    #[test]
    fn what_was_marked_since_is_doubted_and_what_cannot_be_known_is_asked() {
        let (known, marked) = (Known::default(), Some(Marks::of(7)));
        known.remember(known.ask(CALM), 1, "a", s(0));
        assert_eq!(known.find(&1, marked, s(1)), Found::Doubted);
        assert_eq!(known.find(&1, marked, s(9)), Found::Doubted, "however old it is");
        assert_eq!(known.find(&1, None, s(1)), Found::Stale("a"), "nobody knows of marks now");
        known.remember(known.ask(marked), 1, "a", s(1));
        assert_eq!(known.find(&1, marked, s(2)), Found::Fresh("a"));
        known.remember(known.ask(None), 1, "a", s(2));
        assert_eq!(known.find(&1, marked, s(3)), Found::Stale("a"), "nobody knew of marks then");
    }

    #[test]
    fn what_was_read_before_a_revocation_is_not_kept() {
        let known = Known::default();
        let asked = known.ask(CALM);
        known.forget(|_, _: &&str| false);
        known.remember(asked, 1, "a", s(0));
        assert_eq!(known.find(&1, CALM, s(0)), Found::Unknown);
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let known = Known::default();
        for n in 0..3 * ENTRIES_MAX {
            known.remember(known.ask(CALM), n, (), s(0));
            assert!(known.lock().len() <= ENTRIES_MAX);
        }
    }
}
