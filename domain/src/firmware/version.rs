//! `vX.Y.Z`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version, ordered as semantic versions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FirmwareVersion {
    /// Changes that nothing before understands.
    pub major: u32,
    /// Additions.
    pub minor: u32,
    /// Corrections.
    pub patch: u32,
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be vX.Y.Z, three numbers up to 999999 without leading zeros")]
pub struct InvalidVersion;

impl FromStr for FirmwareVersion {
    type Err = InvalidVersion;
    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let number = |part: &str| {
            let plain = (1..=6).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            let leading = part.len() > 1 && part.starts_with('0');
            part.parse().ok().filter(|_| plain && !leading).ok_or(InvalidVersion)
        };
        let mut parts = text.strip_prefix('v').ok_or(InvalidVersion)?.split('.');
        let mut next = || parts.next().ok_or(InvalidVersion).and_then(number);
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        if parts.next().is_some() { Err(InvalidVersion) } else { Ok(version) }
    }
}

impl TryFrom<String> for FirmwareVersion {
    type Error = InvalidVersion;
    fn try_from(text: String) -> Result<Self, InvalidVersion> {
        text.parse()
    }
}

impl From<FirmwareVersion> for String {
    fn from(version: FirmwareVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ten_comes_after_nine() {
        let v = |text: &str| text.parse::<FirmwareVersion>().expect(text);
        assert!(v("v1.10.0") > v("v1.9.9") && v("v2.0.0") > v("v1.99.99") && v("v0.0.1") > v("v0.0.0"));
        for bad in [
            "1.2.3",
            "v1.2",
            "v1.2.3.4",
            "v01.2.3",
            "v1.2.x",
            "v1.2.-3",
            "v1.2.3-rc1",
            "v",
            "v1..3",
            "v+1.2.3",
            "v1234567.0.0",
        ] {
            assert!(bad.parse::<FirmwareVersion>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(major in 0_u32..1_000_000, minor in 0_u32..1_000_000, patch in 0_u32..1_000_000) {
            let version = FirmwareVersion { major, minor, patch };
            prop_assert_eq!(version.to_string().parse::<FirmwareVersion>(), Ok(version));
        }
    }
}
