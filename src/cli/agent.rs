//! `nightshift agent`: the station's own program, until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nightshift_kernel::Clock;
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::serve::told_to_stop;
use super::{CommandError, output, runtime};
use crate::agent::{self, AgentError};
use crate::config::{Config, Secret};
use crate::log;

/// How the agent is told what the configuration does not say.
#[derive(Args)]
pub(super) struct AgentArgs {
    /// URL of the server (`agent.server`).
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// As which station it speaks (`agent.station_id`).
    #[arg(long, value_name = "ID")]
    station: Option<String>,
    /// File that holds its token (`agent.token_file`).
    #[arg(long, value_name = "FILE")]
    token_file: Option<std::path::PathBuf>,
    /// Folder of `pending`, `completed`, `error` and `firmware` (`agent.work_dir`).
    #[arg(long, value_name = "DIR")]
    work_dir: Option<std::path::PathBuf>,
    /// Address of its health page (`agent.listen`).
    #[arg(long, value_name = "ADDR")]
    page: Option<std::net::SocketAddr>,
}

pub(super) fn run(args: AgentArgs, mut config: Config) -> Result<ExitCode, CommandError> {
    let agent = &mut config.agent;
    agent.server = args.server.or(agent.server.take());
    agent.station_id = args.station.or(agent.station_id.take());
    agent.work_dir = args.work_dir.unwrap_or(std::mem::take(&mut agent.work_dir));
    agent.listen = args.page.unwrap_or(agent.listen);
    if let Some(file) = &args.token_file {
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|e| CommandError::failed(format!("{}: {e}", file.display())))?;
        agent.token = Some(Secret::new(text.trim()));
    }
    let _log = log::start(&config).map_err(CommandError::failed)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(&config));
    // Nothing that is left has anything to lose.
    runtime.shutdown_timeout(Duration::from_secs(2));
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(AgentError::Config(error)) => Err(CommandError::Config(error)),
        Err(error) => Err(CommandError::failed(error)),
    }
}

async fn serve(config: &Config) -> Result<(), AgentError> {
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    tokio::spawn(async move {
        let signal = told_to_stop().await;
        tracing::info!(signal, "stopping");
        stop.cancel();
    });
    agent::run(config, Clock::system(), stopping, |address| {
        output::line(&format!("http://{address}"));
        let _ = sd_notify::notify(&[NotifyState::Ready]);
    })
    .await
}
