//! The life of the process: build, spawn, drain.
//!
//! The port is bound after the plant has started, so whoever can connect gets a true answer. On a signal readiness is
//! refused first, then nothing is accepted, streams end, open requests get their time, and the tree stops in order.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nightshift_actors::{Plant, StartError};
use nightshift_kernel::Clock;
use nightshift_models::DeviceError;
use nightshift_store::{Db, DbOptions, StoreError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, plant_config};
use crate::http::{self, App, Drained};

/// Open files that the process needs beside its connections: database, logs, devices.
const FILES_RESERVED: u64 = 512;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data directory cannot be used.
    #[error("the data directory {}: {reason}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database cannot be opened or brought up to date.
    #[error("the database: {}", chain(.0))]
    Database(#[source] StoreError),
    /// The asked-for device is not there.
    #[error("the device: {0}")]
    Device(#[source] DeviceError),
    /// The tree could not be started.
    #[error("the plant: {}", chain(.0))]
    Plant(#[source] StartError),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; is another process using the port?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// An error with all its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A running server.
pub struct Server {
    app: App,
    address: SocketAddr,
    accepting: JoinHandle<Drained>,
    upkeep: JoinHandle<()>,
    stopping: CancellationToken,
    drain: Duration,
    /// Held so that no second process uses the data directory.
    _lock: File,
}

impl Server {
    /// Builds the plant and binds the port.
    ///
    /// # Errors
    /// [`ServeError`], naming the step.
    pub async fn start(config: Config, clock: Clock) -> Result<Self, ServeError> {
        http::describe_metrics();
        let lock = lock_data_dir(&config.data_dir)?;
        let db = open_database(&config).await?;
        let selection =
            nightshift_models::select(config.inference.device_choice()?).map_err(ServeError::Device)?;
        tracing::info!(device = %selection.reason, database = %db.location(), "starting");
        let plant = Plant::start(plant_config(&config)?, db.clone(), clock.clone(), selection)
            .await
            .map_err(ServeError::Plant)?;
        raise_file_limit(config.http.connections_max as u64 + FILES_RESERVED);
        let address = config.http.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let (limits, drain) = (http::Limits::from(&config.http), Duration::from_secs(config.system.drain_s));
        let stopping = CancellationToken::new();
        let app = App::new(config, plant, db, clock.clone(), stopping.clone());
        let upkeep = tokio::spawn(http::upkeep(clock.clone()));
        let serving = http::serve(listener, http::router(&app), limits, clock, stopping.clone(), drain);
        let accepting = tokio::spawn(serving);
        tracing::info!(%address, "listening, on loopback only: there is no sign-in yet");
        Ok(Self { app, address, accepting, upkeep, stopping, drain, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until a part is lost that the plant cannot do without, and says why.
    pub async fn escalated(&self) -> String {
        self.app.plant.escalated().await
    }

    /// Stops in order; whether everything ended by itself.
    pub async fn stop(self) -> bool {
        self.stopping.cancel();
        let drained = self.accepting.await.unwrap_or(Drained::Cut);
        if drained == Drained::Cut {
            tracing::warn!("connections were cut: they did not end in time");
        }
        let report = self.app.plant.shutdown(self.drain).await;
        self.upkeep.abort();
        let clean = drained == Drained::Clean && report.clean;
        tracing::info!(clean, report = ?report, "stopped");
        clean
    }
}

/// Opens the database and brings it up to date if that is wanted.
pub(crate) async fn open_database(config: &Config) -> Result<Db, ServeError> {
    let mut options = DbOptions::new(config.database_url().expose());
    options.max_readers = config.database.readers_max;
    let db = Db::connect(&options).await.map_err(ServeError::Database)?;
    if config.database.auto_migrate {
        let report = db.migrate().await.map_err(ServeError::Database)?;
        tracing::debug!(?report, "the schema is up to date");
    } else {
        db.check_schema().await.map_err(ServeError::Database)?;
    }
    Ok(db)
}

/// Makes the data directory and keeps other processes out of it.
pub(crate) fn lock_data_dir(path: &Path) -> Result<File, ServeError> {
    let refused = |reason: String| ServeError::DataDir { path: path.to_owned(), reason };
    std::fs::create_dir_all(path).map_err(|e| refused(e.to_string()))?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join("nightshift.lock"))
        .map_err(|e| refused(e.to_string()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(refused("another nightshift is using it".to_owned())),
        // Some network file systems have no locks; that is no reason not to start.
        Err(std::fs::TryLockError::Error(error)) => {
            tracing::warn!(error = %error, "the data directory cannot be locked");
            Ok(lock)
        }
    }
}

/// Lets the process hold as many connections as its limit says.
fn raise_file_limit(wanted: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < wanted) else { return };
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum: limit.maximum });
    if raised.is_err() || reachable < wanted {
        tracing::warn!(current, reachable, wanted, "few open files are allowed: raise LimitNOFILE");
    }
}
