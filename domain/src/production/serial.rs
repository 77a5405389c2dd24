//! A unit of a lot.

use serde::{Deserialize, Serialize};

use super::fault::{NOTE_CHARS_MAX, is_text};
use super::{LotId, ProcessId, Refusal, SerialId, SerialNumber};
use crate::Timestamp;

/// How often a unit may be reworked.
pub const REWORKS_MAX: u8 = 3;

/// Where a unit is in its life.
///
/// CREATED → IN_PROGRESS → PASSED or FAILED; FAILED → IN_PROGRESS is rework.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SerialState {
    /// It has a number and nothing else.
    Created,
    /// Processes run on it.
    InProgress {
        /// Whether a rework was approved and no process has been started since.
        rework_waits: bool,
    },
    /// Every process passed.
    Passed {
        /// When the last one did.
        at: Timestamp,
    },
    /// A process failed, or a person said so.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
        /// The process, when one failed.
        process_id: Option<ProcessId>,
        /// Whether it can't be reworked any more.
        scrapped: bool,
    },
}

/// A unit's state without its data: the word that clients read and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SerialStatus {
    /// [`SerialState::Created`].
    Created,
    /// [`SerialState::InProgress`].
    InProgress,
    /// [`SerialState::Passed`].
    Passed,
    /// [`SerialState::Failed`].
    Failed,
}

impl SerialStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Created, Self::InProgress, Self::Passed, Self::Failed];

    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::InProgress => "IN_PROGRESS",
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
        }
    }

    /// The status that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// The requirement's words for a unit with a defect, shown beside its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DefectStatus {
    /// FAILED, and it may be reworked.
    Defected,
    /// Rework is approved and not yet begun.
    Rework,
    /// FAILED, and it can't be reworked any more.
    Scrapped,
}

impl DefectStatus {
    /// The word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Defected => "DEFECTED",
            Self::Rework => "REWORK",
            Self::Scrapped => "SCRAPPED",
        }
    }
}

/// A stored unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Serial {
    /// Its id.
    pub id: SerialId,
    /// Its number.
    pub serial_number: SerialNumber,
    /// Its lot.
    pub lot_id: LotId,
    /// Its place in the lot, from 1.
    pub sequence_in_lot: u16,
    /// Where it is in its life.
    pub state: SerialState,
    /// Reworks approved so far.
    pub rework_count: u8,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl SerialState {
    /// The state without its data.
    #[must_use]
    pub fn status(&self) -> SerialStatus {
        match self {
            Self::Created => SerialStatus::Created,
            Self::InProgress { .. } => SerialStatus::InProgress,
            Self::Passed { .. } => SerialStatus::Passed,
            Self::Failed { .. } => SerialStatus::Failed,
        }
    }

    /// Why it failed.
    #[must_use]
    pub fn failure_reason(&self) -> Option<&str> {
        if let Self::Failed { reason, .. } = self { Some(reason) } else { None }
    }

    /// When it passed or failed.
    #[must_use]
    pub fn completed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Passed { at } | Self::Failed { at, .. } => Some(*at),
            Self::Created | Self::InProgress { .. } => None,
        }
    }

    /// Whether it failed for good.
    #[must_use]
    pub fn is_scrapped(&self) -> bool {
        matches!(self, Self::Failed { scrapped: true, .. })
    }

    /// CREATED → IN_PROGRESS at the first start. A unit in progress stays there, and its rework has begun.
    ///
    /// # Errors
    /// When it passed, or failed and no rework was approved.
    pub fn begin(self) -> Result<Self, Refusal> {
        match self {
            Self::Created | Self::InProgress { .. } => Ok(Self::InProgress { rework_waits: false }),
            Self::Passed { .. } => Err(Refusal::SerialPassed),
            Self::Failed { scrapped: true, .. } => Err(Refusal::SerialScrapped),
            Self::Failed { .. } => Err(Refusal::ReworkRequired),
        }
    }

    /// IN_PROGRESS → PASSED.
    ///
    /// # Errors
    /// From every other state.
    pub fn pass(self, at: Timestamp) -> Result<Self, Refusal> {
        match self {
            Self::InProgress { .. } => Ok(Self::Passed { at }),
            _ => Err(self.refuse(SerialStatus::Passed)),
        }
    }

    /// IN_PROGRESS → FAILED.
    ///
    /// # Errors
    /// From every other state, or without a reason.
    pub fn fail(
        self,
        at: Timestamp,
        reason: &str,
        process_id: Option<ProcessId>,
        scrapped: bool,
    ) -> Result<Self, Refusal> {
        match self {
            Self::InProgress { .. } => {
                let reason =
                    checked_reason(reason).ok_or(Refusal::ReasonRequired { field: "failure_reason" })?;
                Ok(Self::Failed { at, reason, process_id, scrapped })
            }
            _ => Err(self.refuse(SerialStatus::Failed)),
        }
    }

    fn refuse(&self, to: SerialStatus) -> Refusal {
        Refusal::InvalidTransition { what: "serial", from: self.status().as_str(), to: to.as_str() }
    }
}

/// The reason without the space around it, if it is one.
pub(super) fn checked_reason(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && is_text(text, NOTE_CHARS_MAX)).then(|| text.to_owned())
}

impl Serial {
    /// The requirement's word for its defect, if it has one.
    #[must_use]
    pub fn defect_status(&self) -> Option<DefectStatus> {
        match self.state {
            SerialState::Failed { scrapped: true, .. } => Some(DefectStatus::Scrapped),
            SerialState::Failed { .. } => Some(DefectStatus::Defected),
            SerialState::InProgress { rework_waits: true } => Some(DefectStatus::Rework),
            SerialState::Created | SerialState::InProgress { .. } | SerialState::Passed { .. } => None,
        }
    }

    /// Whether a rework may be approved now.
    ///
    /// # Errors
    /// Why not.
    pub fn can_rework(&self) -> Result<(), Refusal> {
        match self.state {
            SerialState::Failed { .. } if self.rework_count >= REWORKS_MAX => {
                Err(Refusal::ReworkLimitReached { reworks: self.rework_count })
            }
            SerialState::Failed { scrapped: true, .. } => Err(Refusal::ReworkNotAllowed),
            SerialState::Failed { .. } => Ok(()),
            _ => Err(Refusal::SerialNotFailed { status: self.state.status() }),
        }
    }
}
