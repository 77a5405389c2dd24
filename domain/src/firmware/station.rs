//! Stations: places at the line where an agent runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FirmwareVersion;
use crate::Timestamp;

/// Most troubles that an agent reports at once.
pub const TROUBLES_MAX: usize = 20;
/// Longest id, bytes.
const ID_BYTES_MAX: usize = 50;

/// What people call a station: `STATION-04`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StationId(String);

/// Why a text names no station.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be A-Z a-z 0-9 . _ -, 1 to 50, and begin with a letter or digit")]
pub struct InvalidStationId;

impl StationId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StationId {
    type Err = InvalidStationId;
    fn from_str(text: &str) -> Result<Self, InvalidStationId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidStationId)
        }
    }
}

impl TryFrom<String> for StationId {
    type Error = InvalidStationId;
    fn try_from(text: String) -> Result<Self, InvalidStationId> {
        text.parse()
    }
}

impl From<StationId> for String {
    fn from(id: StationId) -> Self {
        id.0
    }
}

impl fmt::Display for StationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that an agent cannot help itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentTrouble {
    /// Its disk is full.
    DiskFull,
    /// Its clock is far from the server's.
    ClockOff,
    /// Files could not be moved to where they belong.
    FolderRefused,
    /// Completions were refused: they lie in the folder of errors.
    Refused,
}

impl AgentTrouble {
    /// What it means and what to do.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::DiskFull => "its disk is full: completions wait where they are until there is room",
            Self::ClockOff => "its clock is wrong: set it; the times of completions are put right meanwhile",
            Self::FolderRefused => "it may not write to its work folder: look at the folder's permissions",
            Self::Refused => "completions were refused: look into its error folder, each says why",
        }
    }
}

/// What an agent says each time it asks for work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    /// The agent's own version.
    pub agent_version: String,
    /// Files that wait.
    pub pending: u64,
    /// Files sent since the agent began, ever.
    pub completed: u64,
    /// Files refused since the agent began, ever.
    pub refused: u64,
    /// What it cannot help itself with.
    pub troubles: Vec<AgentTrouble>,
    /// The firmware that the station's device runs.
    pub running_version: Option<FirmwareVersion>,
}

/// A station, as its agent last described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// What people call it.
    pub station_id: StationId,
    /// What its agent said last.
    pub heartbeat: Heartbeat,
    /// How far its clock is ahead of the server's, milliseconds.
    pub clock_ahead_ms: i64,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_of_another_age_is_understood() {
        let old: Heartbeat = serde_json::from_str("{}").expect("fields may be absent");
        assert_eq!(old, Heartbeat::default());
        let new = r#"{"agent_version":"9","pending":3,"troubles":["disk_full"],"later":{"x":1}}"#;
        let new: Heartbeat = serde_json::from_str(new).expect("fields may be unknown");
        assert_eq!((new.pending, new.troubles), (3, vec![AgentTrouble::DiskFull]));
        assert!("../x".parse::<StationId>().is_err() && "STATION-04".parse::<StationId>().is_ok());
    }
}
