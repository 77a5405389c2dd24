//! Frames to dashboards. They carry the plant's ids, never the vehicles' own; all are version 1.

use super::to_vehicle::pair;
use super::{ErrorCode, FrameError, Packet, PacketV1, Reader, WireName};
use crate::Timestamp;
use crate::fleet::{CarId, Damage, Kind, MapId, VehicleId};

const REGISTERED: u8 = 0xA2;
const POSITIONS: u8 = 0x11;
const STATE: u8 = 0x10;
const TRACE: u8 = 0xF0;
const CATCH: u8 = 0xFE;
const CATCH_FAILED: u8 = 0xFD;
const SYSTEM_ERROR: u8 = 0x03;

/// Most positions in one frame: 768 KiB.
pub const POSITIONS_MAX: usize = 65_536;
/// Bytes of one position.
const POSITION_BYTES: usize = 12;

/// Where a vehicle is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarPosition {
    /// The vehicle.
    pub id: CarId,
    /// Metres east.
    pub x: f32,
    /// Metres north.
    pub y: f32,
}

/// At most [`POSITIONS_MAX`] positions on one map.
#[derive(Debug, Clone, PartialEq)]
pub struct Positions {
    map: MapId,
    cars: Vec<CarPosition>,
}

impl Positions {
    /// All of `cars` in as few frames as will do; none for none.
    pub fn frames(map: MapId, cars: &[CarPosition]) -> impl Iterator<Item = ToFront> {
        cars.chunks(POSITIONS_MAX).map(move |part| ToFront::Positions(Self { map, cars: part.to_vec() }))
    }

    /// The map that the coordinates are of.
    #[must_use]
    pub fn map(&self) -> MapId {
        self.map
    }

    /// The positions.
    #[must_use]
    pub fn cars(&self) -> &[CarPosition] {
        &self.cars
    }
}

/// How a trace stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TraceStatus {
    /// The runner runs.
    Run = 0,
    /// It was caught.
    Catch = 1,
    /// It got away.
    Failed = 2,
}

impl TraceStatus {
    fn from_byte(value: u8) -> Result<Self, FrameError> {
        Ok(match value {
            0 => Self::Run,
            1 => Self::Catch,
            2 => Self::Failed,
            _ => return Err(FrameError::Word { field: "trace status", value }),
        })
    }
}

/// What a dashboard is told.
#[derive(Debug, Clone, PartialEq)]
pub enum ToFront {
    /// `A2`: a vehicle is known.
    Registered {
        /// Its number in the plant.
        id: CarId,
        /// Its own number.
        vehicle: VehicleId,
        /// Which side it is on.
        kind: Kind,
        /// Its name, cut to what fits.
        name: WireName,
    },
    /// `11`: where vehicles are.
    Positions(Positions),
    /// `10`: how a police car is. The fields stand in another order than in the vehicle's own frame.
    State {
        /// The car.
        id: CarId,
        /// Collisions so far.
        collision_count: u8,
        /// What they did to it.
        status: Damage,
        /// Fuel left, in percent.
        fuel: u8,
    },
    /// `F0`: a trace begins.
    Trace {
        /// The runner.
        runner: CarId,
        /// How the trace stands.
        status: TraceStatus,
        /// Seconds since 1970, as coarse as an `f32` is: steps of two minutes today.
        unix_s: f32,
    },
    /// `FE`: a catch.
    Catch {
        /// Who caught.
        catcher: CarId,
        /// Who was caught.
        runner: CarId,
    },
    /// `FD`: a failed catch.
    CatchFailed {
        /// Who failed.
        catcher: CarId,
        /// Who got away.
        runner: CarId,
    },
    /// `03`: the plant is in trouble.
    SystemError(ErrorCode),
}

impl ToFront {
    /// The frame that opens a trace.
    #[must_use]
    pub fn trace(runner: CarId, status: TraceStatus, at: Timestamp) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the wire has no finer time than an f32")]
        let unix_s = (at.us() as f64 / crate::time::US_PER_S as f64) as f32;
        Self::Trace { runner, status, unix_s }
    }
}

impl Packet for ToFront {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Registered { id, vehicle, kind, name } => {
                pair(out, REGISTERED, id.0, vehicle.0);
                out.push(kind.to_byte());
                out.extend(name.to_bytes());
            }
            Self::Positions(Positions { map, cars }) => {
                let count = u32::try_from(cars.len()).expect("at most POSITIONS_MAX");
                pair(out, POSITIONS, map.0, count);
                out.reserve(cars.len() * POSITION_BYTES);
                for car in cars {
                    out.extend(car.id.0.to_le_bytes());
                    out.extend(car.x.to_le_bytes());
                    out.extend(car.y.to_le_bytes());
                }
            }
            Self::State { id, collision_count, status, fuel } => {
                out.push(STATE);
                out.extend(id.0.to_le_bytes());
                out.extend([*collision_count, status.to_byte(), *fuel]);
            }
            Self::Trace { runner, status, unix_s } => {
                out.push(TRACE);
                out.extend(runner.0.to_le_bytes());
                out.push(*status as u8);
                out.extend(unix_s.to_le_bytes());
            }
            Self::Catch { catcher, runner } => pair(out, CATCH, catcher.0, runner.0),
            Self::CatchFailed { catcher, runner } => pair(out, CATCH_FAILED, catcher.0, runner.0),
            Self::SystemError(code) => out.extend([SYSTEM_ERROR, *code as u8]),
        }
    }

    fn read(body: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(match body.kind {
            REGISTERED => Self::Registered {
                id: body.car()?,
                vehicle: body.vehicle()?,
                kind: Kind::from_byte(body.u8()?),
                name: body.name()?,
            },
            POSITIONS => Self::Positions(read_positions(body)?),
            STATE => Self::State {
                id: body.car()?,
                collision_count: body.u8()?,
                status: Damage::from_byte(body.u8()?)?,
                fuel: body.u8()?,
            },
            TRACE => Self::Trace {
                runner: body.car()?,
                status: TraceStatus::from_byte(body.u8()?)?,
                unix_s: body.f32()?,
            },
            CATCH => Self::Catch { catcher: body.car()?, runner: body.car()? },
            CATCH_FAILED => Self::CatchFailed { catcher: body.car()?, runner: body.car()? },
            SYSTEM_ERROR => Self::SystemError(ErrorCode::from_byte(body.u8()?)?),
            kind => return Err(FrameError::Type(kind)),
        })
    }
}

impl PacketV1 for ToFront {}

fn read_positions(body: &mut Reader<'_>) -> Result<Positions, FrameError> {
    let map = MapId(body.u32()?);
    let count = usize::try_from(body.u32()?).unwrap_or(usize::MAX);
    // Nothing is set aside for positions that are not there.
    if count > POSITIONS_MAX || body.left() != count * POSITION_BYTES {
        return Err(FrameError::Size(POSITIONS));
    }
    let cars = (0..count)
        .map(|_| Ok(CarPosition { id: body.car()?, x: body.f32()?, y: body.f32()? }))
        .collect::<Result<_, FrameError>>()?;
    Ok(Positions { map, cars })
}
