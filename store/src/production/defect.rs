//! Defects: listed, and what was found out about them.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Defect, DefectId, DefectSeverity, DefectSpec, EquipmentId, LotId, OperatorId, ProcessId, RunId, SerialId,
};

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "defect";

const SELECT: &str = "SELECT id, run_id, lot_id, serial_id, process_id, operator_id, equipment_id, code, name, severity, \
     CAST(measured_value AS TEXT) AS measured_value, expected_range, cause, analysis, created_at, updated_at \
     FROM defect";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    run_id: i64,
    lot_id: i64,
    serial_id: Option<i64>,
    process_id: i64,
    operator_id: i64,
    equipment_id: Option<i64>,
    code: String,
    name: Option<String>,
    severity: String,
    measured_value: Option<String>,
    expected_range: Option<String>,
    cause: Option<String>,
    analysis: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Defect {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let severity = DefectSeverity::from_word(&row.severity).ok_or_else(|| {
            StoreError::row(TABLE, "severity", row.id, format!("`{}` is not known", row.severity))
        })?;
        let measured = row.measured_value.as_deref();
        let measured = measured.map(|v| text::from_json(TABLE, "measured_value", row.id, v)).transpose()?;
        Ok(Self {
            id: DefectId(row.id),
            run_id: RunId(row.run_id),
            spec: DefectSpec {
                code: row.code,
                name: row.name,
                severity,
                measured_value: measured,
                expected_range: row.expected_range,
                cause: row.cause,
                analysis: row.analysis,
            },
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A defect with the run that found it.
#[derive(Debug, Clone, PartialEq)]
pub struct DefectView {
    /// The defect.
    pub defect: Defect,
    /// The lot.
    pub lot_id: LotId,
    /// The unit.
    pub serial_id: Option<SerialId>,
    /// The process.
    pub process_id: ProcessId,
    /// Who worked.
    pub operator_id: OperatorId,
    /// The equipment, if it is registered.
    pub equipment_id: Option<EquipmentId>,
}

impl TryFrom<Row> for DefectView {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            lot_id: LotId(row.lot_id),
            serial_id: row.serial_id.map(SerialId),
            process_id: ProcessId(row.process_id),
            operator_id: OperatorId(row.operator_id),
            equipment_id: row.equipment_id.map(EquipmentId),
            defect: row.try_into()?,
        })
    }
}

/// Which defects are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefectQuery {
    /// Of this lot.
    pub lot_id: Option<LotId>,
    /// Of this unit.
    pub serial_id: Option<SerialId>,
    /// Found by this process.
    pub process_id: Option<ProcessId>,
    /// Found by this worker.
    pub operator_id: Option<OperatorId>,
    /// Of this code.
    pub code: Option<String>,
    /// Of this severity.
    pub severity: Option<DefectSeverity>,
    /// Found at or after this.
    pub from: Option<Timestamp>,
    /// Found before this.
    pub to: Option<Timestamp>,
}

/// The defects that `query` asks for, newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn defect_list(db: &Db, query: &DefectQuery, slice: Slice) -> Result<Page<DefectView>, StoreError> {
    let filter = Filter::default()
        .maybe("lot_id = ?", query.lot_id.map(|id| id.0))
        .maybe("serial_id = ?", query.serial_id.map(|id| id.0))
        .maybe("process_id = ?", query.process_id.map(|id| id.0))
        .maybe("operator_id = ?", query.operator_id.map(|id| id.0))
        .maybe("code = ?", query.code.as_deref())
        .maybe("severity = ?", query.severity.map(DefectSeverity::as_str))
        .maybe("created_at >= ?", query.from.map(Timestamp::us))
        .maybe("created_at < ?", query.to.map(Timestamp::us));
    let order = "created_at DESC, id DESC";
    listing::page::<Row, _>(db, "defect_list", (SELECT, TABLE), &filter, order, slice).await
}

/// The defect with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn defect_find(db: &Db, id: DefectId) -> Result<Option<DefectView>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::rows::<Row>(db, "defect_find", SELECT, &filter, "").await?)
}

pub(super) async fn defects_after_id(
    db: &Db,
    after: DefectId,
    limit: u32,
) -> Result<Vec<DefectView>, StoreError> {
    let filter = Filter::default().and("id > ?", after.0);
    let slice = Slice::first(limit);
    let rows: Vec<Row> = listing::slice_rows(db, "defects_after", SELECT, &filter, "id", slice).await?;
    catalog::all(rows)
}

/// The defects of several runs, in the order of their ids.
pub(super) async fn defects_of_runs(db: &Db, runs: &[RunId]) -> Result<Vec<Defect>, StoreError> {
    if runs.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::default().among(db.engine(), "run_id", runs.iter().map(|id| id.0));
    catalog::all(listing::rows::<Row>(db, "defects_of_runs", SELECT, &filter, "ORDER BY id").await?)
}

/// Keeps what was found out about a defect.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such defect; [`StoreError::Nul`].
pub async fn defect_analyse(
    tx: &mut Tx,
    id: DefectId,
    cause: Option<&str>,
    analysis: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check("defect.cause", cause.unwrap_or(""))?;
    text::check("defect.analysis", analysis.unwrap_or(""))?;
    let sql = "UPDATE defect SET cause = $2, analysis = $3, updated_at = $4 WHERE id = $1";
    let changed = write_exec!(tx, "defect_analyse", sql, id.0, cause, analysis, now.us())?;
    catalog::present(changed, || format!("defect {id}"))
}
