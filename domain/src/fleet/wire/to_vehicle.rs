//! Frames to vehicles.

use serde::{Deserialize, Serialize};

use super::{Channel, ErrorCode, FrameError, Packet, PacketV1, Reader};
use crate::fleet::{CarId, VehicleId};

const NACK: u8 = 0x02;
const RUN: u8 = 0xFF;
const TARGET: u8 = 0x14;
const CATCH: u8 = 0xFC;
const CATCH_FAILED: u8 = 0xFB;
const DEPLOY: u8 = 0x20;
const CONTROL: u8 = 0x21;
const REGISTERED: u8 = 0xA1;

/// What vehicles of either version are told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ToVehicle {
    /// `02`, to the sender of the refused frame alone.
    Nack(ErrorCode),
    /// `FF`, to all: the tracking command.
    Run {
        /// The runner to track.
        runner: VehicleId,
    },
    /// `14`, to all: where a runner is.
    Target {
        /// The runner.
        runner: VehicleId,
        /// Metres east.
        x: f32,
        /// Metres north.
        y: f32,
    },
    /// `FC`, to all on `/ws/events`: a catch is confirmed.
    Catch {
        /// Who caught.
        catcher: VehicleId,
        /// Who was caught.
        runner: VehicleId,
    },
    /// `FB`, to all on `/ws/events`: a failure is confirmed.
    CatchFailed {
        /// Who failed.
        catcher: VehicleId,
        /// Who got away.
        runner: VehicleId,
    },
}

impl ToVehicle {
    /// The WebSocket that it is broadcast on; `None` for an answer, which goes back where the question came from.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        match self {
            Self::Nack(_) => None,
            Self::Run { .. } | Self::Target { .. } => Some(Channel::Vehicles),
            Self::Catch { .. } | Self::CatchFailed { .. } => Some(Channel::Events),
        }
    }
}

impl Packet for ToVehicle {
    fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Nack(code) => out.extend([NACK, code as u8]),
            Self::Run { runner } => {
                out.push(RUN);
                out.extend(runner.0.to_le_bytes());
            }
            Self::Target { runner, x, y } => {
                out.push(TARGET);
                out.extend(runner.0.to_le_bytes());
                out.extend(x.to_le_bytes());
                out.extend(y.to_le_bytes());
            }
            Self::Catch { catcher, runner } => pair(out, CATCH, catcher.0, runner.0),
            Self::CatchFailed { catcher, runner } => pair(out, CATCH_FAILED, catcher.0, runner.0),
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(match body.kind {
            NACK => Self::Nack(ErrorCode::from_byte(body.u8()?)?),
            RUN => Self::Run { runner: body.vehicle()? },
            TARGET => Self::Target { runner: body.vehicle()?, x: body.f32()?, y: body.f32()? },
            CATCH => Self::Catch { catcher: body.vehicle()?, runner: body.vehicle()? },
            CATCH_FAILED => Self::CatchFailed { catcher: body.vehicle()?, runner: body.vehicle()? },
            kind => return Err(FrameError::Type(kind)),
        })
    }
}

impl PacketV1 for ToVehicle {}

/// A type byte and two ids.
pub(super) fn pair(out: &mut Vec<u8>, kind: u8, first: u32, second: u32) {
    out.push(kind);
    out.extend(first.to_le_bytes());
    out.extend(second.to_le_bytes());
}

/// What a car is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Command {
    /// Stand still.
    Stop = 0,
    /// Go on with what it was doing.
    Resume = 1,
    /// Leave the plan and go back to patrol.
    Return = 2,
}

impl Command {
    fn from_byte(value: u8) -> Result<Self, FrameError> {
        Ok(match value {
            0 => Self::Stop,
            1 => Self::Resume,
            2 => Self::Return,
            _ => return Err(FrameError::Word { field: "command", value }),
        })
    }
}

/// What vehicles of version 2 are told: all that version 1 has, and orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ToVehicleV2 {
    /// A frame that version 1 has too.
    Plain(ToVehicle),
    /// `A1`, to the sender of a registration.
    Registered {
        /// The vehicle's own number.
        vehicle: VehicleId,
        /// Its number in the plant.
        id: CarId,
        /// The session in which it speaks from now on.
        session: u32,
    },
    /// `20`: take a place in a roadblock.
    Deploy {
        /// The car that is meant.
        vehicle: VehicleId,
        /// The plan that this belongs to. The same order twice is to be ignored, one of an older plan refused.
        plan_no: u32,
        /// Metres east of the place to block.
        x: f32,
        /// Metres north of the place to block.
        y: f32,
        /// Where the runner is expected from: radians counter-clockwise from east.
        heading_rad: f32,
        /// Seconds from now until the car must stand there.
        arrive_by_s: f32,
    },
    /// `21`: a command outside the order of places.
    Control {
        /// The car that is meant.
        vehicle: VehicleId,
        /// What it is to do.
        command: Command,
        /// The plan on whose account.
        plan_no: u32,
    },
}

impl Packet for ToVehicleV2 {
    fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Plain(packet) => packet.write(out),
            Self::Registered { vehicle, id, session } => {
                pair(out, REGISTERED, vehicle.0, id.0);
                out.extend(session.to_le_bytes());
            }
            Self::Deploy { vehicle, plan_no, x, y, heading_rad, arrive_by_s } => {
                pair(out, DEPLOY, vehicle.0, plan_no);
                for number in [x, y, heading_rad, arrive_by_s] {
                    out.extend(number.to_le_bytes());
                }
            }
            Self::Control { vehicle, command, plan_no } => {
                out.push(CONTROL);
                out.extend(vehicle.0.to_le_bytes());
                out.push(command as u8);
                out.extend(plan_no.to_le_bytes());
            }
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(match body.kind {
            REGISTERED => {
                Self::Registered { vehicle: body.vehicle()?, id: body.car()?, session: body.u32()? }
            }
            DEPLOY => Self::Deploy {
                vehicle: body.vehicle()?,
                plan_no: body.u32()?,
                x: body.f32()?,
                y: body.f32()?,
                heading_rad: body.f32()?,
                arrive_by_s: body.f32()?,
            },
            CONTROL => Self::Control {
                vehicle: body.vehicle()?,
                command: Command::from_byte(body.u8()?)?,
                plan_no: body.u32()?,
            },
            _ => Self::Plain(ToVehicle::read(body)?),
        })
    }
}
