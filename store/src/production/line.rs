//! Production lines.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Line, LineId, LineSpec};

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "production_line";

const SELECT: &str = "SELECT id, line_code, line_name, capacity_per_shift, location, is_active, created_at, updated_at \
     FROM production_line";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    line_code: String,
    line_name: String,
    capacity_per_shift: Option<i64>,
    location: Option<String>,
    is_active: bool,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Line {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let spec = LineSpec {
            line_code: row.line_code,
            line_name: row.line_name,
            capacity_per_shift: row.capacity_per_shift,
            location: row.location,
            is_active: row.is_active,
        };
        Ok(Self {
            id: LineId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Registers a line.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken; the transaction is then usable as before.
pub async fn line_insert(tx: &mut Tx, spec: &LineSpec, now: Timestamp) -> Result<Line, StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "INSERT INTO production_line (line_code, line_name, capacity_per_shift, location, is_active, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) \
               ON CONFLICT (line_code) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "line_insert",
        (i64,),
        sql,
        spec.line_code.as_str(),
        spec.line_name.as_str(),
        spec.capacity_per_shift,
        spec.location.as_deref(),
        spec.is_active,
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("production line {}", spec.line_code) });
    };
    Ok(Line { id: LineId(*id), spec: spec.clone(), created_at: now, updated_at: now })
}

/// Changes a line.
///
/// # Errors
/// [`StoreError::Missing`] when there is none, [`StoreError::Conflict`] when another one has the code.
pub async fn line_update(tx: &mut Tx, id: LineId, spec: &LineSpec, now: Timestamp) -> Result<(), StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "SELECT id FROM production_line WHERE line_code = $1 AND id <> $2";
    let taken = write_all!(tx, "line_update", (i64,), sql, spec.line_code.as_str(), id.0)?;
    catalog::free(&taken, || format!("production line {}", spec.line_code))?;
    let sql = "UPDATE production_line SET line_code = $2, line_name = $3, capacity_per_shift = $4, location = $5, \
               is_active = $6, updated_at = $7 WHERE id = $1";
    let changed = write_exec!(
        tx,
        "line_update",
        sql,
        id.0,
        spec.line_code.as_str(),
        spec.line_name.as_str(),
        spec.capacity_per_shift,
        spec.location.as_deref(),
        spec.is_active,
        now.us(),
    )?;
    catalog::present(changed, || format!("production line {id}"))
}

/// Removes a line.
///
/// # Errors
/// [`StoreError::InUse`] when lots, equipment or targets name it, [`StoreError::Missing`] when there is none.
pub async fn line_delete(tx: &mut Tx, id: LineId) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM lot WHERE production_line_id = $1) THEN 'lots' \
               WHEN EXISTS (SELECT 1 FROM equipment WHERE production_line_id = $1) THEN 'equipment' \
               WHEN EXISTS (SELECT 1 FROM target WHERE production_line_id = $1) THEN 'targets' END";
    let used = write_all!(tx, "line_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("production line {id}"))?;
    let changed = write_exec!(tx, "line_delete", "DELETE FROM production_line WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("production line {id}"))
}

/// A line as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn line_read(tx: &mut Tx, id: LineId) -> Result<Option<Line>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::tx_rows::<Row>(tx, "line_read", SELECT, &filter, "").await?)
}

/// The line with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn line_find(db: &Db, id: LineId) -> Result<Option<Line>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::rows::<Row>(db, "line_find", SELECT, &filter, "").await?)
}

/// The line with that code.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn line_find_code(db: &Db, code: &str) -> Result<Option<Line>, StoreError> {
    let filter = Filter::default().and("line_code = ?", code);
    catalog::first(listing::rows::<Row>(db, "line_find_code", SELECT, &filter, "").await?)
}

/// The lines, active or not when that is asked for, in the order of their ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn line_list(db: &Db, is_active: Option<bool>, slice: Slice) -> Result<Page<Line>, StoreError> {
    let filter = Filter::default().maybe("is_active = ?", is_active);
    listing::page::<Row, _>(db, "line_list", (SELECT, TABLE), &filter, "id", slice).await
}
