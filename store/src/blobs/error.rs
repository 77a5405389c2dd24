//! What can go wrong with objects.

use std::error::Error;
use std::io;

use super::BlobKey;

/// A failure of the object store. `Display` names the step; the cause is its source.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The place cannot be opened.
    #[error("objects cannot be kept at {location}: {reason}")]
    Open {
        /// The folder or bucket.
        location: String,
        /// Why not.
        reason: String,
    },
    /// There is no such object.
    #[error("there is no object {key}")]
    NotFound {
        /// Its key.
        key: BlobKey,
    },
    /// The object is larger than is allowed in one piece.
    #[error("object {key} has {size} bytes, at most {most} are allowed")]
    TooLarge {
        /// Its key.
        key: BlobKey,
        /// Its size, or as much of it as was asked for, bytes.
        size: u64,
        /// What is allowed, bytes.
        most: u64,
    },
    /// The range is empty or begins after the object's end.
    #[error("object {key} has {size} bytes, not those that were asked for")]
    Range {
        /// Its key.
        key: BlobKey,
        /// Its size, bytes.
        size: u64,
    },
    /// The folder or the bucket failed.
    #[error("{step} of object {key} failed")]
    Failed {
        /// Which function.
        step: &'static str,
        /// The object's key.
        key: BlobKey,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

impl BlobError {
    pub(super) fn of(step: &'static str, key: &BlobKey, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::NotFound { key: key.clone() },
            source => Self::Failed { step, key: key.clone(), source },
        }
    }

    /// Whether the folder's disk is full, or its files may not grow any more.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let mut cause: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(io) = error.downcast_ref::<io::Error>() {
                return matches!(
                    io.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
                );
            }
            cause = error.source();
        }
        false
    }
}
