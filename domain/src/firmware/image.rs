//! An image: a version of a product model's firmware, and the digests of its bytes.

use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::FirmwareVersion;
use crate::Timestamp;
use crate::production::ProductModelId;

/// Largest image, bytes.
pub const FIRMWARE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// Longest file name, characters.
pub const FILENAME_CHARS_MAX: usize = 100;

/// An image's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FirmwareId(pub i64);

impl fmt::Display for FirmwareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What bytes are known by, in lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digests {
    /// How many there are.
    pub size: u64,
    /// Their MD5: what stations' programs check. It finds accidents, not attackers.
    pub md5: String,
    /// Their SHA-256.
    pub sha256: String,
}

/// Makes [`Digests`] of bytes that come piece by piece.
#[derive(Clone, Default)]
pub struct Digester {
    size: u64,
    md5: Md5,
    sha256: Sha256,
}

impl Digester {
    /// Takes more bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.sha256.update(bytes);
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digests of all that came.
    #[must_use]
    pub fn finish(self) -> Digests {
        Digests { size: self.size, md5: hex(&self.md5.finalize()), sha256: hex(&self.sha256.finalize()) }
    }
}

impl Digests {
    /// The digests of bytes that are all there.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut digester = Digester::default();
        digester.update(bytes);
        digester.finish()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An image about to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFirmware {
    /// Whose firmware it is.
    pub product_model_id: ProductModelId,
    /// Its version.
    pub version: FirmwareVersion,
    /// What its file is called at stations.
    pub filename: String,
    /// What its bytes are known by.
    pub digests: Digests,
    /// Where its bytes are, in the object store.
    pub blob_key: String,
    /// What is new, for people.
    pub notes: Option<String>,
    /// Who uploaded it.
    pub uploaded_by: String,
}

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    /// Its number.
    pub id: FirmwareId,
    /// What it is.
    pub image: NewFirmware,
    /// The code of its product model.
    pub model_code: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
}

impl Firmware {
    /// The name of a version's file at stations.
    #[must_use]
    pub fn filename_of(version: FirmwareVersion) -> String {
        format!("firmware_{version}.bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_everybody_knows() {
        let hello = Digests::of(b"hello");
        assert_eq!(hello.size, 5);
        // The value that the requirement's own example shows.
        assert_eq!(hello.md5, "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(hello.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        let mut pieces = Digester::default();
        pieces.update(b"he");
        pieces.update(b"llo");
        assert_eq!(pieces.finish(), hello);
    }
}
