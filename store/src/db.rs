//! The database: a pool that reads, and one connection that writes.

use nightshift_domain::audit::ChainKey;
use sqlx::{PgConnection, SqliteConnection, SqlitePool};

use crate::postgres::PgReaders;
use crate::seat::Seat;
use crate::{DbOptions, Engine, StoreError, connect};

/// A database. Clones share its connections.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite.
    Sqlite(SqliteDb),
    /// PostgreSQL.
    Postgres(PostgresDb),
}

/// The connections to a SQLite database.
#[derive(Debug, Clone)]
pub struct SqliteDb {
    pub(crate) readers: SqlitePool,
    pub(crate) writer: Seat<SqliteConnection>,
    pub(crate) location: String,
    pub(crate) audit_key: Option<ChainKey>,
}

/// The connections to a PostgreSQL database.
#[derive(Debug, Clone)]
pub struct PostgresDb {
    pub(crate) readers: PgReaders,
    pub(crate) writer: Seat<PgConnection>,
    pub(crate) location: String,
    pub(crate) audit_key: Option<ChainKey>,
}

impl Db {
    /// Opens the database; a SQLite file is created when it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Url`] when the url names no database, [`StoreError::Connect`] when it cannot be reached.
    pub async fn connect(options: &DbOptions) -> Result<Self, StoreError> {
        match Engine::of_url(&options.url)? {
            Engine::Sqlite => connect::sqlite(options).await.map(Self::Sqlite),
            Engine::Postgres => connect::postgres(options).await.map(Self::Postgres),
        }
    }

    /// Which engine it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Where it is, without a password.
    #[must_use]
    pub fn location(&self) -> &str {
        match self {
            Self::Sqlite(d) => &d.location,
            Self::Postgres(d) => &d.location,
        }
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`StoreError::Query`] when there is none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        read_one!(self, "ping", (i64,), "SELECT CAST(1 AS BIGINT)").map(|_| ())
    }

    /// Closes all connections, after what is under way.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(d) => {
                d.readers.close().await;
                d.writer.close().await;
            }
            Self::Postgres(d) => {
                d.readers.close().await;
                d.writer.close().await;
            }
        }
    }
}
