//! A deployment: one image on its way to one station.
//!
//! waiting → offered → ready → uploading → succeeded | failed | cancelled. Each step is what the station's agent reports;
//! succeeded is only the report that the new version runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FirmwareId, FirmwareVersion, RolloutId, StationId};
use crate::Timestamp;

/// Longest detail of a failure that is kept, characters.
const DETAIL_CHARS_MAX: usize = 500;

/// A deployment's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(pub i64);

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A deployment's state without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeploymentStatus {
    /// The agent has not asked yet.
    Waiting,
    /// The agent knows of it and fetches the image.
    Offered,
    /// The image is at the station and checked.
    Ready,
    /// The station writes it to the device.
    Uploading,
    /// The station reports that the new version runs.
    Succeeded,
    /// It did not work.
    Failed,
    /// It was called off.
    Cancelled,
}

impl DeploymentStatus {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Offered,
        Self::Ready,
        Self::Uploading,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Ready => "ready",
            Self::Uploading => "uploading",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing more comes.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Where a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentState {
    /// The agent has not asked yet.
    Waiting,
    /// The agent knows of it and fetches the image.
    Offered,
    /// The image is at the station and checked.
    Ready,
    /// The station writes it to the device.
    Uploading,
    /// The station reports that the new version runs.
    Succeeded {
        /// When.
        at: Timestamp,
    },
    /// It did not work.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// It was called off.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// What an agent says of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReportStatus {
    /// The image is at the station and checked.
    Ready,
    /// The station writes it to the device.
    Uploading,
    /// The station says that the device runs it.
    Uploaded,
    /// It did not work.
    Error,
}

/// A report of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How far it is.
    pub status: ReportStatus,
    /// What the device says it runs; needed for `UPLOADED`.
    #[serde(default)]
    pub running_version: Option<FirmwareVersion>,
    /// What went wrong.
    #[serde(default)]
    pub detail: Option<String>,
}

/// A step that a deployment cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a deployment that has {} takes no more reports", .from.as_str())]
pub struct InvalidDeploymentStep {
    /// Where it is.
    pub from: DeploymentStatus,
}

impl DeploymentState {
    /// Its word.
    #[must_use]
    pub fn status(&self) -> DeploymentStatus {
        match self {
            Self::Waiting => DeploymentStatus::Waiting,
            Self::Offered => DeploymentStatus::Offered,
            Self::Ready => DeploymentStatus::Ready,
            Self::Uploading => DeploymentStatus::Uploading,
            Self::Succeeded { .. } => DeploymentStatus::Succeeded,
            Self::Failed { .. } => DeploymentStatus::Failed,
            Self::Cancelled { .. } => DeploymentStatus::Cancelled,
        }
    }

    /// The agent has asked for its work. Asking again changes nothing.
    #[must_use]
    pub fn offered(&self) -> Self {
        if *self == Self::Waiting { Self::Offered } else { self.clone() }
    }

    /// What the agent reports of version `wanted`. A report that came before changes nothing: agents may repeat themselves.
    ///
    /// # Errors
    /// When it has ended already, otherwise than the report says.
    pub fn reported(
        &self,
        report: &Report,
        wanted: FirmwareVersion,
        now: Timestamp,
    ) -> Result<Self, InvalidDeploymentStep> {
        let next = match report.status {
            ReportStatus::Ready => Self::Ready,
            ReportStatus::Uploading => Self::Uploading,
            ReportStatus::Uploaded => match report.running_version {
                Some(running) if running == wanted => Self::Succeeded { at: now },
                Some(running) => self.failure(&format!("the device runs {running} after the upload"), now),
                None => self.failure("the station does not say which version runs after the upload", now),
            },
            ReportStatus::Error => {
                self.failure(report.detail.as_deref().unwrap_or("the station gives no reason"), now)
            }
        };
        match (self.status(), next.status()) {
            (from, to) if from == to => Ok(self.clone()),
            (from, _) if from.has_ended() => Err(InvalidDeploymentStep { from }),
            // What was said before comes late: it is known that it is further.
            (DeploymentStatus::Uploading, DeploymentStatus::Ready) => Ok(self.clone()),
            _ => Ok(next),
        }
    }

    /// It takes too long.
    ///
    /// # Errors
    /// When it has ended.
    pub fn give_up(&self, reason: &str, now: Timestamp) -> Result<Self, InvalidDeploymentStep> {
        let from = self.status();
        if from.has_ended() { Err(InvalidDeploymentStep { from }) } else { Ok(self.failure(reason, now)) }
    }

    /// Somebody calls it off.
    ///
    /// # Errors
    /// When it has ended.
    pub fn cancel(&self, now: Timestamp) -> Result<Self, InvalidDeploymentStep> {
        let from = self.status();
        if from.has_ended() { Err(InvalidDeploymentStep { from }) } else { Ok(Self::Cancelled { at: now }) }
    }

    fn failure(&self, reason: &str, at: Timestamp) -> Self {
        let plain = reason.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS_MAX);
        Self::Failed { at, reason: plain.collect() }
    }
}

/// A deployment about to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeployment {
    /// What is deployed.
    pub firmware_id: FirmwareId,
    /// Where.
    pub station_id: StationId,
    /// The unit it is for; the station's own device when absent.
    pub serial_number: Option<String>,
    /// The roll-out that it is a part of.
    pub rollout_id: Option<RolloutId>,
    /// Who ordered it.
    pub requested_by: String,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its number.
    pub id: DeploymentId,
    /// What was ordered.
    pub order: NewDeployment,
    /// The version.
    pub version: FirmwareVersion,
    /// Where it is.
    pub state: DeploymentState,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_s(1_000);

    fn v(text: &str) -> FirmwareVersion {
        text.parse().expect(text)
    }

    fn report(status: ReportStatus, running: Option<&str>) -> Report {
        Report { status, running_version: running.map(v), detail: None }
    }

    fn after(state: &DeploymentState, status: ReportStatus, running: Option<&str>) -> DeploymentStatus {
        state.reported(&report(status, running), v("v1.2.3"), NOW).expect("a step").status()
    }

    #[test]
    fn only_the_new_version_running_is_success() {
        let uploading = DeploymentState::Uploading;
        assert_eq!(after(&uploading, ReportStatus::Uploaded, Some("v1.2.3")), DeploymentStatus::Succeeded);
        assert_eq!(after(&uploading, ReportStatus::Uploaded, Some("v1.2.2")), DeploymentStatus::Failed);
        assert_eq!(after(&uploading, ReportStatus::Uploaded, None), DeploymentStatus::Failed);
        assert_eq!(after(&DeploymentState::Offered, ReportStatus::Ready, None), DeploymentStatus::Ready);
        assert_eq!(after(&DeploymentState::Ready, ReportStatus::Error, None), DeploymentStatus::Failed);
    }

    #[test]
    fn reports_may_be_repeated_and_come_late() {
        let done = DeploymentState::Succeeded { at: NOW };
        let again =
            done.reported(&report(ReportStatus::Uploaded, Some("v1.2.3")), v("v1.2.3"), Timestamp::MAX);
        assert_eq!(again, Ok(done.clone()), "and keeps its time");
        assert_eq!(
            after(&DeploymentState::Uploading, ReportStatus::Ready, None),
            DeploymentStatus::Uploading
        );
        assert!(done.reported(&report(ReportStatus::Error, None), v("v1.2.3"), NOW).is_err());
        assert!(done.cancel(NOW).is_err() && done.give_up("late", NOW).is_err());
        assert_eq!(done.offered(), done);
        assert_eq!(DeploymentState::Waiting.offered(), DeploymentState::Offered);
    }

    #[test]
    fn words_come_back() {
        for status in DeploymentStatus::ALL {
            assert_eq!(DeploymentStatus::from_word(status.as_str()), Some(status));
        }
    }
}
