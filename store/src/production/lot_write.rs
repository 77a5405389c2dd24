//! Lots, written: numbers, states and counts.

use std::collections::HashMap;
use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    LOT_NUMBER_MAX, LineId, Lot, LotCounts, LotId, LotNumber, LotPlan, LotSeries, LotState, Numbering,
    ProductModelId, Refusal,
};

use super::catalog;
use super::lot_row::{LotRow, lot_columns};
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{StoreError, Tx, text};

/// Numbers of a series that are looked at at once, for one that nobody brought from elsewhere.
const CANDIDATES: u16 = 16;

pub(super) const SELECT: &str = concat!("SELECT ", lot_columns!(), " FROM lot l");

/// Takes the next number of a series. It is given back when the unit is undone, so that numbers have no gap; numbers
/// that were brought from elsewhere are passed over. The refusal says that the series is used up.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn lot_number_take(
    tx: &mut Tx,
    series: &LotSeries,
) -> Result<Result<LotNumber, Refusal>, StoreError> {
    let (prefix, date, shift) = (series.prefix(), series.date().to_string(), series.shift().as_str());
    let sql = "SELECT last_used FROM lot_counter WHERE prefix = $1 AND lot_date = $2 AND shift = $3";
    let rows = write_all!(tx, "lot_number_take", (i64,), sql, prefix, date.as_str(), shift)?;
    let last = rows.first().map_or(0, |(last,)| *last);
    let last = u16::try_from(last).map_err(|e| StoreError::row("lot_counter", "last_used", prefix, e))?;
    let number = match free_number(tx, series, last).await? {
        Ok(n) => n,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let sql = "INSERT INTO lot_counter (prefix, lot_date, shift, last_used) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (prefix, lot_date, shift) DO UPDATE SET last_used = excluded.last_used";
    write_exec!(tx, "lot_number_take", sql, prefix, date.as_str(), shift, i64::from(number))?;
    Ok(series.number(number))
}

async fn free_number(tx: &mut Tx, series: &LotSeries, last: u16) -> Result<Result<u16, Refusal>, StoreError> {
    let mut from = last;
    loop {
        let to = from.saturating_add(CANDIDATES).min(LOT_NUMBER_MAX);
        let candidates: Vec<String> =
            (from + 1..=to).filter_map(|n| series.number(n).ok()).map(String::from).collect();
        let filter =
            Filter::default().among_texts(tx.engine(), "l.lot_number", candidates.iter().map(String::as_str));
        let select = "SELECT l.lot_number FROM lot l";
        let taken: Vec<(String,)> = listing::tx_rows(tx, "lot_number_take", select, &filter, "").await?;
        let is_taken =
            |n: u16| series.number(n).is_ok_and(|text| taken.iter().any(|(t,)| t == text.as_str()));
        match series.next(from, is_taken) {
            // Beyond `to` nobody has looked yet.
            Ok(n) if n > to => from = to,
            decided => return Ok(decided),
        }
    }
}

/// Stores a lot, CREATED, under the number that it brings or the next of its series. The refusal says that the series is
/// used up.
///
/// # Errors
/// [`StoreError::Conflict`] when the number is taken, [`StoreError::Missing`] when its model or line does not exist; the
/// transaction is then usable as before.
pub async fn lot_insert(
    tx: &mut Tx,
    lot: &LotPlan,
    now: Timestamp,
) -> Result<Result<Lot, Refusal>, StoreError> {
    text::check("lot.work_order", lot.work_order.as_deref().unwrap_or(""))?;
    check_references(tx, lot.product_model_id, lot.production_line_id).await?;
    let lot_number = match &lot.numbering {
        Numbering::Given(number) => number.clone(),
        Numbering::Next(series) => match lot_number_take(tx, series).await? {
            Ok(number) => number,
            Err(refusal) => return Ok(Err(refusal)),
        },
    };
    let sql = "INSERT INTO lot (lot_number, product_model_id, production_line_id, production_date, shift, \
               target_quantity, status, work_order, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT (lot_number) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "lot_insert",
        (i64,),
        sql,
        lot_number.as_str(),
        lot.product_model_id.0,
        lot.production_line_id.map(|id| id.0),
        lot.production_date.to_string(),
        lot.shift.as_str(),
        i64::from(lot.target_quantity),
        LotState::Created.status().as_str(),
        lot.work_order.as_deref(),
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("lot {lot_number}") });
    };
    Ok(Ok(Lot {
        id: LotId(*id),
        lot_number,
        product_model_id: lot.product_model_id,
        production_line_id: lot.production_line_id,
        production_date: lot.production_date,
        shift: lot.shift,
        target_quantity: lot.target_quantity,
        work_order: lot.work_order.clone(),
        state: LotState::Created,
        counts: LotCounts::default(),
        created_at: now,
        updated_at: now,
    }))
}

async fn check_references(
    tx: &mut Tx,
    model: ProductModelId,
    line: Option<LineId>,
) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM product_model WHERE id = $1) THEN 'product model' \
               WHEN CAST($2 AS BIGINT) IS NOT NULL AND NOT EXISTS (SELECT 1 FROM production_line WHERE id = $2) \
               THEN 'production line' END";
    let line = line.map(|id| id.0);
    let missing = write_all!(tx, "lot_references", (Option<String>,), sql, model.0, line)?;
    match missing.into_iter().next() {
        Some((Some(what),)) => {
            let id = if what == "product model" { model.0 } else { line.unwrap_or(0) };
            Err(StoreError::Missing { what: format!("{what} {id}") })
        }
        _ => Ok(()),
    }
}

/// Changes what a lot is: its model, line, day, shift, target and order. Its state and counts are [`lots_save`]'s.
///
/// # Errors
/// [`StoreError::Missing`] when it, its model or its line does not exist; [`StoreError::InUse`] when its model or line
/// would change and it has serials or runs, which are counted under them.
pub async fn lot_update(tx: &mut Tx, lot: &Lot) -> Result<(), StoreError> {
    text::check("lot.work_order", lot.work_order.as_deref().unwrap_or(""))?;
    check_references(tx, lot.product_model_id, lot.production_line_id).await?;
    let line = lot.production_line_id.map_or(0, |id| id.0);
    let sql = "SELECT CASE WHEN product_model_id = $2 AND COALESCE(production_line_id, 0) = $3 THEN NULL \
               WHEN EXISTS (SELECT 1 FROM serial WHERE lot_id = $1) THEN 'serials' \
               WHEN EXISTS (SELECT 1 FROM process_run WHERE lot_id = $1) THEN 'process runs' END FROM lot WHERE id = $1";
    let used = write_all!(tx, "lot_update", (Option<String>,), sql, lot.id.0, lot.product_model_id.0, line)?;
    catalog::unused(used, || format!("the model or line of lot {}", lot.lot_number))?;
    let sql = "UPDATE lot SET product_model_id = $2, production_line_id = $3, production_date = $4, shift = $5, \
               target_quantity = $6, work_order = $7, updated_at = $8 WHERE id = $1";
    let changed = write_exec!(
        tx,
        "lot_update",
        sql,
        lot.id.0,
        lot.product_model_id.0,
        lot.production_line_id.map(|id| id.0),
        lot.production_date.to_string(),
        lot.shift.as_str(),
        i64::from(lot.target_quantity),
        lot.work_order.as_deref(),
        lot.updated_at.us(),
    )?;
    catalog::present(changed, || format!("lot {}", lot.id))
}

static LOTS_SAVE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "UPDATE lot SET status = v.column2, started_at = v.column3, completed_at = v.column4, \
         closed_at = v.column5, cancelled_at = v.column6, actual_quantity = v.column7, passed_quantity = v.column8, \
         failed_quantity = v.column9, scrapped_quantity = v.column10, updated_at = v.column11 FROM (VALUES",
        11,
        ") AS v WHERE lot.id = v.column1 RETURNING lot.id",
    )
});

/// Keeps the states and counts of lots. Of several versions of one lot the last one counts.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn lots_save(tx: &mut Tx, lots: &[Lot]) -> Result<(), StoreError> {
    let last: HashMap<LotId, usize> = lots.iter().enumerate().map(|(place, lot)| (lot.id, place)).collect();
    let lots: Vec<&Lot> =
        lots.iter().enumerate().filter(|(place, lot)| last[&lot.id] == *place).map(|(_, lot)| lot).collect();
    let at = |instant: Option<Timestamp>| instant.map(Timestamp::us);
    write_rows!(
        tx,
        "lots_save",
        (i64,),
        LOTS_SAVE,
        &lots,
        |l| l.id.0,
        l.state.status().as_str(),
        at(l.state.started_at()),
        at(l.state.completed_at()),
        at(l.state.closed_at()),
        at(l.state.cancelled_at()),
        l.counts.actual,
        l.counts.passed,
        l.counts.failed,
        l.counts.scrapped,
        l.updated_at.us()
    )
    .map(|_| ())
}

/// What a lot's counts must be: its units, counted one by one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn lot_count(tx: &mut Tx, id: LotId) -> Result<LotCounts, StoreError> {
    let sql = "SELECT count(*), CAST(COALESCE(sum(CASE WHEN status = 'PASSED' THEN 1 ELSE 0 END), 0) AS BIGINT), \
               CAST(COALESCE(sum(CASE WHEN status = 'FAILED' THEN 1 ELSE 0 END), 0) AS BIGINT), \
               CAST(COALESCE(sum(CASE WHEN status = 'FAILED' AND scrapped THEN 1 ELSE 0 END), 0) AS BIGINT) \
               FROM serial WHERE lot_id = $1";
    let rows = write_all!(tx, "lot_count", (i64, i64, i64, i64), sql, id.0)?;
    let (actual, passed, failed, scrapped) = rows.first().copied().unwrap_or_default();
    Ok(LotCounts { actual, passed, failed, scrapped })
}

/// Removes a lot.
///
/// # Errors
/// [`StoreError::InUse`] when it has serials or process runs, [`StoreError::Missing`] when there is none.
pub async fn lot_delete(tx: &mut Tx, id: LotId) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM serial WHERE lot_id = $1) THEN 'serials' \
               WHEN EXISTS (SELECT 1 FROM process_run WHERE lot_id = $1) THEN 'process runs' END";
    let used = write_all!(tx, "lot_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("lot {id}"))?;
    let changed = write_exec!(tx, "lot_delete", "DELETE FROM lot WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("lot {id}"))
}

/// Lots as the unit sees them, by number; those that do not exist are left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn lots_read_numbers(tx: &mut Tx, numbers: &[&str]) -> Result<Vec<Lot>, StoreError> {
    let filter = Filter::default().among_texts(tx.engine(), "l.lot_number", numbers.iter().copied());
    catalog::all(listing::tx_rows::<LotRow>(tx, "lots_read_numbers", SELECT, &filter, "").await?)
}

/// Lots as the unit sees them; those that do not exist are left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn lots_read(tx: &mut Tx, ids: &[LotId]) -> Result<Vec<Lot>, StoreError> {
    let filter = Filter::default().among(tx.engine(), "l.id", ids.iter().map(|id| id.0));
    catalog::all(listing::tx_rows::<LotRow>(tx, "lots_read", SELECT, &filter, "").await?)
}
