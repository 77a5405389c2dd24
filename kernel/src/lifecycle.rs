//! What happened to whom: the events a tree publishes so that others can alert on them.

use std::time::Duration;

use serde::Serialize;

/// Events kept for a slow listener; older ones are dropped and the listener is told how many it missed.
pub const EVENTS_MAX: usize = 4_096;

/// One event in the life of a child.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lifecycle {
    /// Wall-clock time in microseconds since 1970 UTC.
    pub at_us: i64,
    /// The child, from the root down.
    pub path: String,
    /// What happened.
    pub kind: LifecycleKind,
}

/// What happened to a child.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LifecycleKind {
    /// Its `start` succeeded, at first or after a restart.
    Started,
    /// It failed: an error, a panic, a kill, or it froze.
    Failed {
        /// In words.
        reason: String,
    },
    /// It will be started again.
    Restarting {
        /// After this pause.
        #[serde(rename = "in_us", serialize_with = "crate::tree::as_us")]
        after: Duration,
    },
    /// It failed too often and is parked.
    Quarantined {
        /// The last failure, in words.
        reason: String,
        /// It is tried again after this pause.
        #[serde(rename = "retry_in_us", serialize_with = "crate::tree::as_us")]
        retry_after: Duration,
    },
    /// A handler ran past its budget; it will be killed.
    Frozen {
        /// In words.
        reason: String,
    },
    /// Its frozen handler blocks a thread and cannot be killed; it is kept apart and replaced.
    SetApart,
    /// An operator, or the end of the pause, took it out of quarantine.
    Released,
    /// An essential child failed too often; its supervisor fails with it.
    Escalated {
        /// In words.
        reason: String,
    },
    /// It stopped for good.
    Stopped,
}
