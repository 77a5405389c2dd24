//! The life of the process: build, spawn, drain.
//!
//! The port is bound after the plant has started, so whoever can connect gets a true answer. On a signal readiness is
//! refused first, then nothing is accepted, streams end, open requests get their time, and the tree stops in order.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nightshift_actors::{Identity, KeyError, Plant, StartError, given_key, key_file};
use nightshift_domain::audit::ChainKey;
use nightshift_kernel::Clock;
use nightshift_models::DeviceError;
use nightshift_store::{Db, DbOptions, StoreError};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, plant_config};
use crate::http::{self, App, Drained, Entrance, Tls, TlsError};

/// Open files that the process needs beside its connections: database, logs, devices.
const FILES_RESERVED: u64 = 512;

/// How long sockets may take to say goodbye.
const SOCKETS_DRAIN: Duration = Duration::from_secs(5);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificate or its key cannot be used.
    #[error("http.tls: {}", chain(.0))]
    Tls(#[from] TlsError),
    /// The data directory cannot be used.
    #[error("the data directory {}: {reason}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key cannot be read or made.
    #[error("a key: {0}")]
    Key(#[from] KeyError),
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
    upkeep: Vec<JoinHandle<()>>,
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
        // The libraries that speak TLS must agree on one provider; who asks first installs it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        http::describe_metrics();
        let tls = Tls::load(&config.http.tls)?;
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
        let drain = Duration::from_secs(config.system.drain_s);
        let reload_interval = Duration::from_secs(config.http.tls.reload_interval_s);
        let entrance = Entrance { listener, tls: tls.clone(), limits: http::Limits::from(&config.http) };
        say_what_is_open(&config);
        let stopping = CancellationToken::new();
        let app = App::new(config, plant, db, clock.clone(), stopping.clone());
        let mut upkeep = vec![tokio::spawn(http::upkeep(app.clone()))];
        upkeep.extend(tls.clone().map(|tls| tokio::spawn(tls.keep_fresh(reload_interval, clock.clone()))));
        let serving = http::serve(entrance, http::router(&app), clock, stopping.clone(), drain);
        let accepting = tokio::spawn(serving);
        tracing::info!(%address, tls = tls.is_some(), "listening");
        if tls.is_none() && !address.ip().is_loopback() {
            tracing::warn!(
                "passwords and tokens cross the network in the clear: set http.tls, or let only a proxy that speaks TLS \
                 reach this port"
            );
        }
        Ok(Self { app, address, accepting, upkeep, stopping, drain, _lock: lock })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The password of `admin`, if this start made it up; only the first call gets it.
    #[must_use]
    pub fn take_made_password(&self) -> Option<SecretString> {
        self.app.plant.identity().take_made_password()
    }

    /// Who gets in.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.app.plant.identity()
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
        let closed = self.app.sockets.drained(SOCKETS_DRAIN.min(self.drain)).await;
        if !closed {
            tracing::warn!("sockets were cut: they did not end in time");
        }
        let report = self.app.plant.shutdown(self.drain).await;
        self.upkeep.iter().for_each(JoinHandle::abort);
        let clean = drained == Drained::Clean && closed && report.clean;
        tracing::info!(clean, report = ?report, "stopped");
        clean
    }
}

/// Says in the log what answers without a token.
fn say_what_is_open(config: &Config) {
    if config.sensing.open {
        tracing::warn!(
            "sensing.open: whoever reaches this server may use the sensing routes without a token"
        );
    }
    if config.fleet.open_fronts {
        tracing::warn!(
            "fleet.open_fronts: whoever reaches this server may watch and rename vehicles without a token"
        );
    }
    if !config.diagnosis.device_tokens {
        tracing::warn!(
            "diagnosis.device_tokens = false: whoever reaches this server and knows a patient's code is that patient's VR \
             headset"
        );
    }
    if config.briefing.open_login {
        tracing::warn!(
            "briefing.open_login: whoever reaches this server may have briefings under any name, without a password"
        );
    }
    if config.identity.open_metrics == Some(true) {
        tracing::warn!(
            "identity.open_metrics: whoever reaches this server may read /metrics without a token"
        );
    }
}

/// The key of the audit's chain: given, or in a file that is made when it does not exist.
pub(crate) fn audit_key(config: &Config) -> Result<ChainKey, ServeError> {
    match &config.identity.audit_key {
        None => Ok(ChainKey::new(key_file(&config.audit_key_file())?)),
        Some(given) => Ok(ChainKey::new(given_key(&given.clone().into_inner())?)),
    }
}

/// Opens the database and brings it up to date if that is wanted.
pub(crate) async fn open_database(config: &Config) -> Result<Db, ServeError> {
    let mut options = DbOptions::new(config.database_url().expose());
    options.audit_key = Some(audit_key(config)?);
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
