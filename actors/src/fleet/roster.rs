//! Who is in the fleet: a seat for each vehicle, which outlives the lives of its actor, and what version 2 knows of each.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::wire::{FrameKey, Guard, Outbox, Secret};
use nightshift_domain::fleet::{CarId, Chase, Kind, Link, Vehicle, VehicleId};
use nightshift_kernel::Address;

use super::air::Conn;
use super::shared::lock;
use super::vehicle::VehicleMessage;

/// Connections of one vehicle that are remembered; of more, the oldest is forgotten.
const CONNS_PER_VEHICLE_MAX: usize = 16;

/// What is known of a vehicle beside where it is.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) vehicle: Vehicle,
    /// A runner's chase.
    pub(super) chase: Option<Chase>,
}

/// A vehicle's place in the fleet.
pub(super) struct Seat {
    pub(super) id: CarId,
    pub(super) vehicle_id: VehicleId,
    pub(super) kind: Kind,
    pub(super) address: Address<VehicleMessage>,
    /// Its state is written by its actor, its names by the registry.
    view: RwLock<View>,
    /// When its last good frame came, microseconds since 1970; `i64::MIN` for never.
    heard_us: AtomicI64,
    links: Mutex<Links>,
}

#[derive(Default)]
struct Links {
    conns: Vec<Arc<Conn>>,
    last: Link,
}

impl Seat {
    pub(super) fn new(view: View, address: Address<VehicleMessage>) -> Self {
        Self {
            id: view.vehicle.id,
            vehicle_id: view.vehicle.vehicle_id,
            kind: view.vehicle.side.kind(),
            address,
            view: RwLock::new(view),
            heard_us: AtomicI64::new(i64::MIN),
            links: Mutex::default(),
        }
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it is a runner that is to be caught.
    pub(super) fn is_at_large(&self) -> bool {
        self.view().chase.is_some_and(|chase| chase.is_running())
    }

    /// A good frame came from it.
    pub(super) fn heard(&self, now: Timestamp) {
        self.heard_us.fetch_max(now.us(), Ordering::Relaxed);
    }

    pub(super) fn heard_at(&self) -> Option<Timestamp> {
        let us = self.heard_us.load(Ordering::Relaxed);
        (us != i64::MIN).then(|| Timestamp::from_us(us))
    }

    /// A connection spoke for it.
    pub(super) fn attach(&self, conn: &Arc<Conn>) {
        let mut links = lock(&self.links);
        if links.conns.iter().any(|known| Arc::ptr_eq(known, conn)) {
            return;
        }
        if links.conns.len() >= CONNS_PER_VEHICLE_MAX {
            links.conns.remove(0);
        }
        links.conns.push(Arc::clone(conn));
        if links.conns.len() > 1 {
            metrics::counter!("nightshift_fleet_second_connections_total").increment(1);
        }
    }

    /// A connection that spoke for it has ended.
    pub(super) fn detach(&self, conn: &Arc<Conn>, how: Link) {
        let mut links = lock(&self.links);
        links.conns.retain(|known| !Arc::ptr_eq(known, conn));
        links.last = how;
    }

    pub(super) fn link(&self) -> Link {
        let links = lock(&self.links);
        if links.conns.is_empty() { links.last } else { Link::Open }
    }

    /// The connections that speak for it now.
    pub(super) fn conns(&self) -> Vec<Arc<Conn>> {
        lock(&self.links).conns.clone()
    }
}

/// All seats.
#[derive(Default)]
pub(super) struct Roster(RwLock<Seats>);

#[derive(Default)]
struct Seats {
    by_id: BTreeMap<CarId, Arc<Seat>>,
    by_number: HashMap<VehicleId, Arc<Seat>>,
}

impl Roster {
    pub(super) fn by_id(&self, id: CarId) -> Option<Arc<Seat>> {
        self.read().by_id.get(&id).cloned()
    }

    pub(super) fn by_number(&self, number: VehicleId) -> Option<Arc<Seat>> {
        self.read().by_number.get(&number).cloned()
    }

    /// All of them, by id.
    pub(super) fn all(&self) -> Vec<Arc<Seat>> {
        self.read().by_id.values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.read().by_id.len()
    }

    pub(super) fn put(&self, seat: Arc<Seat>) {
        let mut seats = self.0.write().unwrap_or_else(PoisonError::into_inner);
        seats.by_number.insert(seat.vehicle_id, Arc::clone(&seat));
        seats.by_id.insert(seat.id, seat);
    }

    pub(super) fn take(&self, id: CarId) -> Option<Arc<Seat>> {
        let mut seats = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let seat = seats.by_id.remove(&id)?;
        seats.by_number.remove(&seat.vehicle_id);
        Some(seat)
    }

    fn read(&self) -> RwLockReadGuard<'_, Seats> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What version 2 knows of one vehicle.
pub(super) struct Speech {
    pub(super) key: FrameKey,
    pub(super) guard: Guard,
    /// The plant's own stamps in the open session.
    pub(super) outbox: Option<Outbox>,
}

/// One vehicle's speech, shared by all its connections. Who holds the lock stamps and sends, so that counters rise in the
/// order of sending.
pub(super) type Speaker = Arc<Mutex<Speech>>;

/// The speech of every vehicle that ever registered in version 2.
#[derive(Default)]
pub(super) struct Speakers(Mutex<HashMap<VehicleId, Speaker>>);

impl Speakers {
    /// As they were kept.
    pub(super) fn load(&self, secret: &Secret, guards: Vec<(VehicleId, Guard)>) {
        let mut all = lock(&self.0);
        for (vehicle, guard) in guards {
            all.insert(vehicle, speaker(secret, vehicle, guard));
        }
    }

    pub(super) fn get(&self, vehicle: VehicleId) -> Option<Speaker> {
        lock(&self.0).get(&vehicle).cloned()
    }

    /// The speech of a vehicle that has shown that it has its key.
    pub(super) fn get_or_make(&self, secret: &Secret, vehicle: VehicleId) -> Speaker {
        let make = || speaker(secret, vehicle, Guard::default());
        Arc::clone(lock(&self.0).entry(vehicle).or_insert_with(make))
    }
}

fn speaker(secret: &Secret, vehicle: VehicleId, guard: Guard) -> Speaker {
    let key = secret.of_vehicle(vehicle);
    Arc::new(Mutex::new(Speech { key, guard, outbox: None }))
}
