//! What a machine's token opens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IdentityError;

/// One thing that a machine token may open. A token has the few that its machine needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Scope {
    /// Read `/metrics`: Prometheus.
    MetricsRead,
    /// Listen to events.
    EventsRead,
    /// Read the tree, devices and the state of the system.
    SystemRead,
    /// Read sensors, readings and verdicts.
    SensingRead,
    /// Push readings and ask for analyses: sensors and gateways.
    SensingWrite,
    /// Register, change and remove sensors, and set the schedule.
    SensingManage,
    /// Read lots, serials, runs and the catalogue: dashboards and trackers.
    ProductionRead,
    /// Watch vehicles: dashboards.
    FleetRead,
    /// Report starts and completions and print labels: a station.
    Station,
    /// Fetch firmware and report its upload: the station's agent.
    Agent,
    /// Have briefings for whomever it names, and read the plant's own: an app's server, a screen on a wall.
    Briefing,
    /// Tell what was seen: a camera with a detector.
    ObservationWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::MetricsRead,
        Self::EventsRead,
        Self::SystemRead,
        Self::SensingRead,
        Self::SensingWrite,
        Self::SensingManage,
        Self::ProductionRead,
        Self::FleetRead,
        Self::Station,
        Self::Agent,
        Self::Briefing,
        Self::ObservationWrite,
    ];

    /// The word in JSON, on the command line and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MetricsRead => "metrics:read",
            Self::EventsRead => "events:read",
            Self::SystemRead => "system:read",
            Self::SensingRead => "sensing:read",
            Self::SensingWrite => "sensing:write",
            Self::SensingManage => "sensing:manage",
            Self::ProductionRead => "production:read",
            Self::FleetRead => "fleet:read",
            Self::Station => "station",
            Self::Agent => "agent",
            Self::Briefing => "briefing",
            Self::ObservationWrite => "observation:write",
        }
    }
}

impl FromStr for Scope {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == s);
        known.ok_or_else(|| IdentityError::Scope { word: s.chars().take(40).collect() })
    }
}

impl TryFrom<String> for Scope {
    type Error = IdentityError;
    fn try_from(s: String) -> Result<Self, IdentityError> {
        s.parse()
    }
}

impl From<Scope> for &'static str {
    fn from(scope: Scope) -> Self {
        scope.as_str()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
