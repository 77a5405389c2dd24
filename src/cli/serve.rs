//! `nightshift serve`: runs the plant until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use nightshift_kernel::Clock;
use sd_notify::NotifyState;
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, output, runtime};
use crate::config::Config;
use crate::log;
use crate::serve::{ServeError, Server};

pub(super) fn run(config: Config) -> Result<ExitCode, CommandError> {
    let _log = log::start(&config).map_err(CommandError::failed)?;
    let runtime = runtime()?;
    let clean = runtime.block_on(serve(config))?;
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn serve(config: Config) -> Result<bool, CommandError> {
    let clock = Clock::system();
    outlive_full_files();
    let server = Server::start(config, clock.clone()).await.map_err(|error| match error {
        ServeError::Config(error) => CommandError::Config(error),
        other => CommandError::failed(other),
    })?;
    if let Some(password) = server.take_made_password() {
        show_password(&password);
    }
    notify(&[NotifyState::Ready]);
    let watchdog = tokio::spawn(feed_watchdog(clock));
    let lost = tokio::select! {
        signal = told_to_stop() => {
            tracing::info!(signal, "stopping");
            false
        }
        reason = server.escalated() => {
            tracing::error!(reason, "a part is lost that the plant cannot do without; stopping");
            true
        }
    };
    notify(&[NotifyState::Stopping]);
    tokio::spawn(give_up_on_second_signal());
    let clean = server.stop().await;
    watchdog.abort();
    Ok(clean && !lost)
}

/// Shows the first administrator's password once, and not in the log.
pub(super) fn show_password(password: &SecretString) {
    let password = password.expose_secret();
    output::line(&format!(
        "First start: sign in as `admin` with the password {password} (it is not shown again)"
    ));
}

/// Tells systemd, if it started this process.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(error = %error, "systemd was not told");
    }
}

/// Feeds systemd's watchdog at half its time: a runtime that no longer runs tasks is restarted from outside.
async fn feed_watchdog(clock: Clock) {
    let Some(timeout) = sd_notify::watchdog_enabled() else { return };
    loop {
        clock.sleep(timeout / 2).await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// A file that may not grow any more (`ulimit -f`, a service's LimitFSIZE) is an error of that write, as a full disk is.
/// Unhandled, its signal would end the process instead.
fn outlive_full_files() {
    // The handler stays when its stream is dropped.
    let handled = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
    if let Err(error) = handled {
        tracing::warn!(error = %error, "a limit on the size of files would end this process");
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn told_to_stop() -> &'static str {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => match interrupted {
            Ok(()) => "SIGINT",
            Err(_) => std::future::pending().await,
        },
        () = terminated => "SIGTERM",
    }
}

/// Whoever asks twice does not want to wait for the draining.
async fn give_up_on_second_signal() {
    told_to_stop().await;
    tracing::warn!("told to stop again: not waiting any longer");
    std::process::exit(1);
}
