//! Versions of firmware.

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{Digests, Firmware, FirmwareId, FirmwareVersion, NewFirmware};
use nightshift_domain::production::ProductModelId;

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "firmware";
const FROM: &str = "firmware f JOIN product_model m ON m.id = f.product_model_id";

const SELECT: &str = "SELECT f.id, f.product_model_id, f.version, f.filename, f.file_size, f.md5, f.sha256, f.blob_key, \
     f.notes, f.uploaded_by, f.created_at, f.removed_at, m.model_code \
     FROM firmware f JOIN product_model m ON m.id = f.product_model_id";

/// The newest comes first.
const NEWEST: &str = "f.major DESC, f.minor DESC, f.patch DESC, f.id DESC";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    product_model_id: i64,
    version: String,
    filename: String,
    file_size: i64,
    md5: String,
    sha256: String,
    blob_key: String,
    notes: Option<String>,
    uploaded_by: String,
    created_at: i64,
    removed_at: Option<i64>,
    model_code: String,
}

/// A version, and when it was removed if it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareAt {
    /// The version.
    pub firmware: Firmware,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
}

impl TryFrom<Row> for FirmwareAt {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let wrong = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let size = u64::try_from(row.file_size).map_err(|e| wrong("file_size", e.to_string()))?;
        let version = row.version.parse();
        let image = NewFirmware {
            product_model_id: ProductModelId(row.product_model_id),
            version: version.map_err(|e| wrong("version", format!("{e}")))?,
            filename: row.filename,
            digests: Digests { size, md5: row.md5, sha256: row.sha256 },
            blob_key: row.blob_key,
            notes: row.notes,
            uploaded_by: row.uploaded_by,
        };
        let created_at = Timestamp::from_us(row.created_at);
        let firmware = Firmware { id: FirmwareId(row.id), image, model_code: row.model_code, created_at };
        Ok(Self { firmware, removed_at: row.removed_at.map(Timestamp::from_us) })
    }
}

impl TryFrom<Row> for Firmware {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        FirmwareAt::try_from(row).map(|at| at.firmware)
    }
}

/// Which versions a list is to have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FirmwareQuery {
    /// Of this model.
    pub product_model_id: Option<ProductModelId>,
}

fn there() -> Filter {
    Filter::default().fixed("f.removed_at IS NULL")
}

fn first(rows: Vec<Row>) -> Result<Option<Firmware>, StoreError> {
    rows.into_iter().next().map(Firmware::try_from).transpose()
}

/// Keeps a version; one that was removed and has the same bytes is there again.
///
/// # Errors
/// [`StoreError::Conflict`] when the version is there, or was, with other bytes; the transaction is then usable as before.
pub async fn firmware_insert(
    tx: &mut Tx,
    image: &NewFirmware,
    now: Timestamp,
) -> Result<FirmwareId, StoreError> {
    for text in [&image.filename, &image.blob_key, &image.uploaded_by] {
        text::check("firmware", text)?;
    }
    text::check("firmware.notes", image.notes.as_deref().unwrap_or_default())?;
    let (v, digests) = (image.version, &image.digests);
    let version = v.to_string();
    let conflict = |why: &str| StoreError::Conflict { what: format!("firmware {version}{why}") };
    let sql = "UPDATE firmware SET removed_at = NULL, created_at = $4, uploaded_by = $5, blob_key = $6 \
               WHERE product_model_id = $1 AND version = $2 AND sha256 = $3 AND removed_at IS NOT NULL RETURNING id";
    let model = image.product_model_id.0;
    let (sha256, by, key) = (digests.sha256.as_str(), image.uploaded_by.as_str(), image.blob_key.as_str());
    let back =
        write_all!(tx, "firmware_insert", (i64,), sql, model, version.as_str(), sha256, now.us(), by, key)?;
    if let Some((id,)) = back.first() {
        return Ok(FirmwareId(*id));
    }
    let sql = "INSERT INTO firmware (product_model_id, version, major, minor, patch, filename, file_size, md5, sha256, \
               blob_key, notes, uploaded_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (product_model_id, version) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "firmware_insert",
        (i64,),
        sql,
        model,
        version.as_str(),
        i64::from(v.major),
        i64::from(v.minor),
        i64::from(v.patch),
        image.filename.as_str(),
        i64::try_from(digests.size).unwrap_or(i64::MAX),
        digests.md5.as_str(),
        sha256,
        key,
        image.notes.as_deref(),
        by,
        now.us(),
    )?;
    match rows.first() {
        Some((id,)) => Ok(FirmwareId(*id)),
        None => {
            let sql = "SELECT sha256 FROM firmware WHERE product_model_id = $1 AND version = $2";
            let same = write_all!(tx, "firmware_insert", (String,), sql, model, version.as_str())?;
            let other = same.first().is_some_and(|(found,)| found != sha256);
            Err(conflict(if other { " with other bytes (a version never changes)" } else { "" }))
        }
    }
}

/// Removes a version that no station runs and no deployment or roll-out under way needs. Its row stays.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Missing`].
pub async fn firmware_remove(tx: &mut Tx, firmware: &Firmware, now: Timestamp) -> Result<(), StoreError> {
    let (id, version) = (firmware.id.0, firmware.image.version.to_string());
    let what = || format!("firmware {version}");
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM firmware_deployment WHERE firmware_id = $1 AND state IN \
               ('waiting', 'offered', 'ready', 'uploading')) THEN 'deployments' \
               WHEN EXISTS (SELECT 1 FROM firmware_rollout WHERE firmware_id = $1 AND state = 'running') THEN 'roll-outs' \
               WHEN EXISTS (SELECT 1 FROM station s JOIN firmware_deployment d ON d.station_id = s.station_id \
               WHERE s.running_version = $2 AND d.firmware_id = $1 AND d.state = 'succeeded') THEN 'stations that run it' END";
    let used = write_all!(tx, "firmware_remove", (Option<String>,), sql, id, version.as_str())?;
    if let Some((Some(by),)) = used.into_iter().next() {
        return Err(StoreError::InUse { what: what(), by });
    }
    let sql = "UPDATE firmware SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL";
    let changed = write_exec!(tx, "firmware_remove", sql, id, now.us())?;
    if changed == 0 { Err(StoreError::Missing { what: what() }) } else { Ok(()) }
}

/// A version as the unit sees it, removed or not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn firmware_read(tx: &mut Tx, id: FirmwareId) -> Result<Option<FirmwareAt>, StoreError> {
    let filter = Filter::default().and("f.id = ?", id.0);
    let rows = listing::tx_rows::<Row>(tx, "firmware_read", SELECT, &filter, "").await?;
    rows.into_iter().next().map(FirmwareAt::try_from).transpose()
}

/// A model's newest version as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn firmware_read_latest(
    tx: &mut Tx,
    model: ProductModelId,
) -> Result<Option<Firmware>, StoreError> {
    let filter = there().and("f.product_model_id = ?", model.0);
    let rest = format!("ORDER BY {NEWEST} LIMIT 1");
    first(listing::tx_rows::<Row>(tx, "firmware_read_latest", SELECT, &filter, &rest).await?)
}

/// The version with `id`, unless it was removed.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn firmware_find(db: &Db, id: FirmwareId) -> Result<Option<Firmware>, StoreError> {
    let filter = there().and("f.id = ?", id.0);
    first(listing::rows::<Row>(db, "firmware_find", SELECT, &filter, "").await?)
}

/// The firmware of that version: of one model, or of all that have it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn firmware_find_version(
    db: &Db,
    version: FirmwareVersion,
    model: Option<ProductModelId>,
) -> Result<Vec<Firmware>, StoreError> {
    let filter =
        there().and("f.version = ?", version.to_string()).maybe("f.product_model_id = ?", model.map(|m| m.0));
    let rows =
        listing::rows::<Row>(db, "firmware_find_version", SELECT, &filter, "ORDER BY f.id LIMIT 2").await?;
    rows.into_iter().map(Firmware::try_from).collect()
}

/// A model's newest version; of all models, the one uploaded last, when none is named.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn firmware_latest(db: &Db, model: Option<ProductModelId>) -> Result<Option<Firmware>, StoreError> {
    let filter = there().maybe("f.product_model_id = ?", model.map(|m| m.0));
    let rest = if model.is_some() {
        format!("ORDER BY {NEWEST} LIMIT 1")
    } else {
        "ORDER BY f.id DESC LIMIT 1".to_owned()
    };
    first(listing::rows::<Row>(db, "firmware_latest", SELECT, &filter, &rest).await?)
}

/// The versions that `query` lets through, the newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn firmware_list(
    db: &Db,
    query: &FirmwareQuery,
    slice: Slice,
) -> Result<Page<Firmware>, StoreError> {
    let filter = there().maybe("f.product_model_id = ?", query.product_model_id.map(|m| m.0));
    listing::page::<Row, _>(db, "firmware_list", (SELECT, FROM), &filter, NEWEST, slice).await
}

/// The keys of the objects that versions name which are there: up to `most`, of versions with an id above `after`, in the
/// order of their ids.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn firmware_keys(
    db: &Db,
    after: FirmwareId,
    most: u32,
) -> Result<Vec<(FirmwareId, String)>, StoreError> {
    let sql = "SELECT id, blob_key FROM firmware WHERE id > $1 AND removed_at IS NULL ORDER BY id LIMIT $2";
    let rows = read_all!(db, "firmware_keys", (i64, String), sql, after.0, i64::from(most))?;
    Ok(rows.into_iter().map(|(id, key)| (FirmwareId(id), key)).collect())
}
