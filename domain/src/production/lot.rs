//! A lot: up to a hundred units of one model, made together.

use serde::{Deserialize, Serialize};

use super::{LineId, LotId, LotNumber, PlantDate, ProductModelId, Refusal, Shift};
use crate::Timestamp;

/// Where a lot is in its life.
///
/// CREATED → IN_PROGRESS → COMPLETED → CLOSED, one step at a time; CANCELLED from the first two. CLOSED and CANCELLED
/// are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotState {
    /// It has a number and nothing else.
    Created,
    /// It has units, or a run of its own.
    InProgress {
        /// Since when.
        started_at: Timestamp,
    },
    /// Every unit passed or was scrapped.
    Completed {
        /// When it began.
        started_at: Timestamp,
        /// When the last unit was settled.
        completed_at: Timestamp,
    },
    /// Signed off.
    Closed {
        /// When it began.
        started_at: Timestamp,
        /// When the last unit was settled.
        completed_at: Timestamp,
        /// When it was signed off.
        closed_at: Timestamp,
    },
    /// Given up.
    Cancelled {
        /// When it began, if it did.
        started_at: Option<Timestamp>,
        /// When it was given up.
        cancelled_at: Timestamp,
    },
}

/// A lot's state without its data: the word that clients read and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LotStatus {
    /// [`LotState::Created`].
    Created,
    /// [`LotState::InProgress`].
    InProgress,
    /// [`LotState::Completed`].
    Completed,
    /// [`LotState::Closed`].
    Closed,
    /// [`LotState::Cancelled`].
    Cancelled,
}

impl LotStatus {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Created, Self::InProgress, Self::Completed, Self::Closed, Self::Cancelled];

    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Closed => "CLOSED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The status that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// Units of a lot. `failed` includes `scrapped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LotCounts {
    /// Units that exist.
    pub actual: i64,
    /// Units that passed.
    pub passed: i64,
    /// Units that have failed and are not being reworked.
    pub failed: i64,
    /// Failed units that can't be reworked any more.
    pub scrapped: i64,
}

impl LotCounts {
    /// Whether every unit passed or was scrapped.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.passed + self.scrapped >= self.actual
    }
}

/// A stored lot.
#[derive(Debug, Clone, PartialEq)]
pub struct Lot {
    /// Its id.
    pub id: LotId,
    /// Its number.
    pub lot_number: LotNumber,
    /// What is made.
    pub product_model_id: ProductModelId,
    /// Where.
    pub production_line_id: Option<LineId>,
    /// The production day: the date on which its shift began.
    pub production_date: PlantDate,
    /// The shift.
    pub shift: Shift,
    /// Units that are to be made.
    pub target_quantity: u16,
    /// The order it is made for.
    pub work_order: Option<String>,
    /// Where it is in its life.
    pub state: LotState,
    /// Its units.
    pub counts: LotCounts,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl LotState {
    /// The state without its data.
    #[must_use]
    pub fn status(&self) -> LotStatus {
        match self {
            Self::Created => LotStatus::Created,
            Self::InProgress { .. } => LotStatus::InProgress,
            Self::Completed { .. } => LotStatus::Completed,
            Self::Closed { .. } => LotStatus::Closed,
            Self::Cancelled { .. } => LotStatus::Cancelled,
        }
    }

    /// From what the store keeps: the word and the instants.
    #[must_use]
    pub fn from_parts(
        status: LotStatus,
        started_at: Option<Timestamp>,
        completed_at: Option<Timestamp>,
        closed_at: Option<Timestamp>,
        cancelled_at: Option<Timestamp>,
    ) -> Option<Self> {
        Some(match status {
            LotStatus::Created => Self::Created,
            LotStatus::InProgress => Self::InProgress { started_at: started_at? },
            LotStatus::Completed => Self::Completed { started_at: started_at?, completed_at: completed_at? },
            LotStatus::Closed => {
                Self::Closed { started_at: started_at?, completed_at: completed_at?, closed_at: closed_at? }
            }
            LotStatus::Cancelled => Self::Cancelled { started_at, cancelled_at: cancelled_at? },
        })
    }

    /// When it began.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Created => None,
            Self::InProgress { started_at }
            | Self::Completed { started_at, .. }
            | Self::Closed { started_at, .. } => Some(started_at),
            Self::Cancelled { started_at, .. } => started_at,
        }
    }

    /// When the last unit was settled.
    #[must_use]
    pub fn completed_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Completed { completed_at, .. } | Self::Closed { completed_at, .. } => Some(completed_at),
            Self::Created | Self::InProgress { .. } | Self::Cancelled { .. } => None,
        }
    }

    /// When it was signed off.
    #[must_use]
    pub fn closed_at(&self) -> Option<Timestamp> {
        if let Self::Closed { closed_at, .. } = *self { Some(closed_at) } else { None }
    }

    /// When it was given up.
    #[must_use]
    pub fn cancelled_at(&self) -> Option<Timestamp> {
        if let Self::Cancelled { cancelled_at, .. } = *self { Some(cancelled_at) } else { None }
    }

    /// Whether units may still be made.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Created | Self::InProgress { .. })
    }

    /// CREATED → IN_PROGRESS: the first unit, or the first run. A lot in progress stays as it is.
    ///
    /// # Errors
    /// From every other state.
    pub fn begin(self, at: Timestamp) -> Result<Self, Refusal> {
        match self {
            Self::Created => Ok(Self::InProgress { started_at: at }),
            Self::InProgress { .. } => Ok(self),
            _ => Err(self.refuse(LotStatus::InProgress)),
        }
    }

    /// IN_PROGRESS → COMPLETED.
    ///
    /// # Errors
    /// From every other state, or while units are neither passed nor scrapped.
    pub fn complete(self, counts: LotCounts, at: Timestamp) -> Result<Self, Refusal> {
        match self {
            Self::InProgress { started_at } if counts.settled() => {
                Ok(Self::Completed { started_at, completed_at: at })
            }
            Self::InProgress { .. } => {
                let open = counts.actual - counts.passed - counts.scrapped;
                Err(Refusal::LotNotSettled { open, actual: counts.actual })
            }
            _ => Err(self.refuse(LotStatus::Completed)),
        }
    }

    /// COMPLETED → CLOSED.
    ///
    /// # Errors
    /// From every other state.
    pub fn close(self, at: Timestamp) -> Result<Self, Refusal> {
        match self {
            Self::Completed { started_at, completed_at } => {
                Ok(Self::Closed { started_at, completed_at, closed_at: at })
            }
            _ => Err(self.refuse(LotStatus::Closed)),
        }
    }

    /// CREATED or IN_PROGRESS → CANCELLED.
    ///
    /// # Errors
    /// From every other state.
    pub fn cancel(self, at: Timestamp) -> Result<Self, Refusal> {
        match self {
            Self::Created | Self::InProgress { .. } => {
                Ok(Self::Cancelled { started_at: self.started_at(), cancelled_at: at })
            }
            _ => Err(self.refuse(LotStatus::Cancelled)),
        }
    }

    /// The step to `status` that a person asks for.
    ///
    /// # Errors
    /// When there is no such step from here.
    pub fn step(self, status: LotStatus, counts: LotCounts, at: Timestamp) -> Result<Self, Refusal> {
        match status {
            LotStatus::InProgress if self == Self::Created => self.begin(at),
            LotStatus::Completed => self.complete(counts, at),
            LotStatus::Closed => self.close(at),
            LotStatus::Cancelled => self.cancel(at),
            LotStatus::Created | LotStatus::InProgress => Err(self.refuse(status)),
        }
    }

    fn refuse(self, to: LotStatus) -> Refusal {
        if matches!(self, Self::Closed { .. } | Self::Cancelled { .. }) {
            return Refusal::LotClosed { status: self.status() };
        }
        Refusal::InvalidTransition { what: "lot", from: self.status().as_str(), to: to.as_str() }
    }
}
