//! A vehicle's name as frames carry it: ten bytes of UTF-8, padded with NUL.

use std::fmt;

use super::FrameError;

/// Bytes of a name on the wire.
pub const WIRE_NAME_BYTES: usize = 10;

/// A name that fits a frame: one to ten bytes of UTF-8 without NUL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WireName(String);

impl WireName {
    /// The longest beginning of `name` that fits; a person may have given a vehicle a longer name than frames can carry.
    ///
    /// # Errors
    /// When nothing is left, because the name is empty or begins with NUL.
    pub fn cut(name: &str) -> Result<Self, FrameError> {
        let text = name.split('\0').next().unwrap_or_default();
        let end = text.floor_char_boundary(WIRE_NAME_BYTES);
        if end == 0 { Err(FrameError::Name) } else { Ok(Self(text[..end].to_owned())) }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All ten bytes must be UTF-8; the name ends at the first NUL, as a sender that writes C strings means it.
    pub(super) fn from_bytes(bytes: [u8; WIRE_NAME_BYTES]) -> Result<Self, FrameError> {
        Self::cut(std::str::from_utf8(&bytes).map_err(|_| FrameError::Name)?)
    }

    pub(super) fn to_bytes(&self) -> [u8; WIRE_NAME_BYTES] {
        let mut bytes = [0; WIRE_NAME_BYTES];
        bytes[..self.0.len()].copy_from_slice(self.0.as_bytes());
        bytes
    }
}

impl fmt::Display for WireName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_cut_between_characters() {
        let name = |text: &str| WireName::cut(text).map(|n| n.as_str().to_owned());
        assert_eq!(name("POLICE_2"), Ok("POLICE_2".to_owned()));
        assert_eq!(name("POLICE_NORTH"), Ok("POLICE_NOR".to_owned()));
        assert_eq!(
            name("순찰차 하나"),
            Ok("순찰차".to_owned() + " "),
            "ten bytes, the next letter would need three more"
        );
        assert_eq!(name(""), Err(FrameError::Name));
        assert_eq!(name("\0A"), Err(FrameError::Name));
    }

    #[test]
    fn ends_at_the_first_nul_and_must_be_text() {
        assert_eq!(WireName::from_bytes(*b"AB\0\0\0\0\0\0\0\0").expect("padded").as_str(), "AB");
        assert_eq!(WireName::from_bytes(*b"AB\0CDEFGHI").expect("a C string").as_str(), "AB");
        assert_eq!(WireName::from_bytes(*b"ABCDEFGHIJ").expect("full").as_str(), "ABCDEFGHIJ");
        assert_eq!(WireName::from_bytes([0; 10]), Err(FrameError::Name));
        assert_eq!(WireName::from_bytes([0xff; 10]), Err(FrameError::Name));
    }
}
