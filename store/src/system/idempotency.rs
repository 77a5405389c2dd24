//! Answers of requests that may be repeated, by the caller's `Idempotency-Key`.

use nightshift_domain::Timestamp;

use crate::{Db, StoreError, Tx, text};

/// The answer that a request got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its HTTP status.
    pub status: u16,
    /// Its bytes, in the form of whoever stored them.
    pub response: Vec<u8>,
}

/// What a request with a key meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The key is new, and this request's now: it must be finished or released.
    Fresh,
    /// The same request is being worked on.
    InProgress,
    /// The same request was answered.
    Answered(StoredAnswer),
    /// The key belongs to another request.
    OtherBody,
}

#[derive(sqlx::FromRow)]
struct Row {
    body_hash: String,
    status: Option<i64>,
    response: Option<Vec<u8>>,
}

impl Row {
    fn claim(self, key: &str, body_hash: &str) -> Result<Claim, StoreError> {
        if self.body_hash != body_hash {
            return Ok(Claim::OtherBody);
        }
        let Some(status) = self.status else { return Ok(Claim::InProgress) };
        let status = u16::try_from(status).map_err(|e| StoreError::row("idempotency", "status", key, e))?;
        Ok(Claim::Answered(StoredAnswer { status, response: self.response.unwrap_or_default() }))
    }
}

/// Takes `key` of `scope` (caller, method and path) for a request whose body has the hash `body_hash`. A claim from
/// before `stale_before` that never got its answer was left by a crash, and is taken over.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn idempotency_claim(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    body_hash: &str,
    stale_before: Timestamp,
    now: Timestamp,
) -> Result<Claim, StoreError> {
    text::check("idempotency.scope", scope)?;
    text::check("idempotency.key", key)?;
    text::check("idempotency.body_hash", body_hash)?;
    let sql = "INSERT INTO idempotency (scope, key, body_hash, created_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (scope, key) DO UPDATE SET body_hash = excluded.body_hash, \
               created_at = excluded.created_at \
               WHERE idempotency.status IS NULL AND idempotency.created_at < $5";
    let stale = stale_before.us();
    let taken = write_exec!(tx, "idempotency_claim", sql, scope, key, body_hash, now.us(), stale)?;
    if taken > 0 {
        return Ok(Claim::Fresh);
    }
    let sql = "SELECT body_hash, status, response FROM idempotency WHERE scope = $1 AND key = $2";
    let row = write_all!(tx, "idempotency_claim", Row, sql, scope, key)?.into_iter().next();
    row.map_or(Ok(Claim::InProgress), |row| row.claim(key, body_hash))
}

/// Keeps the answer of a claimed request; in the transaction of its effect, where that is possible.
///
/// # Errors
/// [`StoreError::Missing`] when it was not claimed, or is answered already.
pub async fn idempotency_finish(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency SET status = $3, response = $4 \
               WHERE scope = $1 AND key = $2 AND status IS NULL";
    let (status, response) = (i64::from(answer.status), answer.response.as_slice());
    match write_exec!(tx, "idempotency_finish", sql, scope, key, status, response)? {
        0 => Err(StoreError::Missing { what: "claim of the idempotency key".to_owned() }),
        _ => Ok(()),
    }
}

/// Puts another answer in the place of the one that is kept for a request. One that was swept or forgotten meanwhile stays away.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn idempotency_amend(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let sql = "UPDATE idempotency SET status = $3, response = $4 \
               WHERE scope = $1 AND key = $2 AND status IS NOT NULL";
    let (status, response) = (i64::from(answer.status), answer.response.as_slice());
    write_exec!(tx, "idempotency_amend", sql, scope, key, status, response).map(|_| ())
}

/// Takes the answer of a request away, because its effect was undone: the key is new again.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn idempotency_withdraw(tx: &mut Tx, scope: &str, key: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM idempotency WHERE scope = $1 AND key = $2";
    write_exec!(tx, "idempotency_withdraw", sql, scope, key).map(|_| ())
}

/// Gives a claimed key back, because the request had no effect.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn idempotency_release(tx: &mut Tx, scope: &str, key: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND status IS NULL";
    write_exec!(tx, "idempotency_release", sql, scope, key).map(|_| ())
}

/// Takes away all keys of `scope` and what they were answered: the answers show somebody who is to be forgotten.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn idempotency_forget(tx: &mut Tx, scope: &str) -> Result<u64, StoreError> {
    text::check("idempotency.scope", scope)?;
    write_exec!(tx, "idempotency_forget", "DELETE FROM idempotency WHERE scope = $1", scope)
}

/// What a request with `key` would meet; nothing when the key is new.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn idempotency_find(
    db: &Db,
    scope: &str,
    key: &str,
    body_hash: &str,
) -> Result<Option<Claim>, StoreError> {
    text::check("idempotency.scope", scope)?;
    text::check("idempotency.key", key)?;
    let sql = "SELECT body_hash, status, response FROM idempotency WHERE scope = $1 AND key = $2";
    let row = read_one!(db, "idempotency_find", Row, sql, scope, key)?;
    row.map(|row| row.claim(key, body_hash)).transpose()
}

/// Takes away up to `limit` of the oldest keys that were claimed before `before`. Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn idempotency_sweep(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency \
               WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
    write_exec!(tx, "idempotency_sweep", sql, before.us(), i64::from(limit))
}
