//! Printers, and what can be wrong with one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::production::{FieldFault, NAME_CHARS_MAX};

/// Port on which label printers take ZPL.
pub const PRINTER_PORT_DEFAULT: u16 = 9100;
/// Longest id, bytes.
const ID_BYTES_MAX: usize = 50;
/// Longest host name, bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// What people call a printer: `ZEBRA-01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrinterId(String);

/// Why a text names no printer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be A-Z a-z 0-9 . _ -, 1 to 50, and begin with a letter or digit")]
pub struct InvalidPrinterId;

impl PrinterId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrinterId {
    type Err = InvalidPrinterId;
    fn from_str(text: &str) -> Result<Self, InvalidPrinterId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPrinterId)
        }
    }
}

impl TryFrom<String> for PrinterId {
    type Error = InvalidPrinterId;
    fn try_from(text: String) -> Result<Self, InvalidPrinterId> {
        text.parse()
    }
}

impl From<PrinterId> for String {
    fn from(id: PrinterId) -> Self {
        id.0
    }
}

impl fmt::Display for PrinterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a printer's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrinterRowId(pub i64);

impl fmt::Display for PrinterRowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a printer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterSpec {
    /// What people call it; it never changes.
    pub printer_id: PrinterId,
    /// Its name, for people.
    pub name: String,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it prints. What is queued waits while it does not.
    pub enabled: bool,
}

impl PrinterSpec {
    /// Refuses what it cannot be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            faults.push(FieldFault::new("name", format!("must be 1 to {NAME_CHARS_MAX} characters")));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-:_".contains(&b);
        let fits = (1..=HOST_BYTES_MAX).contains(&self.host.len());
        if !fits || !self.host.bytes().all(allowed) {
            faults.push(FieldFault::new("host", "must be a host name or an address"));
        }
        if self.port == 0 {
            faults.push(FieldFault::new("port", "must be 1 to 65535"));
        }
        if faults.is_empty() { Ok(Self { name: name.to_owned(), ..self }) } else { Err(faults) }
    }
}

/// A printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printer {
    /// Its number.
    pub id: PrinterRowId,
    /// What it is.
    pub spec: PrinterSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What stops a printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrinterFault {
    /// No connection comes about.
    NotConnected,
    /// It takes the connection and answers nothing: it needs a person.
    Silent,
    /// It answers something that is no status.
    Garbage,
    /// It has no paper.
    MediaEmpty,
    /// It has no ribbon.
    RibbonEmpty,
    /// Its head is open.
    CoverOpen,
    /// Somebody has paused it.
    Paused,
    /// Its head is too hot or too cold.
    Temperature,
    /// Its memory has lost what was stored.
    Memory,
    /// It is switched off here.
    Disabled,
}

impl PrinterFault {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::NotConnected,
        Self::Silent,
        Self::Garbage,
        Self::MediaEmpty,
        Self::RibbonEmpty,
        Self::CoverOpen,
        Self::Paused,
        Self::Temperature,
        Self::Memory,
        Self::Disabled,
    ];

    /// The word in JSON, in the words of IPP where there is one.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotConnected => "not-connected",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::MediaEmpty => "media-empty",
            Self::RibbonEmpty => "ribbon-empty",
            Self::CoverOpen => "cover-open",
            Self::Paused => "paused",
            Self::Temperature => "temperature",
            Self::Memory => "memory",
            Self::Disabled => "disabled",
        }
    }

    /// What a person must do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotConnected => "it cannot be reached: look at its power, its network and its address",
            Self::Silent => {
                "it takes the connection but answers nothing: look at paper, ribbon, head and its display"
            }
            Self::Garbage => {
                "it answers what no label printer answers: look whether the address is a printer's"
            }
            Self::MediaEmpty => "it is out of paper: refill it",
            Self::RibbonEmpty => "it is out of ribbon: put a new one in",
            Self::CoverOpen => "its head is open: close it",
            Self::Paused => "it is paused: press PAUSE on it",
            Self::Temperature => "its head is too hot or too cold: wait, or look at the room",
            Self::Memory => "it has lost its memory: switch it off and on",
            Self::Disabled => "it is switched off here: enable it",
        }
    }

    /// Whether the printer itself is there: then a person helps it, not the network.
    #[must_use]
    pub fn is_connected(self) -> bool {
        !matches!(self, Self::NotConnected | Self::Disabled)
    }

    /// Whether it counts against the printer's breaker: asking again at once only costs time.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::NotConnected | Self::Silent | Self::Garbage)
    }

    /// The code for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        if self.is_connected() { "PRINTER_OUT_OF_PAPER" } else { "PRINTER_NOT_CONNECTED" }
    }
}

impl fmt::Display for PrinterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

/// A printer that does not print, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PrinterTrouble {
    /// What stops it.
    pub fault: PrinterFault,
    /// Since when.
    pub since: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_is_named_plainly_and_reached_somewhere() {
        for bad in ["", "-a", "a b", "a/b", "ZEBRA^XA", &"a".repeat(51)] {
            assert!(bad.parse::<PrinterId>().is_err(), "{bad}");
        }
        let spec = |host: &str, port| PrinterSpec {
            printer_id: "ZEBRA-01".parse().expect("id"),
            name: " Line A ".to_owned(),
            host: host.to_owned(),
            port,
            enabled: true,
        };
        assert_eq!(spec("10.0.0.7", 9100).validated().expect("spec").name, "Line A");
        assert!(spec("fe80::1", 1).validated().is_ok());
        for (host, port) in [("", 1), ("a b", 1), ("http://x/", 1), ("x", 0)] {
            assert_eq!(spec(host, port).validated().expect_err(host).len(), 1, "{host}:{port}");
        }
    }

    #[test]
    fn whoever_answers_is_connected() {
        assert_eq!(PrinterFault::Silent.code(), "PRINTER_OUT_OF_PAPER");
        assert_eq!(PrinterFault::NotConnected.code(), "PRINTER_NOT_CONNECTED");
        assert!(!PrinterFault::MediaEmpty.is_failure() && PrinterFault::Silent.is_failure());
    }
}
