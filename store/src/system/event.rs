//! The journal: what happened, in the order in which it became durable.
//!
//! There is one writer at a time, on both engines, so a sequence number is never overtaken by a smaller one that is
//! committed later: a reader that goes on from the last number it saw misses nothing.

use std::sync::LazyLock;

use nightshift_domain::{Event, NewEvent, Timestamp};
use sqlx::types::Json;

use crate::dialect::{Ladder, LazyLadder};
use crate::{Db, StoreError, Tx, text};

static EVENTS_INSERT: LazyLadder =
    LazyLock::new(|| Ladder::new("INSERT INTO event (at, kind, subject, data) VALUES", 4, "RETURNING seq"));

#[derive(sqlx::FromRow)]
struct EventRow {
    seq: i64,
    at: i64,
    kind: String,
    subject: String,
    data: String,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let data = text::from_json("event", "data", row.seq, &row.data)?;
        let event = NewEvent { at: Timestamp::from_us(row.at), kind: row.kind, subject: row.subject, data };
        Ok(Self { seq: row.seq, event })
    }
}

impl Tx {
    /// Writes an event into the journal; [`Tx::commit`] returns it.
    ///
    /// # Errors
    /// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
    pub async fn journal(&mut self, event: NewEvent) -> Result<i64, StoreError> {
        let seqs = self.journal_many(vec![event]).await?;
        Ok(seqs.first().copied().expect("one event has one sequence number"))
    }

    /// Writes events into the journal, in their order, and gives their sequence numbers.
    ///
    /// # Errors
    /// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
    pub async fn journal_many(&mut self, events: Vec<NewEvent>) -> Result<Vec<i64>, StoreError> {
        for event in &events {
            text::check("event.kind", &event.kind)?;
            text::check("event.subject", &event.subject)?;
            text::check_json("event.data", &event.data)?;
        }
        let rows = write_rows!(
            self,
            "journal",
            (i64,),
            EVENTS_INSERT,
            &events,
            |e| e.at.us(),
            &e.kind,
            &e.subject,
            Json(&e.data)
        )?;
        // Numbers are given in the order of the rows, but not every engine promises to return them in it.
        let mut seqs: Vec<i64> = rows.into_iter().map(|(seq,)| seq).collect();
        seqs.sort_unstable();
        self.events.extend(seqs.iter().zip(events).map(|(seq, event)| Event { seq: *seq, event }));
        Ok(seqs)
    }
}

/// The oldest `limit` events after `seq`, of all kinds or of those that begin with `kind_prefix`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn events_after(
    db: &Db,
    seq: i64,
    kind_prefix: Option<&str>,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let prefix = kind_prefix.unwrap_or("");
    let sql = "SELECT seq, at, kind, subject, CAST(data AS TEXT) AS data FROM event \
               WHERE seq > $1 AND substr(kind, 1, length($2)) = $2 ORDER BY seq LIMIT $3";
    let rows = read_all!(db, "events_after", EventRow, sql, seq, prefix, i64::from(limit))?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The oldest and the newest sequence number in the journal; nothing when it is empty.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn events_bounds(db: &Db) -> Result<(Option<i64>, Option<i64>), StoreError> {
    let sql = "SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)";
    let row = read_one!(db, "events_bounds", (Option<i64>, Option<i64>), sql)?;
    Ok(row.unwrap_or((None, None)))
}

/// Takes away up to `limit` of the oldest events that happened before `before`, or beyond the newest `keep_max_rows`.
/// The newest event always stays, so that a reader can tell "nothing new" from "another journal". Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn events_expire(
    tx: &mut Tx,
    before: Timestamp,
    keep_max_rows: u64,
    limit: u32,
) -> Result<u64, StoreError> {
    let keep = i64::try_from(keep_max_rows.max(1)).unwrap_or(i64::MAX);
    let sql = "SELECT max(seq) FROM event";
    let newest = write_all!(tx, "events_expire", (Option<i64>,), sql)?.first().and_then(|(seq,)| *seq);
    let Some(newest) = newest else { return Ok(0) };
    let sql = "DELETE FROM event WHERE seq IN (SELECT seq FROM \
               (SELECT seq, at FROM event WHERE seq < $1 ORDER BY seq LIMIT $4) AS oldest \
               WHERE at < $2 OR seq <= $3)";
    write_exec!(tx, "events_expire", sql, newest, before.us(), newest.saturating_sub(keep), i64::from(limit))
}
