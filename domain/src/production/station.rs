//! What stations ask for, what the store knows about it, and what follows: the words of start and complete.
//!
//! The actor reads [`RunFacts`] in the transaction, asks [`super::decide_start`] or [`super::decide_complete`], and
//! writes the effects in the same transaction. Nothing is decided anywhere else.

use serde_json::{Map, Value};

use super::{
    Component, DefectSpec, Equipment, Hold, Lot, Measurement, NewRun, OperatorId, ProcessId, ProcessRef,
    ReworkId, Run, RunDone, RunResult, Serial,
};
use crate::alerts::Raise;
use crate::{NewEvent, Timestamp};

/// How far a station's clock may run ahead of the plant's, seconds.
pub const STATION_AHEAD_S_MAX: u64 = 300;
/// How far two stations' clocks may differ, seconds: a start may seem to lie this much before the end of the process
/// before.
pub const STATIONS_APART_S_MAX: u64 = 60;
/// Most defects of one run.
pub const DEFECTS_MAX: usize = 100;

/// A worker, as identity knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Their number.
    pub id: OperatorId,
    /// Their user name.
    pub username: String,
    /// Whether they may work.
    pub is_active: bool,
}

/// Begin a process.
#[derive(Debug, Clone, PartialEq)]
pub struct StartCommand {
    /// The lot as sent: a number, for messages.
    pub lot: String,
    /// The unit as sent; `None` starts the whole lot.
    pub serial: Option<String>,
    /// The process.
    pub process: ProcessRef,
    /// The worker as sent, for messages.
    pub worker: String,
    /// The equipment's code as sent.
    pub equipment: Option<String>,
    /// When, by the station's clock; now when absent.
    pub started_at: Option<Timestamp>,
    /// Why the order may be broken.
    pub override_reason: Option<String>,
    /// Whether the caller (not the worker) is MANAGER or ADMIN.
    pub may_override: bool,
}

/// End a process.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteCommand {
    /// The lot as sent.
    pub lot: String,
    /// The unit as sent; `None` completes the whole lot's run.
    pub serial: Option<String>,
    /// The process.
    pub process: ProcessRef,
    /// How it ended; derived from `process_data` when absent, as in completion files.
    pub result: Option<RunResult>,
    /// What the process must say: checked against the whole schema.
    pub process_data: Option<Map<String, Value>>,
    /// What was measured besides: fields that the schema knows must be in their ranges, none is required.
    pub measurement_data: Option<Map<String, Value>>,
    /// What was found wrong.
    pub defects: Vec<DefectSpec>,
    /// When, by the station's clock; now when absent.
    pub completed_at: Option<Timestamp>,
    /// A note of the worker.
    pub notes: Option<String>,
}

/// What is known about a unit (or a lot) and a process when a command arrives, freshly read in its transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFacts {
    /// The lot that was named.
    pub lot: Option<Lot>,
    /// The unit that was named, of whatever lot.
    pub serial: Option<Serial>,
    /// The worker that was named. Not needed to complete.
    pub worker: Option<Worker>,
    /// The equipment that was named, if it is registered. Not needed to complete.
    pub equipment: Option<Equipment>,
    /// The active hold on that equipment. Not needed to complete.
    pub hold: Option<Hold>,
    /// The abnormal span that the equipment is in, by its event id: its runs are marked.
    pub abnormal_event: Option<String>,
    /// Processes that passed on this unit; for a lot-level command, on the lot.
    pub passed: Vec<ProcessId>,
    /// Processes that passed on the whole lot; they count for its units' order too.
    pub lot_passed: Vec<ProcessId>,
    /// The open runs of this unit (or of the lot itself), at most one per process.
    pub open: Vec<Run>,
    /// When the newest completed run of this unit (or of the lot itself) ended.
    pub last_completed_at: Option<Timestamp>,
    /// The approved rework that no process has been started for yet.
    pub waiting_rework: Option<ReworkId>,
}

/// What a start changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StartEffects {
    /// The run to insert.
    pub run: NewRun,
    /// The unit after it; absent for a lot-level run.
    pub serial: Option<Serial>,
    /// The lot after it.
    pub lot: Lot,
    /// The rework that this start begins, and when.
    pub restarted: Option<(ReworkId, Timestamp)>,
    /// Whether the order was overridden: audited with the run's `override_reason`.
    pub overridden: bool,
    /// What is journalled.
    pub events: Vec<NewEvent>,
}

/// What a completion changes.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteEffects {
    /// The run that ends, as it was found.
    pub run: Run,
    /// How it ends.
    pub done: RunDone,
    /// The defects to insert.
    pub defects: Vec<DefectSpec>,
    /// The component lots that the data name: rows to insert, for the trace both ways.
    pub components: Vec<Component>,
    /// The values that the data give to process capability.
    pub measurements: Vec<Measurement>,
    /// The unit after it; absent for a lot-level run.
    pub serial: Option<Serial>,
    /// The lot after it.
    pub lot: Lot,
    /// What is journalled.
    pub events: Vec<NewEvent>,
    /// Alerts to raise.
    pub alerts: Vec<Raise>,
}

/// A completed run that is recorded at once (`POST /process-data`): a start and its completion.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEffects {
    /// The start. Its `run` is inserted with the completion's `done` as its state.
    pub start: StartEffects,
    /// The completion, when the record says how the run ended.
    pub complete: Option<CompleteEffects>,
}
