//! `/api/config/schedule`: when the plant scores its sensors by itself.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_actors::ScheduleView;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Schedule;
use utoipa::ToSchema;

use super::types::Time;
use crate::http::App;
use crate::http::extract::{Json, invalid_body};
use crate::http::problem::{AnyError, BodyError, Problem};

/// A schedule and how it stands.
#[derive(ToSchema)]
#[schema(as = Schedule)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ScheduleFields {
    /// An instant at which a run is due; all others follow from it.
    #[schema(value_type = Time, example = "2024-11-17T00:00:00Z")]
    reference_time: Timestamp,
    /// Seconds between two runs.
    #[schema(example = 3600, minimum = 10, maximum = 604800)]
    period_s: u32,
    /// The sensors to score; all enabled ones when empty.
    #[schema(required = false, example = json!([]))]
    sensor_ids: Vec<String>,
    /// When the last run was due.
    #[schema(value_type = Option<String>, format = DateTime, read_only)]
    last_run: Option<Timestamp>,
    /// When the next run is due.
    #[schema(value_type = String, format = DateTime, read_only)]
    next_run: Timestamp,
    /// Whether a run is under way.
    #[schema(read_only)]
    running: bool,
}

/// The schedule.
#[utoipa::path(
    get, path = "/api/config/schedule",
    operation_id = "schedule_show", tag = "sensing",
    responses((status = 200, description = "The schedule.", body = ScheduleFields), AnyError)
)]
pub(crate) async fn show(State(app): State<App>) -> Result<JsonBody<ScheduleView>, Problem> {
    Ok(JsonBody(app.plant.sensing().schedule().await?))
}

/// Sets the schedule. It survives restarts; of several missed runs the latest is caught up.
#[utoipa::path(
    post, path = "/api/config/schedule",
    operation_id = "schedule_set", tag = "sensing", request_body = ScheduleFields,
    responses((status = 200, description = "Set.", body = ScheduleFields), BodyError, AnyError)
)]
pub(crate) async fn set(
    State(app): State<App>,
    Json(schedule): Json<Schedule>,
) -> Result<JsonBody<ScheduleView>, Problem> {
    let schedule = schedule.validated().map_err(|e| invalid_body(&[], e.to_string()))?;
    Ok(JsonBody(app.plant.sensing().set_schedule(schedule).await?))
}
