//! Why the fleet did not do what it was asked.

use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::AskError;
use nightshift_store::StoreError;

use crate::writer::WriteError;

/// When to try again after a mailbox was full.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);
/// When to try again after a part was away.
const RETRY_AFTER_GONE: Duration = Duration::from_secs(5);

/// Why the fleet did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FleetError {
    /// The domain does not run on this plant.
    #[error("the fleet does not run here: {0}")]
    Off(Arc<str>),
    /// There is no such thing.
    #[error("{what} {id} is not known")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its number.
        id: u64,
    },
    /// Another vehicle has the name.
    #[error("the name is in use by vehicle {0}")]
    NameInUse(u32),
    /// A field is malformed.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What it must be.
        reason: String,
    },
    /// Too much waits.
    #[error("too much to do at once")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// A part is away.
    #[error("{what} is away")]
    Unavailable {
        /// Which part.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// It was not done in time.
    #[error("not done in time")]
    Deadline,
    /// It failed here.
    #[error("failed: {0}")]
    Failed(String),
}

impl FleetError {
    pub(super) fn no_vehicle(id: u32) -> Self {
        Self::NotFound { what: "vehicle", id: u64::from(id) }
    }
}

impl From<AskError> for FleetError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            AskError::Stopped => Self::Unavailable { what: "the fleet", retry_after: RETRY_AFTER_GONE },
            AskError::Deadline => Self::Deadline,
            AskError::Failed => Self::Failed("the actor was restarted".to_owned()),
        }
    }
}

impl From<StoreError> for FleetError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl FleetError {
    fn from_store(error: &StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = %error, "the database did not answer");
            return Self::Unavailable { what: "the database", retry_after: RETRY_AFTER_GONE };
        }
        match error {
            StoreError::Missing { what } => {
                let id = what.rsplit(' ').next().and_then(|id| id.parse().ok()).unwrap_or_default();
                let what = if what.starts_with("vehicle event") { "vehicle event" } else { "vehicle" };
                Self::NotFound { what, id }
            }
            error => {
                tracing::error!(error = %error, "the store failed");
                Self::Failed(error.to_string())
            }
        }
    }
}

impl From<WriteError> for FleetError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            WriteError::Deadline => Self::Deadline,
            WriteError::Stopped => Self::Unavailable { what: "the writer", retry_after: RETRY_AFTER_GONE },
            WriteError::Lost => Self::Failed("the writer was restarted".to_owned()),
            WriteError::Store(error) => Self::from_store(&error),
        }
    }
}
