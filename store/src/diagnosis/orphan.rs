//! Files that belong to nothing any more and are to be removed from the object store.

use nightshift_domain::Timestamp;

use crate::{Db, StoreError, Tx, text};

/// Notes a file that is to be removed from `due` on; noting it again brings that forward at most.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn orphan_add(tx: &mut Tx, key: &str, due: Timestamp) -> Result<(), StoreError> {
    text::check("diagnosis_orphan.key", key)?;
    let sql = "INSERT INTO diagnosis_orphan (key, due_at) VALUES ($1, $2) ON CONFLICT (key) \
               DO UPDATE SET due_at = excluded.due_at WHERE excluded.due_at < diagnosis_orphan.due_at";
    write_exec!(tx, "orphan_add", sql, key, due.us()).map(|_| ())
}

/// Forgets a file: it is removed, or belongs to something after all.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn orphan_done(tx: &mut Tx, key: &str) -> Result<(), StoreError> {
    write_exec!(tx, "orphan_done", "DELETE FROM diagnosis_orphan WHERE key = $1", key).map(|_| ())
}

/// Up to `limit` of the files that are due at `now`, the first due first.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn orphans_list(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT key FROM diagnosis_orphan WHERE due_at <= $1 ORDER BY due_at, key LIMIT $2";
    let rows = read_all!(db, "orphans_list", (String,), sql, now.us(), i64::from(limit))?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}
