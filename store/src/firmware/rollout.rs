//! Roll-outs.

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{FirmwareId, NewRollout, Rollout, RolloutId, RolloutState, RolloutStatus};
use sqlx::types::Json;

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "firmware_rollout";

const SELECT: &str = "SELECT id, firmware_id, CAST(stations AS TEXT) AS stations, stage_size, failures_max, requested_by, \
     state, reason, created_at, moved_at FROM firmware_rollout";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    firmware_id: i64,
    stations: String,
    stage_size: i64,
    failures_max: i64,
    requested_by: String,
    state: String,
    reason: Option<String>,
    created_at: i64,
    moved_at: i64,
}

impl TryFrom<Row> for Rollout {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let wrong = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let at = Timestamp::from_us(row.moved_at);
        let status = RolloutStatus::from_word(&row.state);
        let state = match status.ok_or_else(|| wrong("state", format!("`{}` is no state", row.state)))? {
            RolloutStatus::Running => RolloutState::Running,
            RolloutStatus::Stopped => RolloutState::Stopped { at, reason: row.reason.unwrap_or_default() },
            RolloutStatus::Completed => RolloutState::Completed { at },
            RolloutStatus::Cancelled => RolloutState::Cancelled { at },
        };
        let count = |column, n: i64| u32::try_from(n).map_err(|e| wrong(column, e.to_string()));
        let plan = NewRollout {
            firmware_id: FirmwareId(row.firmware_id),
            stations: text::from_json(TABLE, "stations", row.id, &row.stations)?,
            stage_size: count("stage_size", row.stage_size)?,
            failures_max: count("failures_max", row.failures_max)?,
            requested_by: row.requested_by,
        };
        Ok(Self { id: RolloutId(row.id), plan, state, created_at: Timestamp::from_us(row.created_at) })
    }
}

fn first(rows: Vec<Row>) -> Result<Option<Rollout>, StoreError> {
    rows.into_iter().next().map(Rollout::try_from).transpose()
}

/// Begins a roll-out.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn rollout_insert(tx: &mut Tx, plan: NewRollout, now: Timestamp) -> Result<Rollout, StoreError> {
    text::check("firmware_rollout.requested_by", &plan.requested_by)?;
    let sql = "INSERT INTO firmware_rollout (firmware_id, stations, stage_size, failures_max, requested_by, state, \
               created_at, moved_at) VALUES ($1, $2, $3, $4, $5, 'running', $6, $6) RETURNING id";
    let rows = write_all!(
        tx,
        "rollout_insert",
        (i64,),
        sql,
        plan.firmware_id.0,
        Json(&plan.stations),
        i64::from(plan.stage_size),
        i64::from(plan.failures_max),
        plan.requested_by.as_str(),
        now.us(),
    )?;
    let id = RolloutId(rows.first().map_or(0, |(id,)| *id));
    Ok(Rollout { id, plan, state: RolloutState::Running, created_at: now })
}

/// Ends a roll-out that runs; whether it did.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn rollout_save(tx: &mut Tx, rollout: &Rollout) -> Result<bool, StoreError> {
    let (reason, at) = match &rollout.state {
        RolloutState::Running => (None, rollout.created_at),
        RolloutState::Stopped { at, reason } => (Some(reason.as_str()), *at),
        RolloutState::Completed { at } | RolloutState::Cancelled { at } => (None, *at),
    };
    let sql = "UPDATE firmware_rollout SET state = $2, reason = $3, moved_at = $4 WHERE id = $1 AND state = 'running'";
    let state = rollout.state.status().as_str();
    Ok(write_exec!(tx, "rollout_save", sql, rollout.id.0, state, reason, at.us())? == 1)
}

/// A roll-out as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn rollout_read(tx: &mut Tx, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    first(listing::tx_rows::<Row>(tx, "rollout_read", SELECT, &filter, "").await?)
}

/// The roll-out with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn rollout_find(db: &Db, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    first(listing::rows::<Row>(db, "rollout_find", SELECT, &filter, "").await?)
}

/// The roll-outs that run.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn rollouts_running(db: &Db, most: u32) -> Result<Vec<Rollout>, StoreError> {
    let filter = Filter::default().fixed("state = 'running'");
    let rows: Vec<Row> =
        listing::slice_rows(db, "rollouts_running", SELECT, &filter, "id", Slice::first(most)).await?;
    rows.into_iter().map(Rollout::try_from).collect()
}

/// The roll-outs, those begun last first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn rollout_list(db: &Db, slice: Slice) -> Result<Page<Rollout>, StoreError> {
    listing::page::<Row, _>(db, "rollout_list", (SELECT, TABLE), &Filter::default(), "id DESC", slice).await
}
