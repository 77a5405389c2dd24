//! `/patients`: a doctor's own patients.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::diagnosis::{NewPatient, PatientChange, PatientCode, PatientName};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::PatientOut;
use super::{asker, patient_id};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query, invalid_body};
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::users::created;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// A patient about to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatientIn {
    /// The name.
    #[schema(example = "김서연", min_length = 1, max_length = 100)]
    name: String,
    /// The code for headsets; the doctor's next automatic one when absent: the doctor's number as three digits, `-`, and a
    /// number from 000 to 999 that nobody has had.
    #[schema(example = "007-000", max_length = 32)]
    code: Option<String>,
}

/// What may be changed of a patient; an absent field stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatientChangeIn {
    /// A new name.
    #[schema(example = "김서연", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// A new code.
    #[schema(example = "007-001", max_length = 32)]
    code: Option<String>,
}

fn name(text: &str) -> Result<PatientName, Problem> {
    text.parse()
        .map_err(|e: nightshift_domain::diagnosis::PatientError| invalid_body(&["name"], e.to_string()))
}

fn code(text: &str) -> Result<PatientCode, Problem> {
    text.parse()
        .map_err(|e: nightshift_domain::diagnosis::PatientError| invalid_body(&["code"], e.to_string()))
}

/// The own patients, by number.
#[utoipa::path(
    get, path = "/patients",
    operation_id = "patients_list", tag = "diagnosis", params(Page),
    responses((status = 200, description = "The patients.", body = [PatientOut]), AnyError)
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = app.plant.diagnosis().patients(&asker(&caller)?, slice(part)).await?;
    let shown: Vec<PatientOut> = found.items.iter().map(Into::into).collect();
    Ok(listed(&uri, &shown, found.total, part))
}

/// Makes a patient. Doctors alone have patients.
#[utoipa::path(
    post, path = "/patients",
    operation_id = "patients_create", tag = "diagnosis", request_body = PatientIn,
    responses(
        (status = 201, description = "Made.", body = PatientOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<PatientIn>,
) -> Result<Response, Problem> {
    let new = NewPatient { name: name(&given.name)?, code: given.code.as_deref().map(code).transpose()? };
    let once = unit.answering(StatusCode::CREATED, |patient| {
        let shown = PatientOut::from(patient);
        (format!("/patients/{}", shown.id), shown)
    });
    let patient = app.plant.diagnosis().create_patient(asker(&caller)?, new, once).await?;
    Ok(created(format!("/patients/{}", patient.id), PatientOut::from(&patient)))
}

/// A patient.
#[utoipa::path(
    get, path = "/patients/{patient_id}",
    operation_id = "patients_show", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The patient.", body = PatientOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<PatientOut>, Problem> {
    let patient = app.plant.diagnosis().patient(&asker(&caller)?, patient_id(&id)?).await?;
    Ok(JsonBody(PatientOut::from(&patient)))
}

/// Changes a patient.
#[utoipa::path(
    put, path = "/patients/{patient_id}",
    operation_id = "patients_change", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    request_body = PatientChangeIn,
    responses(
        (status = 200, description = "The patient as it is now.", body = PatientOut),
        NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Json(given): Json<PatientChangeIn>,
) -> Result<JsonBody<PatientOut>, Problem> {
    let change = PatientChange {
        name: given.name.as_deref().map(name).transpose()?,
        code: given.code.as_deref().map(code).transpose()?,
    };
    let changed = app.plant.diagnosis().change_patient(asker(&caller)?, patient_id(&id)?, change).await?;
    Ok(JsonBody(PatientOut::from(&changed)))
}

/// Takes a patient off the list. Its records stay until they are erased, and its code stays taken.
#[utoipa::path(
    delete, path = "/patients/{patient_id}",
    operation_id = "patients_remove", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.diagnosis().remove_patient(asker(&caller)?, patient_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}
