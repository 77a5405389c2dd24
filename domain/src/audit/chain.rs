//! The keyed hashes that chain the rows, and the head that says how many there are.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Serialize, Serializer};
use sha2::Sha256;

use super::{AuditEntry, canonical_bytes};

/// The key of the chain, 256 bits. Whoever has it can write an audit that verifies: it does not belong into the
/// database. `Debug` does not show it.
#[derive(Clone)]
pub struct ChainKey([u8; 32]);

impl ChainKey {
    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What the key can be told by without giving it away, 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        self.mac(b"id", &[]).0[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The link of the row `seq` with `entry` to the row before it.
    #[must_use]
    pub fn link(&self, seq: i64, before: &Link, entry: &AuditEntry) -> Link {
        self.mac(b"row", &[&before.0, &canonical_bytes(seq, entry)])
    }

    /// The head of a chain that ends with `link` at row `seq`.
    #[must_use]
    pub fn head(&self, seq: i64, link: Link) -> Head {
        Head { seq, link, seal: self.mac(b"head", &[&seq.to_be_bytes(), &link.0]), key_id: self.id() }
    }

    /// Whether the head was made with this key and not changed since.
    #[must_use]
    pub fn sealed(&self, head: &Head) -> bool {
        self.head(head.seq, head.link).seal == head.seal
    }

    /// Each use has its own label of fixed meaning, so that no hash of one use can pass for one of another.
    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> Link {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(&(label.len() as u64).to_be_bytes());
        mac.update(label);
        for part in parts {
            mac.update(part);
        }
        Link(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainKey(..)")
    }
}

/// A keyed hash. It shows, and is written in JSON, as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Link([u8; 32]);

impl Link {
    /// What the first row is linked to.
    pub const START: Self = Self([0; 32]);

    /// As it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From what is stored; `None` when it has not 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({self})")
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A row of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Place in the audit, from 1 without gaps.
    pub seq: i64,
    /// What it says.
    #[serde(flatten)]
    pub entry: AuditEntry,
    /// Its link to the row before.
    pub link: Link,
}

/// The end of the chain, kept beside the rows so that rows missing there are noticed. Written down elsewhere, it also
/// tells a whole database that was set back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The last row.
    pub seq: i64,
    /// Its link.
    pub link: Link,
    /// The keyed hash of both.
    pub seal: Link,
    /// The key's [`ChainKey::id`].
    pub key_id: String,
}
