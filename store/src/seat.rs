//! The one connection that writes, on either engine, held by one transaction after the other.
//!
//! It is no pool of one: a pool looks at its connection before and after each use, which costs a small commit as much as
//! the commit, and takes a refused connection for a server that is starting, and tries until its time is up. Here
//! everybody learns within moments that the server is away, and may say so.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Error, PgConnection, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use crate::dialect;

/// What the seat needs of either engine's connection.
pub(crate) trait WritingConn: Connection + Sized {
    /// How a transaction begins.
    const BEGIN: &'static str;

    /// Makes a fresh connection one whose commits are durable.
    fn make_durable(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// Runs a statement without parameters.
    fn run(&mut self, sql: &'static str) -> impl Future<Output = Result<(), Error>> + Send;
}

impl WritingConn for SqliteConnection {
    const BEGIN: &'static str = dialect::BEGIN_SQLITE;

    /// The options say so already.
    async fn make_durable(&mut self) -> Result<(), Error> {
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), Error> {
        sqlx::query(sql).execute(self).await.map(|_| ())
    }
}

impl WritingConn for PgConnection {
    const BEGIN: &'static str = dialect::BEGIN_POSTGRES;

    /// A server may be set up to answer before the log is on disk: an acknowledged write must be durable.
    async fn make_durable(&mut self) -> Result<(), Error> {
        let sql = "SELECT set_config('synchronous_commit', 'on', false) \
                   WHERE current_setting('synchronous_commit') = 'off'";
        sqlx::query(sql).execute(self).await.map(|_| ())
    }

    /// Not prepared: there may be several in one text, and so in one trip to the server.
    async fn run(&mut self, sql: &'static str) -> Result<(), Error> {
        sqlx::raw_sql(sql).execute(self).await.map(|_| ())
    }
}

/// The connection that writes. Clones share it.
#[derive(Debug)]
pub(crate) struct Seat<C: WritingConn> {
    options: Arc<C::Options>,
    patience: Duration,
    place: Arc<Mutex<Place<C>>>,
}

impl<C: WritingConn> Clone for Seat<C> {
    fn clone(&self) -> Self {
        Self { options: Arc::clone(&self.options), patience: self.patience, place: Arc::clone(&self.place) }
    }
}

/// Where the connection waits between two transactions.
#[derive(Debug)]
enum Place<C> {
    /// The next transaction opens one.
    Empty,
    Ready(C),
    Closed,
}

impl<C: WritingConn> Seat<C> {
    /// Opens the connection. `patience`: longest wait for the transaction before, for the server, and for another program
    /// that writes.
    pub(crate) async fn open(options: C::Options, patience: Duration) -> Result<Self, Error> {
        let place = Arc::new(Mutex::new(Place::Empty));
        let seat = Self { options: Arc::new(options), patience, place };
        *seat.place.lock().await = Place::Ready(seat.connect().await?);
        Ok(seat)
    }

    /// Another connection like the one that writes.
    pub(crate) async fn connect(&self) -> Result<C, Error> {
        let open = async {
            let mut conn = self.options.connect().await?;
            conn.make_durable().await?;
            Ok(conn)
        };
        in_time(self.patience, open).await
    }

    /// Begins a transaction after the one under way.
    pub(crate) async fn begin(&self) -> Result<Turn<C>, Error> {
        let lock = async { Ok(Arc::clone(&self.place).lock_owned().await) };
        let mut place = in_time(self.patience, lock).await?;
        match std::mem::replace(&mut *place, Place::Empty) {
            Place::Ready(mut conn) => match self.begin_on(&mut conn).await {
                Ok(()) => return Ok(Turn { conn, place }),
                // The server has closed it meanwhile: nothing was asked of it yet.
                Err(error) if is_cut(&error) => {}
                Err(error) => return Err(error),
            },
            Place::Empty => {}
            Place::Closed => {
                *place = Place::Closed;
                return Err(Error::PoolClosed);
            }
        }
        let mut conn = self.connect().await?;
        self.begin_on(&mut conn).await?;
        Ok(Turn { conn, place })
    }

    async fn begin_on(&self, conn: &mut C) -> Result<(), Error> {
        // Twice: the engine itself may wait as long for another program's lock.
        in_time(self.patience * 2, conn.run(C::BEGIN)).await
    }

    /// Closes the connection after the transaction under way; no other begins.
    pub(crate) async fn close(&self) {
        let mut place = self.place.lock().await;
        if let Place::Ready(conn) = std::mem::replace(&mut *place, Place::Closed)
            && let Err(error) = conn.close().await
        {
            tracing::debug!(%error, "the writing connection was not closed in order");
        }
    }
}

#[cfg(feature = "testing")]
impl Seat<SqliteConnection> {
    /// Runs statements on the connection that writes, between two transactions.
    pub(crate) async fn run_between(&self, sql: sqlx::AssertSqlSafe<String>) -> Result<(), Error> {
        let mut place = self.place.lock().await;
        if matches!(*place, Place::Empty) {
            *place = Place::Ready(self.connect().await?);
        }
        let Place::Ready(conn) = &mut *place else { return Err(Error::PoolClosed) };
        sqlx::raw_sql(sql).execute(conn).await.map(|_| ())
    }
}

/// Whether the connection was lost, rather than the statement refused.
fn is_cut(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        Error::Database(e) => e.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        _ => false,
    }
}

/// What `step` comes to, or that it took too long.
pub(crate) async fn in_time<T>(
    patience: Duration,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(patience, step).await.unwrap_or(Err(Error::PoolTimedOut))
}

/// The writing connection in a transaction. Dropping it closes the connection, upon which the engine undoes the work.
#[derive(Debug)]
pub(crate) struct Turn<C: WritingConn> {
    conn: C,
    place: OwnedMutexGuard<Place<C>>,
}

impl<C: WritingConn> Turn<C> {
    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.end("COMMIT").await
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.end("ROLLBACK").await
    }

    /// The connection is kept only when it did as it was told: one whose disk was full may have ended the transaction by itself.
    async fn end(mut self, sql: &'static str) -> Result<(), Error> {
        self.conn.run(sql).await?;
        *self.place = Place::Ready(self.conn);
        Ok(())
    }
}

impl<C: WritingConn> Deref for Turn<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.conn
    }
}

impl<C: WritingConn> DerefMut for Turn<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.conn
    }
}
