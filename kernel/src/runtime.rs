//! What a whole tree shares: time, randomness, the pacing of restarts, the event channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::{Semaphore, broadcast, watch};

use crate::clock::Clock;
use crate::lifecycle::{EVENTS_MAX, Lifecycle, LifecycleKind};
use crate::measures;
use crate::random::Random;

/// Restarts that may be under way at once when nothing else is said.
const START_PERMITS_DEFAULT: usize = 32;

/// The surroundings of one tree. Cheap to clone; give each root its own.
#[derive(Clone, Debug)]
pub struct Runtime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    random: Random,
    starts: Arc<Semaphore>,
    events: broadcast::Sender<Lifecycle>,
    escalated: watch::Sender<Option<String>>,
    alive: AtomicI64,
    quarantined: AtomicI64,
}

impl Runtime {
    /// System time, unpredictable jitter, the default pacing.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Clock::system(), Random::unpredictable(), START_PERMITS_DEFAULT)
    }

    /// `start_permits`: how many restarts of the whole tree may run their `start` at once (at least 1).
    #[must_use]
    pub fn new(clock: Clock, random: Random, start_permits: usize) -> Self {
        let shared = Shared {
            clock,
            random,
            starts: Arc::new(Semaphore::new(start_permits.clamp(1, Semaphore::MAX_PERMITS))),
            events: broadcast::Sender::new(EVENTS_MAX),
            escalated: watch::Sender::new(None),
            alive: AtomicI64::new(0),
            quarantined: AtomicI64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The tree's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The tree's source of jitter.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.shared.random
    }

    pub(crate) fn starts(&self) -> &Arc<Semaphore> {
        &self.shared.starts
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Lifecycle> {
        self.shared.events.subscribe()
    }

    /// The event is only built when somebody listens: most trees start thousands of children unheard.
    pub(crate) fn publish(&self, path: &str, kind: impl FnOnce() -> LifecycleKind) {
        if self.shared.events.receiver_count() > 0 {
            let event = Lifecycle { at_us: self.clock().now_us(), path: path.to_owned(), kind: kind() };
            // The last listener may leave between the check and the send: then nobody misses it.
            drop(self.shared.events.send(event));
        }
    }

    pub(crate) fn escalate(&self, reason: &str) {
        self.shared.escalated.send_if_modified(|first| {
            let fresh = first.is_none();
            first.get_or_insert_with(|| reason.to_owned());
            fresh
        });
    }

    pub(crate) fn escalated(&self) -> watch::Receiver<Option<String>> {
        self.shared.escalated.subscribe()
    }

    pub(crate) fn count_alive(&self, change: i64) {
        measures::actors(self.shared.alive.fetch_add(change, Ordering::Relaxed) + change);
    }

    pub(crate) fn count_quarantined(&self, change: i64) {
        measures::quarantined(self.shared.quarantined.fetch_add(change, Ordering::Relaxed) + change);
    }
}
