//! What keeps any part of the plant from doing what it was asked, whatever that was.
//!
//! A domain's error has its own refusals beside it. What the store means for a domain (a conflict, something missing) is the
//! domain's to say; the rest comes here.

use std::time::Duration;

use nightshift_kernel::AskError;
use nightshift_store::StoreError;

use crate::writer::WriteError;

/// Pause that a client is asked to make when a queue is full.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);
/// Pause that a client is asked to make when a part is restarting or gone.
const RETRY_AFTER_GONE: Duration = Duration::from_secs(3);

/// Why something could not be done, rather than would not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Setback {
    /// A queue is full.
    #[error("too much is waiting to be handled")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// A part that is needed is away: the database, an actor in quarantine.
    #[error("{what} is not available")]
    Unavailable {
        /// The missing part.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// It was not done in time; it may or may not have taken effect.
    #[error("not done in time")]
    Deadline,
    /// It failed while it was handled; it may or may not have taken effect.
    #[error("failed: {0}")]
    Failed(String),
}

impl Setback {
    /// Too much waits already.
    pub(crate) fn full() -> Self {
        Self::Overloaded { retry_after: RETRY_AFTER_FULL }
    }

    /// `what` does not answer, and may soon.
    pub(crate) fn away(what: &'static str) -> Self {
        Self::Unavailable { what, retry_after: RETRY_AFTER_GONE }
    }

    /// It failed here.
    pub(crate) fn failed(cause: impl ToString) -> Self {
        Self::Failed(cause.to_string())
    }

    /// The same with the pauses of a domain whose clients are asked for others: when a queue is full, when a part is gone.
    pub(crate) fn pausing(self, full: Duration, gone: Duration) -> Self {
        match self {
            Self::Overloaded { .. } => Self::Overloaded { retry_after: full },
            Self::Unavailable { what, .. } => Self::Unavailable { what, retry_after: gone },
            other => other,
        }
    }

    /// What an actor did not answer.
    pub(crate) fn of_ask(error: AskError, what: &'static str) -> Self {
        match error {
            AskError::Full => Self::full(),
            AskError::Stopped => Self::away(what),
            AskError::Deadline => Self::Deadline,
            AskError::Failed => Self::Failed(format!("{what} was restarted")),
        }
    }

    /// What the store did not do, when that means nothing to the domain.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = %error, "the database did not answer");
            return Self::away("the database");
        }
        tracing::error!(error = %error, "the store failed");
        Self::failed(error)
    }

    /// What the writer did not do; what the store said of it is the domain's to read.
    pub(crate) fn of_write<E: From<Self>>(error: &WriteError, of_store: impl FnOnce(&StoreError) -> E) -> E {
        let setback = match error {
            WriteError::Overloaded => Self::full(),
            WriteError::Deadline => Self::Deadline,
            WriteError::Stopped => Self::away("the writer"),
            WriteError::Lost => Self::failed("the writer was restarted"),
            WriteError::Store(error) => return of_store(error),
        };
        setback.into()
    }
}
