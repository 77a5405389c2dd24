//! Deployments: ordered, looked at, called off.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use nightshift_domain::firmware::{DeploymentId, DeploymentStatus, RolloutId, StationId};
use nightshift_store::firmware::DeploymentQuery;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::DeploymentOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::identity::types::Done;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use crate::http::production::bodies::{asked, asked_word, field};
use crate::http::production::find::id;

/// A version that is to go to a station.
#[derive(Deserialize, ToSchema)]
pub(crate) struct DeployIn {
    /// The unit it is for; the station's own device when absent.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The version, of the unit's product model.
    #[schema(example = "v1.2.3")]
    version: String,
    /// Where.
    #[schema(example = "STATION-04")]
    station_id: String,
}

/// Which deployments.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// To this station.
    station_id: Option<String>,
    /// `waiting`, `offered`, `ready`, `uploading`, `succeeded`, `failed` or `cancelled`.
    status: Option<String>,
    /// For this unit.
    serial_number: Option<String>,
    /// Of this roll-out.
    rollout_id: Option<i64>,
}

/// Sends a version to a station: its agent fetches and checks it, and hands it to the device. It has succeeded when the
/// station reports that the version runs. 503 `STATION_UNAVAILABLE` while deployments to the station fail again and again.
#[utoipa::path(
    post, path = "/api/v1/firmware/deploy",
    operation_id = "firmware_deploy", tag = "firmware", request_body = DeployIn,
    responses(
        (status = 202, description = "Ordered.", body = Done<DeploymentOut>, headers(("Location" = String, description = "The deployment"))),
        NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn deploy(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<DeployIn>,
) -> Result<Response, Problem> {
    let station: StationId = field("station_id", given.station_id.trim())?;
    let version = field("version", given.version.trim())?;
    let serial = given.serial_number.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let deployment = app.plant.firmware().deploy(&caller.by(), &station, version, serial).await?;
    let location = format!("/api/v1/firmware/deployments/{}", deployment.id);
    let body = JsonBody(Done::new("배포를 지시했습니다 / ordered", DeploymentOut::from(deployment)));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response())
}

/// Deployments, those ordered last first.
#[utoipa::path(
    get, path = "/api/v1/firmware/deployments",
    operation_id = "firmware_deployments_list", tag = "firmware", params(Which, Page),
    responses(
        (status = 200, description = "The deployments.", body = Vec<DeploymentOut>,
         headers(("X-Total-Count" = i64, description = "Deployments that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let query = DeploymentQuery {
        station_id: asked("station_id", which.station_id)?,
        status: asked_word("status", which.status, &DeploymentStatus::ALL, DeploymentStatus::as_str)?,
        serial_number: which.serial_number,
        rollout_id: which.rollout_id.map(RolloutId),
    };
    let part = page.checked()?;
    let found = app.plant.firmware().deployments(&query, slice(part)).await?;
    Ok(page_of::<DeploymentOut, _>(&uri, found, part))
}

/// A deployment.
#[utoipa::path(
    get, path = "/api/v1/firmware/deployments/{deployment_id}",
    operation_id = "firmware_deployments_show", tag = "firmware", params(("deployment_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The deployment.", body = DeploymentOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<DeploymentOut>, Problem> {
    let id = DeploymentId(id("deployment_id", &text)?);
    Ok(JsonBody(app.plant.firmware().deployment(id).await?.into()))
}

/// Calls a deployment off that has not ended. What the station does with an image that it has is its own.
#[utoipa::path(
    post, path = "/api/v1/firmware/deployments/{deployment_id}/cancel",
    operation_id = "firmware_deployments_cancel", tag = "firmware", params(("deployment_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Called off.", body = Done<DeploymentOut>), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<DeploymentOut>>, Problem> {
    let id = DeploymentId(id("deployment_id", &text)?);
    let deployment = app.plant.firmware().cancel_deployment(&caller.by(), id).await?;
    Ok(JsonBody(Done::new("취소되었습니다 / called off", deployment.into())))
}
