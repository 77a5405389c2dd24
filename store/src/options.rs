//! Where the database is and how it is used.

use std::fmt;
use std::time::Duration;

use nightshift_domain::audit::ChainKey;

use crate::StoreError;

/// Connections that read at the same time, when the options do not say.
const MAX_READERS_DEFAULT: u32 = 8;
/// Longest wait for a connection or for another writer, when the options do not say.
const ACQUIRE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// Longest time for one statement on PostgreSQL, when the options do not say.
const STATEMENT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// The engine behind a [`crate::Db`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL, a server.
    Postgres,
}

impl Engine {
    /// The word used in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// The engine that `url` names.
    ///
    /// # Errors
    /// [`StoreError::Url`] when it begins neither with `sqlite:` nor with `postgres:` or `postgresql:`.
    pub fn of_url(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(Self::Sqlite),
            Some("postgres" | "postgresql") => Ok(Self::Postgres),
            _ => Err(StoreError::Url { reason: "it must begin with sqlite: or postgres://".to_owned() }),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Options of a connection. `Debug` does not show the url, which may hold a password.
#[derive(Clone)]
pub struct DbOptions {
    /// `sqlite:PATH`, `sqlite::memory:` or `postgres://user:password@host:port/name`.
    pub url: String,
    /// Connections that read at the same time. One more writes.
    pub max_readers: u32,
    /// Longest wait for a connection, and on SQLite for a writer in another process.
    pub acquire_timeout: Duration,
    /// Longest time for one statement on PostgreSQL; migrations have no limit.
    pub statement_timeout: Duration,
    /// The key of the audit's chain. Without it a unit that must be audited is refused.
    pub audit_key: Option<ChainKey>,
}

impl DbOptions {
    /// The defaults for `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_readers: MAX_READERS_DEFAULT,
            acquire_timeout: ACQUIRE_TIMEOUT_DEFAULT,
            statement_timeout: STATEMENT_TIMEOUT_DEFAULT,
            audit_key: None,
        }
    }
}

impl fmt::Debug for DbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbOptions")
            .field("max_readers", &self.max_readers)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("audited", &self.audit_key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_does_not_show() {
        let shown = format!("{:?}", DbOptions::new("postgres://u:hunter2@h/d"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_scheme_names_the_engine() {
        assert_eq!(Engine::of_url("sqlite:data/x.db").expect("sqlite"), Engine::Sqlite);
        assert_eq!(Engine::of_url("postgresql://h/d").expect("postgres"), Engine::Postgres);
        let error = Engine::of_url("mysql://secret@h/d").expect_err("unknown");
        assert!(!error.to_string().contains("secret"));
    }
}
