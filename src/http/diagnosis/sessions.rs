//! `/diagnosis/start`, `/diagnosis/live`, `/diagnosis/{id}`, `/diagnosis/{id}/cancel`.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_domain::diagnosis::{Kind, Level, PatientId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{SessionOut, StartedOut};
use super::{asker, diagnosis_id};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::users::created;
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem, RuleError};

/// An order for a session.
#[derive(Deserialize, ToSchema)]
#[schema(as = DiagnosisStart)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartIn {
    /// For whom.
    #[schema(example = 1)]
    patient_id: i64,
    /// NONE, BALANCEBALL, FITBOX or TENNISBALL.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "TENNISBALL")]
    kind: Kind,
    /// 1 to 3.
    #[schema(value_type = i64, example = 2, minimum = 1, maximum = 3)]
    level: Level,
}

/// That a session was stopped.
#[derive(Serialize, ToSchema)]
pub(crate) struct CancelledOut {
    /// The session.
    #[schema(example = 5)]
    id: i64,
    /// Always CANCELLED.
    #[schema(example = "CANCELLED")]
    state: &'static str,
}

/// Starts a diagnosis: the patient's headset is told to begin, and has 30 minutes.
///
/// 403 for whoever is no doctor; 404 for a patient of somebody else; 400 when the patient's headset is not connected, and when
/// the doctor has a diagnosis under way.
#[utoipa::path(
    post, path = "/diagnosis/start",
    operation_id = "diagnosis_start", tag = "diagnosis", request_body = StartIn,
    responses(
        (status = 201, description = "Started.", body = StartedOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, NotFoundError, BodyError, AnyError,
    )
)]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<StartIn>,
) -> Result<Response, Problem> {
    let once = unit.answering(StatusCode::CREATED, |session| {
        let shown = StartedOut::from(session);
        (format!("/diagnosis/{}", shown.id), shown)
    });
    let (patient, played) = (PatientId(given.patient_id), (given.kind, given.level));
    let session = app.plant.diagnosis().start(asker(&caller)?, patient, played, once).await?;
    Ok(created(format!("/diagnosis/{}", session.id), StartedOut::from(&session)))
}

/// The doctor's diagnosis that is under way; 404 when there is none.
#[utoipa::path(
    get, path = "/diagnosis/live",
    operation_id = "diagnosis_live", tag = "diagnosis",
    responses((status = 200, description = "The diagnosis.", body = StartedOut), NotFoundError, AnyError)
)]
pub(crate) async fn live(State(app): State<App>, caller: Caller) -> Result<JsonBody<StartedOut>, Problem> {
    let session = app.plant.diagnosis().live(&asker(&caller)?).await?;
    Ok(JsonBody(StartedOut::from(&session)))
}

/// A diagnosis with the states it went through, and why it failed if it did.
#[utoipa::path(
    get, path = "/diagnosis/{diagnosis_id}",
    operation_id = "diagnosis_show", tag = "diagnosis", params(("diagnosis_id" = i64, Path, example = 5)),
    responses((status = 200, description = "The diagnosis.", body = SessionOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<SessionOut>, Problem> {
    let (session, states) = app.plant.diagnosis().session(&asker(&caller)?, diagnosis_id(&id)?).await?;
    Ok(JsonBody(SessionOut::new(&session, &states)))
}

/// Stops a diagnosis; the headset is told. 403 for another doctor's, 400 for one that is over.
#[utoipa::path(
    post, path = "/diagnosis/{diagnosis_id}/cancel",
    operation_id = "diagnosis_cancel", tag = "diagnosis", params(("diagnosis_id" = i64, Path, example = 5)),
    responses((status = 200, description = "Stopped.", body = CancelledOut), RuleError, NotFoundError, AnyError)
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<CancelledOut>, Problem> {
    let id = diagnosis_id(&id)?;
    app.plant.diagnosis().cancel(asker(&caller)?, id).await?;
    Ok(JsonBody(CancelledOut { id: id.0, state: "CANCELLED" }))
}
