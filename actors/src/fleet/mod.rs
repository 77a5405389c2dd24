//! The fleet's actors and the door to them.
//!
//! A vehicle's frames are authenticated where they come in ([`VehicleLink`]) and handed to the vehicle's actor. Positions are told at
//! once and stored in the background; everything else is stored first. Dashboards ([`FrontLink`]) are told the present state when
//! they connect and every change after it.

mod air;
mod board;
mod dispatcher;
mod error;
mod fanout;
mod front;
mod link;
mod maps;
mod measures;
mod registry;
mod roster;
mod shared;
mod start;
mod trail;
mod vehicle;
mod view;

use std::sync::Arc;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::map::{MapAbout, RoadMap};
use nightshift_domain::fleet::wire::Channel;
use nightshift_domain::fleet::{CarId, CarName, MapId};
use nightshift_kernel::Address;
use nightshift_store::fleet as store;
use nightshift_store::fleet::{PositionRow, StoredEvent};
use nightshift_store::{Page, Slice};

pub use air::WireVersion;
pub use dispatcher::PlanView;
pub use error::FleetError;
pub use front::FrontLink;
pub use link::VehicleLink;
pub use maps::load as fleet_maps;
pub use view::{LastPosition, VehicleView};

pub(crate) use measures::describe_metrics;
pub(crate) use start::{FleetStartError, spawn};

use crate::identity::By;
use crate::outlet::Outlet;
use registry::RegistryMessage;
use shared::Shared;

/// The door to the fleet. Cheap to clone.
#[derive(Clone)]
pub struct Fleet(State);

#[derive(Clone)]
enum State {
    On(Running),
    /// It does not run, and why; whether that is a fault.
    Off(Arc<str>, bool),
}

/// The domain while it runs.
#[derive(Clone)]
struct Running {
    shared: Arc<Shared>,
    registry: Address<RegistryMessage>,
}

impl Fleet {
    fn on(running: Running) -> Self {
        Self(State::On(running))
    }

    fn off(reason: &str, faulty: bool) -> Self {
        Self(State::Off(reason.into(), faulty))
    }

    fn running(&self) -> Result<&Running, FleetError> {
        match &self.0 {
            State::On(running) => Ok(running),
            State::Off(reason, _) => Err(FleetError::Off(Arc::clone(reason))),
        }
    }

    /// Why it does not run, and whether that is a fault; nothing while it runs.
    #[must_use]
    pub fn why_off(&self) -> Option<(&str, bool)> {
        match &self.0 {
            State::On(_) => None,
            State::Off(reason, faulty) => Some((reason, *faulty)),
        }
    }

    /// A new connection of vehicles.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn vehicle_link(
        &self,
        out: Outlet,
        version: WireVersion,
        channel: Channel,
    ) -> Result<VehicleLink, FleetError> {
        let Running { shared, registry } = self.running()?;
        Ok(VehicleLink::open(Arc::clone(shared), registry.clone(), out, version, channel))
    }

    /// A dashboard on `/ws/front/vehicles`: it is told the present state, then every change. With `json` it is told of plans too.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn front_vehicles(&self, out: Outlet, json: bool) -> Result<FrontLink, FleetError> {
        Ok(FrontLink::vehicles(Arc::clone(&self.running()?.shared), out, json))
    }

    /// A dashboard on `/ws/front/events`.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn front_events(&self, out: Outlet) -> Result<FrontLink, FleetError> {
        Ok(FrontLink::events(Arc::clone(&self.running()?.shared), out))
    }

    /// What the maps say of themselves, by number, and since when the plant has them.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn maps(&self) -> Result<(Vec<MapAbout>, Timestamp), FleetError> {
        let shared = &self.running()?.shared;
        Ok((shared.maps.values().map(|map| map.about.clone()).collect(), shared.started_at))
    }

    /// A map.
    ///
    /// # Errors
    /// [`FleetError::NotFound`], [`FleetError::Off`].
    pub fn map(&self, id: MapId) -> Result<Arc<RoadMap>, FleetError> {
        let found = self.running()?.shared.maps.get(&id).cloned();
        found.ok_or(FleetError::NotFound { what: "map", id: u64::from(id.0) })
    }

    /// All vehicles, by number.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn vehicles(&self) -> Result<Vec<VehicleView>, FleetError> {
        let shared = &self.running()?.shared;
        Ok(shared.roster.all().iter().map(|seat| view::of(shared, seat)).collect())
    }

    /// One vehicle.
    ///
    /// # Errors
    /// [`FleetError::NotFound`], [`FleetError::Off`].
    pub fn vehicle(&self, id: CarId) -> Result<VehicleView, FleetError> {
        let shared = &self.running()?.shared;
        let seat = shared.roster.by_id(id).ok_or_else(|| FleetError::no_vehicle(id.0))?;
        Ok(view::of(shared, &seat))
    }

    /// Gives a vehicle a name.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn rename(&self, id: CarId, name: CarName, by: By) -> Result<VehicleView, FleetError> {
        let Running { shared, registry } = self.running()?;
        let by = Box::new(by);
        let asked = registry
            .ask(|reply| RegistryMessage::Rename { id, name, by, reply }, shared.config.command_deadline);
        asked.await??;
        self.vehicle(id)
    }

    /// Takes a vehicle out. It may register again, as another one.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn remove(&self, id: CarId, by: By) -> Result<(), FleetError> {
        let Running { shared, registry } = self.running()?;
        let by = Box::new(by);
        let asked =
            registry.ask(|reply| RegistryMessage::Remove { id, by, reply }, shared.config.command_deadline);
        asked.await?
    }

    /// The events of chases, the newest first.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn events(&self, slice: Slice) -> Result<Page<StoredEvent>, FleetError> {
        Ok(store::event_list(&self.running()?.shared.db, slice).await?)
    }

    /// Notes that a person has seen an event.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn acknowledge(&self, event: i64, user: Option<i64>) -> Result<(), FleetError> {
        let shared = &self.running()?.shared;
        let now = shared.now();
        let unit = shared.writer.run(shared.config.command_deadline, move |tx| {
            Box::pin(async move { store::event_acknowledge(tx, event, user, now).await })
        });
        Ok(unit.await?)
    }

    /// Where a vehicle was in `start .. end`, the oldest `limit` positions.
    ///
    /// # Errors
    /// [`FleetError`].
    pub async fn positions(
        &self,
        id: CarId,
        start: Timestamp,
        end: Timestamp,
        limit: u32,
    ) -> Result<Vec<PositionRow>, FleetError> {
        let shared = &self.running()?.shared;
        shared.roster.by_id(id).ok_or_else(|| FleetError::no_vehicle(id.0))?;
        Ok(store::positions_range(&shared.db, id, start, end, limit).await?)
    }

    /// The roadblocks that stand, by runner.
    ///
    /// # Errors
    /// [`FleetError::Off`].
    pub fn plans(&self) -> Result<Vec<Arc<PlanView>>, FleetError> {
        Ok(self.running()?.shared.standing())
    }
}
