//! Versions: uploaded, found, fetched, removed.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use nightshift_domain::NewEvent;
use nightshift_domain::alerts::firmware_update;
use nightshift_domain::audit::Action;
use nightshift_domain::firmware::{
    Digester, FIRMWARE_BYTES_MAX, Firmware as Version, FirmwareId, FirmwareVersion, NewFirmware,
};
use nightshift_domain::production::{ProductModelId, Refusal};
use nightshift_store::blobs::{BlobKey, BlobStream, BlobWriter};
use nightshift_store::firmware::{self as store, FirmwareQuery};
use nightshift_store::production::product_model_read;
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::error::FirmwareError;
use super::{Firmware, Shared, WRITE_DEADLINE};
use crate::identity::By;
use crate::labels::who;
use crate::production::ProductionError;
use crate::setback::Setback;

/// Where images are in the object store.
pub(super) const FOLDER: &str = "firmware";

/// An image that comes piece by piece. Dropped, it never was.
pub struct Incoming {
    shared: Arc<Shared>,
    key: BlobKey,
    writer: BlobWriter,
    digester: Digester,
}

/// What an uploaded image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Whose firmware it is.
    pub product_model_id: ProductModelId,
    /// Its version.
    pub version: FirmwareVersion,
    /// What is new, for people.
    pub notes: Option<String>,
}

impl Incoming {
    /// Takes a piece in.
    ///
    /// # Errors
    /// `TooLarge`, or the object store fails.
    pub async fn write(&mut self, piece: Bytes) -> Result<(), FirmwareError> {
        if self.digester.size() + piece.len() as u64 > FIRMWARE_BYTES_MAX {
            return Err(FirmwareError::TooLarge);
        }
        self.digester.update(&piece);
        self.writer.write(piece).await.map_err(|error| self.shared.storage_failed(error))
    }

    /// Gives it up.
    pub async fn abort(self) {
        if let Err(error) = self.writer.abort().await {
            tracing::debug!(error = %error, "what was uploaded of an image may stay behind");
        }
    }
}

impl Firmware {
    /// Begins to take an image in.
    ///
    /// # Errors
    /// When the object store fails.
    pub async fn begin_upload(&self) -> Result<Incoming, FirmwareError> {
        // Never the same twice: what is written once is never written over.
        let unique =
            format!("{FOLDER}/{:016x}-{:08x}.bin", self.shared.clock.now_us(), rand::random::<u32>());
        let key = BlobKey::new(&unique).map_err(|e| ProductionError::from(Setback::failed(e)))?;
        let shared = Arc::clone(&self.shared);
        let writer = shared.blobs.writer(&key).await.map_err(|error| shared.storage_failed(error))?;
        Ok(Incoming { shared, key, writer, digester: Digester::default() })
    }

    /// Keeps an image that is all there. If it is its model's newest, people hear of it.
    ///
    /// # Errors
    /// `Empty`; `Exists` when the version is there, or was with other bytes; no such model; a part is away.
    pub async fn finish_upload(
        &self,
        by: &By,
        incoming: Incoming,
        upload: Upload,
    ) -> Result<Version, FirmwareError> {
        let Incoming { key, writer, digester, .. } = incoming;
        if digester.size() == 0 {
            return Err(FirmwareError::Empty);
        }
        writer.finish().await.map_err(|error| self.shared.storage_failed(error))?;
        let image = NewFirmware {
            product_model_id: upload.product_model_id,
            version: upload.version,
            filename: Version::filename_of(upload.version),
            digests: digester.finish(),
            blob_key: key.to_string(),
            notes: upload.notes,
            uploaded_by: who(by),
        };
        let kept = self.keep(by, image).await;
        if kept.is_err()
            && let Err(error) = self.shared.blobs.delete(&key).await
        {
            tracing::warn!(key = %key, error = %error, "an image that was refused stays behind in the object store");
        }
        let id = kept?;
        metrics::counter!("nightshift_firmware_uploads_total").increment(1);
        self.version(id).await
    }

    async fn keep(&self, by: &By, image: NewFirmware) -> Result<FirmwareId, FirmwareError> {
        let (by, now) = (by.clone(), self.shared.now());
        let kept = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let Some(model) = product_model_read(tx, image.product_model_id).await? else {
                    let model = image.product_model_id.to_string();
                    return Ok(Err(ProductionError::from(Refusal::ProductModelNotFound { model })));
                };
                let id = store::firmware_insert(tx, &image, now).await?;
                let (code, version) = (&model.spec.model_code, image.version.to_string());
                let shown = json!({
                    "product_model_id": image.product_model_id, "version": version,
                    "file_size": image.digests.size, "md5": image.digests.md5, "sha256": image.digests.sha256,
                });
                tx.audit(by.entry(now, Action::Create, "firmware").on(id).after(&shown))?;
                tx.journal(NewEvent::new(now, "firmware.uploaded", &version, shown)).await?;
                if store::firmware_read_latest(tx, image.product_model_id).await?.is_some_and(|f| f.id == id)
                {
                    crate::alerts::raise(tx, vec![firmware_update(code, &version, now)], now).await?;
                }
                Ok(Ok(id))
            })
        });
        Ok(kept.await??)
    }

    /// The version with `id`.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn version(&self, id: FirmwareId) -> Result<Version, FirmwareError> {
        store::firmware_find(&self.shared.db, id)
            .await?
            .ok_or_else(|| FirmwareError::NotFound(id.to_string()))
    }

    /// The firmware of that version: of one model, or of the only one that has it.
    ///
    /// # Errors
    /// `NotFound`, `Ambiguous`, or the database is away.
    pub async fn find_version(
        &self,
        version: FirmwareVersion,
        model: Option<ProductModelId>,
    ) -> Result<Version, FirmwareError> {
        let found = store::firmware_find_version(&self.shared.db, version, model).await?;
        if found.len() > 1 {
            return Err(FirmwareError::Ambiguous(version.to_string()));
        }
        found.into_iter().next().ok_or_else(|| FirmwareError::NotFound(version.to_string()))
    }

    /// A model's newest version; that uploaded last of all when no model is named.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn latest(&self, model: Option<ProductModelId>) -> Result<Version, FirmwareError> {
        let found = store::firmware_latest(&self.shared.db, model).await?;
        found.ok_or_else(|| FirmwareError::NotFound("latest".to_owned()))
    }

    /// A part of the versions, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn versions(
        &self,
        query: &FirmwareQuery,
        slice: Slice,
    ) -> Result<Page<Version>, FirmwareError> {
        Ok(store::firmware_list(&self.shared.db, query, slice).await?)
    }

    /// The bytes of a version, or a part of them.
    ///
    /// # Errors
    /// `Damaged` when they are not as many as were uploaded, or the object store fails.
    pub async fn open(
        &self,
        version: &Version,
        range: Option<Range<u64>>,
    ) -> Result<BlobStream, FirmwareError> {
        let damaged = || FirmwareError::Damaged(version.image.version.to_string());
        let key = BlobKey::new(&version.image.blob_key).map_err(|_| damaged())?;
        let stream = match self.shared.blobs.stream(&key, range).await {
            Ok(stream) => stream,
            Err(nightshift_store::blobs::BlobError::NotFound { .. }) => return Err(damaged()),
            Err(nightshift_store::blobs::BlobError::Range { .. }) => return Err(damaged()),
            Err(error) => return Err(self.shared.storage_failed(error)),
        };
        if stream.info.size != version.image.digests.size {
            tracing::error!(
                version = %version.image.version, size = stream.info.size, uploaded = version.image.digests.size,
                "a stored image is not what was uploaded"
            );
            return Err(damaged());
        }
        Ok(stream)
    }

    /// Removes a version that nothing needs. Its number never means other bytes.
    ///
    /// # Errors
    /// `NotFound`, `InUse`, or a part is away.
    pub async fn remove(&self, by: &By, id: FirmwareId) -> Result<(), FirmwareError> {
        let version = self.version(id).await?;
        let key = version.image.blob_key.clone();
        let (by, now) = (by.clone(), self.shared.now());
        let removed = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                store::firmware_remove(tx, &version, now).await?;
                let shown =
                    json!({ "version": version.image.version, "sha256": version.image.digests.sha256 });
                tx.audit(by.entry(now, Action::Delete, "firmware").on(id).before(&shown))?;
                let name = version.image.version.to_string();
                tx.journal(NewEvent::new(now, "firmware.removed", &name, shown)).await.map(|_| ())
            })
        });
        removed.await?;
        // The row is gone first, so that none ever names bytes that are not there.
        if let Ok(key) = BlobKey::new(&key)
            && let Err(error) = self.shared.blobs.delete(&key).await
        {
            tracing::warn!(key = %key, error = %error, "the bytes of a removed version stay behind");
        }
        Ok(())
    }
}
