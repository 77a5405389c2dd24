//! Accepts connections within limits and drains them in order.
//!
//! Ten thousand silent clients cost memory and nothing else: handshakes, headers, bodies and answers each have their time,
//! and connections beyond the limit wait in the kernel's queue. Places for requests belong to those whose body has come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use nightshift_kernel::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower_http::normalize_path::NormalizePath;

use super::client::Connection;
use super::timed_io::TimedIo;
use super::tls::Tls;
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

/// Where clients come in.
pub(crate) struct Entrance {
    pub(crate) listener: TcpListener,
    /// `None` speaks in the clear.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) limits: Limits,
}

/// What every connection is served with.
#[derive(Clone)]
struct Service {
    router: NormalizePath<Router>,
    builder: Builder<TokioExecutor>,
    tls: Option<Arc<Tls>>,
    header_timeout: Duration,
    write_stall: Duration,
}

/// Serves `router` until `stop`, then lets open requests end for at most `drain`.
pub(crate) async fn serve(
    entrance: Entrance,
    router: NormalizePath<Router>,
    clock: Clock,
    stop: CancellationToken,
    drain: Duration,
) -> Drained {
    let Entrance { listener, tls, limits } = entrance;
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let cut = CancellationToken::new();
    let (header_timeout, write_stall) = (limits.header_timeout, limits.write_stall);
    let service = Service { router, builder: builder(&limits), tls, header_timeout, write_stall };
    let open = metrics::gauge!("nightshift_http_connections_open");
    while let Some((stream, peer, slot)) = next_connection(&listener, &slots, &clock, &stop).await {
        let (service, watcher) = (service.clone(), graceful.watcher());
        let (cut, stop, open) = (cut.clone(), stop.clone(), open.clone());
        tokio::spawn(async move {
            open.increment(1.0);
            tokio::select! {
                () = service.connection(stream, peer, watcher, stop) => {}
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

impl Service {
    /// Serves one connection to its end.
    async fn connection(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
        stop: CancellationToken,
    ) {
        // Small answers must not wait for more to come.
        let _ = stream.set_nodelay(true);
        let stream = TimedIo::new(stream, self.header_timeout, self.write_stall);
        let Some(tls) = &self.tls else {
            return self.requests(stream, Connection { peer, tls: false }, watcher).await;
        };
        let shaken = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            shaken = tokio::time::timeout(self.header_timeout, tls.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => {
                // Who has shaken hands and then keeps silent is cut as well.
                let stream = TimedIo::new(stream, self.header_timeout, self.write_stall);
                self.requests(stream, Connection { peer, tls: true }, watcher).await;
            }
            Ok(Err(error)) => {
                metrics::counter!("nightshift_http_tls_failures_total").increment(1);
                tracing::debug!(error = %error, %peer, "a TLS handshake failed");
            }
            Err(_) => {
                metrics::counter!("nightshift_http_tls_failures_total").increment(1);
                tracing::debug!(%peer, "a TLS handshake took too long");
            }
        }
    }

    async fn requests<T>(&self, stream: TimedIo<T>, connection: Connection, watcher: Watcher)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let known = Extension(stream.bytes_read()).layer(self.router.clone());
        let service = TowerToHyperService::new(Extension(connection).layer(known));
        let served = self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(served).await {
            tracing::trace!(error = %error, "a connection broke off");
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
) -> Option<(TcpStream, SocketAddr, Slot)> {
    let accept = async {
        let slot = Arc::clone(slots).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, slot)),
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
