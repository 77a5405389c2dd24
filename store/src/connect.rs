//! How each engine is opened, so that what was committed is durable and readers never wait for the writer.

use std::str::FromStr;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};

use crate::db::{PostgresDb, SqliteDb};
use crate::{DbOptions, StoreError};

/// Statements that a connection keeps prepared: all of the store's, in all their sizes.
const STATEMENTS_KEPT: usize = 512;
/// Page cache of the writing SQLite connection, KiB (negative by SQLite's convention).
const WRITER_CACHE_KIB: &str = "-65536";
/// Pages in the write-ahead log that start a checkpoint: 16 MiB, so that a bulk load does not sync its file each time.
const CHECKPOINT_PAGES: &str = "4000";
/// Size to which the write-ahead log is cut after a checkpoint, bytes.
const LOG_BYTES_KEPT: &str = "67108864";

pub(crate) async fn sqlite(options: &DbOptions) -> Result<SqliteDb, StoreError> {
    let base = SqliteConnectOptions::from_str(&options.url)
        .map_err(|e| StoreError::Url { reason: e.to_string() })?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(options.acquire_timeout)
        .statement_cache_capacity(STATEMENTS_KEPT);
    let in_memory = options.url.contains(":memory:") || options.url.contains("mode=memory");
    let write = base
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", WRITER_CACHE_KIB)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", LOG_BYTES_KEPT)
        .optimize_on_close(true, None);
    let read = base.pragma("query_only", "on");
    // Connections to one database in memory share a cache with table locks; a reader must not wait for the writer.
    let read = if in_memory { read.pragma("read_uncommitted", "on") } else { read };
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(options.acquire_timeout)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
    };
    let writer = pool()
        .max_connections(1)
        .min_connections(1)
        .after_release(|conn, _| Box::pin(async move { is_whole(conn).await }))
        .connect_with(write)
        .await
        .map_err(StoreError::Connect)?;
    let readers = pool()
        .max_connections(options.max_readers.max(1))
        .connect_with(read)
        .await
        .map_err(StoreError::Connect)?;
    Ok(SqliteDb { readers, writer, location: sqlite_location(&options.url) })
}

/// Whether a connection that comes back can write again. A disk that was full, or failed, makes SQLite end a transaction
/// by itself; the driver still counts it as open and would refuse every later one: such a connection is replaced.
async fn is_whole(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if conn.is_in_transaction() {
        // The rollback of a dropped transaction may only be on its way.
        conn.ping().await?;
    }
    Ok(!conn.is_in_transaction())
}

pub(crate) async fn postgres(options: &DbOptions) -> Result<PostgresDb, StoreError> {
    let timeout_ms = options.statement_timeout.as_millis().to_string();
    let lock_timeout_ms = options.acquire_timeout.as_millis().to_string();
    let base = PgConnectOptions::from_str(&options.url)
        .map_err(|e| StoreError::Url { reason: e.to_string() })?
        .application_name("nightshift")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .options([("statement_timeout", timeout_ms), ("lock_timeout", lock_timeout_ms)]);
    let location = postgres_location(&base);
    let pool = || PgPoolOptions::new().acquire_timeout(options.acquire_timeout);
    let writer = pool()
        .max_connections(1)
        .after_connect(|conn, _| {
            Box::pin(async move {
                // A server may be set up to answer before the log is on disk: an acknowledged write must be durable.
                let sql = "SELECT set_config('synchronous_commit', 'on', false) \
                           WHERE current_setting('synchronous_commit') = 'off'";
                sqlx::query(sql).execute(conn).await.map(|_| ())
            })
        })
        .connect_with(base.clone())
        .await
        .map_err(StoreError::Connect)?;
    let readers = pool()
        .max_connections(options.max_readers.max(1))
        .connect_with(base)
        .await
        .map_err(StoreError::Connect)?;
    Ok(PostgresDb { readers, writer, location })
}

fn sqlite_location(url: &str) -> String {
    url.split('?').next().unwrap_or(url).to_owned()
}

fn postgres_location(options: &PgConnectOptions) -> String {
    let host =
        options.get_socket().map_or_else(|| options.get_host().to_owned(), |s| s.display().to_string());
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("postgres://{}@{host}:{}/{database}", options.get_username(), options.get_port())
}
