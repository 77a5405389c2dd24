//! Requests for briefings. A person has at most one that runs: starting another ends it in the same unit of work.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{
    AskerId, Carry, EndReason, Interval, NewRequest, Request, RequestId, RequestState,
};
use sqlx::types::Json;

use crate::listing::{self, Filter};
use crate::{Db, Slice, StoreError, Tx, text};

const TABLE: &str = "briefing_request";

const SELECT: &str = "SELECT id, asker_id, interval_s, started_at, ends_at, end_text, ended_at, end_reason, covered_seq, \
     told_at, CAST(carry AS TEXT) AS carry FROM briefing_request";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    asker_id: i64,
    interval_s: i64,
    started_at: i64,
    ends_at: i64,
    end_text: String,
    ended_at: Option<i64>,
    end_reason: Option<String>,
    covered_seq: i64,
    told_at: Option<i64>,
    carry: String,
}

/// How far a request has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The last event that was told of.
    pub covered_seq: i64,
    /// When the last text was due.
    pub told_at: Option<Timestamp>,
    /// What goes on to the next text.
    pub carry: Carry,
}

/// A request with its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The request.
    pub request: Request,
    /// How far it has been told.
    pub progress: Progress,
}

impl TryFrom<Row> for Request {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let fault = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let interval = u32::try_from(row.interval_s).map_err(|e| fault("interval_s", e.to_string()))?;
        let interval = Interval::try_from(interval).map_err(|e| fault("interval_s", e.to_string()))?;
        let state = match (row.ended_at, row.end_reason.as_deref()) {
            (None, _) => RequestState::Running,
            (Some(at), word) => {
                let reason = word.and_then(EndReason::from_word);
                let reason = reason.ok_or_else(|| fault("end_reason", "is no reason".to_owned()))?;
                RequestState::Ended { at: Timestamp::from_us(at), reason }
            }
        };
        let request = NewRequest {
            asker_id: AskerId(row.asker_id),
            interval,
            started_at: Timestamp::from_us(row.started_at),
            ends_at: Timestamp::from_us(row.ends_at),
            end_text: row.end_text,
        };
        Ok(Self { id: RequestId(row.id), request, state })
    }
}

impl TryFrom<Row> for Running {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let progress = Progress {
            covered_seq: row.covered_seq,
            told_at: row.told_at.map(Timestamp::from_us),
            carry: text::from_json(TABLE, "carry", row.id, &row.carry)?,
        };
        Ok(Self { request: row.try_into()?, progress })
    }
}

/// Starts a request and ends the one of the same person that runs. Gives the new one, and the number of the one that ended.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn request_start(
    tx: &mut Tx,
    new: &NewRequest,
    covered_seq: i64,
    carry: &Carry,
) -> Result<(Request, Option<RequestId>), StoreError> {
    text::check("briefing_request.end_text", &new.end_text)?;
    let carry = text::to_json("briefing_request.carry", carry)?;
    let (asker, at) = (new.asker_id.0, new.started_at.us());
    let sql = "UPDATE briefing_request SET ended_at = $2, end_reason = $3 \
               WHERE asker_id = $1 AND ended_at IS NULL RETURNING id";
    let reason = EndReason::Replaced.as_str();
    let ended = write_all!(tx, "request_start", (i64,), sql, asker, at, reason)?;
    let sql = "INSERT INTO briefing_request (asker_id, interval_s, started_at, ends_at, end_text, covered_seq, carry) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
    let rows = write_all!(
        tx,
        "request_start",
        (i64,),
        sql,
        asker,
        i64::from(new.interval.seconds()),
        at,
        new.ends_at.us(),
        new.end_text.as_str(),
        covered_seq,
        Json(&carry)
    )?;
    let id = RequestId(rows.first().expect("an insert gives its row").0);
    let request = Request { id, request: new.clone(), state: RequestState::Running };
    Ok((request, ended.first().map(|(id,)| RequestId(*id))))
}

/// Ends a request that runs; whether it did.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn request_end(
    tx: &mut Tx,
    id: RequestId,
    at: Timestamp,
    reason: EndReason,
) -> Result<bool, StoreError> {
    let sql = "UPDATE briefing_request SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL";
    let ended = write_exec!(tx, "request_end", sql, id.0, at.us(), reason.as_str())?;
    Ok(ended > 0)
}

/// A request with its progress.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn request_find(db: &Db, id: RequestId) -> Result<Option<Running>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    let rows = listing::rows::<Row>(db, "request_find", SELECT, &filter, "").await?;
    rows.into_iter().next().map(Running::try_from).transpose()
}

/// Every request that runs, after `after`, by number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn requests_running(db: &Db, after: RequestId, limit: u32) -> Result<Vec<Request>, StoreError> {
    let filter = Filter::default().fixed("ended_at IS NULL").and("id > ?", after.0);
    let rows: Vec<Row> =
        listing::slice_rows(db, "requests_running", SELECT, &filter, "id", Slice::first(limit)).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// A person's requests, the newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn request_list(db: &Db, asker: AskerId, limit: u32) -> Result<Vec<Request>, StoreError> {
    let filter = Filter::default().and("asker_id = ?", asker.0);
    let rows: Vec<Row> =
        listing::slice_rows(db, "request_list", SELECT, &filter, "id DESC", Slice::first(limit)).await?;
    rows.into_iter().map(Request::try_from).collect()
}

/// A person's newest request.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn request_latest(db: &Db, asker: AskerId) -> Result<Option<Request>, StoreError> {
    Ok(request_list(db, asker, 1).await?.into_iter().next())
}

/// Takes away up to `limit` of the requests that ended before `before`, with their texts. Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn requests_expire(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM briefing_request WHERE id IN (SELECT id FROM briefing_request \
               WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
    write_exec!(tx, "requests_expire", sql, before.us(), i64::from(limit))
}
