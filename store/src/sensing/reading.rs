//! Readings, and the one statement that counts and the one that stores a whole group of batches.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Account, Reading, SensorKey};
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::dialect::{self, ACCOUNT_COLUMNS, ACCOUNTS_ADD, Padded};
use crate::tx::TxConn;
use crate::{Db, StoreError, Tx};

/// Times that one statement looks up.
const TIMES_PER_QUERY: usize = 10_000;

/// What one sensor adds in one group.
#[derive(Debug, Clone, Copy)]
pub struct ReadingBatch<'a> {
    /// The sensor.
    pub sensor_key: SensorKey,
    /// The fresh readings: rising times, none of them stored.
    pub readings: &'a [Reading],
    /// The account of the offer that they come from.
    pub account: Account,
}

/// Stores a group of batches and counts them, if nothing stands against any of them: the usual case, in one trip to the
/// database when there are few. When it answers `false` a part of the group may have been written: the transaction must
/// be rolled back, and [`readings_insert`] finds out in another which batches are to blame.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`] when the database fails.
pub async fn readings_insert_all(tx: &mut Tx, batches: &[ReadingBatch<'_>]) -> Result<bool, StoreError> {
    if batches.iter().any(|batch| sound(batch).is_err()) {
        return Ok(false);
    }
    let sums = sums(batches);
    let readings: Vec<(i64, Reading)> =
        batches.iter().flat_map(|b| b.readings.iter().map(|r| (b.sensor_key.0, *r))).collect();
    if !dialect::fits_one_statement(tx.engine(), sums.len(), readings.len()) {
        return Ok(accounts_add(tx, &sums).await?.is_none() && insert_all(tx, &readings).await?);
    }
    tx.enter("readings_insert_all")?;
    let done = match &mut tx.conn {
        TxConn::Sqlite(t) => dialect::readings_count_and_insert_sqlite(t, &sums, &readings).await,
        TxConn::Postgres(t) => dialect::readings_count_and_insert_postgres(t, &sums, &readings).await,
    };
    let touched = tx.leave("readings_insert_all", done)?;
    Ok(usize::try_from(touched) == Ok(sums.len() + readings.len()))
}

/// What each sensor adds to its account: its key and the five counts.
fn sums<'a>(batches: impl IntoIterator<Item = &'a ReadingBatch<'a>>) -> Vec<[i64; ACCOUNT_COLUMNS]> {
    let mut sums: HashMap<SensorKey, Account> = HashMap::new();
    for batch in batches {
        *sums.entry(batch.sensor_key).or_default() += batch.account;
    }
    sums.into_iter().map(|(key, a)| [key.0, a.offered, a.stored, a.duplicate, a.late, a.rejected]).collect()
}

/// Stores a group of batches and counts them, with one statement for all counts and one for all readings. A batch that
/// cannot be stored is refused alone, with nothing of it kept or counted: [`StoreError::Missing`] when its sensor is not
/// registered any more, [`StoreError::Conflict`] when one of its times is stored already, [`StoreError::Unbalanced`]
/// when its account does not fit its readings. The outcomes are in the order of the batches.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`] when the database fails; then nothing of the group may be kept.
pub async fn readings_insert(
    tx: &mut Tx,
    batches: &[ReadingBatch<'_>],
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let mut outcomes: Vec<Result<(), StoreError>> = batches.iter().map(sound).collect();
    let sound: Vec<usize> = (0..batches.len()).filter(|i| outcomes[*i].is_ok()).collect();
    if sound.is_empty() {
        return Ok(outcomes);
    }
    tx.savepoint().await?;
    let group: Vec<&ReadingBatch<'_>> = sound.iter().map(|i| &batches[*i]).collect();
    if let Some(results) = insert_group(tx, &group).await? {
        tx.release().await?;
        for (i, result) in sound.into_iter().zip(results) {
            outcomes[i] = result;
        }
        return Ok(outcomes);
    }
    tx.rollback_to().await?;
    for i in sound {
        tx.savepoint().await?;
        match insert_group(tx, &[&batches[i]]).await? {
            Some(results) => {
                tx.release().await?;
                outcomes[i] = results.into_iter().next().unwrap_or(Ok(()));
            }
            None => {
                tx.rollback_to().await?;
                let what =
                    format!("a reading of sensor key {} at one of these times", batches[i].sensor_key.0);
                outcomes[i] = Err(StoreError::Conflict { what });
            }
        }
    }
    Ok(outcomes)
}

fn sound(batch: &ReadingBatch<'_>) -> Result<(), StoreError> {
    let fits = batch.account.unaccounted() == 0
        && usize::try_from(batch.account.stored) == Ok(batch.readings.len())
        && batch.readings.iter().all(|r| r.value.is_finite());
    if fits { Ok(()) } else { Err(StoreError::Unbalanced { sensor_key: batch.sensor_key.0 }) }
}

/// `None` when a reading of the group is stored already.
async fn insert_group(
    tx: &mut Tx,
    group: &[&ReadingBatch<'_>],
) -> Result<Option<Vec<Result<(), StoreError>>>, StoreError> {
    let sums = sums(group.iter().copied());
    let live = accounts_add(tx, &sums).await?;
    let is_live =
        |batch: &ReadingBatch<'_>| live.as_ref().is_none_or(|live| live.contains(&batch.sensor_key.0));
    let readings: Vec<(i64, Reading)> = group
        .iter()
        .filter(|b| is_live(b))
        .flat_map(|b| b.readings.iter().map(|r| (b.sensor_key.0, *r)))
        .collect();
    if !insert_all(tx, &readings).await? {
        return Ok(None);
    }
    let outcome = |b: &&ReadingBatch<'_>| if is_live(b) { Ok(()) } else { Err(missing(b.sensor_key)) };
    Ok(Some(group.iter().map(outcome).collect()))
}

/// Adds to the accounts of the sensors that are registered; `None` when all are, else the keys of those that are.
async fn accounts_add(
    tx: &mut Tx,
    sums: &[[i64; ACCOUNT_COLUMNS]],
) -> Result<Option<HashSet<i64>>, StoreError> {
    let mut counted = 0;
    for Padded { rows, nulls, sql } in ACCOUNTS_ADD.padded(tx.engine(), sums) {
        let numbers = rows.iter().flatten().copied().map(Some);
        let numbers = numbers.chain(std::iter::repeat_n(None, nulls * ACCOUNT_COLUMNS));
        tx.enter("readings_insert")?;
        let done = match &mut tx.conn {
            TxConn::Sqlite(t) => {
                let query = numbers.fold(sqlx::query::<sqlx::Sqlite>(sql), |query, n| query.bind(n));
                query.execute(&mut **t).await.map(|done| done.rows_affected())
            }
            TxConn::Postgres(t) => {
                let query = numbers.fold(sqlx::query::<sqlx::Postgres>(sql), |query, n| query.bind(n));
                query.execute(&mut **t).await.map(|done| done.rows_affected())
            }
        };
        counted += tx.leave("readings_insert", done)?;
    }
    if usize::try_from(counted) == Ok(sums.len()) {
        return Ok(None);
    }
    let keys = dialect::int_list(tx.engine(), sums.iter().map(|sum| sum[0]));
    let sql = dialect::pick(
        tx.engine(),
        "SELECT key FROM sensor WHERE removed_at IS NULL AND key IN (SELECT value FROM json_each($1))",
        "SELECT key FROM sensor WHERE removed_at IS NULL AND key = ANY(CAST(CAST($1 AS TEXT) AS BIGINT[]))",
    );
    let live = write_all!(tx, "readings_insert", (i64,), sql, keys.as_str())?;
    Ok(Some(live.into_iter().map(|(key,)| key).collect()))
}

/// Whether all could be inserted.
async fn insert_all(tx: &mut Tx, readings: &[(i64, Reading)]) -> Result<bool, StoreError> {
    if readings.is_empty() {
        return Ok(true);
    }
    tx.enter("readings_insert")?;
    let done = match &mut tx.conn {
        TxConn::Sqlite(t) => dialect::readings_insert_sqlite(t, readings).await,
        TxConn::Postgres(t) => dialect::readings_insert_postgres(t, readings).await,
    };
    let inserted = tx.leave("readings_insert", done)?;
    Ok(usize::try_from(inserted) == Ok(readings.len()))
}

fn missing(key: SensorKey) -> StoreError {
    StoreError::Missing { what: format!("sensor with key {}", key.0) }
}

fn to_reading((at, value): (i64, f64)) -> Reading {
    Reading { at: Timestamp::from_us(at), value }
}

/// The stored values at those of `times` that are stored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn readings_at(
    db: &Db,
    key: SensorKey,
    times: &[Timestamp],
) -> Result<BTreeMap<Timestamp, f64>, StoreError> {
    let engine = db.engine();
    let mut found = BTreeMap::new();
    for slice in times.chunks(TIMES_PER_QUERY) {
        let list = dialect::int_list(engine, slice.iter().map(|t| t.us()));
        let sql = dialect::pick(
            engine,
            "SELECT at, value FROM reading WHERE sensor_key = $1 AND at IN (SELECT value FROM json_each($2))",
            "SELECT at, value FROM reading WHERE sensor_key = $1 AND at = ANY(CAST(CAST($2 AS TEXT) AS BIGINT[]))",
        );
        let rows = read_all!(db, "readings_at", (i64, f64), sql, key.0, list)?;
        found.extend(rows.into_iter().map(|(at, value)| (Timestamp::from_us(at), value)));
    }
    Ok(found)
}

/// The newest `n` readings in `not_before ..= at_or_before`, in the order of their times.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn readings_latest(
    db: &Db,
    key: SensorKey,
    at_or_before: Timestamp,
    n: usize,
    not_before: Timestamp,
) -> Result<Vec<Reading>, StoreError> {
    let sql = "SELECT at, value FROM reading WHERE sensor_key = $1 AND at <= $2 AND at >= $3 \
               ORDER BY at DESC LIMIT $4";
    let limit = i64::try_from(n).unwrap_or(i64::MAX);
    let rows =
        read_all!(db, "readings_latest", (i64, f64), sql, key.0, at_or_before.us(), not_before.us(), limit)?;
    Ok(rows.into_iter().rev().map(to_reading).collect())
}

/// The oldest `limit` readings in `start .. end`, in the order of their times.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn readings_range(
    db: &Db,
    key: SensorKey,
    start: Timestamp,
    end: Timestamp,
    limit: usize,
) -> Result<Vec<Reading>, StoreError> {
    let sql =
        "SELECT at, value FROM reading WHERE sensor_key = $1 AND at >= $2 AND at < $3 ORDER BY at LIMIT $4";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = read_all!(db, "readings_range", (i64, f64), sql, key.0, start.us(), end.us(), limit)?;
    Ok(rows.into_iter().map(to_reading).collect())
}

/// How many readings of a sensor are stored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn readings_count(db: &Db, key: SensorKey) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM reading WHERE sensor_key = $1";
    Ok(read_one!(db, "readings_count", (i64,), sql, key.0)?.map_or(0, |(n,)| n))
}

/// Takes away up to `limit` of a sensor's oldest readings before `before`, counts them as expired, and gives how many
/// went. The sensor may be a removed one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn readings_expire(
    tx: &mut Tx,
    key: SensorKey,
    before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM reading WHERE sensor_key = $1 AND at IN \
               (SELECT at FROM reading WHERE sensor_key = $1 AND at < $2 ORDER BY at LIMIT $3)";
    let gone = write_exec!(tx, "readings_expire", sql, key.0, before.us(), i64::from(limit))?;
    if gone > 0 {
        let sql = "UPDATE sensor SET expired_count = expired_count + $2 WHERE key = $1";
        write_exec!(tx, "readings_expire", sql, key.0, i64::try_from(gone).unwrap_or(i64::MAX))?;
    }
    Ok(gone)
}
