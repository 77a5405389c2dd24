//! The names of objects.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;

/// Longest key, bytes; S3 takes 1024, a prefix included.
const KEY_BYTES_MAX: usize = 512;

/// The name of an object: `firmware/3/v1.2.0/9f86….bin`. Segments of `A-Z a-z 0-9 . _ -` between slashes; it can be no
/// way out of its folder and means the same in a folder and in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(Path);

/// Why a text names no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no key of an object: segments of A-Z a-z 0-9 . _ - between slashes, at most {KEY_BYTES_MAX} bytes"
)]
pub struct InvalidBlobKey(String);

impl BlobKey {
    /// The key of a text.
    ///
    /// # Errors
    /// `InvalidBlobKey`.
    pub fn new(text: &str) -> Result<Self, InvalidBlobKey> {
        let shown = || InvalidBlobKey(text.chars().take(80).collect());
        if text.len() > KEY_BYTES_MAX || !text.split('/').all(is_segment) {
            return Err(shown());
        }
        Path::parse(text).map(Self).map_err(|_| shown())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

fn is_segment(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
}

impl FromStr for BlobKey {
    type Err = InvalidBlobKey;
    fn from_str(text: &str) -> Result<Self, InvalidBlobKey> {
        Self::new(text)
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_plain() {
        for good in ["a", "a/b", "firmware/3/v1.2.0/x.bin", "A-b_c.d", "...", "a..b"] {
            assert_eq!(BlobKey::new(good).expect(good).as_str(), good);
        }
        for bad in
            ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a/./b", "a b", "ä", "a\0", "a\\b", "a%2fb"]
        {
            assert!(BlobKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(BlobKey::new(&"a".repeat(KEY_BYTES_MAX)).is_ok());
        assert!(BlobKey::new(&"a".repeat(KEY_BYTES_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_leads_out_of_its_folder(text in "[./a%\\\\~-]{0,12}") {
            if let Ok(key) = BlobKey::new(&text) {
                prop_assert_eq!(key.as_str(), text.as_str());
                prop_assert!(key.as_str().split('/').all(|s| !s.is_empty() && s != "." && s != ".."));
            }
        }
    }
}
