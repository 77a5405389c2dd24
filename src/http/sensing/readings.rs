//! `GET /api/sensors/{sensor_id}/readings`: stored readings, thinned for charts when asked.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Reading;
use serde::Deserialize;
use utoipa::IntoParams;

use super::push::ReadingFields;
use super::types::{SensorIdParam, Time};
use crate::http::App;
use crate::http::extract::{Query, SensorPath};
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Readings in an answer when the request does not say.
const LIMIT_DEFAULT: usize = 10_000;
/// Most readings in one answer.
const LIMIT_MAX: usize = 100_000;
/// Fewest and most points for a chart.
const POINTS: std::ops::RangeInclusive<usize> = 2..=20_000;

/// Which readings.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// Measured at or after; everything stored when absent.
    #[param(value_type = Option<Time>)]
    start: Option<Timestamp>,
    /// Measured at or before; everything stored when absent.
    #[param(value_type = Option<Time>)]
    end: Option<Timestamp>,
    /// Most readings, the oldest first.
    #[param(default = 10000, minimum = 1, maximum = 100000)]
    limit: Option<usize>,
    /// Thin to about this many, keeping the lowest and the highest of each stretch.
    #[param(minimum = 2, maximum = 20000)]
    points: Option<usize>,
}

/// Stored readings, the oldest first.
#[utoipa::path(
    get, path = "/api/sensors/{sensor_id}/readings",
    operation_id = "readings", tag = "sensing",
    params(SensorIdParam, Span),
    responses((status = 200, description = "The readings.", body = Vec<ReadingFields>), NotFoundError, AnyError)
)]
pub(crate) async fn readings(
    State(app): State<App>,
    SensorPath(id): SensorPath,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<Reading>>, Problem> {
    let refuse =
        |name: &str, text: String| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    let limit = span.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(refuse("limit", format!("must be 1 to {LIMIT_MAX}")));
    }
    if span.points.is_some_and(|points| !POINTS.contains(&points)) {
        return Err(refuse("points", format!("must be {} to {}", POINTS.start(), POINTS.end())));
    }
    let (start, end) = (span.start.unwrap_or(Timestamp::Y2000), span.end.unwrap_or(Timestamp::MAX));
    if start > end {
        return Err(refuse("end", "must not be before start".to_owned()));
    }
    // The store's range ends before its end; ours includes it.
    let end = Timestamp::from_us(end.us().saturating_add(1));
    Ok(JsonBody(app.plant.sensing().readings(&id, start, end, limit, span.points).await?))
}
