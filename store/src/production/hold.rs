//! Consequences of what sensors say: holds on equipment, the spans in which it was abnormal, and runs marked for review.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    AbnormalSpan, EquipmentId, Hold, HoldId, HoldState, NewHold, OperatorId, RunId,
};

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "hold";

const SELECT: &str =
    "SELECT id, equipment_id, reason, event_id, since, released_at, released_by, release_note FROM hold";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    equipment_id: i64,
    reason: String,
    event_id: String,
    since: i64,
    released_at: Option<i64>,
    released_by: Option<i64>,
    release_note: Option<String>,
}

impl TryFrom<Row> for Hold {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state = match (row.released_at, row.released_by) {
            (None, _) => HoldState::Active,
            (Some(at), Some(by)) => {
                HoldState::Released { at: Timestamp::from_us(at), by: OperatorId(by), note: row.release_note }
            }
            (Some(_), None) => return Err(StoreError::row(TABLE, "released_by", row.id, "is absent")),
        };
        Ok(Self {
            id: HoldId(row.id),
            equipment_id: EquipmentId(row.equipment_id),
            reason: row.reason,
            event_id: row.event_id,
            since: Timestamp::from_us(row.since),
            state,
        })
    }
}

/// Holds a piece of equipment. One that is held already stays held as it is: the hold that there is then is given.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn hold_place(tx: &mut Tx, hold: &NewHold) -> Result<Hold, StoreError> {
    text::check("hold.reason", &hold.reason)?;
    text::check("hold.event_id", &hold.event_id)?;
    let sql = "INSERT INTO hold (equipment_id, reason, event_id, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let (equipment_id, since) = (hold.equipment_id, hold.since);
    let (reason, event) = (hold.reason.as_str(), hold.event_id.as_str());
    write_exec!(tx, "hold_place", sql, equipment_id.0, reason, event, since.us())?;
    let held = holds_active_of(tx, &[equipment_id]).await?.into_iter().next();
    held.ok_or_else(|| StoreError::Missing { what: format!("hold on equipment {equipment_id}") })
}

/// Releases a hold.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such active hold; [`StoreError::Nul`].
pub async fn hold_release(
    tx: &mut Tx,
    id: HoldId,
    by: OperatorId,
    note: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    text::check("hold.release_note", note.unwrap_or(""))?;
    let sql = "UPDATE hold SET released_at = $2, released_by = $3, release_note = $4 \
               WHERE id = $1 AND released_at IS NULL";
    let changed = write_exec!(tx, "hold_release", sql, id.0, at.us(), by.0, note)?;
    catalog::present(changed, || format!("active hold {id}"))
}

/// The active holds on some equipment, as the unit sees them.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn holds_active_of(tx: &mut Tx, equipment: &[EquipmentId]) -> Result<Vec<Hold>, StoreError> {
    let filter = Filter::default()
        .among(tx.engine(), "equipment_id", equipment.iter().map(|id| id.0))
        .fixed("released_at IS NULL");
    catalog::all(listing::tx_rows::<Row>(tx, "holds_active_of", SELECT, &filter, "").await?)
}

/// A hold as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn hold_read(tx: &mut Tx, id: HoldId) -> Result<Option<Hold>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::tx_rows::<Row>(tx, "hold_read", SELECT, &filter, "").await?)
}

/// Holds, newest first: on one piece of equipment or on all, active ones alone or not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn hold_list(
    db: &Db,
    equipment_id: Option<EquipmentId>,
    active_only: bool,
    slice: Slice,
) -> Result<Page<Hold>, StoreError> {
    let mut filter = Filter::default().maybe("equipment_id = ?", equipment_id.map(|id| id.0));
    if active_only {
        filter = filter.fixed("released_at IS NULL");
    }
    listing::page::<Row, _>(db, "hold_list", (SELECT, TABLE), &filter, "id DESC", slice).await
}

/// A span in which the sensors of a piece of equipment were abnormal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSpan {
    /// The equipment.
    pub equipment_id: EquipmentId,
    /// The span: its event, beginning and rule.
    pub span: AbnormalSpan,
    /// Until when; absent while it lasts.
    pub ended_at: Option<Timestamp>,
}

type SpanRow = (i64, String, String, i64, Option<i64>);

impl From<SpanRow> for StoredSpan {
    fn from((equipment_id, event_id, rule, began_at, ended_at): SpanRow) -> Self {
        Self {
            equipment_id: EquipmentId(equipment_id),
            span: AbnormalSpan { event_id, from: Timestamp::from_us(began_at), rule },
            ended_at: ended_at.map(Timestamp::from_us),
        }
    }
}

/// Notes that a piece of equipment is abnormal. While it is, nothing is changed. Gives the event of the span that there
/// is then.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn span_begin(
    tx: &mut Tx,
    equipment_id: EquipmentId,
    span: &AbnormalSpan,
) -> Result<String, StoreError> {
    text::check("abnormal_span.event_id", &span.event_id)?;
    text::check("abnormal_span.rule", &span.rule)?;
    let sql = "INSERT INTO abnormal_span (equipment_id, event_id, rule, began_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT DO NOTHING";
    let (event, rule) = (span.event_id.as_str(), span.rule.as_str());
    write_exec!(tx, "span_begin", sql, equipment_id.0, event, rule, span.from.us())?;
    let open = spans_open_of(tx, &[equipment_id]).await?.into_iter().next();
    open.map(|(_, event)| event)
        .ok_or_else(|| StoreError::Missing { what: format!("abnormal span of equipment {equipment_id}") })
}

/// Notes that a piece of equipment is normal again. Gives the span that ended, if there was one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn span_end(
    tx: &mut Tx,
    equipment_id: EquipmentId,
    ended_at: Timestamp,
) -> Result<Option<StoredSpan>, StoreError> {
    let sql = "UPDATE abnormal_span SET ended_at = $2 WHERE equipment_id = $1 AND ended_at IS NULL \
               RETURNING equipment_id, event_id, rule, began_at, ended_at";
    let rows = write_all!(tx, "span_end", SpanRow, sql, equipment_id.0, ended_at.us())?;
    Ok(rows.into_iter().next().map(StoredSpan::from))
}

/// The events of the spans in which some equipment is now.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn spans_open_of(
    tx: &mut Tx,
    equipment: &[EquipmentId],
) -> Result<Vec<(EquipmentId, String)>, StoreError> {
    let filter = Filter::default()
        .among(tx.engine(), "equipment_id", equipment.iter().map(|id| id.0))
        .fixed("ended_at IS NULL");
    let select = "SELECT equipment_id, event_id FROM abnormal_span";
    let rows: Vec<(i64, String)> = listing::tx_rows(tx, "spans_open_of", select, &filter, "").await?;
    Ok(rows.into_iter().map(|(id, event)| (EquipmentId(id), event)).collect())
}

/// Abnormal spans of a piece of equipment, newest first; at most `limit`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn span_list(
    db: &Db,
    equipment_id: EquipmentId,
    limit: u32,
) -> Result<Vec<StoredSpan>, StoreError> {
    let sql = "SELECT equipment_id, event_id, rule, began_at, ended_at FROM abnormal_span WHERE equipment_id = $1 \
               ORDER BY began_at DESC, id DESC LIMIT $2";
    let rows = read_all!(db, "span_list", SpanRow, sql, equipment_id.0, i64::from(limit))?;
    Ok(rows.into_iter().map(StoredSpan::from).collect())
}

/// Marks the runs that were on a piece of equipment at some time from `from` to `to` and are not marked yet: open ones
/// and those that ended at or after `from`. Gives them.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn runs_mark(
    tx: &mut Tx,
    equipment_id: EquipmentId,
    event_id: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<RunId>, StoreError> {
    text::check("process_run.review_event", event_id)?;
    // The index on the start bounds what is looked at.
    let earliest = Timestamp::from_us(from.us().saturating_sub(RUN_US_MAX));
    let sql = "UPDATE process_run SET review_event = $2 WHERE equipment_id = $1 AND review_event IS NULL \
               AND started_at >= $3 AND started_at <= $5 AND (completed_at IS NULL OR completed_at >= $4) RETURNING id";
    let rows = write_all!(
        tx,
        "runs_mark",
        (i64,),
        sql,
        equipment_id.0,
        event_id,
        earliest.us(),
        from.us(),
        to.us()
    )?;
    let mut ids: Vec<RunId> = rows.into_iter().map(|(id,)| RunId(id)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// Longest run that is looked for when runs are marked: seven days in microseconds.
const RUN_US_MAX: i64 = 7 * 86_400 * 1_000_000;

/// Notes that somebody looked at the marked runs of an event. Gives how many.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn runs_reviewed(
    tx: &mut Tx,
    event_id: &str,
    by: OperatorId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    text::check("process_run.review_event", event_id)?;
    let sql = "UPDATE process_run SET reviewed_by = $2, reviewed_at = $3 \
               WHERE review_event = $1 AND review_event IS NOT NULL AND reviewed_at IS NULL";
    write_exec!(tx, "runs_reviewed", sql, event_id, by.0, at.us())
}
