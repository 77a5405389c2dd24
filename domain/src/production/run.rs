//! One run of a process, on a unit or on a whole lot, and the defects it found.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DefectId, EquipmentId, LotId, OperatorId, ProcessId, RunId, SerialId};
use crate::Timestamp;

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DataLevel {
    /// The whole lot.
    Lot,
    /// One unit.
    Serial,
}

impl DataLevel {
    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lot => "LOT",
            Self::Serial => "SERIAL",
        }
    }

    /// The level that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Lot, Self::Serial].into_iter().find(|l| l.as_str() == word)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunResult {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It failed, and the station asks for rework: everything else is as for FAIL.
    Rework,
}

impl RunResult {
    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Rework => "REWORK",
        }
    }

    /// The result that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pass, Self::Fail, Self::Rework].into_iter().find(|r| r.as_str() == word)
    }

    /// Whether it passed.
    #[must_use]
    pub fn is_pass(self) -> bool {
        self == Self::Pass
    }
}

/// Where a run is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum RunState {
    /// Started and not completed.
    Open,
    /// Completed.
    Done(RunDone),
}

/// How a run ended and what it measured.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDone {
    /// When.
    pub completed_at: Timestamp,
    /// How.
    pub result: RunResult,
    /// What was measured: `process_data` and `measurement_data`, as sent.
    pub data: Map<String, Value>,
    /// A note of the worker.
    pub notes: Option<String>,
}

/// A run about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// The lot.
    pub lot_id: LotId,
    /// The unit; `None` for a run of the whole lot.
    pub serial_id: Option<SerialId>,
    /// The process.
    pub process_id: ProcessId,
    /// Who works.
    pub operator_id: OperatorId,
    /// The equipment, if it is registered.
    pub equipment_id: Option<EquipmentId>,
    /// The equipment's code as the station sent it, registered or not.
    pub equipment_code: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Why a manager let it run out of order.
    pub override_reason: Option<String>,
    /// The abnormal span it belongs to, for review.
    pub review: Option<Review>,
    /// Where it is in its life.
    pub state: RunState,
}

/// A stored run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it is.
    pub run: NewRun,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A run was made while the equipment's sensors were abnormal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The event that verdict, alert, hold and marked runs have in common.
    pub event_id: String,
    /// Who looked at it, and when; nobody yet when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<(OperatorId, Timestamp)>,
}

impl NewRun {
    /// What it is about.
    #[must_use]
    pub fn level(&self) -> DataLevel {
        if self.serial_id.is_some() { DataLevel::Serial } else { DataLevel::Lot }
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn done(&self) -> Option<&RunDone> {
        if let RunState::Done(done) = &self.state { Some(done) } else { None }
    }

    /// From start to completion.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.done().map(|done| done.completed_at.since(self.started_at))
    }
}

/// How bad a defect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefectSeverity {
    /// It can be lived with.
    Minor,
    /// It must be mended.
    #[default]
    Major,
    /// It is dangerous, or can't be mended.
    Critical,
}

impl DefectSeverity {
    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }

    /// The severity that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Minor, Self::Major, Self::Critical].into_iter().find(|s| s.as_str() == word)
    }
}

/// What a run found wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefectSpec {
    /// One of the process's codes.
    pub code: String,
    /// Its name; the process's own when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// How bad it is.
    #[serde(default)]
    pub severity: DefectSeverity,
    /// What was measured: a number or a word.
    #[serde(default)]
    pub measured_value: Option<Value>,
    /// What was allowed.
    #[serde(default)]
    pub expected_range: Option<String>,
    /// What caused it.
    #[serde(default)]
    pub cause: Option<String>,
    /// What was found out about it.
    #[serde(default)]
    pub analysis: Option<String>,
}

impl DefectSpec {
    /// A defect of that code with nothing else said.
    #[must_use]
    pub fn of(code: String) -> Self {
        Self {
            code,
            name: None,
            severity: DefectSeverity::default(),
            measured_value: None,
            expected_range: None,
            cause: None,
            analysis: None,
        }
    }
}

/// A stored defect.
#[derive(Debug, Clone, PartialEq)]
pub struct Defect {
    /// Its id.
    pub id: DefectId,
    /// The run that found it.
    pub run_id: RunId,
    /// What it is.
    pub spec: DefectSpec,
    /// When it was found.
    pub created_at: Timestamp,
    /// When its cause or analysis was last changed.
    pub updated_at: Timestamp,
}
