//! Reworks: what was approved, and when work began again.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, NewRework, OperatorId, ProcessId, Rework, ReworkEffects, ReworkId, Serial, SerialId,
};

use super::catalog;
use super::lot_write::lots_save;
use super::serial_write::serials_save;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "rework";

pub(super) const SELECT: &str = "SELECT id, serial_id, number, process_id, failure_reason, reason, approved_by, \
     approved_at, restarted_at FROM rework";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    serial_id: i64,
    number: i64,
    process_id: Option<i64>,
    failure_reason: String,
    reason: String,
    approved_by: i64,
    approved_at: i64,
    restarted_at: Option<i64>,
}

impl TryFrom<Row> for Rework {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let rework = NewRework {
            serial_id: SerialId(row.serial_id),
            number: u8::try_from(row.number).map_err(|e| StoreError::row(TABLE, "number", row.id, e))?,
            process_id: row.process_id.map(ProcessId),
            failure_reason: row.failure_reason,
            reason: row.reason,
            approved_by: OperatorId(row.approved_by),
            approved_at: Timestamp::from_us(row.approved_at),
            restarted_at: row.restarted_at.map(Timestamp::from_us),
        };
        Ok(Self { id: ReworkId(row.id), rework })
    }
}

/// Writes what an approval comes to: the rework, the unit, the lot, the figures of the day and the events. `failed` is the
/// unit as it was.
///
/// # Errors
/// [`StoreError::Conflict`] when the unit has a rework of that number; [`StoreError::Nul`], [`StoreError::Query`],
/// [`StoreError::Aborted`].
pub async fn rework_store(
    tx: &mut Tx,
    calendar: &Calendar,
    failed: &Serial,
    effects: &ReworkEffects,
) -> Result<Rework, StoreError> {
    let rework = &effects.rework;
    text::check("rework.reason", &rework.reason)?;
    let sql = "INSERT INTO rework (serial_id, number, process_id, failure_reason, failed_at, reason, approved_by, \
               approved_at, restarted_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "rework_store",
        (i64,),
        sql,
        rework.serial_id.0,
        i64::from(rework.number),
        rework.process_id.map(|id| id.0),
        rework.failure_reason.as_str(),
        failed.state.completed_at().unwrap_or(rework.approved_at).us(),
        rework.reason.as_str(),
        rework.approved_by.0,
        rework.approved_at.us(),
        rework.restarted_at.map(Timestamp::us),
    )?;
    let Some((id,)) = rows.first() else {
        let what = format!("rework {} of serial {}", rework.number, failed.serial_number);
        return Err(StoreError::Conflict { what });
    };
    serials_save(tx, calendar, std::slice::from_ref(&effects.serial)).await?;
    lots_save(tx, std::slice::from_ref(&effects.lot)).await?;
    tx.journal_many(effects.events.clone()).await?;
    Ok(Rework { id: ReworkId(*id), rework: rework.clone() })
}

/// Notes when work began again after an approval.
pub(super) async fn rework_restarted(tx: &mut Tx, id: ReworkId, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE rework SET restarted_at = $2 WHERE id = $1";
    let changed = write_exec!(tx, "rework_restarted", sql, id.0, at.us())?;
    catalog::present(changed, || format!("rework {id}"))
}

/// Reworks, those approved last first: of one unit, or of all.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn rework_list(
    db: &Db,
    serial_id: Option<SerialId>,
    slice: Slice,
) -> Result<Page<Rework>, StoreError> {
    let filter = Filter::default().maybe("serial_id = ?", serial_id.map(|id| id.0));
    let order = "approved_at DESC, id DESC";
    listing::page::<Row, _>(db, "rework_list", (SELECT, TABLE), &filter, order, slice).await
}

/// All reworks of a unit, in their order.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn rework_history(db: &Db, serial_id: SerialId) -> Result<Vec<Rework>, StoreError> {
    let filter = Filter::default().and("serial_id = ?", serial_id.0);
    catalog::all(listing::rows::<Row>(db, "rework_history", SELECT, &filter, "ORDER BY number").await?)
}
