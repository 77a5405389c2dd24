//! What happened in chases.

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::{CarId, Chase, ChaseEvent, Outcome};

use super::car_id;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx};

const TABLE: &str = "vehicle_event";
const SELECT: &str = "SELECT id, runner_id, catcher_id, status, at, acknowledged_at FROM vehicle_event";

/// An event with its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StoredEvent {
    /// Its number.
    pub id: i64,
    /// What happened.
    pub event: ChaseEvent,
    /// When a person first said to have seen it.
    pub acknowledged_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    runner_id: i64,
    catcher_id: Option<i64>,
    status: String,
    at: i64,
    acknowledged_at: Option<i64>,
}

impl TryFrom<Row> for StoredEvent {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let catcher = row.catcher_id.map(|id| car_id(TABLE, "catcher_id", row.id, id)).transpose()?;
        let outcome = match (row.status.as_str(), catcher) {
            ("run", None) => Outcome::Run,
            ("catch", Some(catcher_id)) => Outcome::Catch { catcher_id },
            ("failed", Some(catcher_id)) => Outcome::Failed { catcher_id },
            (other, _) => {
                let reason = format!("`{other}` is no status, or has no catcher");
                return Err(StoreError::row(TABLE, "status", row.id, reason));
            }
        };
        let runner = car_id(TABLE, "runner_id", row.id, row.runner_id)?;
        let event = ChaseEvent { runner, outcome, at: Timestamp::from_us(row.at) };
        Ok(Self { id: row.id, event, acknowledged_at: row.acknowledged_at.map(Timestamp::from_us) })
    }
}

fn status_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Run => "run",
        Outcome::Catch { .. } => "catch",
        Outcome::Failed { .. } => "failed",
    }
}

/// Keeps an event, and gives its number.
///
/// # Errors
/// [`StoreError::Query`] when its vehicles do not exist, [`StoreError::Aborted`].
pub async fn event_insert(tx: &mut Tx, event: &ChaseEvent) -> Result<i64, StoreError> {
    let sql =
        "INSERT INTO vehicle_event (runner_id, catcher_id, status, at) VALUES ($1, $2, $3, $4) RETURNING id";
    let rows = write_all!(
        tx,
        "event_insert",
        (i64,),
        sql,
        i64::from(event.runner.0),
        event.catcher().map(|id| i64::from(id.0)),
        status_word(event.outcome),
        event.at.us(),
    )?;
    Ok(rows.first().map(|(id,)| *id).expect("one event has one number"))
}

/// Notes that a person has seen an event. The first one counts.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such event.
pub async fn event_acknowledge(
    tx: &mut Tx,
    id: i64,
    by: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE vehicle_event SET acknowledged_by = CASE WHEN acknowledged_at IS NULL THEN $2 \
               ELSE acknowledged_by END, acknowledged_at = COALESCE(acknowledged_at, $3) WHERE id = $1";
    let changed = write_exec!(tx, "event_acknowledge", sql, id, by, now.us())?;
    if changed == 0 { Err(StoreError::Missing { what: format!("vehicle event {id}") }) } else { Ok(()) }
}

/// Events, the newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn event_list(db: &Db, slice: Slice) -> Result<Page<StoredEvent>, StoreError> {
    listing::page::<Row, _>(db, "event_list", (SELECT, TABLE), &Filter::default(), "id DESC", slice).await
}

/// How a runner's chase stands; nothing when it never ran.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn chase_of(db: &Db, runner: CarId) -> Result<Option<Chase>, StoreError> {
    let sql = "SELECT id, runner_id, catcher_id, status, at, acknowledged_at FROM vehicle_event \
               WHERE runner_id = $1 AND status <> 'failed' ORDER BY id DESC LIMIT 1";
    let row = read_one!(db, "chase_of", Row, sql, i64::from(runner.0))?;
    let Some(StoredEvent { event, .. }) = row.map(StoredEvent::try_from).transpose()? else {
        return Ok(None);
    };
    Ok(match event.outcome {
        Outcome::Run => Some(Chase::Running { since: event.at }),
        Outcome::Catch { catcher_id } => Some(Chase::Caught { catcher_id, at: event.at }),
        Outcome::Failed { .. } => None,
    })
}
