//! Runs as answers show them, with what they name.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{DataLevel, Defect, DefectSeverity, Process, RunResult};
use nightshift_store::production::RunView;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::bodies::Fields;
use super::views::seconds;

/// A process, as runs show it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessBrief)]
pub(crate) struct ProcessBriefOut {
    /// Its number as a row.
    id: i64,
    /// Its place in the line.
    #[schema(example = 1)]
    process_number: i64,
    /// Its code.
    #[schema(example = "LASER_MARKING")]
    process_code: String,
    /// Korean name.
    #[schema(example = "레이저 마킹")]
    process_name_ko: String,
    /// English name.
    #[schema(example = "Laser marking")]
    process_name_en: String,
}

/// A process as others show it.
pub(super) fn brief(process: &Process) -> ProcessBriefOut {
    let spec = &process.spec;
    ProcessBriefOut {
        id: process.id.0,
        process_number: spec.process_number.0,
        process_code: spec.process_code.clone(),
        process_name_ko: spec.process_name_ko.clone(),
        process_name_en: spec.process_name_en.clone(),
    }
}

/// A worker, as runs show them.
#[derive(Serialize, ToSchema)]
#[schema(as = OperatorBrief)]
pub(crate) struct OperatorBriefOut {
    /// The user's number.
    id: i64,
    /// The user's name to sign in with.
    username: Option<String>,
    /// The name to show.
    full_name: Option<String>,
}

/// A piece of equipment, as runs show it.
#[derive(Serialize, ToSchema)]
#[schema(as = EquipmentBrief)]
pub(crate) struct EquipmentBriefOut {
    /// Its number.
    id: i64,
    /// Its code.
    #[schema(example = "EQ-001")]
    equipment_code: String,
    /// Its name.
    equipment_name: String,
}

/// A defect that a run found.
#[derive(Serialize, ToSchema)]
#[schema(as = Defect)]
pub(crate) struct DefectOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// The run that found it.
    process_data_id: i64,
    /// One of the process's codes.
    #[schema(example = "SENSOR_TEMP_FAIL")]
    code: String,
    /// Its name.
    name: Option<String>,
    /// `minor`, `major` or `critical`.
    #[schema(value_type = String, example = "major")]
    severity: DefectSeverity,
    /// What was measured.
    #[schema(value_type = Option<Value>, example = 62.4)]
    measured_value: Option<Value>,
    /// What was allowed.
    #[schema(example = "59.0–61.0")]
    expected_range: Option<String>,
    /// What caused it.
    cause: Option<String>,
    /// What was found out about it.
    analysis: Option<String>,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its cause or analysis was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Defect> for DefectOut {
    fn from(defect: Defect) -> Self {
        let spec = defect.spec;
        Self {
            id: defect.id.0,
            process_data_id: defect.run_id.0,
            code: spec.code,
            name: spec.name,
            severity: spec.severity,
            measured_value: spec.measured_value,
            expected_range: spec.expected_range,
            cause: spec.cause,
            analysis: spec.analysis,
            created_at: defect.created_at,
            updated_at: defect.updated_at,
        }
    }
}

/// Marks a run that was made while the equipment's sensors were abnormal.
#[derive(Serialize, ToSchema)]
#[schema(as = Review)]
pub(crate) struct ReviewOut {
    /// The event that verdict, alert, hold and runs have in common.
    event_id: String,
    /// Who looked at it; nobody yet when absent.
    reviewed_by: Option<i64>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    reviewed_at: Option<Timestamp>,
}

/// A run of a process on a unit, or on a lot as a whole.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessData)]
pub(crate) struct RunOut {
    /// Its number.
    #[schema(example = 1)]
    pub(super) id: i64,
    /// The lot.
    lot_id: i64,
    /// The lot's number.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// The unit; absent for a run of the whole lot.
    serial_id: Option<i64>,
    /// The unit's number.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The process.
    process_id: i64,
    /// Who worked.
    operator_id: i64,
    /// The equipment, if it is registered.
    equipment_id: Option<i64>,
    /// The equipment as the station named it.
    equipment_code: Option<String>,
    /// `LOT` or `SERIAL`.
    #[schema(value_type = String, example = "SERIAL")]
    data_level: DataLevel,
    /// Which attempt of the process it is, from 1.
    attempt: i64,
    /// `PASS`, `FAIL` or `REWORK`; absent while it runs.
    #[schema(value_type = Option<String>, example = "PASS")]
    result: Option<RunResult>,
    /// What was measured.
    #[schema(value_type = Object, example = json!({"temperature": 25.5, "humidity": 60}))]
    measurements: Fields,
    /// The same as `measurements`.
    #[schema(value_type = Object)]
    measurement_data: Fields,
    /// What was found wrong.
    defects: Vec<DefectOut>,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was completed.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// From start to completion.
    #[schema(example = 58.4)]
    duration_seconds: Option<f64>,
    /// A note of the worker.
    notes: Option<String>,
    /// Why a manager let it run out of order.
    override_reason: Option<String>,
    /// That it is to be reviewed.
    review: Option<ReviewOut>,
    /// The process.
    process: ProcessBriefOut,
    /// Who worked.
    operator: OperatorBriefOut,
    /// The equipment.
    equipment: Option<EquipmentBriefOut>,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<RunView> for RunOut {
    fn from(view: RunView) -> Self {
        let (process, operator, stored) = (view.process, view.operator, view.run);
        let (run, done) = (&stored.run, stored.run.done());
        let measurements = done.map(|d| d.data.clone()).unwrap_or_default();
        Self {
            id: stored.id.0,
            lot_id: run.lot_id.0,
            lot_number: view.lot_number,
            serial_id: run.serial_id.map(|id| id.0),
            serial_number: view.serial_number,
            process_id: run.process_id.0,
            operator_id: run.operator_id.0,
            equipment_id: run.equipment_id.map(|id| id.0),
            equipment_code: run.equipment_code.clone(),
            data_level: run.level(),
            attempt: view.attempt,
            result: done.map(|d| d.result),
            measurement_data: measurements.clone(),
            measurements,
            defects: view.defects.into_iter().map(Into::into).collect(),
            started_at: run.started_at,
            completed_at: done.map(|d| d.completed_at),
            duration_seconds: done.map(|d| seconds(d.completed_at.us_since(run.started_at))),
            notes: done.and_then(|d| d.notes.clone()),
            override_reason: run.override_reason.clone(),
            review: run.review.as_ref().map(|review| ReviewOut {
                event_id: review.event_id.clone(),
                reviewed_by: review.reviewed.map(|(by, _)| by.0),
                reviewed_at: review.reviewed.map(|(_, at)| at),
            }),
            process: ProcessBriefOut {
                id: process.id.0,
                process_number: process.process_number,
                process_code: process.process_code,
                process_name_ko: process.process_name_ko,
                process_name_en: process.process_name_en,
            },
            operator: OperatorBriefOut {
                id: operator.id.0,
                username: operator.username,
                full_name: operator.full_name,
            },
            equipment: view.equipment.map(|e| EquipmentBriefOut {
                id: e.id.0,
                equipment_code: e.equipment_code,
                equipment_name: e.equipment_name,
            }),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}
