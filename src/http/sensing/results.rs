//! `GET /api/results/…`: stored verdicts, the newest first.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use nightshift_actors::SensingError;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::SensorId;
use nightshift_store::sensing::{ResultQuery, sensor_find};
use serde::Deserialize;
use utoipa::IntoParams;

use super::types::{ResultOut, SensorIdParam, Time};
use crate::http::App;
use crate::http::extract::{Query, SensorPath};
use crate::http::paging::{Page, listed};
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Which results.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// Decided at or after.
    #[param(value_type = Option<Time>, example = "2024-11-17T00:00:00Z")]
    start_time: Option<Timestamp>,
    /// Decided at or before.
    #[param(value_type = Option<Time>, example = "2024-11-18T00:00:00Z")]
    end_time: Option<Timestamp>,
}

/// Stored results of all sensors, the newest first.
#[utoipa::path(
    get, path = "/api/results/all",
    operation_id = "results_all", tag = "sensing", params(Span, Page),
    responses(
        (status = 200, description = "The results.", body = Vec<ResultOut>,
         headers(("X-Total-Count" = i64, description = "Results that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn all(
    State(app): State<App>,
    uri: Uri,
    Query(span): Query<Span>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    found(&app, &uri, None, &span, page).await
}

/// Stored results of one sensor, the newest first.
#[utoipa::path(
    get, path = "/api/results/{sensor_id}",
    operation_id = "results_one", tag = "sensing",
    params(SensorIdParam, Span, Page),
    responses(
        (status = 200, description = "The results.", body = Vec<ResultOut>,
         headers(("X-Total-Count" = i64, description = "Results that match"), ("Link" = String, description = "`next` and `prev`"))),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn one(
    State(app): State<App>,
    SensorPath(id): SensorPath,
    uri: Uri,
    Query(span): Query<Span>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    // Asked of the store, not of the sensor's actor: results can be read while a sensor is in quarantine.
    if sensor_find(&app.db, &id).await.map_err(SensingError::from)?.is_none() {
        return Err(SensingError::NotFound(id).into());
    }
    found(&app, &uri, Some(id), &span, page).await
}

async fn found(
    app: &App,
    uri: &Uri,
    id: Option<SensorId>,
    span: &Span,
    page: Page,
) -> Result<Response, Problem> {
    let (skip, limit) = page.checked()?;
    let start = span.start_time.unwrap_or(Timestamp::Y2000);
    // The store's range ends before its end; ours includes it.
    let end = Timestamp::from_us(span.end_time.unwrap_or(Timestamp::MAX).us().saturating_add(1));
    if start > end {
        let loc = vec!["query".into(), "end_time".into()];
        return Err(Problem::field(loc, "must not be before start_time", "value_error"));
    }
    let query = ResultQuery { sensor_id: id, start, end, verdict: None, skip: u64::from(skip), limit };
    let (results, total) = app.plant.sensing().results(&query).await?;
    let results: Vec<ResultOut> = results.into_iter().map(Into::into).collect();
    Ok(listed(uri, &results, total, (skip, limit)))
}
