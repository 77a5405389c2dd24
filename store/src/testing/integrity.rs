//! Whether a SQLite file is sound after what a test has done to it.

use crate::{Db, StoreError};

/// What SQLite's own check finds: `ok` alone, or one line for each defect. PostgreSQL has no such check: `ok`.
///
/// # Panics
/// When the database fails.
pub async fn integrity(db: &Db) -> Vec<String> {
    if matches!(db, Db::Postgres(_)) {
        return vec!["ok".to_owned()];
    }
    let rows = async { read_all!(db, "integrity", (String,), "PRAGMA integrity_check") }.await;
    let rows: Result<_, StoreError> = rows;
    rows.expect("check the file").into_iter().map(|(line,)| line).collect()
}
