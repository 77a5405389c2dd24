//! The air: everybody who listens on the four channels, and how all of them are told at once.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use nightshift_domain::fleet::wire::{
    Channel, FrameKey, Outbox, Stamp, ToFront, ToVehicle, ToVehicleV2, encode, encode_v2,
};

use super::roster::{Speaker, Speech};
use super::shared::lock;
use crate::outlet::{Frame, Gone, Outlet};

/// Vehicles that one version-2 connection may speak for.
const SPEAKERS_PER_CONN_MAX: usize = 64;

/// Which frames a vehicle's connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireVersion {
    /// As every vehicle has ever spoken.
    V1,
    /// Stamped, with a key for each vehicle.
    V2,
}

/// A connection of vehicles.
pub(super) struct Conn {
    pub(super) out: Outlet,
    pub(super) version: WireVersion,
    pub(super) channel: Channel,
    /// Those that have spoken on it in an open session of version 2.
    speakers: Mutex<Vec<Speaker>>,
}

impl Conn {
    pub(super) fn new(out: Outlet, version: WireVersion, channel: Channel) -> Self {
        Self { out, version, channel, speakers: Mutex::default() }
    }

    /// What is said to all is said to this vehicle too; whether there was room for it.
    pub(super) fn listens(&self, speaker: &Speaker) -> bool {
        let mut speakers = lock(&self.speakers);
        let known = speakers.iter().any(|known| Arc::ptr_eq(known, speaker));
        if known || speakers.len() < SPEAKERS_PER_CONN_MAX {
            if !known {
                speakers.push(Arc::clone(speaker));
            }
            return true;
        }
        false
    }

    /// A version-1 frame to whoever is at the other end.
    pub(super) fn say(&self, packet: &ToVehicle, key: &FrameKey) {
        let _ = self.out.send(Frame::Binary(encode(packet, key).into()));
    }

    /// A version-2 frame to one vehicle, within its session.
    pub(super) fn say_to(&self, speech: &mut Speech, packet: &ToVehicleV2) -> Result<(), Gone> {
        let Some(stamp) = speech.outbox.as_mut().and_then(Outbox::next_stamp) else { return Err(Gone) };
        self.out.send(Frame::Binary(encode_v2(packet, stamp, &speech.key).into()))
    }

    /// A version-2 frame outside any session, in answer to `question`.
    pub(super) fn answer(&self, key: &FrameKey, question: Stamp, packet: &ToVehicleV2) {
        let _ = self.out.send(Frame::Binary(encode_v2(packet, Outbox::answer(question), key).into()));
    }

    /// What is said to all, with `shared` as the version-1 frame of it.
    fn broadcast(&self, packet: &ToVehicle, shared: &Bytes) -> Result<(), Gone> {
        match self.version {
            WireVersion::V1 => self.out.send(Frame::Binary(shared.clone())),
            WireVersion::V2 => {
                for speaker in lock(&self.speakers).iter() {
                    let _ = self.say_to(&mut lock(speaker), &ToVehicleV2::Plain(*packet));
                }
                if self.out.is_closed() { Err(Gone) } else { Ok(()) }
            }
        }
    }
}

/// A dashboard on `/ws/front/vehicles`.
struct Front {
    out: Outlet,
    /// Whether it is told of plans, in JSON.
    plans: bool,
}

/// Everybody who listens.
#[derive(Default)]
pub(super) struct Air {
    vehicles: Mutex<Vec<Arc<Conn>>>,
    events: Mutex<Vec<Arc<Conn>>>,
    front_vehicles: Mutex<Vec<Front>>,
    front_events: Mutex<Vec<Outlet>>,
}

impl Air {
    fn conns(&self, channel: Channel) -> &Mutex<Vec<Arc<Conn>>> {
        match channel {
            Channel::Vehicles => &self.vehicles,
            Channel::Events => &self.events,
        }
    }

    pub(super) fn join(&self, conn: &Arc<Conn>) {
        lock(self.conns(conn.channel)).push(Arc::clone(conn));
    }

    pub(super) fn leave(&self, conn: &Arc<Conn>) {
        lock(self.conns(conn.channel)).retain(|known| !Arc::ptr_eq(known, conn));
    }

    /// Tells all vehicles on the channel that the frame belongs on.
    pub(super) fn to_vehicles(&self, packet: &ToVehicle, key: &FrameKey) {
        let Some(channel) = packet.channel() else { return };
        let mut conns = lock(self.conns(channel));
        if conns.is_empty() {
            return;
        }
        let shared = Bytes::from(encode(packet, key));
        conns.retain(|conn| conn.broadcast(packet, &shared).is_ok());
    }

    /// Adds a dashboard after it was told the present state. Nothing is said to dashboards meanwhile, so that it misses
    /// nothing.
    pub(super) fn join_front_vehicles(&self, out: &Outlet, plans: bool, snapshot: impl FnOnce(&Outlet)) {
        let mut fronts = lock(&self.front_vehicles);
        snapshot(out);
        fronts.push(Front { out: out.clone(), plans });
    }

    pub(super) fn join_front_events(&self, out: &Outlet) {
        lock(&self.front_events).push(out.clone());
    }

    pub(super) fn leave_front(&self, out: &Outlet) {
        lock(&self.front_vehicles).retain(|front| !front.out.is_same(out));
        lock(&self.front_events).retain(|front| !front.is_same(out));
    }

    /// Tells all dashboards on `/ws/front/vehicles`.
    pub(super) fn to_front_vehicles(&self, packet: &ToFront, key: &FrameKey) {
        let mut fronts = lock(&self.front_vehicles);
        if fronts.is_empty() {
            return;
        }
        let frame = Frame::Binary(encode(packet, key).into());
        fronts.retain(|front| front.out.send(frame.clone()).is_ok());
    }

    /// Tells all dashboards on `/ws/front/vehicles` that take JSON.
    pub(super) fn json_to_fronts(&self, text: impl FnOnce() -> String) {
        let mut fronts = lock(&self.front_vehicles);
        if !fronts.iter().any(|front| front.plans) {
            return;
        }
        let frame = Frame::Text(text().into());
        fronts.retain(|front| !front.plans || front.out.send(frame.clone()).is_ok());
    }

    /// Tells all dashboards on `/ws/front/events`.
    pub(super) fn to_front_events(&self, packet: &ToFront, key: &FrameKey) {
        let mut fronts = lock(&self.front_events);
        if fronts.is_empty() {
            return;
        }
        let frame = Frame::Binary(encode(packet, key).into());
        fronts.retain(|front| front.send(frame.clone()).is_ok());
    }
}
