//! Copies of a whole SQLite database, and whether one is sound. PostgreSQL has its own tools for both.

use std::path::Path;

use sqlx::Connection as _;

use crate::{Db, StoreError};

impl Db {
    /// Copies a SQLite database, as it is at one moment, into a new file; others go on writing meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Url`] for PostgreSQL or a path that is no text, [`StoreError::Query`] when the file exists or cannot be
    /// written.
    pub async fn snapshot(&self, to: &Path) -> Result<(), StoreError> {
        let Self::Sqlite(db) = self else {
            return Err(StoreError::Url { reason: "only a SQLite file can be copied like this".to_owned() });
        };
        let no_text = || StoreError::Url { reason: "the path of the copy is no text".to_owned() };
        let path = to.to_str().ok_or_else(no_text)?;
        let failed = |source| StoreError::Query { what: "snapshot", source };
        let mut conn = db.writer.connect().await.map_err(failed)?;
        sqlx::query("VACUUM INTO $1").bind(path).execute(&mut conn).await.map_err(failed)?;
        conn.close().await.map_err(failed)
    }

    /// What SQLite's own check finds wrong with the file; nothing when it is sound, or when it is PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn defects(&self) -> Result<Vec<String>, StoreError> {
        if matches!(self, Self::Postgres(_)) {
            return Ok(Vec::new());
        }
        let rows = read_all!(self, "defects", (String,), "PRAGMA integrity_check")?;
        Ok(rows.into_iter().map(|(line,)| line).filter(|line| line != "ok").collect())
    }
}
