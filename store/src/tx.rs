//! A unit of work: one write transaction, with the events it journals and the audit it leaves.

use nightshift_domain::Event;
use nightshift_domain::audit::{AuditEntry, ChainKey, Head};
use sqlx::{PgConnection, SqliteConnection};

use crate::seat::Turn;
use crate::{Db, Engine, StoreError, dialect};

/// A write transaction. There is one at a time; dropping it rolls it back.
///
/// After a statement has failed, or was given up half-way, everything else is refused until [`Tx::rollback_to`] has
/// returned to a savepoint: neither engine may commit a part of a unit.
#[derive(Debug)]
pub struct Tx {
    pub(crate) conn: TxConn,
    pub(crate) events: Vec<Event>,
    /// What the commit adds to the audit.
    pub(crate) audits: Vec<AuditEntry>,
    /// The head of the audit, once something is to be added to it and it was looked at.
    pub(crate) audit_head: Option<Option<Head>>,
    /// Without it nothing can be audited.
    pub(crate) audit_key: Option<ChainKey>,
    /// Events and entries of the audit that there were at each open savepoint, oldest first.
    savepoints: Vec<(usize, usize)>,
    broken: bool,
}

#[derive(Debug)]
pub(crate) enum TxConn {
    Sqlite(Turn<SqliteConnection>),
    Postgres(Turn<PgConnection>),
}

impl Db {
    /// Starts a write transaction, waiting for the one under way.
    ///
    /// # Errors
    /// [`StoreError::Begin`]; transient when the database is away or the wait is longer than the acquire timeout.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let begun = match self {
            Self::Sqlite(d) => d.writer.begin().await.map(TxConn::Sqlite),
            Self::Postgres(d) => d.writer.begin().await.map(TxConn::Postgres),
        };
        let audit_key = match self {
            Self::Sqlite(d) => d.audit_key.clone(),
            Self::Postgres(d) => d.audit_key.clone(),
        };
        let (events, audits, savepoints) = (Vec::new(), Vec::new(), Vec::new());
        begun
            .map(|conn| Tx { conn, events, audits, audit_head: None, audit_key, savepoints, broken: false })
            .map_err(StoreError::Begin)
    }
}

impl Tx {
    /// Which engine it runs on.
    #[must_use]
    pub fn engine(&self) -> Engine {
        match self.conn {
            TxConn::Sqlite(_) => Engine::Sqlite,
            TxConn::Postgres(_) => Engine::Postgres,
        }
    }

    /// Marks a place to return to when a part of the work fails. Savepoints nest: [`Tx::release`] and
    /// [`Tx::rollback_to`] end the newest one.
    ///
    /// # Errors
    /// [`StoreError::Query`], [`StoreError::Aborted`].
    pub async fn savepoint(&mut self) -> Result<(), StoreError> {
        write_exec!(self, "savepoint", dialect::SAVEPOINT)?;
        self.savepoints.push((self.events.len(), self.audits.len()));
        Ok(())
    }

    /// Keeps what was done since the newest savepoint.
    ///
    /// # Errors
    /// [`StoreError::Query`], [`StoreError::Aborted`] when something since then has failed. [`StoreError::AuditHead`]
    /// when it is to be audited and cannot be: the savepoint still stands, so that what needs no audit may go on.
    pub async fn release(&mut self) -> Result<(), StoreError> {
        crate::audit::prepare(self).await?;
        write_exec!(self, "release", dialect::RELEASE)?;
        self.savepoints.pop();
        Ok(())
    }

    /// Undoes what was done since the newest savepoint, its events and its audit included, and makes the transaction usable again.
    ///
    /// # Errors
    /// [`StoreError::Query`] when there is none, or when the engine has given up the whole transaction; then only
    /// dropping it is left.
    pub async fn rollback_to(&mut self) -> Result<(), StoreError> {
        self.broken = true;
        let done = match &mut self.conn {
            TxConn::Sqlite(t) => sqlx::raw_sql(dialect::ROLLBACK_TO).execute(&mut **t).await.map(|_| ()),
            TxConn::Postgres(t) => sqlx::raw_sql(dialect::ROLLBACK_TO).execute(&mut **t).await.map(|_| ()),
        };
        done.map_err(|e| StoreError::query("rollback_to", e))?;
        let (events, audits) = self.savepoints.pop().unwrap_or((0, 0));
        self.events.truncate(events);
        self.audits.truncate(audits);
        self.broken = false;
        Ok(())
    }

    /// Adds to the audit, when the work is committed. Nothing is written before: all units of a group share one look at
    /// the head of the audit.
    ///
    /// # Errors
    /// [`StoreError::AuditKey`] when the database was opened without the audit's key: what must be audited is refused.
    pub fn audit(&mut self, entry: AuditEntry) -> Result<(), StoreError> {
        if self.audit_key.is_none() {
            return Err(StoreError::AuditKey);
        }
        self.audits.push(entry);
        Ok(())
    }

    /// Makes the work durable and returns its events in the order of their sequence numbers.
    ///
    /// # Errors
    /// [`StoreError::AuditHead`] when somebody has changed the head of the audit; nothing is kept.
    /// [`StoreError::Aborted`] when a statement has failed; nothing is kept. [`StoreError::Commit`] when the commit
    /// itself failed; if the connection broke at that moment the work may be durable nevertheless.
    pub async fn commit(mut self) -> Result<Vec<Event>, StoreError> {
        if self.broken {
            return Err(StoreError::Aborted { what: "commit" });
        }
        crate::audit::write(&mut self).await?;
        match self.conn {
            TxConn::Sqlite(t) => t.commit().await,
            TxConn::Postgres(t) => t.commit().await,
        }
        .map_err(StoreError::Commit)?;
        Ok(self.events)
    }

    /// Undoes everything at once, without waiting for the drop to do it.
    ///
    /// # Errors
    /// [`StoreError::Query`] when the connection is lost; the database then undoes it by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.conn {
            TxConn::Sqlite(t) => t.rollback().await,
            TxConn::Postgres(t) => t.rollback().await,
        }
        .map_err(|e| StoreError::query("rollback", e))
    }

    /// Before a statement. Until [`Self::leave`] has seen its success the transaction counts as broken, so that a
    /// future dropped half-way cannot be followed by a commit.
    pub(crate) fn enter(&mut self, what: &'static str) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Aborted { what });
        }
        self.broken = true;
        Ok(())
    }

    /// After a statement.
    pub(crate) fn leave<T>(
        &mut self,
        what: &'static str,
        done: Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        self.broken = done.is_err();
        done.map_err(|e| StoreError::query(what, e))
    }
}
