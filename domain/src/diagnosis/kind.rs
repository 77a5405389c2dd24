//! What is played, and how hard.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::PatientError;

/// What a session plays: `type` in the clients' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Kind {
    /// No exercise of its own.
    None,
    /// Balancing a ball.
    BalanceBall,
    /// Boxing at targets.
    FitBox,
    /// Returning balls; the only one whose file has positions.
    TennisBall,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::BalanceBall, Self::FitBox, Self::TennisBall];

    /// The word on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::BalanceBall => "BALANCEBALL",
            Self::FitBox => "FITBOX",
            Self::TennisBall => "TENNISBALL",
        }
    }

    /// Whether its files have a `Position`.
    #[must_use]
    pub const fn has_position(self) -> bool {
        matches!(self, Self::TennisBall)
    }
}

impl FromStr for Kind {
    type Err = PatientError;
    fn from_str(s: &str) -> Result<Self, PatientError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == s).ok_or(PatientError::Kind)
    }
}

impl TryFrom<String> for Kind {
    type Error = PatientError;
    fn try_from(s: String) -> Result<Self, PatientError> {
        s.parse()
    }
}

impl From<Kind> for &'static str {
    fn from(kind: Kind) -> Self {
        kind.as_str()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How hard it is: 1 to 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Level(u8);

impl Level {
    /// As a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Level {
    type Error = PatientError;
    fn try_from(n: i64) -> Result<Self, PatientError> {
        u8::try_from(n).ok().filter(|n| (1..=3).contains(n)).map(Self).ok_or(PatientError::Level)
    }
}

impl From<Level> for i64 {
    fn from(level: Level) -> Self {
        Self::from(level.0)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
