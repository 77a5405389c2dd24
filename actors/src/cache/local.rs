//! The cache of this process alone: everything has a limit, and what does not fit is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Kept, Marks, SUBJECTS_MAX, Subject};

/// Things that are marked at once; when there are more, everything is marked anew.
const MARKED_MAX: usize = 10_000;
/// Answers kept.
const ANSWERS_MAX: usize = 256;
/// Bytes of them in all.
const ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What this process holds.
pub(super) struct Local {
    marked: Mutex<Marked>,
    answers: Mutex<HashMap<String, Stored>>,
}

#[derive(Default)]
struct Marked {
    /// The newest mark; none is given twice.
    newest: u64,
    /// The mark of whatever has none of its own.
    common: u64,
    own: HashMap<Subject, (u64, Duration)>,
}

struct Stored {
    body: Vec<u8>,
    at: Duration,
    ends: Duration,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Local {
    pub(super) fn new() -> Self {
        Self { marked: Mutex::default(), answers: Mutex::default() }
    }

    pub(super) fn marks(&self, subjects: &[Subject], now: Duration) -> Marks {
        let marked = lock(&self.marked);
        let mut marks = [0; SUBJECTS_MAX];
        for (mark, subject) in marks.iter_mut().zip(subjects) {
            let own = marked.own.get(subject).filter(|(_, ends)| now < *ends);
            *mark = own.map_or(marked.common, |(mark, _)| *mark);
        }
        Marks(marks)
    }

    pub(super) fn mark(&self, subjects: &[Subject], ends: Duration) {
        let mut marked = lock(&self.marked);
        for subject in subjects {
            marked.newest += 1;
            let newest = marked.newest;
            if marked.own.len() >= MARKED_MAX && !marked.own.contains_key(subject) {
                // Whoever remembers anything asks the store once: dear, but never wrong.
                marked.own.clear();
                marked.common = newest;
            }
            marked.own.insert(*subject, (newest, ends));
        }
    }

    pub(super) fn answer(&self, key: &str, now: Duration) -> Option<Kept> {
        let answers = lock(&self.answers);
        let stored = answers.get(key).filter(|stored| now < stored.ends)?;
        Some(Kept { body: stored.body.clone(), age: now.saturating_sub(stored.at) })
    }

    pub(super) fn keep_answer(&self, key: &str, body: Vec<u8>, now: Duration, keep: Duration) {
        let mut answers = lock(&self.answers);
        answers.retain(|known, stored| now < stored.ends && known != key);
        let held: usize = answers.values().map(|stored| stored.body.len()).sum();
        if answers.len() < ANSWERS_MAX && held + body.len() <= ANSWERS_BYTES_MAX {
            answers.insert(key.to_owned(), Stored { body, at: now, ends: now + keep });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn marks_are_bounded_and_what_is_forgotten_counts_as_marked() {
        let local = Local::new();
        let bystander = [Subject::User(-1)];
        let before = local.marks(&bystander, S);
        for n in 0..MARKED_MAX as i64 {
            local.mark(&[Subject::Session(n)], 2 * S);
        }
        assert_eq!(local.marks(&bystander, S), before);
        local.mark(&[Subject::Session(-1)], 2 * S);
        assert_ne!(local.marks(&bystander, S), before);
        assert!(lock(&local.marked).own.len() <= MARKED_MAX);
    }

    #[test]
    fn a_mark_is_never_given_twice() {
        let local = Local::new();
        let subject = [Subject::Session(7)];
        local.mark(&subject, 2 * S);
        let first = local.marks(&subject, S);
        let gone = local.marks(&subject, 2 * S);
        local.mark(&subject, 9 * S);
        let second = local.marks(&subject, 2 * S);
        assert!(first != gone && gone != second && first != second);
    }

    #[test]
    fn answers_end_and_are_bounded() {
        let local = Local::new();
        local.keep_answer("a", b"1".to_vec(), S, S);
        let half = S + S / 2;
        assert_eq!(local.answer("a", half), Some(Kept { body: b"1".to_vec(), age: S / 2 }));
        assert_eq!(local.answer("a", 2 * S), None);
        for n in 0..2 * ANSWERS_MAX {
            local.keep_answer(&n.to_string(), vec![0], S, S);
        }
        assert_eq!(lock(&local.answers).len(), ANSWERS_MAX);
        local.keep_answer("large", vec![0; ANSWERS_BYTES_MAX], 3 * S, S);
        assert_eq!(lock(&local.answers).len(), 1, "the others had ended");
        local.keep_answer("one more", vec![0], 3 * S, S);
        assert_eq!(local.answer("one more", 3 * S), None, "no room");
    }
}
