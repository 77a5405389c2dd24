//! A patient's data as a whole: taken out, erased; and the token of the patient's headset.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json as JsonBody};
use futures::TryStreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{asker, patient_id};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::idempotency::Secret;
use crate::http::problem::{AnyError, ConflictError, NotFoundError, Problem};

/// A device token; its text is in this answer alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeviceTokenOut {
    /// What the headset sends as `?token=` or as a bearer token.
    #[schema(example = "nsv_…")]
    token: String,
}

/// What an erasure took away.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasedOut {
    /// Sessions.
    #[schema(example = 12)]
    sessions: u64,
    /// Records.
    #[schema(example = 10)]
    records: u64,
    /// Files; they leave the object store within minutes.
    #[schema(example = 20)]
    files: u64,
}

/// Makes a device token for the patient's headset; one made before ends.
#[utoipa::path(
    post, path = "/patients/{patient_id}/device-token",
    operation_id = "patients_device_token_make", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses((status = 201, description = "Made.", body = DeviceTokenOut), NotFoundError, AnyError)
)]
pub(crate) async fn make_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let token = app.plant.diagnosis().make_device_token(asker(&caller)?, patient_id(&id)?).await?;
    Ok((StatusCode::CREATED, Extension(Secret), JsonBody(DeviceTokenOut { token })).into_response())
}

/// Takes the device token of the patient's headset away.
#[utoipa::path(
    delete, path = "/patients/{patient_id}/device-token",
    operation_id = "patients_device_token_revoke", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Taken away."), NotFoundError, AnyError)
)]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.diagnosis().revoke_device_token(asker(&caller)?, patient_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All that is kept of a patient, removed or not, as a tape archive: `patient.json`, `diagnoses.json`, `records.json`, and
/// the files of every record. An archive that ends without its end mark is not whole.
#[utoipa::path(
    get, path = "/patients/{patient_id}/export",
    operation_id = "patients_export", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses(
        (status = 200, description = "The archive.", body = Vec<u8>, content_type = "application/x-tar"),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn export(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (patient, export) = app.plant.diagnosis().export_patient(&asker(&caller)?, patient_id(&id)?).await?;
    let name = format!("attachment; filename=\"patient-{}.tar\"", patient.id);
    let body = Body::from_stream(export.into_stream().inspect_err(|error| {
        tracing::error!(error = %error, "an export ended early");
    }));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar")),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Problem::internal)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}

/// Erases a patient for good, removed or not: name, sessions, records, files. The audit keeps that it was done, by number.
#[utoipa::path(
    post, path = "/patients/{patient_id}/erase",
    operation_id = "patients_erase", tag = "diagnosis", params(("patient_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Erased.", body = ErasedOut), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn erase(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<ErasedOut>, Problem> {
    let asker = asker(&caller)?;
    // The kept answers of this doctor's keyed requests may show the name.
    let kept = vec![crate::http::idempotency::scope_of_user(asker.user_id, "/patients")];
    let erased = app.plant.diagnosis().erase_patient(asker, patient_id(&id)?, kept).await?;
    let nightshift_actors::Erased { sessions, records, files } = erased;
    Ok(JsonBody(ErasedOut { sessions, records, files }))
}
