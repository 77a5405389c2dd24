//! A dashboard's connection: the present state first, then every change.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::wire::{CarPosition, Positions, ToFront, encode};

use super::shared::Shared;
use crate::outlet::{Frame, Outlet};

/// A dashboard that listens until this is dropped.
pub struct FrontLink {
    shared: Arc<Shared>,
    out: Outlet,
}

impl FrontLink {
    pub(super) fn vehicles(shared: Arc<Shared>, out: Outlet, json: bool) -> Self {
        shared.air.join_front_vehicles(&out, json, |out| snapshot(&shared, out, json));
        Self { shared, out }
    }

    pub(super) fn events(shared: Arc<Shared>, out: Outlet) -> Self {
        shared.air.join_front_events(&out);
        Self { shared, out }
    }
}

impl Drop for FrontLink {
    fn drop(&mut self) {
        self.shared.air.leave_front(&self.out);
    }
}

/// A2 and 10 for each vehicle, then one 11 for each map with all last positions, then the plans that stand.
fn snapshot(shared: &Shared, out: &Outlet, json: bool) {
    // One that reads too slowly even for this is closed, and connects again.
    let say = |packet: &ToFront| {
        let _ = out.send(Frame::Binary(Bytes::from(encode(packet, &shared.key))));
    };
    for seat in shared.roster.all() {
        let view = seat.view().clone();
        say(&view.vehicle.introduction());
        view.vehicle.state().iter().for_each(say);
    }
    let mut by_map: BTreeMap<MapId, Vec<CarPosition>> = BTreeMap::new();
    for placed in shared.board.all() {
        let position = CarPosition { id: placed.id, x: placed.x, y: placed.y };
        by_map.entry(placed.map).or_default().push(position);
    }
    for (map, cars) in by_map {
        Positions::frames(map, &cars).for_each(|frame| say(&frame));
    }
    if json {
        for view in shared.standing() {
            let _ = out.send(Frame::Text(view.message().into()));
        }
    }
}
