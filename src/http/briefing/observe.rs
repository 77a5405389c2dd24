//! `POST /api/v1/observations`: what an outside pipeline has seen.

use std::collections::BTreeMap;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nightshift_domain::Timestamp;
use nightshift_domain::briefing::Observation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::extract::Json;
use crate::http::problem::{AnyError, BodyError, Problem};

/// One look of an outside pipeline.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewObservation)]
pub(crate) struct ObservationIn {
    /// Who looked: 1 to 64 letters, digits, `-`, `_`, `.` and single spaces.
    #[schema(example = "gate-camera", min_length = 1, max_length = 64)]
    source: String,
    /// When; now when absent. The same source at the same instant is the same look.
    #[schema(value_type = Option<String>, format = DateTime)]
    observed_at: Option<Timestamp>,
    /// How many of each class; at most 100 classes.
    #[schema(example = json!({ "person": 3, "car": 2 }))]
    counts: BTreeMap<String, u32>,
    /// What it looked like, in words: quoted in briefings, and never obeyed.
    #[schema(max_length = 500)]
    caption: Option<String>,
}

/// What became of an observation.
#[derive(Serialize, ToSchema)]
#[schema(as = ObservationDone)]
pub(crate) struct ObservationOut {
    /// Sequence number of its event.
    #[schema(example = 4711)]
    event_seq: i64,
    /// Whether it is new; the same look sent again is not.
    new: bool,
}

/// Takes in what an outside pipeline, such as a camera with a detector, has seen.
#[utoipa::path(
    post, path = "/api/v1/observations",
    operation_id = "observations_create", tag = "briefing", request_body = ObservationIn,
    responses(
        (status = 201, description = "Taken in.", body = ObservationOut),
        (status = 200, description = "Known already.", body = ObservationOut),
        BodyError, AnyError,
    )
)]
pub(crate) async fn observe(
    State(app): State<App>,
    Json(given): Json<ObservationIn>,
) -> Result<Response, Problem> {
    let seen = Observation {
        source: given.source,
        observed_at: given.observed_at.unwrap_or_else(|| app.now()),
        counts: given.counts,
        caption: given.caption,
    };
    let (event_seq, new) = app.plant.briefing().observe(seen).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, JsonBody(ObservationOut { event_seq, new })).into_response())
}
