//! Why a label was not printed.

use std::time::Duration;

use nightshift_domain::labels::{InvalidStep, LabelError, LabelJobId, PrinterFault, PrinterId};
use nightshift_store::StoreError;

use crate::production::ProductionError;
use crate::writer::WriteError;

/// Why something about labels was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LabelsError {
    /// As with everything of production: not found, in use, a part is away.
    #[error(transparent)]
    Production(#[from] ProductionError),
    /// The label cannot be made of what was given.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// There is no such printer.
    #[error("printer {0} not found")]
    NoPrinter(String),
    /// There is no such job.
    #[error("label job {0} not found")]
    NoJob(LabelJobId),
    /// The printer cannot print; nothing was sent, and the job does not wait.
    #[error("printer {printer}: {fault}")]
    Printer {
        /// The printer.
        printer: PrinterId,
        /// What stops it.
        fault: PrinterFault,
        /// The job, which has failed.
        job: LabelJobId,
        /// When to try again.
        retry_after: Duration,
    },
    /// The job is not in a state for it.
    #[error(transparent)]
    Step(#[from] InvalidStep),
}

impl From<StoreError> for LabelsError {
    fn from(error: StoreError) -> Self {
        Self::Production(error.into())
    }
}

impl From<WriteError> for LabelsError {
    fn from(error: WriteError) -> Self {
        Self::Production(error.into())
    }
}
