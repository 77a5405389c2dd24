//! A vehicle as people see it.

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::{CarId, Chase, Details, Freshness, Kind, MapId, VehicleId};
use serde::Serialize;

use super::roster::Seat;
use super::shared::Shared;

/// Where a vehicle was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LastPosition {
    /// The map that the coordinates are of.
    pub map_id: MapId,
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
    /// When.
    pub at: Timestamp,
    /// Metres a second, as seen lately.
    pub speed_mps: f64,
}

/// A vehicle as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VehicleView {
    /// The plant's number of it.
    pub id: CarId,
    /// Its own number.
    pub vehicle_id: VehicleId,
    /// Its name.
    pub car_name: String,
    /// Its side.
    pub vehicle_type: Kind,
    /// What a police car last reported.
    pub details: Option<Details>,
    /// How much its last word is worth, and why.
    pub freshness: Freshness,
    /// Connections that speak for it now.
    pub connections: usize,
    /// Where it was last seen.
    pub position: Option<LastPosition>,
    /// A runner's chase.
    pub chase: Option<Chase>,
    /// When it first registered.
    pub created_at: Timestamp,
}

pub(super) fn of(shared: &Shared, seat: &Seat) -> VehicleView {
    let view = seat.view().clone();
    let place = |p: super::board::Placed| {
        let [x, y] = p.at_m();
        LastPosition { map_id: p.map, x, y, at: p.at, speed_mps: p.mps }
    };
    VehicleView {
        id: seat.id,
        vehicle_id: seat.vehicle_id,
        car_name: view.vehicle.car_name.as_str().to_owned(),
        vehicle_type: seat.kind,
        details: view.vehicle.details(),
        freshness: shared.freshness.judge(seat.heard_at(), seat.link(), shared.now()),
        connections: seat.conns().len(),
        position: shared.board.get(seat.id).map(place),
        chase: view.chase,
        created_at: view.vehicle.created_at,
    }
}
