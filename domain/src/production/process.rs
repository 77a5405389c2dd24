//! Processes: the steps of the line, in rows, so that another plant has others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::{Faults, NOTE_CHARS_MAX};
use super::line::yes;
use super::{FieldFault, ProcessId, schema};
use crate::Timestamp;

/// Highest process number.
pub const PROCESS_NUMBER_MAX: i64 = 999;
/// Most kinds of defects of one process.
const DEFECT_KINDS_MAX: usize = 200;
/// Longest planned time, seconds: a day.
const PLANNED_S_MAX: i64 = 86_400;

/// The place of a process in the line, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessNumber(pub i64);

impl fmt::Display for ProcessNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a body names a process: the row's id, or `PROC-` and the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessRef {
    /// `3`.
    Id(ProcessId),
    /// `"PROC-003"`.
    Number(ProcessNumber),
}

/// The text names no process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no process: write its id, or PROC- and its number (PROC-003)")]
pub struct ParseProcessRefError(String);

impl FromStr for ProcessRef {
    type Err = ParseProcessRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseProcessRefError(text.chars().take(40).collect());
        let digits = |t: &str| t.parse::<i64>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
        match text.strip_prefix("PROC-") {
            Some(number) => digits(number)
                .filter(|n| (1..=PROCESS_NUMBER_MAX).contains(n))
                .map(|n| Self::Number(ProcessNumber(n))),
            None => digits(text).map(|id| Self::Id(ProcessId(id))),
        }
        .ok_or_else(refused)
    }
}

impl fmt::Display for ProcessRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Number(n) => write!(f, "PROC-{:03}", n.0),
        }
    }
}

/// A defect that a process knows by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefectKind {
    /// Unique within the process.
    pub code: String,
    /// Korean name.
    pub name_ko: String,
    /// English name.
    pub name_en: String,
}

/// Everything a process says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Its place in the line, unique.
    pub process_number: ProcessNumber,
    /// Unique.
    pub process_code: String,
    /// Korean name.
    pub process_name_ko: String,
    /// English name.
    pub process_name_en: String,
    /// A description.
    #[serde(default)]
    pub description: Option<String>,
    /// Planned time of one run, seconds.
    #[serde(default)]
    pub estimated_duration_seconds: Option<i64>,
    /// Free document.
    #[serde(default)]
    pub quality_criteria: Map<String, Value>,
    /// Whether it is part of the line now.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// Its place in lists; the number when absent.
    #[serde(default)]
    pub sort_order: Option<i64>,
    /// JSON Schema of `process_data`; see [`super::DataSchema`] for what it may say besides.
    #[serde(default)]
    pub data_schema: Map<String, Value>,
    /// Whether a unit that failed here may be reworked; otherwise it is scrapped.
    #[serde(default = "yes")]
    pub rework_allowed: bool,
    /// Whether every process before it must be PASS, whoever asks.
    #[serde(default)]
    pub needs_all_before: bool,
    /// The defects it knows; any code is taken when empty.
    #[serde(default)]
    pub defect_kinds: Vec<DefectKind>,
}

/// A stored process.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Its id.
    pub id: ProcessId,
    /// What it says about itself.
    pub spec: ProcessSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Process {
    /// Its place in the line.
    #[must_use]
    pub fn number(&self) -> ProcessNumber {
        self.spec.process_number
    }
}

impl ProcessSpec {
    /// Refuses what no process can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        let number = (1..=PROCESS_NUMBER_MAX).contains(&self.process_number.0);
        faults.unless(number, "process_number", format!("must be 1 to {PROCESS_NUMBER_MAX}"));
        faults.code("process_code", &self.process_code);
        faults.name("process_name_ko", &self.process_name_ko);
        faults.name("process_name_en", &self.process_name_en);
        faults.text("description", self.description.as_deref(), NOTE_CHARS_MAX);
        let planned = self.estimated_duration_seconds.is_none_or(|s| (1..=PLANNED_S_MAX).contains(&s));
        faults.unless(planned, "estimated_duration_seconds", format!("must be 1 to {PLANNED_S_MAX}"));
        faults.document("quality_criteria", &self.quality_criteria);
        faults.document("data_schema", &self.data_schema);
        if let Err(e) = schema::DataSchema::compile(&self.data_schema) {
            faults.unless(false, "data_schema", e.to_string());
        }
        let few = self.defect_kinds.len() <= DEFECT_KINDS_MAX;
        faults.unless(few, "defect_kinds", format!("must be at most {DEFECT_KINDS_MAX}"));
        for (i, kind) in self.defect_kinds.iter().enumerate().take(DEFECT_KINDS_MAX) {
            faults.code(&format!("defect_kinds[{i}].code"), &kind.code);
            faults.name(&format!("defect_kinds[{i}].name_ko"), &kind.name_ko);
            faults.name(&format!("defect_kinds[{i}].name_en"), &kind.name_en);
            let new = self.defect_kinds[..i].iter().all(|k| k.code != kind.code);
            faults.unless(new, &format!("defect_kinds[{i}].code"), "must be unique within the process");
        }
        faults.done(self)
    }

    /// The place in lists.
    #[must_use]
    pub fn list_order(&self) -> i64 {
        self.sort_order.unwrap_or(self.process_number.0)
    }

    /// The defect of that code, if the process knows it.
    #[must_use]
    pub fn defect_kind(&self, code: &str) -> Option<&DefectKind> {
        self.defect_kinds.iter().find(|kind| kind.code == code)
    }
}
