//! What a station is told: the run after its command, and what became of the unit and the lot.

use nightshift_actors::Reported;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    DataLevel, DefectSpec, DefectStatus, LotStatus, RunResult, SerialStatus,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::bodies::Fields;
use super::views::seconds;

/// A run after a station's command.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportedRun)]
pub(crate) struct ReportedOut {
    /// The run's number.
    #[schema(example = 1)]
    id: i64,
    /// The lot.
    lot_id: i64,
    /// The lot's number.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// Where the lot is now.
    #[schema(value_type = String, example = "IN_PROGRESS")]
    lot_status: LotStatus,
    /// The unit; absent for a run of the whole lot.
    serial_id: Option<i64>,
    /// The unit's number.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// Where the unit is now.
    #[schema(value_type = Option<String>, example = "IN_PROGRESS")]
    serial_status: Option<SerialStatus>,
    /// `DEFECTED`, `REWORK` or `SCRAPPED`.
    #[schema(value_type = Option<String>)]
    defect_status: Option<DefectStatus>,
    /// The process.
    process_id: i64,
    /// Its place in the line.
    #[schema(example = 1)]
    process_number: i64,
    /// Who works.
    operator_id: i64,
    /// The equipment, if it is registered.
    equipment_id: Option<i64>,
    /// The equipment as the station named it.
    equipment_code: Option<String>,
    /// `LOT` or `SERIAL`.
    #[schema(value_type = String, example = "SERIAL")]
    data_level: DataLevel,
    /// `PASS`, `FAIL` or `REWORK`; absent while it runs.
    #[schema(value_type = Option<String>, example = "PASS")]
    result: Option<RunResult>,
    /// What was measured.
    #[schema(value_type = Object)]
    measurement_data: Fields,
    /// What was found wrong: `{code, name, severity, …}`.
    #[schema(value_type = Vec<Object>)]
    defects: Vec<DefectSpec>,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was completed.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// From start to completion.
    duration_seconds: Option<f64>,
    /// Why a manager let it run out of order.
    override_reason: Option<String>,
    /// The event for which it is to be reviewed.
    review_event: Option<String>,
}

impl From<&Reported> for ReportedOut {
    fn from(reported: &Reported) -> Self {
        let Reported { run: stored, process, serial, lot, defects, .. } = reported;
        let (run, done) = (&stored.run, stored.run.done());
        Self {
            id: stored.id.0,
            lot_id: run.lot_id.0,
            lot_number: lot.lot_number.to_string(),
            lot_status: lot.state.status(),
            serial_id: run.serial_id.map(|id| id.0),
            serial_status: serial.as_ref().map(|s| s.state.status()),
            defect_status: serial.as_ref().and_then(|s| s.defect_status()),
            serial_number: serial.as_ref().map(|s| s.serial_number.to_string()),
            process_id: run.process_id.0,
            process_number: process.0,
            operator_id: run.operator_id.0,
            equipment_id: run.equipment_id.map(|id| id.0),
            equipment_code: run.equipment_code.clone(),
            data_level: run.level(),
            result: done.map(|d| d.result),
            measurement_data: done.map(|d| d.data.clone()).unwrap_or_default(),
            defects: defects.clone(),
            started_at: run.started_at,
            completed_at: done.map(|d| d.completed_at),
            duration_seconds: done.map(|d| seconds(d.completed_at.us_since(run.started_at))),
            override_reason: run.override_reason.clone(),
            review_event: run.review.as_ref().map(|r| r.event_id.clone()),
        }
    }
}
