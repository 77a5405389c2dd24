//! What every part of the fleet works with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::map::RoadMap;
use nightshift_domain::fleet::wire::{FrameKey, Secret};
use nightshift_domain::fleet::{CaptureRule, CarId, FreshnessRule, MapId};
use nightshift_kernel::{Address, Clock};
use nightshift_store::Db;

use super::air::Air;
use super::board::Board;
use super::dispatcher::{DispatcherMessage, PlanView};
use super::roster::{Roster, Seat, Speakers};
use super::trail::Trail;
use crate::config::FleetConfig;
use crate::writer::Writer;

/// How long a write that nobody waits for may take.
pub(super) const BACKGROUND_WRITE: Duration = Duration::from_secs(30);

/// The domain's surroundings and what its parts share.
pub(super) struct Shared {
    pub(super) db: Db,
    pub(super) writer: Writer,
    pub(super) clock: Clock,
    pub(super) config: FleetConfig,
    pub(super) started_at: Timestamp,
    pub(super) secret: Secret,
    /// The key of version 1 and of every frame to dashboards.
    pub(super) key: FrameKey,
    pub(super) freshness: FreshnessRule,
    pub(super) capture: Option<CaptureRule>,
    pub(super) maps: BTreeMap<MapId, Arc<RoadMap>>,
    pub(super) roster: Roster,
    pub(super) speakers: Speakers,
    pub(super) board: Board,
    pub(super) air: Air,
    pub(super) trail: Trail,
    /// The plans that stand, by runner; written by the dispatchers.
    pub(super) plans: RwLock<BTreeMap<CarId, Arc<PlanView>>>,
    /// Set once, when they are started.
    pub(super) dispatchers: RwLock<BTreeMap<MapId, Address<DispatcherMessage>>>,
}

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// The plans that stand.
    pub(super) fn standing(&self) -> Vec<Arc<PlanView>> {
        self.plans.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Tells the dispatcher of a map; one that has no room is told again by the next position.
    pub(super) fn dispatch(&self, map: MapId, message: DispatcherMessage) {
        let dispatchers = self.dispatchers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = dispatchers.get(&map) {
            let _ = address.try_send(message);
        }
    }

    /// Tells every dispatcher.
    pub(super) fn dispatch_all(&self, message: impl Fn() -> DispatcherMessage) {
        let dispatchers = self.dispatchers.read().unwrap_or_else(PoisonError::into_inner);
        for address in dispatchers.values() {
            let _ = address.try_send(message());
        }
    }

    /// The runner in whose plan a police car has a part.
    pub(super) fn chased_by(&self, car: CarId) -> Option<CarId> {
        let plans = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        let standing = plans.values().find(|view| view.plan.involves(car));
        standing.map(|view| view.plan.runner_id)
    }

    /// Whether a vehicle can be counted on, and can drive.
    pub(super) fn is_fit(&self, seat: &Seat, now: Timestamp) -> bool {
        let fresh = self.freshness.judge(seat.heard_at(), seat.link(), now).is_usable();
        fresh && seat.view().vehicle.details().is_none_or(|details| details.can_drive())
    }
}

/// A lock whose holder may have panicked: what it guards is replaced as a whole, so it is never half-done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
