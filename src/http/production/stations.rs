//! `/api/v1/process/…`: what stations report, a scan at a time.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use nightshift_actors::{Order, Reported};
use nightshift_domain::Timestamp;
use nightshift_domain::identity::{Access, Permission, Principal};
use nightshift_domain::production::{
    CompleteCommand, DefectSeverity, DefectSpec, EquipmentId, ProcessRef, RunResult, StartCommand,
};
use nightshift_store::production::{equipment_find, run_history};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::bodies::{Fields, Name, RunJson, field};
use super::find::{self, missing, stored};
use super::reported::ReportedOut;
use super::run_view::RunOut;
use super::views::SerialOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, invalid_body};
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::types::Done;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};
use crate::http::sensing::types::Time;

/// Most runs of a unit that its history shows.
const HISTORY_RUNS_MAX: u32 = 1_000;

/// A process begins on a unit, or on a whole lot.
#[derive(Deserialize, ToSchema)]
pub(crate) struct StartIn {
    /// The lot's number, as the scanner read it.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// The unit's number; the whole lot when absent.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The process: its id, or `PROC-001`.
    #[schema(example = 1)]
    process_id: Name,
    /// Who works: the name to sign in with, the user's number, or `W001`; the person who asks when absent.
    #[schema(example = "W001")]
    worker_id: Option<Name>,
    /// The equipment's code, registered or not; a number is the id of a registered one.
    #[schema(example = "EQ-001")]
    equipment_id: Option<Name>,
    /// When, by the station's clock; now when absent.
    #[serde(alias = "start_time")]
    #[schema(value_type = Option<Time>)]
    started_at: Option<Timestamp>,
    /// Why the order of processes may be broken: a manager's word, which is audited.
    #[schema(max_length = 1000)]
    override_reason: Option<String>,
}

/// A process ends.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CompleteIn {
    /// The lot's number.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// The unit's number; the whole lot's run when absent.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The process: its id, or `PROC-001`.
    #[schema(example = 1)]
    process_id: Name,
    /// `PASS`, `FAIL` or `REWORK`; read from `process_data` when absent.
    #[schema(value_type = Option<String>, example = "PASS")]
    result: Option<RunResult>,
    /// What the process must say: held against the process's schema.
    #[schema(value_type = Option<Object>)]
    process_data: Option<Fields>,
    /// What was measured besides; what the schema knows must be in its range.
    #[schema(value_type = Option<Object>, example = json!({"temperature": 25.5, "humidity": 60}))]
    measurement_data: Option<Fields>,
    /// Another name of `measurement_data`.
    #[schema(value_type = Option<Object>)]
    measurements: Option<Fields>,
    /// What was found wrong: needed for `FAIL` unless the data show it, refused for `PASS`.
    #[serde(default)]
    defects: Option<Vec<DefectIn>>,
    /// When, by the station's clock; now when absent.
    #[serde(alias = "complete_time")]
    #[schema(value_type = Option<Time>)]
    completed_at: Option<Timestamp>,
    /// A note of the worker.
    #[schema(max_length = 1000)]
    notes: Option<String>,
}

/// A defect: its code alone, or with what is known of it.
#[derive(Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "expected the code of a defect, or {code, name, severity, …} with the severity minor, major or critical"
)]
pub(crate) enum DefectIn {
    /// The code.
    #[schema(example = "SENSOR_TEMP_FAIL")]
    Code(String),
    /// The code and more.
    Known {
        /// One of the process's codes.
        #[serde(alias = "defect_code")]
        #[schema(example = "SENSOR_TEMP_FAIL")]
        code: String,
        /// Its name; the process's own when absent.
        #[serde(alias = "defect_name")]
        name: Option<String>,
        /// `minor`, `major` or `critical`.
        #[schema(value_type = Option<String>, example = "major")]
        severity: Option<DefectSeverity>,
        /// What was measured: a number or a word.
        #[schema(value_type = Option<Value>, example = 62.4)]
        measured_value: Option<Value>,
        /// What was allowed.
        #[schema(example = "59.0–61.0")]
        expected_range: Option<String>,
        /// What caused it.
        cause: Option<String>,
        /// What was found out about it.
        analysis: Option<String>,
    },
}

impl From<DefectIn> for DefectSpec {
    fn from(given: DefectIn) -> Self {
        match given {
            DefectIn::Code(code) => Self::of(code),
            DefectIn::Known { code, name, severity, measured_value, expected_range, cause, analysis } => {
                Self {
                    code,
                    name,
                    severity: severity.unwrap_or_default(),
                    measured_value,
                    expected_range,
                    cause,
                    analysis,
                }
            }
        }
    }
}

/// The runs of a unit.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// The unit.
    #[serde(flatten)]
    serial: SerialOut,
    /// Its runs, in the order in which they were started.
    history: Vec<RunOut>,
}

/// Begins a process. The process before it must be PASS; process 7 needs all before it.
#[utoipa::path(
    post, path = "/api/v1/process/start",
    operation_id = "process_start", tag = "production", request_body = StartIn,
    responses((status = 200, description = "Begun.", body = Done<ReportedOut>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<StartIn>,
) -> Result<([(HeaderName, String); 1], JsonBody<Done<ReportedOut>>), Problem> {
    let command = StartCommand {
        lot: given.lot_number.trim().to_owned(),
        serial: given.serial_number.map(|number| number.trim().to_owned()),
        process: process(&given.process_id)?,
        worker: worker(given.worker_id.as_ref(), "worker_id", &caller)?,
        equipment: equipment(&app, given.equipment_id.as_ref()).await?,
        started_at: given.started_at,
        override_reason: given.override_reason,
        may_override: may_override(&caller),
    };
    let once = unit.answering(StatusCode::OK, |reported: &Reported| (location(reported), started(reported)));
    let reported = app.plant.production().report_once(&caller.by(), Order::Start(command), once).await?;
    Ok(([(header::LOCATION, location(&reported))], JsonBody(started(&reported))))
}

/// Ends a process. What was measured is held against the process's schema; a FAIL names its defects.
#[utoipa::path(
    post, path = "/api/v1/process/complete",
    operation_id = "process_complete", tag = "production", request_body = CompleteIn,
    responses((status = 200, description = "Ended.", body = Done<ReportedOut>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn complete(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    RunJson(given): RunJson<CompleteIn>,
) -> Result<([(HeaderName, String); 1], JsonBody<Done<ReportedOut>>), Problem> {
    let command = CompleteCommand {
        lot: given.lot_number.trim().to_owned(),
        serial: given.serial_number.map(|number| number.trim().to_owned()),
        process: process(&given.process_id)?,
        result: given.result,
        process_data: given.process_data,
        measurement_data: given.measurement_data.or(given.measurements),
        defects: given.defects.unwrap_or_default().into_iter().map(Into::into).collect(),
        completed_at: given.completed_at,
        notes: given.notes,
    };
    let once =
        unit.answering(StatusCode::OK, |reported: &Reported| (location(reported), completed(reported)));
    let reported = app.plant.production().report_once(&caller.by(), Order::Complete(command), once).await?;
    Ok(([(header::LOCATION, location(&reported))], JsonBody(completed(&reported))))
}

/// What was done on a unit.
#[utoipa::path(
    get, path = "/api/v1/process/history/{serial_number}",
    operation_id = "process_history", tag = "production",
    params(("serial_number" = String, Path, example = "WF-KR-251110D-001-0001")),
    responses((status = 200, description = "The unit and its runs.", body = Done<History>), NotFoundError, AnyError)
)]
pub(crate) async fn history(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<History>>, Problem> {
    let serial = find::serial(&app, &text).await?;
    let runs = stored(run_history(&app.db, serial.serial.id, HISTORY_RUNS_MAX).await)?;
    let history = runs.into_iter().map(Into::into).collect();
    Ok(JsonBody(Done::new("history", History { serial: serial.into(), history })))
}

/// Where the run is.
fn location(reported: &Reported) -> String {
    format!("/api/v1/process-data/{}", reported.run.id)
}

fn started(reported: &Reported) -> Done<ReportedOut> {
    Done::new("착공되었습니다 / started", reported.into())
}

fn completed(reported: &Reported) -> Done<ReportedOut> {
    Done::new("완공되었습니다 / completed", reported.into())
}

/// The process that a body names.
pub(super) fn process(name: &Name) -> Result<ProcessRef, Problem> {
    field("process_id", &name.text())
}

/// The worker as sent, or the person who asks.
pub(super) fn worker(name: Option<&Name>, of: &str, caller: &Caller) -> Result<String, Problem> {
    match (name, caller.principal()) {
        (Some(name), _) => Ok(name.text().into_owned()),
        (None, Some(Principal::User { user_id, .. })) => Ok(user_id.to_string()),
        (None, _) => Err(invalid_body(&[of], "a machine must say who works")),
    }
}

/// The code of the equipment that a body names.
pub(super) async fn equipment(app: &App, name: Option<&Name>) -> Result<Option<String>, Problem> {
    match name {
        None => Ok(None),
        Some(Name::Text(code)) => Ok(Some(code.trim().to_owned()).filter(|code| !code.is_empty())),
        Some(Name::Number(id)) => {
            let found = stored(equipment_find(&app.db, EquipmentId(*id)).await)?;
            let unknown = || missing("equipment", "EQUIPMENT_NOT_FOUND", id);
            found.map(|e| Some(e.spec.equipment_code)).ok_or_else(unknown)
        }
    }
}

/// Whether the caller may break the order of processes.
pub(super) fn may_override(caller: &Caller) -> bool {
    caller.principal().is_some_and(|who| who.may(Access::Needs(Permission::ProcessOverride)))
}
