//! The HTTP facade: turns requests into messages to the plant and answers into JSON.
//!
//! One file per endpoint that has logic; what all routes share (errors, bodies, paging, the boundary) has its own files.

mod boundary;
mod docs;
mod events;
mod extract;
mod health;
mod metrics;
mod openapi;
mod page;
mod paging;
mod problem;
mod router;
mod sensing;
mod server;
mod system;
mod timed_io;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nightshift_actors::Plant;
use nightshift_kernel::Clock;
use nightshift_store::Db;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use self::metrics::{describe as describe_metrics, upkeep};
pub use self::openapi::document as openapi_document;
pub(crate) use self::router::router;
pub use self::server::Drained;
pub(crate) use self::server::{Limits, serve};
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
    in_flight: Arc<Semaphore>,
    streams: Arc<Semaphore>,
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
        let (in_flight, streams) = (config.http.concurrency_max, config.http.streams_max);
        Self(Arc::new(Shared {
            config,
            plant,
            db,
            clock,
            warmed_up: AtomicBool::new(false),
            stopping,
            request_ids: boundary::RequestIds::new(),
            in_flight: Arc::new(Semaphore::new(in_flight)),
            streams: Arc::new(Semaphore::new(streams)),
        }))
    }

    /// Whether a device could score since the start.
    fn has_warmed_up(&self) -> bool {
        if !self.warmed_up.load(Ordering::Acquire) && self.plant.inference().ready() {
            self.warmed_up.store(true, Ordering::Release);
        }
        self.warmed_up.load(Ordering::Acquire)
    }

    fn body_timeout(&self) -> Duration {
        Duration::from_secs(self.config.http.body_timeout_s)
    }
}
