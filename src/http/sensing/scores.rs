//! `GET /api/sensors/{sensor_id}/scores` and `GET /api/sparklines`: windows as pictures show them.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_actors::{ReadingScore, Trace, WindowScores};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::SensorId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::types::{ResultOut, SensorIdParam};
use crate::http::App;
use crate::http::extract::{Query, SensorPath};
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Most sensors in one request for traces.
const TRACES_MAX: usize = 200;
/// Points of a trace when the request does not say.
const POINTS_DEFAULT: usize = 120;
/// Fewest and most points of a trace.
const POINTS: std::ops::RangeInclusive<usize> = 2..=720;

/// A sensor's window now, scored reading by reading.
#[derive(Serialize, ToSchema)]
pub(crate) struct Scores {
    /// The verdict that the window has now; `sensor_id` is absent, it is not stored.
    #[serde(flatten)]
    result: ResultOut,
    /// The window's readings, oldest first.
    #[schema(value_type = Vec<ReadingScoreOut>)]
    readings: Vec<ReadingScore>,
}

/// A reading and its score.
#[derive(ToSchema)]
#[schema(as = ReadingScore)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ReadingScoreOut {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// What was measured.
    value: f64,
    /// Its score, as the verdict saw it: how unlike anything else in its window, or in what its sensor sent before where it is
    /// judged against that. In a unit of its own, not that of the window's score; nothing if the model gives none.
    score: Option<f32>,
}

/// A thinned window.
#[derive(ToSchema)]
#[schema(as = Sparkline)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct SparklineOut {
    /// The sensor.
    #[schema(example = "wando01")]
    sensor_id: String,
    /// Time of the first value.
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Time of the last value.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
    /// The values, oldest first: the lowest and the highest of each stretch.
    values: Vec<f64>,
}

/// Which sensors, and how fine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Sensors with commas between them, at most 200.
    #[param(example = "wando01,wando02")]
    ids: String,
    /// About so many points each.
    #[param(default = 120, minimum = 2, maximum = 720)]
    points: Option<usize>,
}

/// A sensor's window as it is now, with a score for each reading, reached as its verdict is. Nothing is stored.
#[utoipa::path(
    get, path = "/api/sensors/{sensor_id}/scores",
    operation_id = "sensors_scores", tag = "sensing", params(SensorIdParam),
    responses((status = 200, description = "The window.", body = Scores), NotFoundError, AnyError)
)]
pub(crate) async fn scores(
    State(app): State<App>,
    SensorPath(id): SensorPath,
) -> Result<JsonBody<Scores>, Problem> {
    let WindowScores { verdict, inference_time, provenance, readings } =
        app.plant.sensing().scores(&id).await?;
    let result = ResultOut::of_window(verdict, inference_time, provenance);
    Ok(JsonBody(Scores { result, readings }))
}

/// The windows of many sensors in one answer, thinned for small pictures. An unknown sensor has no values.
#[utoipa::path(
    get, path = "/api/sparklines",
    operation_id = "sparklines", tag = "sensing", params(Which),
    responses((status = 200, description = "One for each id, in that order.", body = Vec<SparklineOut>), AnyError)
)]
pub(crate) async fn sparklines(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<JsonBody<Vec<Trace>>, Problem> {
    let refuse =
        |name: &str, text: String| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    let points = which.points.unwrap_or(POINTS_DEFAULT);
    if !POINTS.contains(&points) {
        return Err(refuse("points", format!("must be {} to {}", POINTS.start(), POINTS.end())));
    }
    let named = which.ids.split(',').map(str::trim).filter(|id| !id.is_empty());
    let ids: Result<Vec<SensorId>, _> = named.map(str::parse).collect();
    let ids =
        ids.map_err(|error: nightshift_domain::sensing::SensorError| refuse("ids", error.to_string()))?;
    if ids.len() > TRACES_MAX {
        return Err(refuse("ids", format!("at most {TRACES_MAX}; there are {}", ids.len())));
    }
    Ok(JsonBody(app.plant.sensing().traces(ids, points).await?))
}
