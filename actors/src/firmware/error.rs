//! Why something about firmware was not done.

use std::time::Duration;

use nightshift_domain::firmware::{FIRMWARE_BYTES_MAX, InvalidDeploymentStep};
use nightshift_kernel::AskError;
use nightshift_store::StoreError;
use nightshift_store::blobs::BlobError;

use crate::production::ProductionError;
use crate::writer::WriteError;

/// Why something about firmware was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FirmwareError {
    /// As with everything of production: in use, there already, a part is away.
    #[error(transparent)]
    Production(#[from] ProductionError),
    /// There is no such version.
    #[error("firmware {0} not found")]
    NotFound(String),
    /// Several models have that version.
    #[error("several product models have firmware {0}: say which with product_model_id")]
    Ambiguous(String),
    /// There is no such station.
    #[error("station {0} not found: it is known once its agent has asked for work")]
    NoStation(String),
    /// There is no such deployment or roll-out.
    #[error("{what} {id} not found")]
    Missing {
        /// `deployment` or `roll-out`.
        what: &'static str,
        /// As it was asked for.
        id: i64,
    },
    /// The image is too large.
    #[error("an image has at most {FIRMWARE_BYTES_MAX} bytes")]
    TooLarge,
    /// The image is empty.
    #[error("the image is empty")]
    Empty,
    /// Deployments to that station failed again and again.
    #[error("deployments to {station} failed again and again: look at its agent")]
    StationAway {
        /// The station.
        station: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The deployment or roll-out has ended.
    #[error("{0}")]
    Ended(String),
    /// The image's bytes are not what was uploaded: somebody has changed them behind the program's back.
    #[error("the stored image of {0} is damaged: upload it again under a new version")]
    Damaged(String),
    /// The object store failed.
    #[error("the object store does not work at the moment")]
    Storage {
        /// Whether its disk is full.
        full: bool,
    },
}

impl From<BlobError> for FirmwareError {
    fn from(error: BlobError) -> Self {
        let full = error.is_disk_full();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(error = %error, cause = cause.as_deref().unwrap_or_default(), full, "the object store failed");
        Self::Storage { full }
    }
}

impl From<StoreError> for FirmwareError {
    fn from(error: StoreError) -> Self {
        Self::Production(error.into())
    }
}

impl From<WriteError> for FirmwareError {
    fn from(error: WriteError) -> Self {
        Self::Production(error.into())
    }
}

impl From<AskError> for FirmwareError {
    fn from(error: AskError) -> Self {
        Self::Production(ProductionError::from_ask(error))
    }
}

impl From<InvalidDeploymentStep> for FirmwareError {
    fn from(step: InvalidDeploymentStep) -> Self {
        Self::Ended(step.to_string())
    }
}
