//! Walks the audit and finds its first fault.

use serde::Serialize;

use super::{AuditRow, ChainKey, Head, Link};

/// The first fault of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum ChainFault {
    /// The audit was written with another key.
    #[error("the audit was written with another key")]
    WrongKey,
    /// There are rows, but no head.
    #[error("the head of the audit is missing")]
    HeadMissing,
    /// The head was not written by the plant.
    #[error("the head of the audit was changed")]
    HeadChanged,
    /// Rows are missing in the middle, or at the beginning.
    #[error("row {expected} of the audit is missing: row {found} follows")]
    Gap {
        /// The row that should have come.
        expected: i64,
        /// The row that came.
        found: i64,
    },
    /// A row was changed, or the one before it.
    #[error("row {seq} of the audit was changed")]
    Changed {
        /// The row.
        seq: i64,
    },
    /// Rows are missing at the end.
    #[error("the audit ends with row {last}, but had row {expected}")]
    MissingAtEnd {
        /// The last row there is.
        last: i64,
        /// The last row there was.
        expected: i64,
    },
    /// Rows were added behind the head.
    #[error("row {found} of the audit is not the plant's: its last one is {last}")]
    Added {
        /// The plant's last row.
        last: i64,
        /// The row behind it.
        found: i64,
    },
    /// The audit is whole, but another one than the one whose head was written down.
    #[error("row {seq} of the audit is not the one that was written down")]
    Another {
        /// The row.
        seq: i64,
    },
}

/// A whole audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many rows.
    pub rows: i64,
    /// Its head; none when it is empty.
    pub head: Option<Head>,
}

/// Takes the rows in their order, from the first.
#[derive(Debug)]
pub struct Verifier<'a> {
    key: &'a ChainKey,
    head: Option<Head>,
    /// Row and link of a head that was written down elsewhere.
    anchor: Option<(i64, Link)>,
    /// The last row that was taken, and its link.
    last: (i64, Link),
}

impl<'a> Verifier<'a> {
    /// For the audit with `head`, whose newest row is `newest`.
    ///
    /// # Errors
    /// [`ChainFault`] when the head alone shows one.
    pub fn new(key: &'a ChainKey, head: Option<Head>, newest: Option<i64>) -> Result<Self, ChainFault> {
        match (&head, newest) {
            (Some(head), _) if head.key_id != key.id() => return Err(ChainFault::WrongKey),
            (Some(head), _) if !key.sealed(head) => return Err(ChainFault::HeadChanged),
            (Some(head), Some(found)) if found > head.seq => {
                return Err(ChainFault::Added { last: head.seq, found });
            }
            (Some(head), newest) if newest.unwrap_or(0) < head.seq => {
                return Err(ChainFault::MissingAtEnd { last: newest.unwrap_or(0), expected: head.seq });
            }
            (None, Some(_)) => return Err(ChainFault::HeadMissing),
            (Some(_), _) | (None, None) => {}
        }
        Ok(Self { key, head, anchor: None, last: (0, Link::START) })
    }

    /// Also asks that row `seq` has `link`, as a head says that was written down earlier.
    #[must_use]
    pub fn with_anchor(mut self, seq: i64, link: Link) -> Self {
        self.anchor = Some((seq, link));
        self
    }

    /// The last row that there must be.
    #[must_use]
    pub fn head_seq(&self) -> i64 {
        self.head.as_ref().map_or(0, |h| h.seq)
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// The fault that it shows.
    pub fn push(&mut self, row: &AuditRow) -> Result<(), ChainFault> {
        let (last, before) = self.last;
        let expected = last + 1;
        if row.seq > self.head_seq() {
            return Err(ChainFault::Added { last: self.head_seq(), found: row.seq });
        }
        if row.seq != expected {
            return Err(ChainFault::Gap { expected, found: row.seq });
        }
        if self.key.link(row.seq, &before, &row.entry) != row.link {
            return Err(ChainFault::Changed { seq: row.seq });
        }
        if self.anchor.is_some_and(|(seq, link)| seq == row.seq && link != row.link) {
            return Err(ChainFault::Another { seq: row.seq });
        }
        self.last = (row.seq, row.link);
        Ok(())
    }

    /// Says whether all rows were there.
    ///
    /// # Errors
    /// The fault that the end shows.
    pub fn finish(self) -> Result<Verified, ChainFault> {
        let (last, link) = self.last;
        let expected = self.head_seq();
        if last < expected {
            return Err(ChainFault::MissingAtEnd { last, expected });
        }
        if self.head.as_ref().is_some_and(|head| head.link != link) {
            return Err(ChainFault::HeadChanged);
        }
        match self.anchor {
            Some((expected, _)) if expected > last => Err(ChainFault::MissingAtEnd { last, expected }),
            _ => Ok(Verified { rows: last, head: self.head }),
        }
    }
}
