//! A staged roll-out: some stations at a time, and no more once too many have failed.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DeploymentStatus, FirmwareId, StationId};
use crate::Timestamp;
use crate::production::FieldFault;

/// Most stations of a roll-out.
pub const STATIONS_MAX: usize = 1_000;

/// A roll-out's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(pub i64);

impl fmt::Display for RolloutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A roll-out's state without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RolloutStatus {
    /// Stage after stage.
    Running,
    /// Too many have failed: nothing more is started.
    Stopped,
    /// Every station has ended.
    Completed,
    /// It was called off.
    Cancelled,
}

impl RolloutStatus {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Running, Self::Stopped, Self::Completed, Self::Cancelled];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// Where a roll-out is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutState {
    /// Stage after stage.
    Running,
    /// Too many have failed: nothing more is started.
    Stopped {
        /// When.
        at: Timestamp,
        /// What was counted.
        reason: String,
    },
    /// Every station has ended.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// It was called off.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

impl RolloutState {
    /// Its word.
    #[must_use]
    pub fn status(&self) -> RolloutStatus {
        match self {
            Self::Running => RolloutStatus::Running,
            Self::Stopped { .. } => RolloutStatus::Stopped,
            Self::Completed { .. } => RolloutStatus::Completed,
            Self::Cancelled { .. } => RolloutStatus::Cancelled,
        }
    }
}

/// A roll-out about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRollout {
    /// What is rolled out.
    pub firmware_id: FirmwareId,
    /// Where, in this order.
    pub stations: Vec<StationId>,
    /// Stations of one stage: the next one begins when all of them have ended.
    pub stage_size: u32,
    /// Failures that are put up with; one more stops it.
    pub failures_max: u32,
    /// Who began it.
    pub requested_by: String,
}

impl NewRollout {
    /// Refuses what it cannot be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        if self.stations.is_empty() || self.stations.len() > STATIONS_MAX {
            faults.push(FieldFault::new("stations", format!("must be 1 to {STATIONS_MAX}")));
        }
        if self.stations.iter().collect::<BTreeSet<_>>().len() < self.stations.len() {
            faults.push(FieldFault::new("stations", "must not name a station twice"));
        }
        if !(1..=STATIONS_MAX).contains(&(self.stage_size as usize)) {
            faults.push(FieldFault::new("stage_size", format!("must be 1 to {STATIONS_MAX}")));
        }
        if self.failures_max as usize > STATIONS_MAX {
            faults.push(FieldFault::new("failures_max", format!("must be 0 to {STATIONS_MAX}")));
        }
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }
}

/// A roll-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollout {
    /// Its number.
    pub id: RolloutId,
    /// What was ordered.
    pub plan: NewRollout,
    /// Where it is.
    pub state: RolloutState,
    /// When it began.
    pub created_at: Timestamp,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStage {
    /// These stations.
    Start(Vec<StationId>),
    /// The stage under way must end first.
    Wait,
    /// It is over.
    End(RolloutState),
}

/// What comes next, given what became of the deployments so far. One that was called off counts as neither.
#[must_use]
pub fn next_stations(
    plan: &NewRollout,
    so_far: &[(StationId, DeploymentStatus)],
    now: Timestamp,
) -> NextStage {
    let failed = so_far.iter().filter(|(_, status)| *status == DeploymentStatus::Failed).count();
    if failed > plan.failures_max as usize {
        let reason =
            format!("{failed} of {} stations failed, {} are put up with", so_far.len(), plan.failures_max);
        return NextStage::End(RolloutState::Stopped { at: now, reason });
    }
    if so_far.iter().any(|(_, status)| !status.has_ended()) {
        return NextStage::Wait;
    }
    let known: BTreeSet<&StationId> = so_far.iter().map(|(station, _)| station).collect();
    let left = plan.stations.iter().filter(|station| !known.contains(station)).cloned();
    let stage: Vec<StationId> = left.take(plan.stage_size as usize).collect();
    if stage.is_empty() {
        NextStage::End(RolloutState::Completed { at: now })
    } else {
        NextStage::Start(stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_s(1_000);

    fn station(n: usize) -> StationId {
        format!("S{n}").parse().expect("id")
    }

    fn plan(stations: usize, stage_size: u32, failures_max: u32) -> NewRollout {
        let stations = (0..stations).map(station).collect();
        NewRollout {
            firmware_id: FirmwareId(1),
            stations,
            stage_size,
            failures_max,
            requested_by: "a".into(),
        }
    }

    #[test]
    fn stage_after_stage() {
        let plan = plan(5, 2, 0);
        let mut so_far = Vec::new();
        assert_eq!(next_stations(&plan, &so_far, NOW), NextStage::Start(vec![station(0), station(1)]));
        so_far.push((station(0), DeploymentStatus::Succeeded));
        so_far.push((station(1), DeploymentStatus::Ready));
        assert_eq!(next_stations(&plan, &so_far, NOW), NextStage::Wait);
        so_far[1].1 = DeploymentStatus::Succeeded;
        assert_eq!(next_stations(&plan, &so_far, NOW), NextStage::Start(vec![station(2), station(3)]));
        so_far.extend((2..5).map(|n| (station(n), DeploymentStatus::Succeeded)));
        assert_eq!(next_stations(&plan, &so_far, NOW), NextStage::End(RolloutState::Completed { at: NOW }));
    }

    #[test]
    fn one_failure_too_many_stops_it_at_once() {
        let plan = plan(6, 3, 1);
        let one = [(station(0), DeploymentStatus::Failed), (station(1), DeploymentStatus::Ready)];
        assert_eq!(next_stations(&plan, &one, NOW), NextStage::Wait);
        let two =
            [one[0].clone(), (station(1), DeploymentStatus::Failed), (station(2), DeploymentStatus::Ready)];
        let NextStage::End(RolloutState::Stopped { reason, .. }) = next_stations(&plan, &two, NOW) else {
            panic!("stopped, though one is under way")
        };
        assert!(reason.contains("2 of 3"), "{reason}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(plan(3, 1, 0).validated().is_ok());
        assert_eq!(plan(0, 0, 0).validated().expect_err("nothing").len(), 2);
        let twice = NewRollout { stations: vec![station(1), station(1)], ..plan(1, 1, 0) };
        assert_eq!(twice.validated().expect_err("twice")[0].field, "stations");
    }
}
