//! Stored verdicts, read.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{ResultRecord, SensorId, SensorKey, Verdict};

use super::result_row::{ResultRow, records, select_result};
use crate::{Db, StoreError};

/// Which results are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultQuery {
    /// Of this sensor; of all when absent. An id that was used again finds the results of all its registrations.
    pub sensor_id: Option<SensorId>,
    /// Decided at or after this.
    pub start: Timestamp,
    /// Decided before this.
    pub end: Timestamp,
    /// With this verdict; with any when absent.
    pub verdict: Option<Verdict>,
    /// How many of the newest to leave out.
    pub skip: u64,
    /// How many to give.
    pub limit: u32,
}

/// A page of results, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultPage {
    /// The results.
    pub results: Vec<ResultRecord>,
    /// How many there are in all.
    pub total: u64,
}

/// The results that `query` asks for, newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn results_list(db: &Db, query: &ResultQuery) -> Result<ResultPage, StoreError> {
    let id = query.sensor_id.as_ref().map(SensorId::as_str);
    let word = query.verdict.map(Verdict::as_str);
    let (start, end) = (query.start.us(), query.end.us());
    let (limit, skip) = (i64::from(query.limit), i64::try_from(query.skip).unwrap_or(i64::MAX));
    // Two texts each, so that the one with a sensor can use its index.
    let (page, count) = match id {
        Some(_) => (
            select_result!(
                "result r WHERE r.sensor_id = $1 AND r.inference_time >= $2 AND r.inference_time < $3 \
                 AND (CAST($4 AS TEXT) IS NULL OR r.verdict = $4) \
                 ORDER BY r.inference_time DESC, r.id DESC LIMIT $5 OFFSET $6"
            ),
            "SELECT count(*) FROM result r WHERE r.sensor_id = $1 AND r.inference_time >= $2 \
             AND r.inference_time < $3 AND (CAST($4 AS TEXT) IS NULL OR r.verdict = $4)",
        ),
        None => (
            select_result!(
                "result r WHERE CAST($1 AS TEXT) IS NULL AND r.inference_time >= $2 AND r.inference_time < $3 \
                 AND (CAST($4 AS TEXT) IS NULL OR r.verdict = $4) \
                 ORDER BY r.inference_time DESC, r.id DESC LIMIT $5 OFFSET $6"
            ),
            "SELECT count(*) FROM result r WHERE CAST($1 AS TEXT) IS NULL AND r.inference_time >= $2 \
             AND r.inference_time < $3 AND (CAST($4 AS TEXT) IS NULL OR r.verdict = $4)",
        ),
    };
    let rows = read_all!(db, "results_list", ResultRow, page, id, start, end, word, limit, skip)?;
    let total = read_one!(db, "results_list", (i64,), count, id, start, end, word)?;
    let total = total.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0);
    Ok(ResultPage { results: records(rows)?, total })
}

/// The result with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn result_find(db: &Db, id: i64) -> Result<Option<ResultRecord>, StoreError> {
    let row = read_one!(db, "result_find", ResultRow, select_result!("result r WHERE r.id = $1"), id)?;
    row.map(ResultRecord::try_from).transpose()
}

/// Up to `limit` results that wait for a scorer, oldest first. Those of removed sensors wait for nothing.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn results_unscored(db: &Db, limit: u32) -> Result<Vec<ResultRecord>, StoreError> {
    let sql = select_result!(
        "result r JOIN sensor s ON s.key = r.sensor_key AND s.removed_at IS NULL \
         WHERE r.verdict = 'unscored' ORDER BY r.id LIMIT $1"
    );
    records(read_all!(db, "results_unscored", ResultRow, sql, i64::from(limit))?)
}

/// A sensor's verdict on its newest window: the one with the latest `as_of`, of several the last stored.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn result_latest(db: &Db, key: SensorKey) -> Result<Option<ResultRecord>, StoreError> {
    let sql = select_result!("result r WHERE r.sensor_key = $1 ORDER BY r.as_of DESC, r.id DESC LIMIT 1");
    read_one!(db, "result_latest", ResultRow, sql, key.0)?.map(ResultRecord::try_from).transpose()
}

/// [`result_latest`] of every registered sensor that has one, in the order of their keys.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn results_latest_all(db: &Db) -> Result<Vec<ResultRecord>, StoreError> {
    let sql = select_result!(
        "sensor s JOIN result r ON r.id = (SELECT l.id FROM result l WHERE l.sensor_key = s.key \
         ORDER BY l.as_of DESC, l.id DESC LIMIT 1) WHERE s.removed_at IS NULL ORDER BY s.key"
    );
    records(read_all!(db, "results_latest_all", ResultRow, sql)?)
}
