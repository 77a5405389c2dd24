//! `/api/v1/stations…` for people, and `/api/v1/agents/…` for the stations' own programs.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{
    AgentTrouble, DeploymentId, FirmwareVersion, Heartbeat, Report, ReportStatus, StationId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::{DeploymentOut, FirmwareOut, StationOut};
use crate::http::App;
use crate::http::extract::{Json, Query};
use crate::http::identity::types::Done;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use crate::http::production::find::id;
use crate::http::sensing::types::Time;

/// What an agent says of itself each time it asks for work.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PollIn {
    /// The agent's own version.
    #[serde(default)]
    #[schema(example = "0.1.0")]
    agent_version: String,
    /// The station's time.
    #[schema(value_type = Option<Time>)]
    clock: Option<Timestamp>,
    /// Completions that wait.
    #[serde(default)]
    pending: u64,
    /// Completions sent, ever.
    #[serde(default)]
    completed: u64,
    /// Completions refused, ever.
    #[serde(default)]
    refused: u64,
    /// `disk_full`, `clock_off`, `folder_refused`, `refused`.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    troubles: Vec<AgentTrouble>,
    /// The firmware that the station's device runs.
    #[schema(value_type = Option<String>, example = "v1.2.3")]
    running_version: Option<FirmwareVersion>,
}

/// What an agent is told.
#[derive(Serialize, ToSchema)]
#[schema(as = AgentWork)]
pub(crate) struct WorkOut {
    /// The server's time.
    #[schema(value_type = String, format = DateTime)]
    now: Timestamp,
    /// What to fetch and hand to the device.
    deployment: Option<DeploymentOut>,
    /// Its image.
    firmware: Option<FirmwareOut>,
}

/// How far a deployment is.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ReportIn {
    /// `READY`, `UPLOADING`, `UPLOADED` or `ERROR`.
    #[schema(value_type = String, example = "READY")]
    status: ReportStatus,
    /// What the device says it runs; needed for `UPLOADED`.
    #[schema(value_type = Option<String>, example = "v1.2.3")]
    running_version: Option<FirmwareVersion>,
    /// What went wrong.
    detail: Option<String>,
}

/// Stations, in the order in which they were first heard of.
#[utoipa::path(
    get, path = "/api/v1/stations",
    operation_id = "stations_list", tag = "firmware", params(Page),
    responses(
        (status = 200, description = "The stations.", body = Vec<StationOut>,
         headers(("X-Total-Count" = i64, description = "Stations"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn stations(
    State(app): State<App>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = app.plant.firmware().station_list(slice(part)).await?;
    Ok(page_of::<StationOut, _>(&uri, found, part))
}

/// A station.
#[utoipa::path(
    get, path = "/api/v1/stations/{station_id}",
    operation_id = "stations_show", tag = "firmware", params(("station_id" = String, Path, example = "STATION-04")),
    responses((status = 200, description = "The station.", body = StationOut), NotFoundError, AnyError)
)]
pub(crate) async fn station(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<StationOut>, Problem> {
    let unknown = |_| Problem::new(StatusCode::NOT_FOUND, "STATION_NOT_FOUND", "station not found");
    let id: StationId = text.parse().map_err(unknown)?;
    Ok(JsonBody(app.plant.firmware().station(&id).await?.into()))
}

/// An agent says how its station is, and is told what to do. A station that is not known is from now on.
#[utoipa::path(
    post, path = "/api/v1/agents/{station_id}/poll",
    operation_id = "agents_poll", tag = "firmware", params(("station_id" = String, Path, example = "STATION-04")),
    request_body = PollIn,
    responses((status = 200, description = "The work.", body = WorkOut), BodyError, AnyError)
)]
pub(crate) async fn poll(
    State(app): State<App>,
    Path(text): Path<String>,
    Json(given): Json<PollIn>,
) -> Result<JsonBody<WorkOut>, Problem> {
    let station = named(&text)?;
    let ahead_us = given.clock.map_or(0, |clock| clock.us_since(app.now()));
    let heartbeat = Heartbeat {
        agent_version: given.agent_version,
        pending: given.pending,
        completed: given.completed,
        refused: given.refused,
        troubles: given.troubles,
        running_version: given.running_version,
    };
    let work = app.plant.firmware().poll(&station, heartbeat, ahead_us / 1_000).await?;
    let (deployment, firmware) = match work.wanted {
        None => (None, None),
        Some(wanted) => (Some(wanted.deployment.into()), Some(wanted.firmware.into())),
    };
    Ok(JsonBody(WorkOut { now: work.now, deployment, firmware }))
}

/// An agent says how far a deployment is. Saying it again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/agents/{station_id}/deployments/{deployment_id}",
    operation_id = "agents_report", tag = "firmware",
    params(("station_id" = String, Path, example = "STATION-04"), ("deployment_id" = i64, Path, example = 1)),
    request_body = ReportIn,
    responses((status = 200, description = "Noted.", body = Done<DeploymentOut>), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn report(
    State(app): State<App>,
    Path((text, deployment)): Path<(String, String)>,
    Json(given): Json<ReportIn>,
) -> Result<JsonBody<Done<DeploymentOut>>, Problem> {
    let (station, id) = (named(&text)?, DeploymentId(id("deployment_id", &deployment)?));
    let report =
        Report { status: given.status, running_version: given.running_version, detail: given.detail };
    let deployment = app.plant.firmware().report(&station, id, report).await?;
    Ok(JsonBody(Done::new("기록했습니다 / noted", deployment.into())))
}

fn named(text: &str) -> Result<StationId, Problem> {
    text.parse().map_err(|e: nightshift_domain::firmware::InvalidStationId| {
        Problem::field(vec!["path".into(), "station_id".into()], e.to_string(), "value_error")
    })
}
