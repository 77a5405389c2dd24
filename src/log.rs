//! The log: one line per fact on standard error, and daily files as JSON.
//!
//! Secrets never reach it: they are a type that prints as `[redacted]`, and no request header or body is logged.

use std::io::IsTerminal;
use std::path::PathBuf;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Config, LogFormat};

/// Libraries that report as errors what is a probe of what this machine has, one that tells of every kernel it tunes, and
/// one that opens a span for the life of every actor, which costs memory for each of a hundred thousand and time for each
/// message; named before the configured level, so that it can turn them up again.
const QUIET: &str = "wgpu_hal=off,wgpu_core=warn,naga=warn,cubecl_runtime=warn,ractor=warn";
/// Lines that may wait for the disk; more are dropped rather than stalling the plant.
const LINES_BUFFERED_MAX: usize = 16_384;

/// Writes what is still buffered when it is dropped.
#[must_use]
pub(crate) struct LogGuard {
    _files: Option<WorkerGuard>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The directory of the daily files cannot be used.
    #[error("log files cannot be written to {}: {reason}", dir.display())]
    Dir {
        /// The directory.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Sends everything that is traced to where the configuration says.
pub(crate) fn start(config: &Config) -> Result<LogGuard, LogError> {
    // The configuration was checked, so this cannot fail; if it ever does, information is better than silence.
    let level = format!("{QUIET},{}", config.log.level);
    let filter = || EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let json = match config.log.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let console = if json {
        stderr.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        stderr.with_ansi(std::io::stderr().is_terminal()).boxed()
    };
    let (files, guard) = match config.log_dir() {
        Some(dir) => {
            let (writer, guard) = daily_files(dir, config.log.days_kept)?;
            let layer = tracing_subscriber::fmt::layer().with_writer(writer).json().flatten_event(true);
            (Some(layer.with_filter(filter())), Some(guard))
        }
        None => (None, None),
    };
    // A second start in one process keeps the first one's log.
    let _ = tracing_subscriber::registry().with(files).with(console.with_filter(filter())).try_init();
    Ok(LogGuard { _files: guard })
}

fn daily_files(dir: PathBuf, days_kept: usize) -> Result<(NonBlocking, WorkerGuard), LogError> {
    let refused = |dir: &PathBuf, reason: String| LogError::Dir { dir: dir.clone(), reason };
    std::fs::create_dir_all(&dir).map_err(|e| refused(&dir, e.to_string()))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("nightshift")
        .filename_suffix("log")
        .max_log_files(days_kept)
        .build(&dir)
        .map_err(|e| refused(&dir, e.to_string()))?;
    Ok(NonBlockingBuilder::default().buffered_lines_limit(LINES_BUFFERED_MAX).lossy(true).finish(files))
}
