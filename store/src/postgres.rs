//! The connections that read from a PostgreSQL server.
//!
//! The driver's pool takes a refused connection for a server that is starting, and tries until its time is up. Here a
//! reader learns within moments that the server is away.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Error, PgConnection, PgPool, Postgres};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::seat::in_time;

/// How long a reader waits for a connection before it asks whether the server is there at all.
const PROMPT: Duration = Duration::from_millis(250);

/// The connections that read. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct PgReaders {
    pool: PgPool,
    options: Arc<PgConnectOptions>,
    patience: Duration,
    /// Asked whether the server is there; opened when somebody has waited for a connection.
    scout: Arc<Mutex<Option<PgConnection>>>,
}

impl PgReaders {
    /// `most` connections at once; `patience`: longest wait for one.
    pub(crate) async fn open(
        options: PgConnectOptions,
        most: u32,
        patience: Duration,
    ) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .acquire_timeout(patience)
            .max_connections(most.max(1))
            .connect_with(options.clone())
            .await?;
        Ok(Self { pool, options: Arc::new(options), patience, scout: Arc::default() })
    }

    /// A connection; an error at once when there is none because the server is away.
    pub(crate) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Error> {
        let mut acquiring = pin!(self.pool.acquire());
        match timeout(PROMPT, &mut acquiring).await {
            Ok(acquired) => acquired,
            Err(_) => {
                self.look().await?;
                acquiring.await
            }
        }
    }

    /// Fails when the server does not answer. Those who ask do so one after the other, over one connection.
    async fn look(&self) -> Result<(), Error> {
        let mut scout = self.scout.lock().await;
        if let Some(mut conn) = scout.take()
            && in_time(self.patience, conn.ping()).await.is_ok()
        {
            *scout = Some(conn);
            return Ok(());
        }
        *scout = Some(in_time(self.patience, self.options.connect()).await?);
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        *self.scout.lock().await = None;
    }
}
