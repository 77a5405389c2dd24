//! What the briefing domain answers when it cannot do what was asked.

use std::time::Duration;

use nightshift_domain::production::FieldFault;
use nightshift_kernel::{AskError, SpawnError};
use nightshift_store::StoreError;

use crate::writer::WriteError;

/// Pause that a client is asked to make when too much is going on.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(5);
/// Pause that a client is asked to make when a part is restarting or away.
const RETRY_AFTER_GONE: Duration = Duration::from_secs(3);

/// Why something was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BriefingError {
    /// Fields cannot be what was sent.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldFault>),
    /// There is no such request, or it is another person's.
    #[error("request {id} not found")]
    NotFound {
        /// As it was asked for.
        id: String,
    },
    /// As many briefings run, or as many people are known, as may be.
    #[error("{what} are too many already")]
    Overloaded {
        /// What there is too much of.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// A part that is needed is away.
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
    /// It failed while it was handled.
    #[error("failed while handling the request: {0}")]
    Failed(String),
}

impl BriefingError {
    pub(super) fn overloaded(what: &'static str) -> Self {
        Self::Overloaded { what, retry_after: RETRY_AFTER_FULL }
    }

    pub(super) fn away(what: &'static str) -> Self {
        Self::Unavailable { what, retry_after: RETRY_AFTER_GONE }
    }

    pub(super) fn not_found(id: impl ToString) -> Self {
        Self::NotFound { id: id.to_string() }
    }

    fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Nul { what } => {
                let field = what.rsplit('.').next().unwrap_or(what);
                Self::Invalid(vec![FieldFault::new(field, "must not hold the character U+0000")])
            }
            StoreError::Missing { what } => Self::not_found(what),
            error if error.is_transient() => {
                tracing::warn!(error = %error, "the database did not answer");
                Self::away("the database")
            }
            error => {
                tracing::error!(error = %error, "the store failed");
                Self::Failed(error.to_string())
            }
        }
    }
}

impl From<StoreError> for BriefingError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl From<WriteError> for BriefingError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => Self::overloaded("writes that wait"),
            WriteError::Deadline => Self::Deadline,
            WriteError::Stopped => Self::away("the writer"),
            WriteError::Lost => Self::Failed("the writer was restarted".to_owned()),
            WriteError::Store(error) => Self::from_store(&error),
        }
    }
}

impl From<AskError> for BriefingError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::overloaded("questions that wait"),
            AskError::Stopped => Self::away("the briefing"),
            AskError::Deadline => Self::Deadline,
            AskError::Failed => Self::Failed("the briefing was restarted".to_owned()),
        }
    }
}

impl From<SpawnError> for BriefingError {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::TooMany => Self::overloaded("running briefings"),
            SpawnError::Stopping => Self::away("the plant"),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<Vec<FieldFault>> for BriefingError {
    fn from(faults: Vec<FieldFault>) -> Self {
        Self::Invalid(faults)
    }
}
