//! Why the fleet did not do what it was asked.

use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::AskError;
use nightshift_store::StoreError;

use crate::setback::Setback;
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
    /// It could not be done.
    #[error(transparent)]
    Setback(Setback),
}

impl FleetError {
    pub(super) fn no_vehicle(id: u32) -> Self {
        Self::NotFound { what: "vehicle", id: u64::from(id) }
    }

    fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Missing { what } => {
                let id = what.rsplit(' ').next().and_then(|id| id.parse().ok()).unwrap_or_default();
                let what = if what.starts_with("vehicle event") { "vehicle event" } else { "vehicle" };
                Self::NotFound { what, id }
            }
            error => Setback::of_store(error).into(),
        }
    }
}

impl From<Setback> for FleetError {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback.pausing(RETRY_AFTER_FULL, RETRY_AFTER_GONE))
    }
}

impl From<AskError> for FleetError {
    fn from(error: AskError) -> Self {
        Setback::of_ask(error, "the fleet").into()
    }
}

impl From<StoreError> for FleetError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl From<WriteError> for FleetError {
    fn from(error: WriteError) -> Self {
        Setback::of_write(&error, Self::from_store)
    }
}
