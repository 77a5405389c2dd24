//! Accepts connections within limits and drains them in order.
//!
//! Ten thousand silent clients cost memory and nothing else: headers, bodies and answers each have their time, and
//! connections beyond the limit wait in the kernel's queue. Only a client that has sent its headers holds one of the
//! places for requests, until its body has come or its time is over.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use nightshift_kernel::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::normalize_path::NormalizePath;

use super::timed_io::TimedIo;
use crate::config::HttpConfig;

/// Pause after a failed accept: the process is out of file descriptors, and trying at once would spin.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of headers held per connection.
const HEADER_BYTES_MAX: usize = 32 * 1_024;
/// Streams that one HTTP/2 connection may open.
const H2_STREAMS_MAX: u32 = 64;
/// Time between two HTTP/2 pings, and the time an answer may take.
const H2_PING: Duration = Duration::from_secs(20);

/// How the end of the server went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Clean,
    /// Connections were cut when the time for draining was over.
    Cut,
}

/// The limits of the accept loop.
pub(crate) struct Limits {
    connections_max: usize,
    header_timeout: Duration,
    write_stall: Duration,
}

impl From<&HttpConfig> for Limits {
    fn from(config: &HttpConfig) -> Self {
        Self {
            connections_max: config.connections_max,
            header_timeout: Duration::from_secs(config.header_timeout_s),
            write_stall: Duration::from_secs(config.write_stall_s),
        }
    }
}

/// Serves `router` until `stop`, then lets open requests end for at most `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    router: NormalizePath<Router>,
    limits: Limits,
    clock: Clock,
    stop: CancellationToken,
    drain: Duration,
) -> Drained {
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let builder = builder(&limits);
    let open = metrics::gauge!("nightshift_http_connections_open");
    while let Some((stream, slot)) = next_connection(&listener, &slots, &clock, &stop).await {
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
        let io = TokioIo::new(TimedIo::new(stream, limits.header_timeout, limits.write_stall));
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection_with_upgrades(io, service).into_owned();
        let connection = graceful.watch(connection);
        let (cut, open) = (cut.clone(), open.clone());
        tokio::spawn(async move {
            open.increment(1.0);
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::trace!(error = %error, "a connection broke off");
                    }
                }
                () = cut.cancelled() => {}
            }
            open.decrement(1.0);
            drop(slot);
        });
    }
    drop(listener);
    match tokio::time::timeout(drain, graceful.shutdown()).await {
        Ok(()) => Drained::Clean,
        Err(_) => {
            cut.cancel();
            Drained::Cut
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(HEADER_BYTES_MAX)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING);
    builder
}

type Slot = tokio::sync::OwnedSemaphorePermit;

async fn next_connection(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    clock: &Clock,
    stop: &CancellationToken,
) -> Option<(TcpStream, Slot)> {
    let accept = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, slot)),
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    clock.sleep(ACCEPT_RETRY_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        accepted = accept => accepted,
    }
}
