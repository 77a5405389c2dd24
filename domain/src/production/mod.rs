//! Production: models are made in lots, lots have units, units go through processes in order.
//!
//! The store reads facts, this decides, the store writes effects: see [`RunFacts`] and [`decide_start`].

mod calendar;
mod complete;
mod consequence;
mod equipment;
mod exchange;
mod fault;
mod figures;
mod ids;
mod korean;
mod line;
mod lineup;
mod lot;
mod make;
mod measure;
mod number;
mod process;
mod product;
mod record;
mod refusal;
mod rework;
mod run;
mod sample;
mod schema;
mod seed;
mod serial;
mod start;
mod station;
mod trace;

#[cfg(test)]
mod model_tests;

pub use calendar::{Calendar, PlantDate, Shift, ShiftDay, UnknownZone};
pub use complete::{CheckedCompletion, check_completion, decide_complete};
pub use consequence::{
    AbnormalRule, AbnormalSpan, Consequence, NewHold, Sighting, WINDOW_MAX, decide_consequence, is_within,
    release,
};
pub use equipment::{Equipment, EquipmentSpec, Hold, HoldState, MAINTENANCE_NOTICE_DAYS};
pub use exchange::{
    Column, FILE_FAULTS_MAX, Kind as ColumnKind, LINE_BYTES_MAX, Resource, Row, RowFault, csv_cells,
    csv_header, csv_row, json_row,
};
pub use fault::{CODE_CHARS_MAX, DOCUMENT_BYTES_MAX, FieldFault, NAME_CHARS_MAX, NOTE_CHARS_MAX, amend};
pub use figures::{
    Capability, CycleTime, Oee, OeeFacts, ParetoBar, ProcessLoad, Sample, TrendDay, bottleneck, capability,
    cycle_time, defect_rate, first_pass_yield, oee, pareto, pass_rate, percent, rolled_throughput_yield,
    trend,
};
pub use ids::{
    DefectId, EquipmentId, HoldId, LineId, LotId, OperatorId, ProcessId, ProductModelId, ReworkId, RunId,
    SerialId, TargetId,
};
pub use line::{Line, LineSpec, Target, TargetSpec};
pub use lineup::{LineUp, Step};
pub use lot::{Lot, LotCounts, LotState, LotStatus};
pub use make::{
    LotDraft, LotPlan, LotRules, NewSerial, Numbering, StepEffects, plan_lot, plan_serial, recount,
    remove_serial, step_lot, step_serial,
};
pub use measure::{MEASUREMENTS_MAX, Measure, Measurement};
pub use number::{
    GIVEN_CHARS_MAX, LOT_NUMBER_MAX, LotNumber, LotSeries, NUMBER_CHARS_MAX, SEQUENCE_MAX, SerialNumber,
    TARGET_QUANTITY_MAX_DEFAULT, next_sequence,
};
pub use process::{
    DefectKind, PROCESS_NUMBER_MAX, ParseProcessRefError, Process, ProcessNumber, ProcessRef, ProcessSpec,
};
pub use product::{ModelStatus, ProductModel, ProductModelSpec};
pub use record::decide_record;
pub use refusal::{Refusal, RefusalKind};
pub use rework::{NewRework, Rework, ReworkEffects, approve_rework};
pub use run::{
    DataLevel, Defect, DefectSeverity, DefectSpec, NewRun, Review, Run, RunDone, RunResult, RunState,
};
pub use sample::sample_data;
pub use schema::{Component, DataSchema, SchemaError, Strictness};
pub use seed::seed_processes;
pub use serial::{DefectStatus, REWORKS_MAX, Serial, SerialState, SerialStatus};
pub use start::decide_start;
pub use station::{
    CompleteCommand, CompleteEffects, DEFECTS_MAX, RecordEffects, RunFacts, STATION_AHEAD_S_MAX,
    STATIONS_APART_S_MAX, StartCommand, StartEffects, Worker,
};
pub use trace::{Trace, TracedRun, epcis};
