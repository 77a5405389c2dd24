//! `nightshift agent`: the station's own program. It sends what the station's apps drop into a folder, and fetches firmware.
//!
//! Everything is made so that it may be killed at any point: a file stays where it is until what became of it is known and
//! noted, and its content is its key, so that the server takes it once. See `docs/agent.md`.

mod client;
mod files;
mod firmware;
mod folder;
mod journal;
mod page;
mod status;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::firmware::StationId;
use nightshift_kernel::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::client::Server;
use self::folder::Folders;
use self::journal::Journal;
use self::status::Status;
use crate::config::Config;

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A setting is missing.
    #[error("{0} must be set: see [agent] in config/nightshift.toml")]
    Missing(&'static str),
    /// The station's id cannot be one.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A folder cannot be made or used.
    #[error("the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What the agent must not forget cannot be read.
    #[error("the agent's state in {}: {reason}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Another agent works in the folder.
    #[error("another agent works with the state in {}", .0.display())]
    Taken(PathBuf),
    /// The server's address or the token cannot be used.
    #[error("the connection to the server: {0}")]
    Client(String),
    /// The address of the health page cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// What all parts of the agent share.
pub(crate) struct Shared {
    pub(crate) station: StationId,
    pub(crate) clock: Clock,
    pub(crate) server: Server,
    pub(crate) folders: Folders,
    pub(crate) status: Status,
    pub(crate) settings: Settings,
}

/// What the agent is told by its configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) scan: Duration,
    pub(crate) settle: Duration,
    pub(crate) poll: Duration,
    pub(crate) file_bytes_max: u64,
    pub(crate) start_missing: bool,
    pub(crate) clock_off: Duration,
    pub(crate) firmware_model: Option<i64>,
    pub(crate) time_zone: String,
}

/// Runs the agent until it is told to stop. `ready` is told where the health page is.
///
/// # Errors
/// When it cannot start. Once it runs, it goes on.
pub async fn run(
    config: &Config,
    clock: Clock,
    stopping: CancellationToken,
    ready: impl FnOnce(std::net::SocketAddr),
) -> Result<(), AgentError> {
    // The library that speaks TLS needs a provider; whoever asks first installs it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let agent = &config.agent;
    let station = agent.station()?.ok_or(AgentError::Missing("agent.station_id"))?;
    let url = agent.server.as_deref().ok_or(AgentError::Missing("agent.server"))?;
    let token = agent.token.as_ref().ok_or(AgentError::Missing("agent.token or agent.token_file"))?;
    let state_dir = agent.state_dir.clone().unwrap_or_else(|| config.data_dir.join("agent"));
    let folders = Folders::open(&agent.work_dir)?;
    let journal = Journal::open(&state_dir, clock.now_us())?;
    let server = Server::new(url, token, Duration::from_secs(agent.timeout_s)).map_err(AgentError::Client)?;
    let (completed, refused) = journal.counts();
    let shared = Arc::new(Shared {
        station,
        clock,
        server,
        folders,
        status: Status::new(completed, refused),
        settings: Settings {
            scan: Duration::from_millis(agent.scan_ms),
            settle: Duration::from_millis(agent.settle_ms),
            poll: Duration::from_millis(agent.poll_ms),
            file_bytes_max: agent.file_bytes_max,
            start_missing: agent.start_missing,
            clock_off: Duration::from_secs(agent.clock_off_s),
            firmware_model: agent.firmware_model,
            time_zone: config.production.time_zone.clone(),
        },
    });
    let listener = TcpListener::bind(agent.listen)
        .await
        .map_err(|source| AgentError::Bind { address: agent.listen, source })?;
    ready(listener.local_addr().unwrap_or(agent.listen));
    tracing::info!(station = %shared.station, server = url, work_dir = %agent.work_dir.display(), "the agent runs");
    let files = files::work(Arc::clone(&shared), journal, stopping.clone());
    let firmware = firmware::work(Arc::clone(&shared), state_dir, stopping.clone());
    let page = page::serve(Arc::clone(&shared), listener, stopping);
    tokio::join!(files, firmware, page);
    Ok(())
}
