//! Process runs, read.

use std::collections::HashMap;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    DataLevel, EquipmentId, LotId, OperatorId, ProcessId, RunId, RunResult, SerialId,
};

use super::catalog;
use super::defect::defects_of_runs;
use super::run_row::{RunRow, RunView, RunViewRow, SELECT_VIEW, run_columns};
use crate::listing::{self, Filter, Joined};
use crate::{Db, Page, Slice, StoreError, Tx};

/// Which runs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Of this lot.
    pub lot_id: Option<LotId>,
    /// Of this unit.
    pub serial_id: Option<SerialId>,
    /// Of this process.
    pub process_id: Option<ProcessId>,
    /// Of this worker.
    pub operator_id: Option<OperatorId>,
    /// On this equipment.
    pub equipment_id: Option<EquipmentId>,
    /// About units, or about lots.
    pub data_level: Option<DataLevel>,
    /// That are open, or ended in a certain way.
    pub outcome: Option<RunOutcome>,
    /// Marked for review with this event.
    pub review_event: Option<String>,
    /// Started at or after this.
    pub from: Option<Timestamp>,
    /// Started before this.
    pub to: Option<Timestamp>,
}

/// Whether and how a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// It did not.
    Open,
    /// With this result.
    Ended(RunResult),
}

/// Runs as they were stored.
const BY_ID: Joined<'_> = Joined {
    select: SELECT_VIEW,
    from: "process_run r",
    row: "r",
    inner_order: "r.id DESC",
    order: "r.id DESC",
};

/// Runs as they were started.
const BY_START: Joined<'_> =
    Joined { inner_order: "r.started_at DESC, r.id DESC", order: "r.started_at DESC, r.id DESC", ..BY_ID };

/// Runs that did not pass are few: they are listed aside.
const BY_FAILURE: Joined<'_> = Joined {
    from: "run_failed f JOIN process_run r ON r.id = f.run_id",
    inner_order: "f.run_id DESC",
    ..BY_ID
};

/// Open runs are few: they are listed aside.
const BY_OPEN: Joined<'_> = Joined {
    from: "run_open o JOIN process_run r ON r.id = o.run_id",
    inner_order: "o.run_id DESC",
    ..BY_ID
};

/// The history of a unit is read forwards.
const FORWARDS: Joined<'_> =
    Joined { inner_order: "r.started_at, r.id", order: "r.started_at, r.id", ..BY_ID };

impl RunQuery {
    fn list(&self) -> (Joined<'static>, Filter) {
        let mut filter = Filter::default()
            .maybe("r.lot_id = ?", self.lot_id.map(|id| id.0))
            .maybe("r.serial_id = ?", self.serial_id.map(|id| id.0))
            .maybe("r.process_id = ?", self.process_id.map(|id| id.0))
            .maybe("r.operator_id = ?", self.operator_id.map(|id| id.0))
            .maybe("r.equipment_id = ?", self.equipment_id.map(|id| id.0))
            .maybe("r.review_event = ?", self.review_event.as_deref())
            .maybe("r.started_at >= ?", self.from.map(Timestamp::us))
            .maybe("r.started_at < ?", self.to.map(Timestamp::us));
        filter = match self.data_level {
            Some(DataLevel::Lot) => filter.fixed("r.serial_id IS NULL"),
            Some(DataLevel::Serial) => filter.fixed("r.serial_id IS NOT NULL"),
            None => filter,
        };
        match self.outcome {
            Some(RunOutcome::Open) => (BY_OPEN, filter),
            Some(RunOutcome::Ended(RunResult::Pass)) => (self.plain(), filter.and("r.result = ?", "PASS")),
            Some(RunOutcome::Ended(result)) if self.lot_id.is_none() && self.serial_id.is_none() => {
                (BY_FAILURE, filter.and("f.result = ?", result.as_str()))
            }
            Some(RunOutcome::Ended(result)) => (self.plain(), filter.and("r.result = ?", result.as_str())),
            None => (self.plain(), filter),
        }
    }

    fn plain(&self) -> Joined<'static> {
        if self.from.is_some() || self.to.is_some() { BY_START } else { BY_ID }
    }

    /// What the figures per day count, where they can: a count of millions of rows otherwise. The expression to sum and
    /// the days' own filter.
    fn counted(&self) -> Option<(&'static str, Filter)> {
        let plain = self.lot_id.is_none()
            && self.serial_id.is_none()
            && self.review_event.is_none()
            && self.from.is_none()
            && self.to.is_none();
        let expression = match self.outcome {
            None => "started",
            Some(RunOutcome::Ended(RunResult::Pass)) => "passed",
            Some(RunOutcome::Ended(RunResult::Fail)) => "failed",
            Some(RunOutcome::Ended(RunResult::Rework)) => "reworked",
            Some(RunOutcome::Open) => "started - passed - failed - reworked",
        };
        let filter = Filter::default()
            .maybe("process_id = ?", self.process_id.map(|id| id.0))
            .maybe("operator_id = ?", self.operator_id.map(|id| id.0))
            .maybe("equipment_id = ?", self.equipment_id.map(|id| id.0))
            .maybe("data_level = ?", self.data_level.map(DataLevel::as_str));
        plain.then_some((expression, filter))
    }
}

/// The runs that `query` asks for: newest first, or by start when a span of time is asked for.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn run_list(db: &Db, query: &RunQuery, slice: Slice) -> Result<Page<RunView>, StoreError> {
    let (list, filter) = query.list();
    let rows: Vec<RunViewRow> = list.rows(db, "run_list", &filter, slice).await?;
    let total = match (listing::known_total(rows.len(), slice), query.counted()) {
        (Some(total), _) => total,
        (None, Some((expression, days))) => {
            let select = format!("SELECT CAST(COALESCE(sum({expression}), 0) AS BIGINT) FROM run_day");
            let sums: Vec<(i64,)> = listing::rows(db, "run_list", &select, &days, "").await?;
            sums.first().and_then(|(n,)| u64::try_from(*n).ok()).unwrap_or(0)
        }
        (None, None) => listing::count(db, "run_list", list.from, &filter).await?,
    };
    Ok(Page { items: views(db, rows).await?, total })
}

/// All runs of a unit, in the order in which they were started; at most `limit`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn run_history(db: &Db, serial_id: SerialId, limit: u32) -> Result<Vec<RunView>, StoreError> {
    let filter = Filter::default().and("r.serial_id = ?", serial_id.0);
    let rows = FORWARDS.rows(db, "run_history", &filter, Slice::first(limit)).await?;
    views(db, rows).await
}

/// All runs of a lot as a whole, in the order in which they were started; at most `limit`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn run_history_lot(db: &Db, lot_id: LotId, limit: u32) -> Result<Vec<RunView>, StoreError> {
    let filter = Filter::default().and("r.lot_id = ?", lot_id.0).fixed("r.serial_id IS NULL");
    let rows = FORWARDS.rows(db, "run_history_lot", &filter, Slice::first(limit)).await?;
    views(db, rows).await
}

const IN_ID_ORDER: Joined<'_> = Joined { inner_order: "r.id", order: "r.id", ..BY_ID };

pub(super) async fn runs_after_id(db: &Db, after: RunId, limit: u32) -> Result<Vec<RunView>, StoreError> {
    let filter = Filter::default().and("r.id > ?", after.0);
    let rows = IN_ID_ORDER.rows(db, "runs_after", &filter, Slice::first(limit)).await?;
    views(db, rows).await
}

/// The run with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn run_find(db: &Db, id: RunId) -> Result<Option<RunView>, StoreError> {
    let filter = Filter::default().and("r.id = ?", id.0);
    let rows = BY_ID.rows(db, "run_find", &filter, Slice::first(1)).await?;
    Ok(views(db, rows).await?.into_iter().next())
}

async fn views(db: &Db, rows: Vec<RunViewRow>) -> Result<Vec<RunView>, StoreError> {
    let ids: Vec<RunId> = rows.iter().map(|row| RunId(row.run.id)).collect();
    let mut defects = HashMap::new();
    for defect in defects_of_runs(db, &ids).await? {
        defects.entry(defect.run_id).or_insert_with(Vec::new).push(defect);
    }
    rows.into_iter().map(|row| row.view(&mut defects)).collect()
}

const SELECT: &str =
    concat!("SELECT ", run_columns!(), " FROM process_run r LEFT JOIN run_data d ON d.run_id = r.id");

/// A run as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn run_read(
    tx: &mut Tx,
    id: RunId,
) -> Result<Option<nightshift_domain::production::Run>, StoreError> {
    let filter = Filter::default().and("r.id = ?", id.0);
    catalog::first(listing::tx_rows::<RunRow>(tx, "run_read", SELECT, &filter, "").await?)
}

/// Changes the note of a completed run.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such run, or it is open.
pub async fn run_note(tx: &mut Tx, id: RunId, notes: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
    crate::text::check("run_data.notes", notes.unwrap_or(""))?;
    let changed =
        write_exec!(tx, "run_note", "UPDATE run_data SET notes = $2 WHERE run_id = $1", id.0, notes)?;
    catalog::present(changed, || format!("completed run {id}"))?;
    let sql = "UPDATE process_run SET updated_at = $2 WHERE id = $1";
    write_exec!(tx, "run_note", sql, id.0, now.us()).map(|_| ())
}
