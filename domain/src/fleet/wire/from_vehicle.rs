//! Frames from vehicles.

use super::{Channel, FrameError, Packet, PacketV1, Reader, WireName};
use crate::fleet::{Damage, Kind, VehicleId};

const REGISTER: u8 = 0xA0;
const POSITION: u8 = 0x13;
pub(super) const STATUS: u8 = 0x12;
const CATCH: u8 = 0xFE;
const CATCH_FAILED: u8 = 0xFD;

/// What a vehicle says.
#[derive(Debug, Clone, PartialEq)]
pub enum FromVehicle {
    /// `A0`: a vehicle introduces itself.
    Register {
        /// Its own number.
        vehicle: VehicleId,
        /// Which side it is on.
        kind: Kind,
        /// Its name.
        name: WireName,
    },
    /// `13`: where it is, in local metres. The numbers may be anything that an `f32` can hold.
    Position {
        /// Its own number.
        vehicle: VehicleId,
        /// Metres east.
        x: f32,
        /// Metres north.
        y: f32,
    },
    /// `12`: how it is.
    Status {
        /// Its own number.
        vehicle: VehicleId,
        /// Fuel left, in percent.
        fuel: u8,
        /// Collisions so far.
        collision_count: u8,
        /// What they did to it.
        status: Damage,
    },
    /// `FE`: it caught a runner.
    Catch {
        /// The police car that caught it, which is the sender.
        catcher: VehicleId,
        /// The runner.
        runner: VehicleId,
    },
    /// `FD`: it failed to catch a runner.
    CatchFailed {
        /// The police car that gave up, which is the sender.
        catcher: VehicleId,
        /// The runner.
        runner: VehicleId,
    },
}

impl FromVehicle {
    /// Who sends it.
    #[must_use]
    pub fn sender(&self) -> VehicleId {
        match self {
            Self::Register { vehicle, .. }
            | Self::Position { vehicle, .. }
            | Self::Status { vehicle, .. } => *vehicle,
            Self::Catch { catcher, .. } | Self::CatchFailed { catcher, .. } => *catcher,
        }
    }

    /// The WebSocket that it belongs on.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Register { .. } | Self::Position { .. } | Self::Status { .. } => Channel::Vehicles,
            Self::Catch { .. } | Self::CatchFailed { .. } => Channel::Events,
        }
    }

    fn kind_byte(&self) -> u8 {
        match self {
            Self::Register { .. } => REGISTER,
            Self::Position { .. } => POSITION,
            Self::Status { .. } => STATUS,
            Self::Catch { .. } => CATCH,
            Self::CatchFailed { .. } => CATCH_FAILED,
        }
    }
}

impl Packet for FromVehicle {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.kind_byte());
        out.extend(self.sender().0.to_le_bytes());
        match self {
            Self::Register { kind, name, .. } => {
                out.push(kind.to_byte());
                out.extend(name.to_bytes());
            }
            Self::Position { x, y, .. } => {
                out.extend(x.to_le_bytes());
                out.extend(y.to_le_bytes());
            }
            Self::Status { fuel, collision_count, status, .. } => {
                out.extend([*fuel, *collision_count, status.to_byte()]);
            }
            Self::Catch { runner, .. } | Self::CatchFailed { runner, .. } => {
                out.extend(runner.0.to_le_bytes())
            }
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(match body.kind {
            REGISTER => Self::Register {
                vehicle: body.vehicle()?,
                kind: Kind::from_byte(body.u8()?),
                name: body.name()?,
            },
            POSITION => Self::Position { vehicle: body.vehicle()?, x: body.f32()?, y: body.f32()? },
            STATUS => Self::Status {
                vehicle: body.vehicle()?,
                fuel: body.u8()?,
                collision_count: body.u8()?,
                status: Damage::from_byte(body.u8()?)?,
            },
            CATCH => Self::Catch { catcher: body.vehicle()?, runner: body.vehicle()? },
            CATCH_FAILED => Self::CatchFailed { catcher: body.vehicle()?, runner: body.vehicle()? },
            kind => return Err(FrameError::Type(kind)),
        })
    }
}

impl PacketV1 for FromVehicle {}
