//! Export: all rows of a table, page by page in the order of their ids. Each page begins after the last id of the one
//! before, so that the millionth page costs what the first one does.

use nightshift_domain::alerts::{Alert, AlertId};
use nightshift_domain::production::{Component, DefectId, LotId, Rework, ReworkId, RunId, SerialId};

use super::defect::{DefectView, defects_after_id};
use super::lot_row::{self, LotView, LotViewRow};
use super::rework;
use super::run::runs_after_id;
use super::run_row::RunView;
use super::serial_row::{self, SerialView, SerialViewRow};
use super::trace::PartUse;
use crate::alerts::alerts_after_id;
use crate::listing::{self, Filter, Joined};
use crate::{Db, Slice, StoreError};

const LOTS: Joined<'_> =
    Joined { select: lot_row::SELECT_VIEW, from: "lot l", row: "l", inner_order: "l.id", order: "l.id" };
const SERIALS: Joined<'_> = Joined {
    select: serial_row::SELECT_VIEW,
    from: "serial s",
    row: "s",
    inner_order: "s.id",
    order: "s.id",
};

/// Up to `limit` lots with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn lots_after(db: &Db, after: LotId, limit: u32) -> Result<Vec<LotView>, StoreError> {
    let filter = Filter::default().and("l.id > ?", after.0);
    let rows: Vec<LotViewRow> = LOTS.rows(db, "lots_after", &filter, Slice::first(limit)).await?;
    rows.into_iter().map(LotView::try_from).collect()
}

/// Up to `limit` serials with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn serials_after(db: &Db, after: SerialId, limit: u32) -> Result<Vec<SerialView>, StoreError> {
    let filter = Filter::default().and("s.id > ?", after.0);
    let rows: Vec<SerialViewRow> = SERIALS.rows(db, "serials_after", &filter, Slice::first(limit)).await?;
    rows.into_iter().map(SerialView::try_from).collect()
}

/// Up to `limit` runs with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn runs_after(db: &Db, after: RunId, limit: u32) -> Result<Vec<RunView>, StoreError> {
    runs_after_id(db, after, limit).await
}

/// Up to `limit` defects with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn defects_after(db: &Db, after: DefectId, limit: u32) -> Result<Vec<DefectView>, StoreError> {
    defects_after_id(db, after, limit).await
}

/// Up to `limit` reworks with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn reworks_after(db: &Db, after: ReworkId, limit: u32) -> Result<Vec<Rework>, StoreError> {
    let filter = Filter::default().and("id > ?", after.0);
    let rows: Vec<rework::Row> =
        listing::slice_rows(db, "reworks_after", rework::SELECT, &filter, "id", Slice::first(limit)).await?;
    rows.into_iter().map(Rework::try_from).collect()
}

/// Up to `limit` alerts with ids above `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn alerts_after(db: &Db, after: AlertId, limit: u32) -> Result<Vec<Alert>, StoreError> {
    alerts_after_id(db, after, limit).await
}

/// A part that was built in, with what it was built into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    /// The part, its run and time.
    pub used: PartUse,
    /// The unit, when it was one.
    pub serial_id: Option<SerialId>,
    /// The lot.
    pub lot_id: LotId,
}

type PartTuple = (i64, String, String, Option<i64>, i64, i64);

/// Up to `limit` parts after that of run `after.0` and kind `after.1`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn parts_after(db: &Db, after: (RunId, &str), limit: u32) -> Result<Vec<PartRow>, StoreError> {
    let sql = "SELECT run_id, kind, component_lot, serial_id, lot_id, at FROM component \
               WHERE run_id > $1 OR (run_id = $1 AND kind > $2) ORDER BY run_id, kind LIMIT $3";
    let rows = read_all!(db, "parts_after", PartTuple, sql, after.0.0, after.1, i64::from(limit))?;
    Ok(rows
        .into_iter()
        .map(|(run, kind, lot_number, serial, lot, at)| PartRow {
            used: PartUse {
                part: Component { kind, lot_number },
                run_id: RunId(run),
                at: nightshift_domain::Timestamp::from_us(at),
            },
            serial_id: serial.map(SerialId),
            lot_id: LotId(lot),
        })
        .collect())
}
