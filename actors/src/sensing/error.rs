//! What the sensing domain answers when it cannot do what was asked.

use std::time::Duration;

use nightshift_domain::sensing::{LineupError, SensorId};
use nightshift_kernel::{AskError, SendError};
use nightshift_store::StoreError;

use crate::inference::InferenceError;
use crate::writer::WriteError;

/// Pause that a client is asked to make when a queue is full.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(1);
/// Pause that a client is asked to make when a part is restarting or gone.
pub(super) const RETRY_AFTER_GONE: Duration = Duration::from_secs(5);

/// Why a sensing request was not done. Every variant says whether trying again makes sense.
#[derive(Debug, thiserror::Error)]
pub enum SensingError {
    /// No such sensor is registered.
    #[error("sensor `{0}` is not registered")]
    NotFound(SensorId),
    /// The id is taken.
    #[error("sensor `{0}` is registered already")]
    Exists(SensorId),
    /// The plant has as many sensors as it may have.
    #[error(
        "the plant has all of its {limit} sensors: remove one that is not needed any more, or raise sensing.sensors_max"
    )]
    LimitReached {
        /// The limit.
        limit: usize,
    },
    /// No such model is loaded.
    #[error("model `{0}` is not loaded")]
    UnknownModel(String),
    /// The line-up of models does not allow it.
    #[error("{0}")]
    Lineup(#[from] LineupError),
    /// The request breaks a rule; the text says which.
    #[error("{0}")]
    Invalid(String),
    /// A queue is full.
    #[error("too much is waiting to be handled")]
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// A part that is needed is away: the database, the vendor, an actor in quarantine.
    #[error("{what} is not available")]
    Unavailable {
        /// The missing part.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// It was not done in time; it may or may not have taken effect.
    #[error("not done in time")]
    Deadline,
    /// The actor failed while handling it; it may or may not have taken effect.
    #[error("failed while handling the request: {0}")]
    Failed(String),
}

impl SensingError {
    pub(super) fn from_ask(error: AskError, what: &str) -> Self {
        match error {
            AskError::Full => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            AskError::Stopped => Self::Unavailable { what: what.to_owned(), retry_after: RETRY_AFTER_GONE },
            AskError::Deadline => Self::Deadline,
            AskError::Failed => Self::Failed(format!("{what} was restarted")),
        }
    }

    pub(super) fn from_send(error: SendError, what: &str) -> Self {
        match error {
            SendError::Full => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            SendError::Stopped => Self::Unavailable { what: what.to_owned(), retry_after: RETRY_AFTER_GONE },
            SendError::Deadline => Self::Deadline,
        }
    }
}

impl From<StoreError> for SensingError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl SensingError {
    /// The database does not answer.
    pub(super) fn database_away() -> Self {
        Self::Unavailable { what: "the database".into(), retry_after: RETRY_AFTER_GONE }
    }

    fn from_store(error: &StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(error = %error, "the database did not answer");
            Self::database_away()
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<WriteError> for SensingError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Overloaded => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            WriteError::Deadline => Self::Deadline,
            WriteError::Stopped => {
                Self::Unavailable { what: "the writer".into(), retry_after: RETRY_AFTER_GONE }
            }
            WriteError::Lost => Self::Failed("the writer was restarted".into()),
            WriteError::Store(error) => Self::from_store(&error),
        }
    }
}

impl From<InferenceError> for SensingError {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Overloaded => Self::Overloaded { retry_after: RETRY_AFTER_FULL },
            InferenceError::Deadline => Self::Deadline,
            InferenceError::UnknownModel { .. } => Self::Invalid(error.to_string()),
            InferenceError::Unavailable { .. } => {
                Self::Unavailable { what: "the scorer".into(), retry_after: RETRY_AFTER_GONE }
            }
        }
    }
}
