//! What can go wrong in the store, and whether trying again can help.

/// A failure of the store. `Display` names the step; the cause is its source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address of the database cannot be used.
    #[error("database url cannot be used: {reason}")]
    Url {
        /// What is wrong with it, without its secrets.
        reason: String,
    },
    /// The database could not be reached or opened.
    #[error("could not connect to the database")]
    Connect(#[source] sqlx::Error),
    /// A migration failed.
    #[error("could not migrate the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A newer version of the program has migrated this database.
    #[error(
        "the database is at schema version {found}, this program knows up to {known}: a newer version has used it"
    )]
    NewerSchema {
        /// Version of the database.
        found: i64,
        /// Newest version this program has.
        known: i64,
    },
    /// The database lacks migrations.
    #[error(
        "the database is at schema version {found}, this program needs {known}: run `nightshift migrate`"
    )]
    OlderSchema {
        /// Version of the database, 0 when it is empty.
        found: i64,
        /// Version this program needs.
        known: i64,
    },
    /// A migration was applied with another text than this program has.
    #[error(
        "migration {version} of the database is not the one this program has: wrong build or wrong database"
    )]
    ChangedMigration {
        /// Version of the migration.
        version: i64,
    },
    /// A transaction could not be started.
    #[error("could not begin a transaction")]
    Begin(#[source] sqlx::Error),
    /// A statement failed.
    #[error("{what} failed")]
    Query {
        /// The function.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A statement failed earlier in this transaction, which must be rolled back, to a savepoint or as a whole.
    #[error("{what} was refused: an earlier statement of the transaction failed")]
    Aborted {
        /// The function that was refused.
        what: &'static str,
    },
    /// The commit failed. When the connection broke, the work may be durable nevertheless: look before doing it again.
    #[error("could not commit")]
    Commit(#[source] sqlx::Error),
    /// A row does not hold what it must.
    #[error("table {table}, row {id}: column {column} {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        id: String,
        /// What is wrong with the value.
        reason: String,
    },
    /// What is to be stored exists already.
    #[error("{what} exists already")]
    Conflict {
        /// The thing.
        what: String,
    },
    /// What is to be removed is still referred to.
    #[error("{what} is in use by {by}")]
    InUse {
        /// The thing.
        what: String,
        /// What refers to it, for example `lots`.
        by: String,
    },
    /// What is to be changed does not exist, or does not any more.
    #[error("there is no {what}")]
    Missing {
        /// The thing.
        what: String,
    },
    /// A batch of readings that does not fit its account, or holds a value that is not finite.
    #[error("the batch for sensor key {sensor_key} does not fit its account")]
    Unbalanced {
        /// The sensor.
        sensor_key: i64,
    },
    /// Something must be audited, but the database was opened without the audit's key.
    #[error("there is no key for the audit")]
    AuditKey,
    /// The head of the audit is not what the plant wrote, or was written with another key.
    #[error("the audit cannot go on, look at it with `nightshift audit verify`")]
    AuditHead(#[source] nightshift_domain::audit::ChainFault),
    /// Text that not every engine can keep.
    #[error("{what} holds a NUL character")]
    Nul {
        /// Where.
        what: &'static str,
    },
    /// A value could not be written as JSON.
    #[error("{what} is not JSON")]
    Json {
        /// Where.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The database did not answer in time; what was asked of it may or may not have taken effect.
    #[error("the database has not answered for {} s", .after.as_secs())]
    Overdue {
        /// How long it was waited for.
        after: std::time::Duration,
    },
}

impl StoreError {
    pub(crate) fn query(what: &'static str, source: sqlx::Error) -> Self {
        Self::Query { what, source }
    }

    pub(crate) fn row(
        table: &'static str,
        column: &'static str,
        id: impl ToString,
        reason: impl ToString,
    ) -> Self {
        Self::Row { table, column, id: id.to_string(), reason: reason.to_string() }
    }

    /// Whether the same may succeed later: the database was away, busy, full or shutting down.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect(e) | Self::Begin(e) | Self::Commit(e) | Self::Query { source: e, .. } => passes(e),
            Self::Migrate(
                sqlx::migrate::MigrateError::Execute(e) | sqlx::migrate::MigrateError::ExecuteMigration(e, _),
            ) => passes(e),
            Self::Aborted { .. } | Self::Overdue { .. } => true,
            _ => false,
        }
    }
}

fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Tls(_)
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|code| code_passes(&code)),
        _ => false,
    }
}

/// SQLSTATE has five characters; SQLite's extended result codes are shorter numbers whose low byte is the primary code.
fn code_passes(code: &str) -> bool {
    /// Connection, resources, shutdown, serialisation, deadlock, lock not available, cancelled by a timeout.
    const SQLSTATES: [&str; 8] = ["08", "53", "57P", "25P", "40001", "40P01", "55P03", "57014"];
    /// Busy, locked, I/O, full, cannot open.
    const PRIMARY: [i64; 5] = [5, 6, 10, 13, 14];
    if code.len() == 5 {
        SQLSTATES.iter().any(|prefix| code.starts_with(prefix))
    } else {
        code.parse::<i64>().is_ok_and(|n| PRIMARY.contains(&(n & 0xff)))
    }
}
