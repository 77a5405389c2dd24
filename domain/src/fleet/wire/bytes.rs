//! Reading little-endian fields off the front of a frame's body.

use super::{FrameError, WireName};
use crate::fleet::{CarId, VehicleId};

/// The body of a frame of type `kind`, as far as it is not read yet.
#[derive(Debug)]
pub struct Reader<'a> {
    /// The frame's type byte.
    pub kind: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(kind: u8, rest: &'a [u8]) -> Self {
        Self { kind, rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn chunk<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(FrameError::Size(self.kind))?;
        self.rest = tail;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, FrameError> {
        Ok(self.chunk::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, FrameError> {
        Ok(u32::from_le_bytes(self.chunk()?))
    }

    pub(super) fn f32(&mut self) -> Result<f32, FrameError> {
        Ok(f32::from_le_bytes(self.chunk()?))
    }

    pub(super) fn vehicle(&mut self) -> Result<VehicleId, FrameError> {
        Ok(VehicleId(self.u32()?))
    }

    pub(super) fn car(&mut self) -> Result<CarId, FrameError> {
        Ok(CarId(self.u32()?))
    }

    pub(super) fn name(&mut self) -> Result<WireName, FrameError> {
        WireName::from_bytes(self.chunk()?)
    }
}
