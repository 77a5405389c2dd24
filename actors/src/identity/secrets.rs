//! Numbers that nobody can guess, and comparisons that tell nothing by their time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of every secret that is made here: 256 bits.
pub(super) const SECRET_BYTES: usize = 32;

/// Bytes from the operating system's source.
pub(crate) fn random_bytes() -> [u8; SECRET_BYTES] {
    let mut bytes = [0; SECRET_BYTES];
    // A machine that cannot give randomness must not hand out sessions: the handler ends, its supervisor says so.
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A fresh secret as 43 characters that need no escaping anywhere.
pub(crate) fn random_text() -> String {
    encode(&random_bytes())
}

/// A fresh secret for something outside the plant that must know one.
#[must_use]
pub fn random_secret() -> secrecy::SecretString {
    random_text().into()
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// What is stored of a secret with 256 bits of its own: nothing can be tried out against it, so it needs no slow hash.
pub(super) fn digest(text: &str) -> [u8; SECRET_BYTES] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_fit_a_header() {
        let (a, b) = (random_text(), random_text());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'), "{a}");
        assert_eq!(decode(&a).map(|bytes| bytes.len()), Some(SECRET_BYTES));
    }

    #[test]
    fn only_equal_secrets_are_the_same() {
        assert!(same(&digest("a"), &digest("a")));
        assert!(!same(&digest("a"), &digest("b")));
        assert!(!same(b"a", b"ab"));
    }
}
