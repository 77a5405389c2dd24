//! The secret that all frames are signed with, and the keys made of it.

use std::fmt;

use subtle::ConstantTimeEq;

use super::keyed::Keyed;
use super::{TAG_BYTES, hkdf};
use crate::fleet::VehicleId;

/// What the keys of version 2 are for: no other use of the same secret gives the same keys.
const VEHICLE_KEY_INFO: &[u8] = b"nightshift fleet v2 vehicle ";

/// There is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("HMAC_SECRET_KEY is empty: vehicles cannot be told from forgers, so the fleet does not start")]
pub struct SecretError;

/// The shared secret, `HMAC_SECRET_KEY`. It is never shown.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// From its text, whose UTF-8 bytes are the key of version 1.
    ///
    /// # Errors
    /// When it is empty.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        if text.is_empty() { Err(SecretError) } else { Ok(Self(text.as_bytes().to_vec())) }
    }

    /// The key of every version-1 frame, and of all frames to dashboards.
    #[must_use]
    pub fn shared(&self) -> FrameKey {
        FrameKey::new(&self.0)
    }

    /// The key of one vehicle's version-2 frames, in both directions: HKDF-SHA256 (RFC 5869) without salt.
    #[must_use]
    pub fn of_vehicle(&self, vehicle: VehicleId) -> FrameKey {
        let info = [VEHICLE_KEY_INFO, &vehicle.0.to_le_bytes()].concat();
        let mut key = [0; hkdf::HASH_BYTES];
        hkdf::expand(&hkdf::extract(&[], &self.0), &info, &mut key)
            .expect("one hash is far below HKDF's limit of 255");
        FrameKey::new(&key)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key ready to sign and check frames.
#[derive(Clone)]
pub struct FrameKey(Keyed);

impl FrameKey {
    fn new(key: &[u8]) -> Self {
        Self(Keyed::new(key))
    }

    /// The first 16 bytes of HMAC-SHA256 over `signed`.
    #[must_use]
    pub fn tag(&self, signed: &[u8]) -> [u8; TAG_BYTES] {
        *self.0.mac(signed).first_chunk().expect("SHA-256 gives 32 bytes")
    }

    /// Whether `tag` is that of `signed`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn vouches(&self, signed: &[u8], tag: &[u8; TAG_BYTES]) -> bool {
        self.tag(signed).ct_eq(tag).into()
    }
}

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameKey(…)")
    }
}
