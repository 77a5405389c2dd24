//! What is of no use any more goes, a little at a time.

use nightshift_domain::Timestamp;

use crate::{StoreError, Tx};

/// Takes away up to `limit` sessions that ended by themselves before `before`, with their refresh tokens. A revoked one
/// stays as long: a token of it that is presented is known until then. Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn sessions_sweep(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM session WHERE id IN \
               (SELECT id FROM session WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
    write_exec!(tx, "sessions_sweep", sql, before.us(), i64::from(limit))
}

/// Takes away up to `limit` counts whose last failure, and as many networks whose last sign-in, was before
/// `failures_before` and `known_before`. Gives how many went. A lock must be shorter than what is kept.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn signins_sweep(
    tx: &mut Tx,
    failures_before: Timestamp,
    known_before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM signin_failure WHERE (account, place) IN (SELECT account, place FROM signin_failure \
               WHERE last_failure_at < $1 ORDER BY last_failure_at LIMIT $2)";
    let failures = write_exec!(tx, "signins_sweep", sql, failures_before.us(), i64::from(limit))?;
    let sql = "DELETE FROM known_address WHERE (account, network) IN (SELECT account, network FROM known_address \
               WHERE last_success_at < $1 ORDER BY last_success_at LIMIT $2)";
    let known = write_exec!(tx, "signins_sweep", sql, known_before.us(), i64::from(limit))?;
    Ok(failures + known)
}

/// Takes away up to `limit` machines' tokens that were revoked, or ended by themselves, before `before`. What they did
/// stays in the audit under their names. Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn tokens_sweep(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM machine_token WHERE id IN \
               (SELECT id FROM machine_token WHERE revoked_at < $1 OR expires_at < $1 ORDER BY id LIMIT $2)";
    write_exec!(tx, "tokens_sweep", sql, before.us(), i64::from(limit))
}
