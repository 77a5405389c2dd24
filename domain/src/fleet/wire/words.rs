//! The wire's small words: channels, error codes, and what a bad frame is answered with.

use super::{FrameError, from_vehicle};

/// A WebSocket that vehicles open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `/ws/vehicles`: registration, positions, states; orders to cars.
    Vehicles,
    /// `/ws/events`: catches and failures, and their confirmation.
    Events,
}

/// What a NACK or SYSTEM_ERROR says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ErrorCode {
    /// The frame is not what its type says.
    InvalidFormat = 1,
    /// Another vehicle has the name.
    DuplicateName = 2,
    /// A coordinate is not a number, or infinite.
    InvalidCoordinate = 3,
    /// The vehicle is unknown, or not of the right kind.
    InvalidData = 4,
    /// The plant failed.
    Internal = 100,
    /// The store failed.
    Database = 101,
}

impl ErrorCode {
    pub(super) fn from_byte(value: u8) -> Result<Self, FrameError> {
        Ok(match value {
            1 => Self::InvalidFormat,
            2 => Self::DuplicateName,
            3 => Self::InvalidCoordinate,
            4 => Self::InvalidData,
            100 => Self::Internal,
            101 => Self::Database,
            _ => return Err(FrameError::Word { field: "error code", value }),
        })
    }
}

/// What a vehicle hears of a frame that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: the frame is dropped and counted.
    Drop,
    /// A NACK to the sender alone.
    Nack(ErrorCode),
}

impl Answer {
    /// The answer to a version-1 frame that could not be read, by where it came in and the type that it claims.
    ///
    /// Version 2 answers no frame that it could not authenticate: drop it.
    #[must_use]
    pub fn to_bad_frame(channel: Channel, bytes: &[u8]) -> Self {
        match (channel, bytes.first()) {
            (_, None) => Self::Drop,
            (Channel::Events, _) | (Channel::Vehicles, Some(&from_vehicle::STATUS)) => {
                Self::Nack(ErrorCode::InvalidFormat)
            }
            (Channel::Vehicles, _) => Self::Drop,
        }
    }
}
