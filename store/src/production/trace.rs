//! Traceability: all that is known of a unit, and all units that hold a part of a lot.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Component, LotId, Rework, RunId, SerialId};

use super::rework::rework_history;
use super::run::{run_history, run_history_lot};
use super::run_row::RunView;
use super::serial::serial_find;
use super::serial_row::{SELECT_VIEW, SerialView, SerialViewRow};
use crate::listing::{self, Filter, Joined};
use crate::{Db, Page, Slice, StoreError};

/// Most runs of one unit that a trace shows: eight processes, three reworks, and room for many attempts.
const TRACE_RUNS_MAX: u32 = 1_000;

/// A part that was built into a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUse {
    /// The part.
    pub part: Component,
    /// The run that built it in.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
}

/// All that is known of a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The unit and its lot.
    pub serial: SerialView,
    /// Its runs, in the order in which they were started.
    pub runs: Vec<RunView>,
    /// Runs of its lot as a whole.
    pub lot_runs: Vec<RunView>,
    /// Its reworks.
    pub reworks: Vec<Rework>,
    /// What was built into it.
    pub parts: Vec<PartUse>,
}

/// All that is known of the unit with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn trace(db: &Db, id: SerialId) -> Result<Option<Trace>, StoreError> {
    let Some(serial) = serial_find(db, id).await? else { return Ok(None) };
    let (runs, lot_runs, reworks, parts) = futures::try_join!(
        run_history(db, id, TRACE_RUNS_MAX),
        run_history_lot(db, serial.lot.id, TRACE_RUNS_MAX),
        rework_history(db, id),
        parts_of(db, id),
    )?;
    Ok(Some(Trace { serial, runs, lot_runs, reworks, parts }))
}

/// What was built into a unit, in order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn parts_of(db: &Db, serial_id: SerialId) -> Result<Vec<PartUse>, StoreError> {
    let filter = Filter::default().and("serial_id = ?", serial_id.0);
    let select = "SELECT kind, component_lot, run_id, at FROM component";
    let rows: Vec<(String, String, i64, i64)> =
        listing::rows(db, "parts_of", select, &filter, "ORDER BY at, run_id, kind").await?;
    Ok(rows
        .into_iter()
        .map(|(kind, lot_number, run_id, at)| PartUse {
            part: Component { kind, lot_number },
            run_id: RunId(run_id),
            at: Timestamp::from_us(at),
        })
        .collect())
}

const HOLDING: Joined<'_> =
    Joined { select: SELECT_VIEW, from: "serial s", row: "s", inner_order: "s.id", order: "s.id" };

/// The units that hold a part of that lot, of one kind or of any, in the order of their ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn serials_with_part(
    db: &Db,
    component_lot: &str,
    kind: Option<&str>,
    slice: Slice,
) -> Result<Page<SerialView>, StoreError> {
    let of_lot = "s.id IN (SELECT c.serial_id FROM component c WHERE c.component_lot = ?)";
    let of_kind =
        "EXISTS (SELECT 1 FROM component k WHERE k.serial_id = s.id AND k.kind = ? AND k.component_lot = $1)";
    let filter = Filter::default().and(of_lot, component_lot).maybe(of_kind, kind);
    HOLDING.page::<SerialViewRow, _>(db, "serials_with_part", &filter, slice).await
}

/// The lots whose runs as a whole used a part of that lot; their units all may hold one.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lots_with_part(db: &Db, component_lot: &str) -> Result<Vec<LotId>, StoreError> {
    let filter = Filter::default().and("component_lot = ?", component_lot).fixed("serial_id IS NULL");
    let select = "SELECT DISTINCT lot_id FROM component";
    let rows: Vec<(i64,)> = listing::rows(db, "lots_with_part", select, &filter, "ORDER BY 1").await?;
    Ok(rows.into_iter().map(|(id,)| LotId(id)).collect())
}
