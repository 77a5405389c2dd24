//! `GET /api/v1/serials/{serial_number}/trace`: all that is known of a unit.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use nightshift_domain::Timestamp;
use nightshift_store::production::{PartUse, trace};
use serde::Serialize;
use utoipa::ToSchema;

use super::find::{self, stored};
use super::run_view::RunOut;
use super::views::{LotOut, ReworkOut, SerialOut, seconds};
use crate::http::App;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// A part that was built into a unit.
#[derive(Serialize, ToSchema)]
#[schema(as = Component)]
pub(crate) struct ComponentOut {
    /// What it is.
    #[schema(example = "BUSBAR")]
    kind: String,
    /// The number of its lot.
    #[schema(example = "BB-17")]
    component_lot: String,
    /// The run that built it in.
    process_data_id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<PartUse> for ComponentOut {
    fn from(used: PartUse) -> Self {
        Self {
            kind: used.part.kind,
            component_lot: used.part.lot_number,
            process_data_id: used.run_id.0,
            at: used.at,
        }
    }
}

/// All that is known of a unit.
#[derive(Serialize, ToSchema)]
#[schema(as = Trace)]
pub(crate) struct TraceOut {
    /// The unit.
    serial: SerialOut,
    /// Its lot.
    lot: LotOut,
    /// Its runs, in the order in which they were started.
    process_history: Vec<RunOut>,
    /// Runs of its lot as a whole.
    lot_process_history: Vec<RunOut>,
    /// Its reworks.
    rework_history: Vec<ReworkOut>,
    /// What was built into it.
    component_lots: Vec<ComponentOut>,
    /// Time that its completed runs took together.
    #[schema(example = 1260.5)]
    total_cycle_time_seconds: f64,
    /// From its first start to its end.
    #[schema(example = 5400.0)]
    lead_time_seconds: Option<f64>,
    /// Whether a run is to be reviewed that nobody looked at yet.
    needs_review: bool,
}

/// Where a unit comes from: its lot, runs, reworks and parts.
#[utoipa::path(
    get, path = "/api/v1/serials/{serial_number}/trace",
    operation_id = "serials_trace", tag = "production",
    params(("serial_number" = String, Path, description = "Its number, or its id.", example = "WF-KR-251110D-001-0001")),
    responses((status = 200, description = "The trace.", body = TraceOut), NotFoundError, AnyError)
)]
pub(crate) async fn forward(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<TraceOut>, Problem> {
    let serial = find::serial(&app, &text).await?;
    let unknown = || nightshift_domain::production::Refusal::SerialNotFound { number: find::short(&text) };
    let lot = find::lot(&app, &serial.lot.id.to_string()).await?;
    let found = stored(trace(&app.db, serial.serial.id).await)?.ok_or_else(unknown)?;
    let spent_us = |run: &nightshift_store::production::RunView| {
        run.run.run.done().map_or(0, |done| done.completed_at.us_since(run.run.run.started_at))
    };
    let began = found.runs.iter().map(|run| run.run.run.started_at).min();
    let ended = found.serial.serial.state.completed_at();
    let waits = |run: &nightshift_store::production::RunView| {
        run.run.run.review.as_ref().is_some_and(|review| review.reviewed.is_none())
    };
    Ok(JsonBody(TraceOut {
        total_cycle_time_seconds: seconds(found.runs.iter().map(spent_us).sum()),
        lead_time_seconds: began.zip(ended).map(|(began, ended)| seconds(ended.us_since(began))),
        needs_review: found.runs.iter().chain(&found.lot_runs).any(waits),
        serial: found.serial.into(),
        lot: lot.into(),
        process_history: found.runs.into_iter().map(Into::into).collect(),
        lot_process_history: found.lot_runs.into_iter().map(Into::into).collect(),
        rework_history: found.reworks.into_iter().map(Into::into).collect(),
        component_lots: found.parts.into_iter().map(Into::into).collect(),
    }))
}
