//! A number, and the events that it rests on.

use serde::{Deserialize, Serialize};

/// Ids of events that are kept for one number, from the first on; the number itself, and the last id, go on.
pub(crate) const IDS_MAX: usize = 50;

/// How many events of a kind there were, and which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// The newest one's sequence number; 0 when there is none.
    pub last: i64,
    /// Their sequence numbers, the first `IDS_MAX`.
    pub ids: Vec<i64>,
}

impl Tally {
    /// One event.
    #[must_use]
    pub fn of(seq: i64) -> Self {
        Self { count: 1, last: seq, ids: vec![seq] }
    }

    /// Another event.
    pub fn add(&mut self, seq: i64) {
        self.add_n(1, seq);
    }

    /// An event that stands for `n` things.
    pub fn add_n(&mut self, n: u64, seq: i64) {
        self.count = self.count.saturating_add(n);
        self.last = self.last.max(seq);
        if self.ids.len() < IDS_MAX {
            self.ids.push(seq);
        }
    }

    /// What others counted comes on top.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.last = self.last.max(other.last);
        let room = IDS_MAX.saturating_sub(self.ids.len());
        self.ids.extend(other.ids.iter().take(room));
    }

    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What a number in a text rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was counted or measured, as `<domain>.<thing>`.
    pub what: String,
    /// The number.
    pub value: f64,
    /// Sequence numbers of the events, the first `IDS_MAX`.
    pub events: Vec<i64>,
    /// The newest of them.
    pub last: i64,
}

impl Evidence {
    /// The evidence of a count.
    #[must_use]
    pub fn count(what: &str, tally: &Tally) -> Self {
        let value = tally.count as f64;
        Self { what: what.to_owned(), value, events: tally.ids.clone(), last: tally.last }
    }

    /// The evidence of a value that one event says.
    #[must_use]
    pub fn value(what: &str, value: f64, seq: i64) -> Self {
        Self { what: what.to_owned(), value, events: vec![seq], last: seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_goes_on_where_its_ids_end() {
        let mut tally = Tally::default();
        assert!(tally.is_empty());
        for seq in 1..=200 {
            tally.add(seq);
        }
        assert_eq!((tally.count, tally.last, tally.ids.len()), (200, 200, IDS_MAX));
        let mut sum = Tally::of(7);
        sum.merge(&tally);
        assert_eq!((sum.count, sum.last, sum.ids.len()), (201, 200, IDS_MAX));
        assert_eq!(Evidence::count("x.y", &sum).value, 201.0);
    }
}
