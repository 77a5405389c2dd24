//! Units, made and moved on.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_actors::SerialDraft;
use nightshift_domain::production::SerialStatus;
use nightshift_store::production::SerialView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::bodies::{Name, word};
use super::super::find;
use super::super::views::{ReworkOut, SerialOut};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::types::Done;
use crate::http::identity::users::created;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};

/// A unit about to be made.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSerial)]
pub(crate) struct SerialIn {
    /// Its number: at most 50 characters of `A-Z`, `0-9` and `-`; the lot's number and the place in it when absent.
    #[schema(example = "SN-2025-001-001")]
    serial_number: Option<String>,
    /// Its lot, by id or number.
    #[schema(example = 1)]
    lot_id: Name,
    /// Its place in the lot; the lowest free one when absent.
    #[schema(example = 1, minimum = 1, maximum = 100)]
    sequence_in_lot: Option<i64>,
}

/// Where a unit is to go.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SerialStep {
    /// `IN_PROGRESS`, `PASSED` or `FAILED`.
    #[schema(example = "FAILED")]
    status: String,
    /// Why; needed for `FAILED`.
    #[schema(example = "dropped", max_length = 1000)]
    failure_reason: Option<String>,
}

/// Why a unit goes back into the line.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ReworkIn {
    /// The reason.
    #[serde(default, alias = "rework_reason")]
    #[schema(example = "connector reseated", min_length = 1, max_length = 1000)]
    reason: String,
}

/// A unit that goes back into the line.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reworked {
    /// The unit.
    #[serde(flatten)]
    serial: SerialOut,
    /// The approval.
    rework: ReworkOut,
}

/// Makes a unit of a lot. The first one begins the lot.
#[utoipa::path(
    post, path = "/api/v1/serials",
    operation_id = "serials_create", tag = "production", request_body = SerialIn,
    responses(
        (status = 201, description = "Made.", body = SerialOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<SerialIn>,
) -> Result<Response, Problem> {
    let lot_id = find::lot(&app, &given.lot_id.text()).await?.lot.id;
    let SerialIn { serial_number, sequence_in_lot, .. } = given;
    let draft = SerialDraft { lot_id, serial_number, sequence_in_lot };
    let once = unit.answering(StatusCode::CREATED, |unit: &SerialView| placed(SerialOut::from(unit.clone())));
    let serial = app.plant.production().create_serial(&caller.by(), draft, once).await?;
    let (place, serial) = placed(serial.into());
    Ok(created(place, serial))
}

/// A unit and where it is.
fn placed(serial: SerialOut) -> (String, SerialOut) {
    (format!("/api/v1/serials/{}", serial.id), serial)
}

/// Removes a unit that nothing was done with.
#[utoipa::path(
    delete, path = "/api/v1/serials/{serial_number}",
    operation_id = "serials_remove", tag = "production",
    params(("serial_number" = String, Path, example = "WF-KR-251110D-001-0001")),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = find::serial(&app, &text).await?.serial.id;
    app.plant.production().remove_serial(&caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves a unit on by hand. A failed one comes back by rework alone.
#[utoipa::path(
    put, path = "/api/v1/serials/{serial_number}/status",
    operation_id = "serials_set_status", tag = "production",
    params(("serial_number" = String, Path, description = "Its number, or its id.", example = "WF-KR-251110D-001-0001")),
    request_body = SerialStep,
    responses((status = 200, description = "Moved on.", body = Done<SerialOut>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn set_status(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(to): Json<SerialStep>,
) -> Result<JsonBody<Done<SerialOut>>, Problem> {
    let all = "IN_PROGRESS, PASSED, FAILED";
    let status = word("body", "status", &to.status, SerialStatus::from_word, all)?;
    let id = find::serial(&app, &text).await?.serial.id;
    let serial = app.plant.production().step_serial(&caller.by(), id, status, to.failure_reason).await?;
    Ok(JsonBody(Done::new("status changed", serial.into())))
}

/// Approves that a failed unit goes back into the line, at most three times.
#[utoipa::path(
    post, path = "/api/v1/serials/{serial_number}/rework",
    operation_id = "serials_rework", tag = "production",
    params(("serial_number" = String, Path, description = "Its number, or its id.", example = "WF-KR-251110D-001-0001")),
    request_body = ReworkIn,
    responses((status = 200, description = "Approved.", body = Done<Reworked>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn rework(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(given): Json<ReworkIn>,
) -> Result<JsonBody<Done<Reworked>>, Problem> {
    let id = find::serial(&app, &text).await?.serial.id;
    let (serial, rework) = app.plant.production().rework(&caller.by(), id, given.reason).await?;
    Ok(JsonBody(Done::new("rework approved", Reworked { serial: serial.into(), rework: rework.into() })))
}
