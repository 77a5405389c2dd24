//! Runs, recorded as a whole, and notes on them.

use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::response::Response;
use nightshift_actors::Order;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{CompleteCommand, DataLevel, RunId, RunResult, StartCommand};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::bodies::{self, Fields, Name, RunJson};
use super::super::find::{self, id};
use super::super::run_view::RunOut;
use super::super::stations::{DefectIn, equipment, may_override, process, worker};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, invalid_body};
use crate::http::identity::users::created;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};
use crate::http::sensing::types::Time;

/// Longest run that a record may tell of, seconds: a week.
const DURATION_S_MAX: f64 = 604_800.0;

/// A run that has happened, or that has begun.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProcessData)]
pub(crate) struct RunIn {
    /// The lot, by id or number.
    #[schema(example = 1)]
    lot_id: Name,
    /// The unit, by id or number; absent for a run of the whole lot.
    #[schema(example = 1)]
    serial_id: Option<Name>,
    /// The process: its id, or `PROC-001`.
    #[schema(example = 1)]
    process_id: Name,
    /// Who worked: the user's number, the name to sign in with, or `W001`; the person who asks when absent.
    #[schema(example = 1)]
    operator_id: Option<Name>,
    /// The equipment, by id or code.
    equipment_id: Option<Name>,
    /// `SERIAL` or `LOT`; read from `serial_id` when absent.
    #[schema(value_type = Option<String>, example = "SERIAL")]
    data_level: Option<DataLevel>,
    /// What was measured.
    #[schema(value_type = Option<Object>, example = json!({"temperature": 25.5, "humidity": 60}))]
    measurement_data: Option<Fields>,
    /// Another name of `measurement_data`.
    #[schema(value_type = Option<Object>)]
    measurements: Option<Fields>,
    /// What the process must say: held against the process's schema.
    #[schema(value_type = Option<Object>)]
    process_data: Option<Fields>,
    /// `PASS`, `FAIL` or `REWORK`; absent for a run that goes on.
    #[schema(value_type = Option<String>, example = "PASS")]
    result: Option<RunResult>,
    /// What was found wrong.
    #[serde(default)]
    defects: Option<Vec<DefectIn>>,
    /// When it was started.
    #[schema(value_type = Option<Time>)]
    started_at: Option<Timestamp>,
    /// When it was completed.
    #[schema(value_type = Option<Time>)]
    completed_at: Option<Timestamp>,
    /// From start to completion, where `started_at` is absent.
    #[schema(minimum = 0, maximum = 604800)]
    duration_seconds: Option<f64>,
    /// A note of the worker.
    #[schema(max_length = 1000)]
    notes: Option<String>,
    /// Why the order of processes may be broken.
    override_reason: Option<String>,
}

/// A note on a run.
#[derive(Deserialize, ToSchema)]
#[schema(as = ProcessDataNote)]
pub(crate) struct NoteIn {
    /// The note; `null` takes it away.
    #[schema(max_length = 1000)]
    notes: Option<String>,
}

/// Records a run as a whole, by the rules of start and completion. Without a result it is begun and goes on.
#[utoipa::path(
    post, path = "/api/v1/process-data",
    operation_id = "process_data_create", tag = "production", request_body = RunIn,
    responses(
        (status = 201, description = "Recorded.", body = RunOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn record(
    State(app): State<App>,
    caller: Caller,
    RunJson(given): RunJson<RunIn>,
) -> Result<Response, Problem> {
    let (start, complete) = commands(&app, &caller, given).await?;
    let reported = app.plant.production().report(&caller.by(), Order::Record(start, complete)).await?;
    let run = find::run(&app, reported.run.id).await?;
    Ok(created(format!("/api/v1/process-data/{}", run.run.id), RunOut::from(run)))
}

async fn commands(
    app: &App,
    caller: &Caller,
    given: RunIn,
) -> Result<(StartCommand, Option<CompleteCommand>), Problem> {
    let level = if given.serial_id.is_some() { DataLevel::Serial } else { DataLevel::Lot };
    if given.data_level.is_some_and(|said| said != level) {
        return Err(invalid_body(&["data_level"], "SERIAL needs serial_id, and LOT must not have it"));
    }
    let lot = find::lot(app, &given.lot_id.text()).await?.lot.lot_number.to_string();
    let serial = match &given.serial_id {
        Some(name) => Some(find::serial(app, &name.text()).await?.serial.serial_number.to_string()),
        None => None,
    };
    let start = StartCommand {
        lot: lot.clone(),
        serial: serial.clone(),
        process: process(&given.process_id)?,
        worker: worker(given.operator_id.as_ref(), "operator_id", caller)?,
        equipment: equipment(app, given.equipment_id.as_ref()).await?,
        started_at: started_at(app, &given)?,
        override_reason: given.override_reason,
        may_override: may_override(caller),
    };
    let ended = given.result.is_some() || given.process_data.is_some() || given.completed_at.is_some();
    let complete = ended.then(|| CompleteCommand {
        lot,
        serial,
        process: start.process,
        result: given.result,
        process_data: given.process_data,
        measurement_data: given.measurement_data.or(given.measurements),
        defects: given.defects.unwrap_or_default().into_iter().map(Into::into).collect(),
        completed_at: given.completed_at,
        notes: given.notes,
    });
    Ok((start, complete))
}

/// When the run began: said, or reckoned from its end and duration.
fn started_at(app: &App, given: &RunIn) -> Result<Option<Timestamp>, Problem> {
    let Some(duration_s) = given.duration_seconds else { return Ok(given.started_at) };
    if !(0.0..=DURATION_S_MAX).contains(&duration_s) {
        return Err(invalid_body(&["duration_seconds"], format!("must be 0 to {DURATION_S_MAX}")));
    }
    let end = given.completed_at.unwrap_or_else(|| app.now());
    Ok(given.started_at.or_else(|| given.result.map(|_| end - Duration::from_secs_f64(duration_s))))
}

/// Changes the note of a completed run. What it measured is never changed.
#[utoipa::path(
    put, path = "/api/v1/process-data/{run_id}",
    operation_id = "process_data_note", tag = "production",
    params(("run_id" = i64, Path, example = 1)), request_body = NoteIn,
    responses((status = 200, description = "Changed.", body = RunOut), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn note(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(given): Json<NoteIn>,
) -> Result<JsonBody<RunOut>, Problem> {
    let id = RunId(id("run_id", &text)?);
    let notes = bodies::note("notes", given.notes)?;
    Ok(JsonBody(app.plant.production().note_run(&caller.by(), id, notes).await?.into()))
}
