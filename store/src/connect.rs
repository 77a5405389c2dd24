//! How each engine is opened, so that what was committed is durable and readers never wait for the writer.

use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::db::{PostgresDb, SqliteDb};
use crate::postgres::PgReaders;
use crate::seat::Seat;
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
    let writer = Seat::open(write, options.acquire_timeout).await.map_err(StoreError::Connect)?;
    let readers = SqlitePoolOptions::new()
        .acquire_timeout(options.acquire_timeout)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .max_connections(options.max_readers.max(1))
        .connect_with(read)
        .await
        .map_err(StoreError::Connect)?;
    Ok(SqliteDb {
        readers,
        writer,
        location: sqlite_location(&options.url),
        audit_key: options.audit_key.clone(),
    })
}

/// How PostgreSQL plans what the writing connection asks: rows are looked up by their keys, a few at a time. The server keeps the plan
/// that it made of a statement's first uses, when the tables may have been all but empty: reading them as a whole was cheap
/// then, and is not once they have grown. (What is switched off is still done where there is no other way, at an assumed
/// price at which the server would compile it: that is switched off too.)
const WRITER_PLANS: [(&str, &str); 4] =
    [("enable_seqscan", "off"), ("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("jit", "off")];

pub(crate) async fn postgres(options: &DbOptions) -> Result<PostgresDb, StoreError> {
    let timeout_ms = options.statement_timeout.as_millis().to_string();
    let lock_timeout_ms = options.acquire_timeout.as_millis().to_string();
    let base = PgConnectOptions::from_str(&options.url)
        .map_err(|e| StoreError::Url { reason: e.to_string() })?
        .application_name("nightshift")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .options([("statement_timeout", timeout_ms), ("lock_timeout", lock_timeout_ms)]);
    let location = postgres_location(&base);
    // What does not leave the machine needs no TLS, unless the URL insists on it.
    let insists = !matches!(base.get_ssl_mode(), PgSslMode::Prefer | PgSslMode::Allow);
    let base = match is_loopback(base.get_host()) && !insists {
        true => base.ssl_mode(PgSslMode::Disable),
        false => base,
    };
    let patience = options.acquire_timeout;
    // First the pool: at the start the server may be given time to start as well.
    let readers = PgReaders::open(base.clone(), options.max_readers, patience).await;
    let readers = readers.map_err(StoreError::Connect)?;
    let writer = Seat::open(base.options(WRITER_PLANS), patience).await.map_err(StoreError::Connect)?;
    Ok(PostgresDb { readers, writer, location, audit_key: options.audit_key.clone() })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
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
