//! `/api/v1/label/jobs…`: what became of labels.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::labels::{JobStatus, LabelJobId};
use nightshift_store::labels::JobQuery;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::JobOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query, invalid_body};
use crate::http::identity::types::Done;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};
use crate::http::production::bodies::{asked, asked_word};
use crate::http::production::find::id;

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Of this printer.
    printer_id: Option<String>,
    /// `pending`, `printing`, `printed`, `failed` or `unknown`.
    status: Option<String>,
    /// Of this kind.
    label_type: Option<String>,
    /// Of this lot or unit.
    number: Option<String>,
    /// Only those that print something once more, or only the others.
    reprint: Option<bool>,
}

/// What a person found out about a job that is `unknown`.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SettleIn {
    /// `printed` or `failed`.
    #[schema(example = "printed")]
    status: String,
    /// What was seen.
    #[schema(example = "the label lies in the tray", max_length = 500)]
    reason: String,
}

/// Print jobs, the newest first.
#[utoipa::path(
    get, path = "/api/v1/label/jobs",
    operation_id = "label_jobs_list", tag = "labels", params(Which, Page),
    responses(
        (status = 200, description = "The jobs.", body = Vec<JobOut>,
         headers(("X-Total-Count" = i64, description = "Jobs that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let query = JobQuery {
        printer_id: asked("printer_id", which.printer_id)?,
        status: asked_word("status", which.status, &JobStatus::ALL, JobStatus::as_str)?,
        label_type: asked("label_type", which.label_type)?,
        number: which.number,
        reprints: which.reprint,
    };
    let part = page.checked()?;
    let found = app.plant.labels().jobs(&query, slice(part)).await?;
    Ok(page_of::<JobOut, _>(&uri, found, part))
}

/// A print job.
#[utoipa::path(
    get, path = "/api/v1/label/jobs/{job_id}",
    operation_id = "label_jobs_show", tag = "labels", params(("job_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The job.", body = JobOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<JobOut>, Problem> {
    let job = app.plant.labels().job(LabelJobId(id("job_id", &text)?)).await?;
    Ok(JsonBody(job.into()))
}

/// Calls a job off that is pending.
#[utoipa::path(
    post, path = "/api/v1/label/jobs/{job_id}/cancel",
    operation_id = "label_jobs_cancel", tag = "labels", params(("job_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Called off.", body = Done<JobOut>), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<JobOut>>, Problem> {
    let id = LabelJobId(id("job_id", &text)?);
    let job = app.plant.labels().cancel_job(&caller.by(), id).await?;
    Ok(JsonBody(Done::new("취소되었습니다 / called off", job.into())))
}

/// Says whether a job that is `unknown` was printed. One that was not may then be printed once more.
#[utoipa::path(
    post, path = "/api/v1/label/jobs/{job_id}/settle",
    operation_id = "label_jobs_settle", tag = "labels", params(("job_id" = i64, Path, example = 1)),
    request_body = SettleIn,
    responses((status = 200, description = "Settled.", body = Done<JobOut>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn settle(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(given): Json<SettleIn>,
) -> Result<JsonBody<Done<JobOut>>, Problem> {
    let id = LabelJobId(id("job_id", &text)?);
    let was_printed = match given.status.as_str() {
        "printed" => true,
        "failed" => false,
        _ => return Err(invalid_body(&["status"], "must be printed or failed")),
    };
    let job = app.plant.labels().settle_job(&caller.by(), id, was_printed, &given.reason).await?;
    Ok(JsonBody(Done::new("확인되었습니다 / settled", job.into())))
}
