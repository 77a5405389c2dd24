//! The wire: every frame that vehicles and dashboards exchange with the plant, to the byte. `docs/fleet.md` is its description.

mod bytes;
mod from_vehicle;
mod hkdf;
mod key;
mod keyed;
mod name;
mod replay;
mod to_front;
mod to_vehicle;
mod words;

#[cfg(test)]
mod wire_tests;

pub use bytes::Reader;
pub use from_vehicle::FromVehicle;
pub use key::{FrameKey, Secret, SecretError};
pub use name::{WIRE_NAME_BYTES, WireName};
pub use replay::{Guard, Outbox, REGISTERING, Replay};
pub use to_front::{CarPosition, POSITIONS_MAX, Positions, ToFront, TraceStatus};
pub use to_vehicle::{Command, ToVehicle, ToVehicleV2};
pub use words::{Answer, Channel, ErrorCode};

use super::VehicleId;

/// Bytes of the tag that ends every frame.
pub const TAG_BYTES: usize = 16;
/// Bytes that version 2 adds before the tag.
pub const STAMP_BYTES: usize = 8;
/// Longest frame that a vehicle may send, in bytes; a socket needs no larger buffer.
pub const FROM_VEHICLE_BYTES_MAX: usize = 32 + STAMP_BYTES;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Too short to hold a type and a tag.
    #[error("a frame of {0} bytes holds no type and tag")]
    Short(usize),
    /// The tag is not that of the bytes under this key.
    #[error("the tag does not fit the frame")]
    Tag,
    /// No frame of this direction has the type.
    #[error("frame type {0:#04x} is unknown here")]
    Type(u8),
    /// The frame is shorter or longer than its type says.
    #[error("a frame of type {0:#04x} has another size")]
    Size(u8),
    /// The name is empty or no UTF-8.
    #[error("the name is empty or not UTF-8")]
    Name,
    /// A byte stands for none of its words.
    #[error("{value} is no {field}")]
    Word {
        /// Which field.
        field: &'static str,
        /// What it held.
        value: u8,
    },
}

/// What version 2 adds to a frame. Session 0 is the one in which a vehicle registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// The session that the registration response named.
    pub session: u32,
    /// Rises strictly per sender and session.
    pub counter: u32,
}

/// The frames of one direction.
pub trait Packet: Sized {
    /// Appends type byte and body.
    fn write(&self, out: &mut Vec<u8>);

    /// Reads the body of a frame of type `body.kind`.
    ///
    /// # Errors
    /// When the type is unknown, bytes are missing, or one of them is impossible. Bytes left over are the caller's to refuse.
    fn read(body: &mut Reader<'_>) -> Result<Self, FrameError>;
}

/// Frames that version 1 knows.
pub trait PacketV1: Packet {}

/// The version-1 frame of `packet`.
#[must_use]
pub fn encode<P: PacketV1>(packet: &P, key: &FrameKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    packet.write(&mut out);
    seal(out, key)
}

/// The packet in a version-1 frame.
///
/// # Errors
/// When the bytes are no such frame, or the tag does not fit.
pub fn decode<P: PacketV1>(bytes: &[u8], key: &FrameKey) -> Result<P, FrameError> {
    parse(unseal(bytes, key)?)
}

/// The version-2 frame of `packet`.
#[must_use]
pub fn encode_v2<P: Packet>(packet: &P, stamp: Stamp, key: &FrameKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    packet.write(&mut out);
    out.extend(stamp.session.to_le_bytes());
    out.extend(stamp.counter.to_le_bytes());
    seal(out, key)
}

/// The packet in a version-2 frame, and its stamp, which [`Guard`] judges.
///
/// # Errors
/// When the bytes are no such frame, or the tag does not fit.
pub fn decode_v2<P: Packet>(bytes: &[u8], key: &FrameKey) -> Result<(P, Stamp), FrameError> {
    let signed = unseal(bytes, key)?;
    let (packet, stamp) = signed.split_last_chunk::<STAMP_BYTES>().ok_or(FrameError::Size(signed[0]))?;
    let mut stamp = Reader::new(signed[0], stamp);
    let stamp = Stamp { session: stamp.u32()?, counter: stamp.u32()? };
    Ok((parse(packet)?, stamp))
}

/// Whom a vehicle's frame claims to come from, read before the tag is checked: version 2 has a key for each vehicle.
#[must_use]
pub fn claimed_sender(bytes: &[u8]) -> Option<VehicleId> {
    let id = bytes.get(1..)?.first_chunk::<4>()?;
    Some(VehicleId(u32::from_le_bytes(*id)))
}

fn seal(mut signed: Vec<u8>, key: &FrameKey) -> Vec<u8> {
    let tag = key.tag(&signed);
    signed.extend(tag);
    signed
}

/// What the tag vouches for: at least the type byte.
fn unseal<'a>(bytes: &'a [u8], key: &FrameKey) -> Result<&'a [u8], FrameError> {
    let (signed, tag) = bytes.split_last_chunk::<TAG_BYTES>().ok_or(FrameError::Short(bytes.len()))?;
    if signed.is_empty() {
        return Err(FrameError::Short(bytes.len()));
    }
    if key.vouches(signed, tag) { Ok(signed) } else { Err(FrameError::Tag) }
}

fn parse<P: Packet>(signed: &[u8]) -> Result<P, FrameError> {
    let (kind, body) = signed.split_first().ok_or(FrameError::Short(signed.len()))?;
    let mut body = Reader::new(*kind, body);
    let packet = P::read(&mut body)?;
    if body.is_empty() { Ok(packet) } else { Err(FrameError::Size(*kind)) }
}
