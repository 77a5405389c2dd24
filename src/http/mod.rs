//! The HTTP facade: turns requests into messages to the plant and answers into JSON.
//!
//! One file per endpoint that has logic; what all routes share (errors, bodies, paging, the boundary) has its own files.

mod alerts;
mod alias;
mod boundary;
mod briefing;
mod caller;
mod client;
mod cors;
mod diagnosis;
mod docs;
mod doors;
mod events;
mod extract;
mod firmware;
mod fleet;
mod funnel;
mod health;
mod house;
mod idempotency;
mod identity;
mod labels;
mod load;
mod metrics;
mod openapi;
mod pace;
mod page;
mod paging;
mod problem;
mod production;
mod rate;
mod retiring;
mod router;
mod sensing;
mod server;
mod socket;
mod system;
mod timed_io;
mod tls;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;
use nightshift_actors::Plant;
use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use nightshift_store::Db;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use self::metrics::describe as describe_metrics;
pub use self::openapi::document as openapi_document;
pub(crate) use self::router::router;
pub use self::server::Drained;
pub(crate) use self::server::{Entrance, Limits, serve};
pub(crate) use self::tls::Tls;
pub use self::tls::TlsError;
use crate::config::Config;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// The fields behind [`App`].
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) plant: Plant,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    /// Set once a device can score; from then on the plant's health decides.
    warmed_up: AtomicBool,
    /// Cancelled when the process is told to stop: streams end, readiness is refused.
    pub(crate) stopping: CancellationToken,
    request_ids: boundary::RequestIds,
    capacity: load::Capacity,
    streams: Arc<Semaphore>,
    /// Streams that were ever opened, as a place in a round that begins anew.
    streams_opened: AtomicU8,
    /// Places of WebSockets that people and tools open.
    pub(crate) sockets: socket::Places,
    /// Places of vehicles' connections.
    vehicle_sockets: socket::Places,
    /// Places of headsets.
    headsets: socket::Places,
    /// Whose word about a client's address is believed.
    proxies: Vec<IpNet>,
    /// What browsers are told about TLS.
    hsts: Option<HeaderValue>,
    /// `None` when nothing is limited.
    rates: Option<rate::Rates>,
    under_way: idempotency::UnderWay,
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(
        config: Config,
        plant: Plant,
        db: Db,
        clock: Clock,
        stopping: CancellationToken,
    ) -> Self {
        let http = &config.http;
        let sockets = socket::Places::new(http.sockets_max, stopping.clone());
        let hsts = (http.tls.hsts_days > 0)
            .then(|| format!("max-age={}", u64::from(http.tls.hsts_days) * 86_400))
            .and_then(|text| HeaderValue::try_from(text).ok());
        Self(Arc::new(Shared {
            warmed_up: AtomicBool::new(false),
            vehicle_sockets: sockets.beside(config.fleet.connections_max),
            headsets: sockets.beside(config.diagnosis.headsets_max).funnelled(UPLOADS_AT_ONCE),
            sockets,
            stopping,
            request_ids: boundary::RequestIds::new(),
            capacity: load::Capacity::new(http.concurrency_max, http.bodies_bytes_max),
            streams: Arc::new(Semaphore::new(http.streams_max)),
            streams_opened: AtomicU8::new(0),
            // The configuration was checked.
            proxies: http.proxies().unwrap_or_default(),
            hsts,
            rates: rate::Rates::new(&http.rate_limit, plant.cache()),
            under_way: idempotency::UnderWay::default(),
            config,
            plant,
            db,
            clock,
        }))
    }

    /// Whether a device could score since the start.
    fn has_warmed_up(&self) -> bool {
        if !self.warmed_up.load(Ordering::Acquire) && self.plant.inference().ready() {
            self.warmed_up.store(true, Ordering::Release);
        }
        self.warmed_up.load(Ordering::Acquire)
    }

    /// A place among those who listen to a stream.
    fn stream_permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, problem::Problem> {
        self.streams.clone().try_acquire_owned().map_err(|_| problem::Problem::overloaded(5))
    }

    /// Streams that are open now.
    fn streams_open(&self) -> usize {
        self.config.http.streams_max.saturating_sub(self.streams.available_permits())
    }

    /// The plant's time.
    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.config.http.body_timeout_s)
    }
}

/// Uploads of headsets that come in at a time.
const UPLOADS_AT_ONCE: usize = 32;
/// Time between two rounds of house-keeping.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Rounds between two rounds that forget clients who ask nothing any more.
const SWEEP_EVERY: u64 = 12;

/// Keeps what the facade remembers small, for ever.
pub(crate) async fn upkeep(app: App) {
    for round in 1_u64.. {
        app.clock.sleep(UPKEEP_INTERVAL).await;
        metrics::keep_small();
        if let Some(rates) = app.rates.as_ref().filter(|_| round.is_multiple_of(SWEEP_EVERY)) {
            rates.sweep();
        }
    }
}
