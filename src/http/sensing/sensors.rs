//! `/api/sensors` and `/api/sensors/{sensor_id}`: the register of sensors.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use nightshift_domain::sensing::{SensorChange, SensorSpec};

use super::types::{SensorFields, SensorIdParam, SensorOut};
use crate::http::App;
use crate::http::extract::{Json, Query, SensorPath};
use crate::http::paging::{Page, listed};
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// Registered sensors, by id, with their live state.
#[utoipa::path(
    get, path = "/api/sensors",
    operation_id = "sensors_list", tag = "sensing", params(Page),
    responses(
        (status = 200, description = "The sensors.", body = Vec<SensorOut>,
         headers(("X-Total-Count" = i64, description = "Sensors there are"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let (skip, limit) = page.checked()?;
    let (views, total) = app.plant.sensing().sensors(skip as usize, limit as usize).await?;
    let sensors: Vec<SensorOut> = views.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &sensors, total as u64, (skip, limit)))
}

/// Registers a sensor. It takes readings as soon as this is answered.
#[utoipa::path(
    post, path = "/api/sensors",
    operation_id = "sensors_register", tag = "sensing", request_body = SensorFields,
    responses(
        (status = 201, description = "Registered.", body = SensorOut, headers(("Location" = String, description = "Where it is"))),
        (status = 409, description = "The id is taken, or the plant has all of its sensors.", body = crate::http::problem::ProblemBody<'static>),
        BodyError, AnyError,
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    Json(spec): Json<SensorSpec>,
) -> Result<Response, Problem> {
    let view = app.plant.sensing().register(spec).await?;
    let location = format!("/api/sensors/{}", view.sensor.spec.sensor_id);
    let mut response = (StatusCode::CREATED, JsonBody(SensorOut::from(view))).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// One sensor with its live state.
#[utoipa::path(
    get, path = "/api/sensors/{sensor_id}",
    operation_id = "sensors_show", tag = "sensing",
    params(SensorIdParam),
    responses((status = 200, description = "The sensor.", body = SensorOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    SensorPath(id): SensorPath,
) -> Result<JsonBody<SensorOut>, Problem> {
    Ok(JsonBody(app.plant.sensing().sensor(&id).await?.into()))
}

/// Changes a registration: an absent field stays, `null` clears an optional one.
#[utoipa::path(
    patch, path = "/api/sensors/{sensor_id}",
    operation_id = "sensors_change", tag = "sensing",
    params(SensorIdParam),
    request_body(content = serde_json::Map<String, serde_json::Value>, description = "The fields to change (RFC 7396).",
                 example = json!({"thresholds": {"low": 3.0}, "name": null})),
    responses((status = 200, description = "Changed.", body = SensorOut), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    SensorPath(id): SensorPath,
    Json(change): Json<SensorChange>,
) -> Result<JsonBody<SensorOut>, Problem> {
    Ok(JsonBody(app.plant.sensing().change(&id, change).await?.into()))
}

/// Removes a registration. What it stored stays until its retention ends.
#[utoipa::path(
    delete, path = "/api/sensors/{sensor_id}",
    operation_id = "sensors_remove", tag = "sensing",
    params(SensorIdParam),
    responses((status = 204, description = "Removed."), NotFoundError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    SensorPath(id): SensorPath,
) -> Result<StatusCode, Problem> {
    app.plant.sensing().remove(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
