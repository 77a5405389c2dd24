//! Staged roll-outs.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::firmware::{FirmwareId, NewRollout, RolloutId, StationId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::RolloutOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::identity::types::Done;
use crate::http::identity::users::created;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use crate::http::production::bodies::field;
use crate::http::production::find::id;

/// A roll-out about to begin.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RolloutIn {
    /// What is rolled out: the number of a version.
    #[schema(example = 1)]
    firmware_id: i64,
    /// Where, in this order: stations whose agents were heard of.
    #[schema(example = json!(["STATION-04", "STATION-05"]), min_items = 1, max_items = 1000)]
    stations: Vec<String>,
    /// Stations of one stage: the next one begins when all of them have ended.
    #[schema(default = 1, minimum = 1, maximum = 1000)]
    stage_size: Option<u32>,
    /// Failures that are put up with; one more stops it.
    #[schema(default = 0, minimum = 0, maximum = 1000)]
    failures_max: Option<u32>,
}

/// Roll-outs, those begun last first.
#[utoipa::path(
    get, path = "/api/v1/firmware/rollouts",
    operation_id = "firmware_rollouts_list", tag = "firmware", params(Page),
    responses(
        (status = 200, description = "The roll-outs.", body = Vec<RolloutOut>,
         headers(("X-Total-Count" = i64, description = "Roll-outs"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = app.plant.firmware().rollouts(slice(part)).await?;
    let rollouts: Vec<RolloutOut> = found.items.into_iter().map(|r| RolloutOut::with(r, None)).collect();
    Ok(listed(&uri, &rollouts, found.total, part))
}

/// Begins a roll-out: some stations at a time, and no more once too many have failed.
#[utoipa::path(
    post, path = "/api/v1/firmware/rollouts",
    operation_id = "firmware_rollouts_begin", tag = "firmware", request_body = RolloutIn,
    responses(
        (status = 201, description = "Begun.", body = RolloutOut, headers(("Location" = String, description = "Where it is"))),
        NotFoundError, BodyError, AnyError,
    )
)]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<RolloutIn>,
) -> Result<Response, Problem> {
    let stations = given.stations.iter().map(|text| field::<StationId>("stations", text.trim()));
    let plan = NewRollout {
        firmware_id: FirmwareId(given.firmware_id),
        stations: stations.collect::<Result<_, _>>()?,
        stage_size: given.stage_size.unwrap_or(1),
        failures_max: given.failures_max.unwrap_or(0),
        requested_by: String::new(),
    };
    let rollout = app.plant.firmware().begin_rollout(&caller.by(), plan).await?;
    Ok(created(format!("/api/v1/firmware/rollouts/{}", rollout.id), RolloutOut::with(rollout, None)))
}

/// A roll-out, and what became of its stations so far.
#[utoipa::path(
    get, path = "/api/v1/firmware/rollouts/{rollout_id}",
    operation_id = "firmware_rollouts_show", tag = "firmware", params(("rollout_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The roll-out.", body = RolloutOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<RolloutOut>, Problem> {
    let (rollout, parts) = app.plant.firmware().rollout(RolloutId(id("rollout_id", &text)?)).await?;
    Ok(JsonBody(RolloutOut::with(rollout, Some(parts))))
}

/// Calls a roll-out off: nothing more is started, what is under way goes on.
#[utoipa::path(
    post, path = "/api/v1/firmware/rollouts/{rollout_id}/cancel",
    operation_id = "firmware_rollouts_cancel", tag = "firmware", params(("rollout_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Called off.", body = Done<RolloutOut>), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<RolloutOut>>, Problem> {
    let id = RolloutId(id("rollout_id", &text)?);
    let rollout = app.plant.firmware().cancel_rollout(&caller.by(), id).await?;
    Ok(JsonBody(Done::new("취소되었습니다 / called off", RolloutOut::with(rollout, None))))
}
