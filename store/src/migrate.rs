//! The schema: migrations are embedded, applied in order, and never applied to a database that is ahead of them.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::seat::Seat;
use crate::{Db, StoreError};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateReport {
    /// Versions that were applied now, in order; empty when the schema was up to date.
    pub applied: Vec<i64>,
    /// The schema's version.
    pub version: i64,
}

impl Db {
    fn migrator(&self) -> &'static Migrator {
        match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        }
    }

    /// Brings the schema up to date. On PostgreSQL two programs that migrate at once wait for each other.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] and [`StoreError::ChangedMigration`] when the database is not this program's; then
    /// nothing is changed. [`StoreError::Migrate`] when a migration fails.
    pub async fn migrate(&self) -> Result<MigrateReport, StoreError> {
        let before = self.applied().await?;
        self.check_known(&before)?;
        let done = match self {
            Self::Sqlite(d) => sqlite_run(&d.writer).await,
            Self::Postgres(d) => postgres_run(&d.writer).await,
        };
        done.map_err(|e| self.migrate_error(e))?;
        let after = self.applied().await?;
        let applied: Vec<i64> =
            after.iter().map(|m| m.0).filter(|v| before.iter().all(|m| m.0 != *v)).collect();
        for version in &applied {
            tracing::info!(version, engine = %self.engine(), "migration applied");
        }
        Ok(MigrateReport { applied, version: after.last().map_or(0, |m| m.0) })
    }

    /// Checks that the schema is the one this program needs, without changing anything.
    ///
    /// # Errors
    /// [`StoreError::OlderSchema`], [`StoreError::NewerSchema`] or [`StoreError::ChangedMigration`].
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let applied = self.applied().await?;
        self.check_known(&applied)?;
        let known = self.known_version();
        if self.migrator().iter().any(|m| applied.iter().all(|a| a.0 != m.version)) {
            return Err(StoreError::OlderSchema { found: applied.last().map_or(0, |m| m.0), known });
        }
        Ok(())
    }

    fn known_version(&self) -> i64 {
        self.migrator().iter().map(|m| m.version).max().unwrap_or(0)
    }

    /// Version and checksum of each applied migration, in order.
    async fn applied(&self) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let exists = match self {
            Self::Sqlite(_) => {
                "SELECT CAST(count(*) AS BIGINT) FROM sqlite_master WHERE name = '_sqlx_migrations'"
            }
            Self::Postgres(_) => "SELECT CAST(count(to_regclass('_sqlx_migrations')) AS BIGINT)",
        };
        let (tables,) = read_one!(self, "check_schema", (i64,), exists)?.unwrap_or((0,));
        if tables == 0 {
            return Ok(Vec::new());
        }
        read_all!(
            self,
            "check_schema",
            (i64, Vec<u8>),
            "SELECT version, checksum FROM _sqlx_migrations ORDER BY version"
        )
    }

    fn check_known(&self, applied: &[(i64, Vec<u8>)]) -> Result<(), StoreError> {
        let known = self.known_version();
        for (version, checksum) in applied {
            match self.migrator().iter().find(|m| m.version == *version) {
                None if *version > known => {
                    let found = applied.last().map_or(*version, |m| m.0);
                    return Err(StoreError::NewerSchema { found, known });
                }
                Some(m) if m.checksum.as_ref() == checksum.as_slice() => {}
                None | Some(_) => return Err(StoreError::ChangedMigration { version: *version }),
            }
        }
        Ok(())
    }

    /// Another program may have migrated between the check and the run.
    fn migrate_error(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::VersionMissing(found) if found > self.known_version() => {
                StoreError::NewerSchema { found, known: self.known_version() }
            }
            MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
                StoreError::ChangedMigration { version }
            }
            error => StoreError::Migrate(error),
        }
    }
}

async fn sqlite_run(writer: &Seat<SqliteConnection>) -> Result<(), MigrateError> {
    let mut conn = writer.connect().await?;
    SQLITE.run(&mut conn).await?;
    Ok(conn.close().await?)
}

/// What a migration does for whole tables has neither the deadlines nor the plans of the writing connection.
const FOR_WHOLE_TABLES: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET enable_seqscan = on; \
                                SET enable_hashjoin = on; SET enable_mergejoin = on";

/// A migration may take longer than any other statement: it has a connection of its own.
async fn postgres_run(writer: &Seat<PgConnection>) -> Result<(), MigrateError> {
    let mut conn = writer.connect().await?;
    sqlx::raw_sql(FOR_WHOLE_TABLES).execute(&mut conn).await?;
    POSTGRES.run(&mut conn).await?;
    Ok(conn.close().await?)
}
