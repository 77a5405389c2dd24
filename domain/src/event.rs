//! The journal's entry: one fact that people or programs may want to hear of, in the order in which it was stored.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A fact about to be journalled; the store gives it its sequence number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// When it happened.
    pub at: Timestamp,
    /// What happened, as `<domain>.<thing>`, for example `sensing.verdict`.
    pub kind: String,
    /// What it happened to: a sensor id, a lot number, a path in the supervision tree.
    pub subject: String,
    /// The rest, as a JSON object.
    pub data: serde_json::Value,
}

impl NewEvent {
    /// An event of `kind` on `subject`.
    #[must_use]
    pub fn new(at: Timestamp, kind: &str, subject: &str, data: serde_json::Value) -> Self {
        Self { at, kind: kind.to_owned(), subject: subject.to_owned(), data }
    }
}

/// A journalled fact. `seq` rises without repeating; a reader that knows the last one it saw can go on from there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Place in the journal, from 1.
    pub seq: i64,
    /// The fact itself.
    #[serde(flatten)]
    pub event: NewEvent,
}
