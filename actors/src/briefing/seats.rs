//! Running requests: where each one's actor is, and who listens to it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nightshift_domain::briefing::RequestId;
use nightshift_kernel::Address;
use tokio::sync::broadcast;

use super::running::RunMessage;

/// Texts that a listener may lag behind before it is told that it lagged.
const FRAMES_MAX: usize = 64;

/// What listeners hear.
#[derive(Debug, Clone)]
pub enum Told {
    /// A text.
    Text(Arc<str>),
    /// The request has ended: nothing follows.
    Ended,
}

/// A listener's end of a running request.
#[derive(Debug)]
pub struct Listening {
    /// The request.
    pub request_id: RequestId,
    /// What is told from now on. A listener that lags has lost texts, which are stored.
    pub told: broadcast::Receiver<Told>,
}

/// A running request's place. It outlives the actor's lives.
#[derive(Debug)]
pub(super) struct Seat {
    /// Who listens.
    listeners: broadcast::Sender<Told>,
    /// Number of the newest text that listeners were told; -1 when this process told none yet.
    newest: AtomicI64,
}

impl Seat {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { listeners: broadcast::channel(FRAMES_MAX).0, newest: AtomicI64::new(-1) })
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Told> {
        self.listeners.subscribe()
    }

    /// Tells text number `n`, unless it was told.
    pub(super) fn tell(&self, n: i64, text: &str) {
        if self.newest.fetch_max(n, Ordering::AcqRel) < n {
            // Nobody listening is no failure: the text is stored.
            let _ = self.listeners.send(Told::Text(text.into()));
        }
    }

    pub(super) fn end(&self) {
        let _ = self.listeners.send(Told::Ended);
    }

    /// Notes that listeners know everything up to text number `n`, and gives what they knew before.
    pub(super) fn known(&self, n: i64) -> Option<i64> {
        let was = self.newest.load(Ordering::Acquire);
        if was < 0 {
            self.newest.fetch_max(n, Ordering::AcqRel);
        }
        (was >= 0).then_some(was)
    }
}

/// A running request: where it hears, and what it shows.
type Running = (Address<RunMessage>, Arc<Seat>);

/// The running requests.
#[derive(Default)]
pub(super) struct Seats {
    by_id: RwLock<HashMap<RequestId, Running>>,
}

impl Seats {
    pub(super) fn put(&self, id: RequestId, address: Address<RunMessage>, seat: Arc<Seat>) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.insert(id, (address, seat));
        metrics::gauge!("nightshift_briefing_running").set(by_id.len() as f64);
    }

    pub(super) fn get(&self, id: RequestId) -> Option<Address<RunMessage>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(&id).map(|(address, _)| address.clone())
    }

    pub(super) fn take(&self, id: RequestId) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.remove(&id);
        metrics::gauge!("nightshift_briefing_running").set(by_id.len() as f64);
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
