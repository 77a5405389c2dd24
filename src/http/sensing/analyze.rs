//! `POST /api/analyze…`: a verdict now, at another instant, or on values that are handed in.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::WINDOW_READINGS;
use serde::Deserialize;
use utoipa::ToSchema;

use super::types::{ResultOut, SensorIdParam, Time};
use crate::http::App;
use crate::http::extract::{
    OptionalJson, SensorPath, expect_json, invalid_body, parse_json, parse_object, read_body,
};
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// When to judge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct At {
    /// The instant at which the window ends, not in the future; now when absent.
    #[schema(value_type = Option<Time>, example = "2024-11-17T10:00:00Z")]
    at: Option<Timestamp>,
}

/// Values to judge without storing them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Values {
    /// 720 values, the oldest first.
    #[schema(min_items = 720, max_items = 720)]
    values: Vec<f32>,
    /// Id of the model; the plant's default when absent.
    #[schema(example = "detector")]
    model: Option<String>,
}

fn at(body: OptionalJson<At>) -> Option<Timestamp> {
    body.0.and_then(|body| body.at)
}

/// Judges every enabled sensor.
#[utoipa::path(
    post, path = "/api/analyze/all",
    operation_id = "analyze_all", tag = "sensing", request_body = Option<At>,
    responses((status = 200, description = "One result per sensor.", body = Vec<ResultOut>), BodyError, AnyError)
)]
pub(crate) async fn all(
    State(app): State<App>,
    body: OptionalJson<At>,
) -> Result<JsonBody<Vec<ResultOut>>, Problem> {
    let results = app.plant.sensing().analyze_all(at(body)).await?;
    Ok(JsonBody(results.into_iter().map(Into::into).collect()))
}

/// Judges one sensor.
#[utoipa::path(
    post, path = "/api/analyze/{sensor_id}",
    operation_id = "analyze_one", tag = "sensing", request_body = Option<At>,
    params(SensorIdParam),
    responses((status = 200, description = "The result.", body = ResultOut), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn one(
    State(app): State<App>,
    SensorPath(id): SensorPath,
    body: OptionalJson<At>,
) -> Result<JsonBody<ResultOut>, Problem> {
    Ok(JsonBody(app.plant.sensing().analyze(&id, at(body)).await?.into()))
}

/// Judges 720 given values; nothing is stored. The body is `{"values": […]}`, or the bare list.
#[utoipa::path(
    post, path = "/api/analyze",
    operation_id = "analyze_values", tag = "sensing", request_body = Values,
    responses((status = 200, description = "The result.", body = ResultOut), BodyError, AnyError)
)]
pub(crate) async fn values(State(app): State<App>, request: Request) -> Result<JsonBody<ResultOut>, Problem> {
    expect_json(request.headers())?;
    let body = read_body(request, app.config.http.body_bytes_max, app.body_timeout()).await?;
    let given = match body.trim_ascii_start().first() {
        Some(b'[') => Values { values: parse_json(&body)?, model: None },
        _ => parse_object::<Values>(&body)?,
    };
    if given.values.len() != WINDOW_READINGS {
        let text = format!(
            "{WINDOW_READINGS} values are needed, the oldest first; there are {}",
            given.values.len()
        );
        return Err(invalid_body(&["values"], text));
    }
    if let Some(index) = given.values.iter().position(|v| !v.is_finite()) {
        return Err(Problem::field(
            vec!["body".into(), "values".into(), index.into()],
            "is too large for a 32-bit float",
            "finite_number",
        ));
    }
    Ok(JsonBody(app.plant.sensing().analyze_values(&given.values, given.model.as_deref()).await?.into()))
}
