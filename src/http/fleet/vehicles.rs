//! `/vehicles`, `/vehicles/events`, `/vehicles/{vehicle_id}` and where a vehicle was.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use nightshift_domain::Timestamp;
use nightshift_domain::fleet::{CarId, CarName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::id;
use super::views::{EventOut, PositionOut, VehicleOut};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query, invalid_body};
use crate::http::paging::{Page, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// Positions in an answer when the request does not say, and at most.
const POSITIONS_DEFAULT: u32 = 1_000;
const POSITIONS_MAX: u32 = 10_000;

/// All vehicles.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleList {
    /// By number.
    vehicles: Vec<VehicleOut>,
}

/// Events of chases.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// The newest first.
    events: Vec<EventOut>,
    /// Events there are.
    #[schema(example = 42)]
    total: u64,
}

/// What of a vehicle people may change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VehicleChange {
    /// Its name: 1 to 50 characters. Frames carry as much of it as fits ten bytes.
    #[schema(example = "북문 순찰차", min_length = 1, max_length = 50)]
    car_name: String,
}

/// Which positions are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// From here on (RFC 3339 or milliseconds since 1970); an hour before the end when absent.
    start: Option<String>,
    /// Up to, not including; now when absent.
    end: Option<String>,
    /// Most positions to give, the oldest first.
    #[param(default = 1000, minimum = 1, maximum = 10000)]
    limit: Option<u32>,
}

/// Positions of a vehicle.
#[derive(Serialize, ToSchema)]
pub(crate) struct PositionList {
    /// In the order of their times.
    positions: Vec<PositionOut>,
}

/// Registered vehicles, with how much their last word is worth.
#[utoipa::path(
    get, path = "/vehicles",
    operation_id = "vehicles_list", tag = "fleet",
    responses((status = 200, description = "The vehicles.", body = VehicleList), AnyError)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<JsonBody<VehicleList>, Problem> {
    let vehicles = app.plant.fleet().vehicles()?;
    Ok(JsonBody(VehicleList { vehicles: vehicles.into_iter().map(Into::into).collect() }))
}

/// What happened in chases, the newest first.
#[utoipa::path(
    get, path = "/vehicles/events",
    operation_id = "vehicles_events", tag = "fleet", params(Page),
    responses((status = 200, description = "The events.", body = EventList), AnyError)
)]
pub(crate) async fn events(
    State(app): State<App>,
    Query(page): Query<Page>,
) -> Result<JsonBody<EventList>, Problem> {
    let found = app.plant.fleet().events(slice(page.checked()?)).await?;
    let events = found.items.into_iter().map(Into::into).collect();
    Ok(JsonBody(EventList { events, total: found.total }))
}

/// A vehicle.
#[utoipa::path(
    get, path = "/vehicles/{vehicle_id}",
    operation_id = "vehicles_show", tag = "fleet",
    params(("vehicle_id" = u32, Path, description = "The plant's number of it (`id`).", example = 7)),
    responses((status = 200, description = "The vehicle.", body = VehicleOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<VehicleOut>, Problem> {
    let vehicle = app.plant.fleet().vehicle(CarId(id("vehicle_id", &text)?))?;
    Ok(JsonBody(vehicle.into()))
}

/// Gives a vehicle another name. Its own registrations do not change it back.
#[utoipa::path(
    patch, path = "/vehicles/{vehicle_id}",
    operation_id = "vehicles_change", tag = "fleet", request_body = VehicleChange,
    params(("vehicle_id" = u32, Path, description = "The plant's number of it (`id`).", example = 7)),
    responses(
        (status = 200, description = "The vehicle.", body = VehicleOut),
        NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(given): Json<VehicleChange>,
) -> Result<JsonBody<VehicleOut>, Problem> {
    let id = CarId(id("vehicle_id", &text)?);
    let name = CarName::try_from(given.car_name).map_err(|e| invalid_body(&["car_name"], e.to_string()))?;
    let vehicle = app.plant.fleet().rename(id, name, caller.by()).await?;
    Ok(JsonBody(vehicle.into()))
}

/// Takes a vehicle out. Its events stay; it may register again, as another one.
#[utoipa::path(
    delete, path = "/vehicles/{vehicle_id}",
    operation_id = "vehicles_remove", tag = "fleet",
    params(("vehicle_id" = u32, Path, description = "The plant's number of it (`id`).", example = 7)),
    responses((status = 204, description = "Removed."), NotFoundError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.fleet().remove(CarId(id("vehicle_id", &text)?), caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a vehicle was.
#[utoipa::path(
    get, path = "/api/v1/fleet/vehicles/{vehicle_id}/positions",
    operation_id = "fleet_positions", tag = "fleet",
    params(("vehicle_id" = u32, Path, description = "The plant's number of it (`id`).", example = 7), Span),
    responses((status = 200, description = "The positions.", body = PositionList), NotFoundError, AnyError)
)]
pub(crate) async fn positions(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(span): Query<Span>,
) -> Result<JsonBody<PositionList>, Problem> {
    let id = CarId(id("vehicle_id", &text)?);
    let time = |name: &'static str, text: &Option<String>| {
        let parse = |text: &String| {
            text.parse::<Timestamp>()
                .map_err(|e| Problem::field(vec!["query".into(), name.into()], e.to_string(), "value_error"))
        };
        text.as_ref().filter(|text| !text.is_empty()).map(parse).transpose()
    };
    let end = time("end", &span.end)?.unwrap_or_else(|| app.now());
    let start = time("start", &span.start)?.unwrap_or(end - std::time::Duration::from_secs(3_600));
    let limit = span.limit.unwrap_or(POSITIONS_DEFAULT);
    if !(1..=POSITIONS_MAX).contains(&limit) {
        let text = format!("must be 1 to {POSITIONS_MAX}");
        return Err(Problem::field(vec!["query".into(), "limit".into()], text, "value_error"));
    }
    let rows = app.plant.fleet().positions(id, start, end, limit).await?;
    Ok(JsonBody(PositionList { positions: rows.iter().map(Into::into).collect() }))
}
