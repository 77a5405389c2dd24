//! The line now: lots, units and runs that are under way.

use std::collections::HashMap;

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::OpenWork;
use nightshift_domain::production::{
    EquipmentId, LineId, LotId, OperatorId, PlantDate, ProcessId, ProcessNumber, ProductModelId, RunId,
    SerialId,
};

use crate::listing::{self, Filter};
use crate::{Db, StoreError};

/// Lots and their units, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LotFigures {
    /// Lots.
    pub lots: i64,
    /// Lots in which units may still be made.
    pub open: i64,
    /// Lots whose units have all passed or been scrapped, closed ones among them.
    pub completed: i64,
    /// Units that are to be made.
    pub target: i64,
    /// Units that exist.
    pub units: i64,
    /// Units that passed.
    pub passed: i64,
    /// Units that have failed, scrapped ones among them.
    pub failed: i64,
    /// Units that have failed for good.
    pub scrapped: i64,
}

/// Which lots are counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LotFigureQuery {
    /// Of this production day or a later one.
    pub from: Option<PlantDate>,
    /// Of this production day or an earlier one.
    pub to: Option<PlantDate>,
    /// Of this model.
    pub product_model_id: Option<ProductModelId>,
    /// On this line.
    pub production_line_id: Option<LineId>,
}

#[derive(sqlx::FromRow)]
struct LotFiguresRow {
    lots: i64,
    open: i64,
    completed: i64,
    target: i64,
    units: i64,
    passed: i64,
    failed: i64,
    scrapped: i64,
}

/// Counts lots and their units.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lot_figures(db: &Db, query: &LotFigureQuery) -> Result<LotFigures, StoreError> {
    let select = "SELECT count(*) AS lots, \
         CAST(COALESCE(sum(CASE WHEN status IN ('CREATED', 'IN_PROGRESS') THEN 1 ELSE 0 END), 0) AS BIGINT) AS open, \
         CAST(COALESCE(sum(CASE WHEN status IN ('COMPLETED', 'CLOSED') THEN 1 ELSE 0 END), 0) AS BIGINT) \
         AS completed, CAST(COALESCE(sum(target_quantity), 0) AS BIGINT) AS target, \
         CAST(COALESCE(sum(actual_quantity), 0) AS BIGINT) AS units, \
         CAST(COALESCE(sum(passed_quantity), 0) AS BIGINT) AS passed, \
         CAST(COALESCE(sum(failed_quantity), 0) AS BIGINT) AS failed, \
         CAST(COALESCE(sum(scrapped_quantity), 0) AS BIGINT) AS scrapped FROM lot";
    let filter = Filter::default()
        .maybe("production_date >= ?", query.from.map(|d| d.to_string()))
        .maybe("production_date <= ?", query.to.map(|d| d.to_string()))
        .maybe("product_model_id = ?", query.product_model_id.map(|id| id.0))
        .maybe("production_line_id = ?", query.production_line_id.map(|id| id.0));
    let rows: Vec<LotFiguresRow> = listing::rows(db, "lot_figures", select, &filter, "").await?;
    Ok(rows.first().map_or_else(LotFigures::default, |row| LotFigures {
        lots: row.lots,
        open: row.open,
        completed: row.completed,
        target: row.target,
        units: row.units,
        passed: row.passed,
        failed: row.failed,
        scrapped: row.scrapped,
    }))
}

/// Units in the line: for each number of the highest process they have passed (0: none), how many are in progress.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn units_by_position(db: &Db) -> Result<Vec<(ProcessNumber, i64)>, StoreError> {
    let sql = "SELECT position, count(*) FROM serial WHERE status = 'IN_PROGRESS' GROUP BY position ORDER BY position";
    let rows = read_all!(db, "units_by_position", (i64, i64), sql)?;
    Ok(rows.into_iter().map(|(position, n)| (ProcessNumber(position), n)).collect())
}

/// Units of some lots, by the number of the highest process they have passed.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lot_positions(
    db: &Db,
    lots: &[LotId],
) -> Result<HashMap<LotId, Vec<(ProcessNumber, i64)>>, StoreError> {
    let filter = Filter::default().among(db.engine(), "lot_id", lots.iter().map(|id| id.0));
    let select = "SELECT lot_id, position, count(*) FROM serial";
    let rest = "GROUP BY lot_id, position ORDER BY lot_id, position";
    let rows: Vec<(i64, i64, i64)> = listing::rows(db, "lot_positions", select, &filter, rest).await?;
    let mut positions: HashMap<LotId, Vec<(ProcessNumber, i64)>> = HashMap::new();
    for (lot, position, n) in rows {
        positions.entry(LotId(lot)).or_default().push((ProcessNumber(position), n));
    }
    Ok(positions)
}

/// Runs that are open, by process: how many, and when the oldest was started.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn open_by_process(db: &Db) -> Result<Vec<(ProcessId, i64, Timestamp)>, StoreError> {
    let sql =
        "SELECT process_id, count(*), min(started_at) FROM run_open GROUP BY process_id ORDER BY process_id";
    let rows = read_all!(db, "open_by_process", (i64, i64, i64), sql)?;
    Ok(rows.into_iter().map(|(id, n, at)| (ProcessId(id), n, Timestamp::from_us(at))).collect())
}

#[derive(sqlx::FromRow)]
struct OpenRow {
    run_id: i64,
    lot_id: i64,
    serial_id: Option<i64>,
    number: String,
    process_id: i64,
    process_number: i64,
    planned_s: i64,
    started_at: i64,
    equipment_id: Option<i64>,
    operator_id: i64,
}

/// Open runs that have lasted longer than `percent` of their planned time at `now`, oldest first; at most `limit`. Runs
/// of processes without a planned time are left out.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn runs_delayed(
    db: &Db,
    percent: i64,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OpenWork>, StoreError> {
    let sql = "SELECT o.run_id, o.lot_id, o.serial_id, COALESCE(s.serial_number, l.lot_number) AS number, \
               o.process_id, p.process_number, p.estimated_duration_seconds AS planned_s, o.started_at, \
               r.equipment_id, r.operator_id FROM run_open o JOIN process p ON p.id = o.process_id \
               JOIN process_run r ON r.id = o.run_id JOIN lot l ON l.id = o.lot_id \
               LEFT JOIN serial s ON s.id = o.serial_id WHERE p.estimated_duration_seconds > 0 \
               AND ($1 - o.started_at) > p.estimated_duration_seconds * 10000 * $2 \
               ORDER BY o.started_at, o.run_id LIMIT $3";
    let rows = read_all!(db, "runs_delayed", OpenRow, sql, now.us(), percent, i64::from(limit))?;
    Ok(rows
        .into_iter()
        .map(|row| OpenWork {
            run_id: RunId(row.run_id),
            lot_id: LotId(row.lot_id),
            serial_id: row.serial_id.map(SerialId),
            number: row.number,
            process_id: ProcessId(row.process_id),
            process_number: ProcessNumber(row.process_number),
            planned_s: row.planned_s,
            started_at: Timestamp::from_us(row.started_at),
            equipment_id: row.equipment_id.map(EquipmentId),
            operator_id: OperatorId(row.operator_id),
        })
        .collect())
}
