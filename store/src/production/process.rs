//! Processes: the steps of the line.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Process, ProcessId, ProcessNumber, ProcessSpec};
use sqlx::types::Json;

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "process";

/// Most processes of a plant that are read at once: their numbers end at 999.
const ALL_MAX: u32 = 1_000;

const SELECT: &str = "SELECT id, process_number, process_code, process_name_ko, process_name_en, description, \
     estimated_duration_seconds, CAST(quality_criteria AS TEXT) AS quality_criteria, \
     CAST(data_schema AS TEXT) AS data_schema, CAST(defect_kinds AS TEXT) AS defect_kinds, rework_allowed, \
     needs_all_before, is_active, sort_order, created_at, updated_at FROM process";

/// The order of the line.
const ORDER: &str = "COALESCE(sort_order, process_number), process_number";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    process_number: i64,
    process_code: String,
    process_name_ko: String,
    process_name_en: String,
    description: Option<String>,
    estimated_duration_seconds: Option<i64>,
    quality_criteria: String,
    data_schema: String,
    defect_kinds: String,
    rework_allowed: bool,
    needs_all_before: bool,
    is_active: bool,
    sort_order: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Process {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let spec = ProcessSpec {
            process_number: ProcessNumber(row.process_number),
            process_code: row.process_code,
            process_name_ko: row.process_name_ko,
            process_name_en: row.process_name_en,
            description: row.description,
            estimated_duration_seconds: row.estimated_duration_seconds,
            quality_criteria: text::from_json(TABLE, "quality_criteria", row.id, &row.quality_criteria)?,
            is_active: row.is_active,
            sort_order: row.sort_order,
            data_schema: text::from_json(TABLE, "data_schema", row.id, &row.data_schema)?,
            rework_allowed: row.rework_allowed,
            needs_all_before: row.needs_all_before,
            defect_kinds: text::from_json(TABLE, "defect_kinds", row.id, &row.defect_kinds)?,
        };
        Ok(Self {
            id: ProcessId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Registers a process.
///
/// # Errors
/// [`StoreError::Conflict`] when the number or the code is taken; the transaction is then usable as before.
pub async fn process_insert(tx: &mut Tx, spec: &ProcessSpec, now: Timestamp) -> Result<Process, StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "INSERT INTO process (process_number, process_code, process_name_ko, process_name_en, description, \
               estimated_duration_seconds, quality_criteria, data_schema, defect_kinds, rework_allowed, \
               needs_all_before, is_active, sort_order, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
               ON CONFLICT DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "process_insert",
        (i64,),
        sql,
        spec.process_number.0,
        spec.process_code.as_str(),
        spec.process_name_ko.as_str(),
        spec.process_name_en.as_str(),
        spec.description.as_deref(),
        spec.estimated_duration_seconds,
        Json(&spec.quality_criteria),
        Json(&spec.data_schema),
        Json(&spec.defect_kinds),
        spec.rework_allowed,
        spec.needs_all_before,
        spec.is_active,
        spec.sort_order,
        now.us(),
    )?;
    let Some((id,)) = rows.first() else { return Err(taken(spec)) };
    Ok(Process { id: ProcessId(*id), spec: spec.clone(), created_at: now, updated_at: now })
}

fn taken(spec: &ProcessSpec) -> StoreError {
    StoreError::Conflict {
        what: format!("process number {} or code {}", spec.process_number, spec.process_code),
    }
}

/// Changes a process.
///
/// # Errors
/// [`StoreError::Missing`] when there is none, [`StoreError::Conflict`] when another one has the number or the code.
pub async fn process_update(
    tx: &mut Tx,
    id: ProcessId,
    spec: &ProcessSpec,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "SELECT id FROM process WHERE (process_number = $1 OR process_code = $2) AND id <> $3";
    let (number, code) = (spec.process_number.0, spec.process_code.as_str());
    if !write_all!(tx, "process_update", (i64,), sql, number, code, id.0)?.is_empty() {
        return Err(taken(spec));
    }
    let sql = "UPDATE process SET process_number = $2, process_code = $3, process_name_ko = $4, \
               process_name_en = $5, description = $6, estimated_duration_seconds = $7, quality_criteria = $8, \
               data_schema = $9, defect_kinds = $10, rework_allowed = $11, needs_all_before = $12, is_active = $13, \
               sort_order = $14, updated_at = $15 WHERE id = $1";
    let changed = write_exec!(
        tx,
        "process_update",
        sql,
        id.0,
        number,
        code,
        spec.process_name_ko.as_str(),
        spec.process_name_en.as_str(),
        spec.description.as_deref(),
        spec.estimated_duration_seconds,
        Json(&spec.quality_criteria),
        Json(&spec.data_schema),
        Json(&spec.defect_kinds),
        spec.rework_allowed,
        spec.needs_all_before,
        spec.is_active,
        spec.sort_order,
        now.us(),
    )?;
    catalog::present(changed, || format!("process {id}"))
}

/// Removes a process.
///
/// # Errors
/// [`StoreError::InUse`] when process runs or equipment name it, [`StoreError::Missing`] when there is none.
pub async fn process_delete(tx: &mut Tx, id: ProcessId) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM process_run WHERE process_id = $1) THEN 'process runs' \
               WHEN EXISTS (SELECT 1 FROM equipment WHERE process_id = $1) THEN 'equipment' END";
    let used = write_all!(tx, "process_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("process {id}"))?;
    let changed = write_exec!(tx, "process_delete", "DELETE FROM process WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("process {id}"))
}

/// All processes as the unit sees them, in the order of the line.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn process_read_all(tx: &mut Tx) -> Result<Vec<Process>, StoreError> {
    let rest = format!("ORDER BY {ORDER}");
    catalog::all(listing::tx_rows::<Row>(tx, "process_read_all", SELECT, &Filter::default(), &rest).await?)
}

/// What tells whether processes are as they were: it is another after every change of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessMark(i64, i64, i64);

/// The mark of the processes as the unit sees them; much less to read than the processes with their schemas.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn process_mark(tx: &mut Tx) -> Result<ProcessMark, StoreError> {
    let sql = "SELECT count(*), CAST(COALESCE(sum(id), 0) AS BIGINT), CAST(COALESCE(sum(updated_at), 0) AS BIGINT) \
               FROM process";
    let rows = write_all!(tx, "process_mark", (i64, i64, i64), sql)?;
    let (count, ids, times) = rows.first().copied().unwrap_or_default();
    Ok(ProcessMark(count, ids, times))
}

/// All processes, in the order of the line.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn process_all(db: &Db) -> Result<Vec<Process>, StoreError> {
    Ok(process_list(db, None, Slice::first(ALL_MAX)).await?.items)
}

/// The process with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn process_find(db: &Db, id: ProcessId) -> Result<Option<Process>, StoreError> {
    find(db, Filter::default().and("id = ?", id.0)).await
}

/// The process with that number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn process_find_number(db: &Db, number: ProcessNumber) -> Result<Option<Process>, StoreError> {
    find(db, Filter::default().and("process_number = ?", number.0)).await
}

/// The process with that code.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn process_find_code(db: &Db, code: &str) -> Result<Option<Process>, StoreError> {
    find(db, Filter::default().and("process_code = ?", code)).await
}

async fn find(db: &Db, filter: Filter) -> Result<Option<Process>, StoreError> {
    catalog::first(listing::rows::<Row>(db, "process_find", SELECT, &filter, "").await?)
}

/// The processes, active or not when that is asked for, in the order of the line.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn process_list(
    db: &Db,
    is_active: Option<bool>,
    slice: Slice,
) -> Result<Page<Process>, StoreError> {
    let filter = Filter::default().maybe("is_active = ?", is_active);
    listing::page::<Row, _>(db, "process_list", (SELECT, TABLE), &filter, ORDER, slice).await
}
