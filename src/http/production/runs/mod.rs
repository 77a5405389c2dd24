//! `/api/v1/process-data…`: runs of processes, with what they measured.

pub(crate) mod read;
pub(crate) mod write;
