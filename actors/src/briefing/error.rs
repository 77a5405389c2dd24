//! What the briefing domain answers when it cannot do what was asked.

use std::time::Duration;

use nightshift_domain::production::FieldFault;
use nightshift_kernel::{AskError, SpawnError};
use nightshift_store::StoreError;

use crate::setback::Setback;
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
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// It could not be done.
    #[error(transparent)]
    Setback(Setback),
}

impl BriefingError {
    pub(super) fn too_many(what: &'static str) -> Self {
        Self::TooMany { what, retry_after: RETRY_AFTER_FULL }
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
            error => Setback::of_store(error).into(),
        }
    }
}

impl From<Setback> for BriefingError {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback.pausing(RETRY_AFTER_FULL, RETRY_AFTER_GONE))
    }
}

impl From<StoreError> for BriefingError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl From<WriteError> for BriefingError {
    fn from(error: WriteError) -> Self {
        Setback::of_write(&error, Self::from_store)
    }
}

impl From<AskError> for BriefingError {
    fn from(error: AskError) -> Self {
        Setback::of_ask(error, "the briefing").into()
    }
}

impl From<SpawnError> for BriefingError {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::TooMany => Self::too_many("running briefings"),
            SpawnError::Stopping => Setback::away("the plant").into(),
            error => Setback::failed(error).into(),
        }
    }
}

impl From<Vec<FieldFault>> for BriefingError {
    fn from(faults: Vec<FieldFault>) -> Self {
        Self::Invalid(faults)
    }
}
