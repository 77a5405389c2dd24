//! Why a command is refused: a code for programs, a sentence in English and in Korean for people.

use super::{FieldFault, LotStatus, ProcessNumber, REWORKS_MAX, SerialStatus};
use crate::Timestamp;

/// What kind of refusal it is; the facade makes a status of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The body names something that does not exist.
    NotFound,
    /// A rule of the line is broken.
    Rule,
    /// The thing is not in a state for it, or somebody was first.
    Conflict,
    /// The caller may not do it.
    Forbidden,
}

/// A command that is refused. `Display` is the English message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No such lot.
    #[error("lot {number} not found")]
    LotNotFound {
        /// Its number or id, as sent.
        number: String,
    },
    /// No such unit.
    #[error("serial {number} not found")]
    SerialNotFound {
        /// Its number or id, as sent.
        number: String,
    },
    /// No such process.
    #[error("process {process} not found")]
    ProcessNotFound {
        /// The process as sent.
        process: String,
    },
    /// No such worker.
    #[error("worker {worker} not found")]
    WorkerNotFound {
        /// The worker as sent.
        worker: String,
    },
    /// No such product model.
    #[error("product model {model} not found")]
    ProductModelNotFound {
        /// The model as sent.
        model: String,
    },
    /// No such production line.
    #[error("production line {line} not found")]
    LineNotFound {
        /// The line as sent.
        line: String,
    },
    /// The unit belongs to another lot.
    #[error("serial {serial} does not belong to lot {lot}")]
    SerialNotInLot {
        /// The unit's number.
        serial: String,
        /// The lot's number.
        lot: String,
    },
    /// Something named is switched off.
    #[error("{what} {name} is not active")]
    Inactive {
        /// `process`, `worker`, `equipment`, `product model`, `production line`.
        what: &'static str,
        /// Its number, code or name.
        name: String,
    },
    /// The equipment is held.
    #[error("equipment {equipment} is on hold since {since}: {reason}. Acknowledge it before the next start")]
    EquipmentOnHold {
        /// The equipment's code.
        equipment: String,
        /// Why.
        reason: String,
        /// Since when.
        since: Timestamp,
        /// The event behind it.
        event_id: String,
    },
    /// The lot takes no more work.
    #[error("the lot is {}: nothing more can be done in it", .status.as_str())]
    LotClosed {
        /// Its status.
        status: LotStatus,
    },
    /// The lot has all its units.
    #[error("the lot already has its {target} units")]
    LotFull {
        /// Units it is to have.
        target: u16,
    },
    /// Units are neither passed nor scrapped.
    #[error("{open} of the lot's {actual} units have neither passed nor been scrapped")]
    LotNotSettled {
        /// Those units.
        open: i64,
        /// All units.
        actual: i64,
    },
    /// A shift's series is used up.
    #[error("the numbers of {series} are used up: a shift has 999")]
    LotNumbersExhausted {
        /// The series.
        series: String,
    },
    /// A number exists already.
    #[error("{field} {number} already exists")]
    DuplicateNumber {
        /// `lot_number`, `serial_number` or `sequence_in_lot`.
        field: &'static str,
        /// The number.
        number: String,
    },
    /// A number can't be what was sent.
    #[error("{0}")]
    InvalidNumber(FieldFault),
    /// The process is open on this unit or lot.
    #[error("process {process} was already started at {since} and is not completed")]
    DuplicateStart {
        /// The process.
        process: ProcessNumber,
        /// When.
        since: Timestamp,
    },
    /// The process has passed, so it can't be started.
    #[error("process {process} has already passed")]
    ProcessAlreadyPassed {
        /// The process.
        process: ProcessNumber,
    },
    /// The process has passed, so it can't be completed again.
    #[error("process {process} has already been completed with PASS")]
    DuplicatePassComplete {
        /// The process.
        process: ProcessNumber,
    },
    /// The process was not started.
    #[error("process {process} has not been started")]
    ProcessNotStarted {
        /// The process.
        process: ProcessNumber,
    },
    /// Processes between were left out.
    #[error("process {process} is out of order: process {next} is next")]
    InvalidProcessSequence {
        /// The process.
        process: ProcessNumber,
        /// The one that may be started.
        next: ProcessNumber,
    },
    /// The process before has not passed.
    #[error("process {process} requires process {previous} to be PASS")]
    PreviousProcessNotCompleted {
        /// The process.
        process: ProcessNumber,
        /// The one before.
        previous: ProcessNumber,
    },
    /// The process needs all before it.
    #[error(
        "Process {process} requires all previous processes ({first}-{last}) to be PASS. Current PASS count: {passed}"
    )]
    PassesMissing {
        /// The process.
        process: ProcessNumber,
        /// The first process of the line.
        first: ProcessNumber,
        /// The one before.
        last: ProcessNumber,
        /// How many of them are PASS.
        passed: usize,
    },
    /// A unit passes when every process has.
    #[error("{passed} of {of} processes are PASS: all must be")]
    NotAllPassed {
        /// Processes that passed.
        passed: usize,
        /// Processes of the line.
        of: usize,
    },
    /// The order may be overridden by managers only.
    #[error("only a MANAGER or ADMIN may override the order of processes")]
    OverrideNotAllowed,
    /// The unit has passed everything.
    #[error("the serial has already passed")]
    SerialPassed,
    /// The unit has failed and nobody has approved a rework.
    #[error("the serial has failed: a MANAGER or ADMIN must approve a rework first")]
    ReworkRequired,
    /// The unit is scrapped.
    #[error("the serial is scrapped")]
    SerialScrapped,
    /// A rework needs a failed unit.
    #[error("only a FAILED serial can be reworked: this one is {}", .status.as_str())]
    SerialNotFailed {
        /// Its status.
        status: SerialStatus,
    },
    /// The process that failed can't be repeated.
    #[error("the process that failed does not allow rework: the serial is scrapped")]
    ReworkNotAllowed,
    /// Three reworks are used.
    #[error("the serial was reworked {reworks} times: {REWORKS_MAX} are allowed")]
    ReworkLimitReached {
        /// Reworks so far.
        reworks: u8,
    },
    /// A reason is missing, or too long.
    #[error("{field} must say why, in 1 to 1000 characters")]
    ReasonRequired {
        /// The field.
        field: &'static str,
    },
    /// What was measured can't be, or contradicts the result.
    #[error("{}", listed(.0))]
    InvalidProcessData(Vec<FieldFault>),
    /// A time lies before what happened earlier, or in the future.
    #[error("{field} {given} is {problem} {bound}")]
    InvalidTime {
        /// The field.
        field: &'static str,
        /// What was sent.
        given: Timestamp,
        /// `before` or `after`.
        problem: &'static str,
        /// The earliest or latest possible instant.
        bound: Timestamp,
    },
    /// A process of the unit or lot is open.
    #[error("process {process} is running: complete it first")]
    ProcessRunning {
        /// The process.
        process: ProcessNumber,
    },
    /// There is no such step.
    #[error("a {what} can't go from {from} to {to}")]
    InvalidTransition {
        /// `lot`, `serial` or `hold`.
        what: &'static str,
        /// The status it has.
        from: &'static str,
        /// The status asked for.
        to: &'static str,
    },
    /// Something else depends on it.
    #[error("{what} is in use by {by}")]
    InUse {
        /// What was to be removed.
        what: String,
        /// What depends on it.
        by: String,
    },
}

fn listed(faults: &[FieldFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Refusal {
    /// The documented code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LotNotFound { .. } => "LOT_NOT_FOUND",
            Self::SerialNotFound { .. } => "SERIAL_NOT_FOUND",
            Self::ProcessNotFound { .. } => "PROCESS_NOT_FOUND",
            Self::WorkerNotFound { .. } => "WORKER_NOT_FOUND",
            Self::ProductModelNotFound { .. } => "PRODUCT_MODEL_NOT_FOUND",
            Self::LineNotFound { .. } => "PRODUCTION_LINE_NOT_FOUND",
            Self::SerialNotInLot { .. } => "SERIAL_NOT_IN_LOT",
            Self::Inactive { what: "process", .. } => "PROCESS_INACTIVE",
            Self::Inactive { what: "worker", .. } => "WORKER_INACTIVE",
            Self::Inactive { what: "equipment", .. } => "EQUIPMENT_INACTIVE",
            Self::Inactive { .. } => "NOT_ACTIVE",
            Self::EquipmentOnHold { .. } => "EQUIPMENT_ON_HOLD",
            Self::LotClosed { .. } => "LOT_CLOSED",
            Self::LotFull { .. } => "LOT_FULL",
            Self::LotNotSettled { .. } => "LOT_NOT_SETTLED",
            Self::LotNumbersExhausted { .. } => "LOT_NUMBERS_EXHAUSTED",
            Self::DuplicateNumber { .. } => "DUPLICATE_NUMBER",
            Self::InvalidNumber(_) => "INVALID_NUMBER",
            Self::DuplicateStart { .. } => "DUPLICATE_START",
            Self::ProcessAlreadyPassed { .. } => "PROCESS_ALREADY_PASSED",
            Self::DuplicatePassComplete { .. } => "DUPLICATE_PASS_COMPLETE",
            Self::ProcessNotStarted { .. } => "PROCESS_NOT_STARTED",
            Self::InvalidProcessSequence { .. } => "INVALID_PROCESS_SEQUENCE",
            Self::PreviousProcessNotCompleted { .. }
            | Self::PassesMissing { .. }
            | Self::NotAllPassed { .. } => "PREVIOUS_PROCESS_NOT_COMPLETED",
            Self::OverrideNotAllowed => "OVERRIDE_NOT_ALLOWED",
            Self::SerialPassed => "SERIAL_ALREADY_PASSED",
            Self::ReworkRequired => "REWORK_REQUIRED",
            Self::SerialScrapped => "SERIAL_SCRAPPED",
            Self::SerialNotFailed { .. } => "SERIAL_NOT_FAILED",
            Self::ReworkNotAllowed => "REWORK_NOT_ALLOWED",
            Self::ReworkLimitReached { .. } => "REWORK_LIMIT_REACHED",
            Self::ReasonRequired { .. } => "REASON_REQUIRED",
            Self::InvalidProcessData(_) => "INVALID_PROCESS_DATA",
            Self::InvalidTime { .. } => "INVALID_TIME",
            Self::ProcessRunning { .. } => "PROCESS_RUNNING",
            Self::InvalidTransition { .. } => "INVALID_STATUS_TRANSITION",
            Self::InUse { .. } => "IN_USE",
        }
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::LotNotFound { .. }
            | Self::SerialNotFound { .. }
            | Self::ProcessNotFound { .. }
            | Self::WorkerNotFound { .. }
            | Self::ProductModelNotFound { .. }
            | Self::LineNotFound { .. } => RefusalKind::NotFound,
            Self::EquipmentOnHold { .. }
            | Self::LotClosed { .. }
            | Self::LotFull { .. }
            | Self::LotNumbersExhausted { .. }
            | Self::DuplicateNumber { .. }
            | Self::DuplicateStart { .. }
            | Self::ProcessAlreadyPassed { .. }
            | Self::DuplicatePassComplete { .. }
            | Self::SerialPassed
            | Self::ReworkRequired
            | Self::SerialScrapped
            | Self::SerialNotFailed { .. }
            | Self::ReworkNotAllowed
            | Self::ReworkLimitReached { .. }
            | Self::ProcessRunning { .. }
            | Self::InUse { .. } => RefusalKind::Conflict,
            Self::OverrideNotAllowed => RefusalKind::Forbidden,
            Self::SerialNotInLot { .. }
            | Self::Inactive { .. }
            | Self::LotNotSettled { .. }
            | Self::InvalidNumber(_)
            | Self::ProcessNotStarted { .. }
            | Self::InvalidProcessSequence { .. }
            | Self::PreviousProcessNotCompleted { .. }
            | Self::PassesMissing { .. }
            | Self::NotAllPassed { .. }
            | Self::ReasonRequired { .. }
            | Self::InvalidProcessData(_)
            | Self::InvalidTime { .. }
            | Self::InvalidTransition { .. } => RefusalKind::Rule,
        }
    }
}
