//! An object that comes piece by piece.

use bytes::Bytes;
use object_store::{MultipartUpload, WriteMultipart};

use super::{BlobError, BlobKey};

/// Size of a part, bytes; S3 takes none below 5 MiB but the last.
const PART_BYTES: usize = 8 * 1_024 * 1_024;
/// Parts under way at once. With [`PART_BYTES`] that bounds what a writer holds.
const PARTS_AT_ONCE: usize = 2;

/// An object on its way in. Dropped or aborted, it never was.
#[derive(Debug)]
pub struct BlobWriter {
    key: BlobKey,
    upload: WriteMultipart,
    written: u64,
}

impl BlobWriter {
    pub(super) fn new(key: BlobKey, upload: Box<dyn MultipartUpload>) -> Self {
        let upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        Self { key, upload, written: 0 }
    }

    /// Bytes so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Adds a piece; waits while too much is under way.
    ///
    /// # Errors
    /// [`BlobError::Failed`]; the object will not come about, [`BlobWriter::abort`] tidies up.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), BlobError> {
        let ready = self.upload.wait_for_capacity(PARTS_AT_ONCE).await;
        ready.map_err(|e| BlobError::of("write", &self.key, e))?;
        self.written += piece.len() as u64;
        self.upload.put(piece);
        Ok(())
    }

    /// Completes the object.
    ///
    /// # Errors
    /// [`BlobError::Failed`]; there is no object then, or the one from before.
    pub async fn finish(self) -> Result<(), BlobError> {
        self.upload.finish().await.map_err(|e| BlobError::of("finish", &self.key, e))?;
        Ok(())
    }

    /// Gives it up, and what was sent of it.
    ///
    /// # Errors
    /// [`BlobError::Failed`]; a bucket may keep parts until its own rules remove them.
    pub async fn abort(self) -> Result<(), BlobError> {
        self.upload.abort().await.map_err(|e| BlobError::of("abort", &self.key, e))
    }
}
