//! A print job: pending → printing → printed | failed | unknown. What is unknown is never printed again by itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LabelData, LabelType, PrinterId};
use crate::Timestamp;

/// Most copies of a label.
pub const COPIES_MAX: u32 = 10;
/// Longest reason, characters.
pub const REASON_CHARS_MAX: usize = 500;

/// A print job's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelJobId(pub i64);

impl fmt::Display for LabelJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job's state without its data: the word of clients and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// It waits for its printer; nothing was sent.
    Pending,
    /// It is on its way to the printer, or waits there.
    Printing,
    /// The printer says that it is printed.
    Printed,
    /// It was not printed.
    Failed,
    /// Bytes were sent and nobody knows what became of them: a person looks.
    Unknown,
}

impl JobStatus {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Printing, Self::Printed, Self::Failed, Self::Unknown];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Printing => "printing",
            Self::Printed => "printed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// Where a job is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its printer; nothing was sent.
    Pending,
    /// It is on its way to the printer, or waits there.
    Printing {
        /// Since when.
        since: Timestamp,
    },
    /// The printer says that it is printed.
    Printed {
        /// When.
        at: Timestamp,
    },
    /// It was not printed.
    Failed {
        /// When that was known.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Bytes were sent and nobody knows what became of them.
    Unknown {
        /// When that was known.
        at: Timestamp,
        /// What happened.
        reason: String,
    },
}

/// A step that a job cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label that is {} cannot become {}", .from.as_str(), .to.as_str())]
pub struct InvalidStep {
    /// Where it is.
    pub from: JobStatus,
    /// Where it was to go.
    pub to: JobStatus,
}

impl JobState {
    /// Its word.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        match self {
            Self::Pending => JobStatus::Pending,
            Self::Printing { .. } => JobStatus::Printing,
            Self::Printed { .. } => JobStatus::Printed,
            Self::Failed { .. } => JobStatus::Failed,
            Self::Unknown { .. } => JobStatus::Unknown,
        }
    }

    /// Before the first byte is sent.
    ///
    /// # Errors
    /// Unless it waits.
    pub fn begin(&self, now: Timestamp) -> Result<Self, InvalidStep> {
        match self {
            Self::Pending => Ok(Self::Printing { since: now }),
            _ => self.refuse(JobStatus::Printing),
        }
    }

    /// Nothing was sent after all: it waits again.
    ///
    /// # Errors
    /// Unless it was begun.
    pub fn put_back(&self) -> Result<Self, InvalidStep> {
        match self {
            Self::Printing { .. } => Ok(Self::Pending),
            _ => self.refuse(JobStatus::Pending),
        }
    }

    /// The printer says that it is printed, or a person does of one that is unknown.
    ///
    /// # Errors
    /// Unless it was begun, or is unknown.
    pub fn printed(&self, now: Timestamp) -> Result<Self, InvalidStep> {
        match self {
            Self::Printing { .. } | Self::Unknown { .. } => Ok(Self::Printed { at: now }),
            _ => self.refuse(JobStatus::Printed),
        }
    }

    /// It is not printed: it was called off while it waited, or a person says so of one that is unknown.
    ///
    /// # Errors
    /// When it was begun, or has ended.
    pub fn fail(&self, reason: &str, now: Timestamp) -> Result<Self, InvalidStep> {
        match self {
            Self::Pending | Self::Unknown { .. } => Ok(Self::Failed { at: now, reason: reason.to_owned() }),
            _ => self.refuse(JobStatus::Failed),
        }
    }

    /// Bytes were sent, and what became of them cannot be found out.
    ///
    /// # Errors
    /// Unless it was begun.
    pub fn lose(&self, reason: &str, now: Timestamp) -> Result<Self, InvalidStep> {
        match self {
            Self::Printing { .. } => Ok(Self::Unknown { at: now, reason: reason.to_owned() }),
            _ => self.refuse(JobStatus::Unknown),
        }
    }

    fn refuse(&self, to: JobStatus) -> Result<Self, InvalidStep> {
        Err(InvalidStep { from: self.status(), to })
    }
}

/// That a job prints once more what another did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reprint {
    /// The job before.
    pub of: LabelJobId,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub worker: String,
}

/// A job about to be queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPrintJob {
    /// Its printer.
    pub printer_id: PrinterId,
    /// The kind of label.
    pub label_type: LabelType,
    /// The number of what it is put on.
    pub number: String,
    /// How many.
    pub copies: u32,
    /// What it says.
    pub data: LabelData,
    /// What is sent: laid out when it was asked for, so that it stays what it was decided to be.
    pub zpl: String,
    /// Whether it waits for its printer. One that does not fails at once when the printer cannot print.
    pub may_wait: bool,
    /// Whether it was made with its lot or unit, and not asked for.
    pub automatic: bool,
    /// That it prints something once more.
    pub reprint: Option<Reprint>,
    /// Who asked.
    pub requested_by: String,
}

/// A print job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintJob {
    /// Its number.
    pub id: LabelJobId,
    /// What it prints.
    pub job: NewPrintJob,
    /// Where it is in its life.
    pub state: JobState,
    /// When it was queued.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_sent_once() {
        let now = Timestamp::from_s(1_000);
        let pending = JobState::Pending;
        let printing = pending.begin(now).expect("it waits");
        let printed = printing.printed(now).expect("it was begun");
        let unknown = printing.lose("broke off", now).expect("it was begun");
        let failed = pending.fail("called off", now).expect("it waits");
        // Nothing that may have reached a printer ever waits again.
        for ended in [&printed, &unknown, &failed] {
            assert!(ended.begin(now).is_err() && ended.put_back().is_err(), "{ended:?}");
        }
        assert!(printing.begin(now).is_err() && printing.fail("called off", now).is_err());
        assert_eq!(printing.put_back(), Ok(JobState::Pending), "when not a byte was sent");
        assert_eq!(unknown.printed(now).map(|s| s.status()), Ok(JobStatus::Printed), "a person looked");
        assert_eq!(unknown.fail("no label came out", now).map(|s| s.status()), Ok(JobStatus::Failed));
        assert!(printed.lose("", now).is_err() && failed.printed(now).is_err());
        let refused = printed.begin(now).expect_err("printed").to_string();
        assert_eq!(refused, "a label that is printed cannot become printing");
    }

    #[test]
    fn words_come_back() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::from_word(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).expect("json"), status.as_str());
        }
    }
}
