//! The line now, and everything on one screen.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_domain::Timestamp;
use nightshift_store::production::FigureQuery;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::dashboard::{Summary, WipOut, wip_of};
use super::super::views::seconds;
use super::quality::{Overview, QualityMetrics};
use crate::http::App;
use crate::http::problem::{AnyError, Problem};

/// The line now.
#[derive(Serialize, ToSchema)]
pub(crate) struct RealtimeStatus {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Lots in which units may still be made.
    active_lots: i64,
    /// Units on which work is under way.
    units_in_progress: i64,
    /// Runs that are open.
    open_runs: i64,
    /// Pieces of equipment on hold.
    held_equipment: u64,
    /// Each process, in the order of the line.
    processes: Vec<WipOut>,
    /// The process that holds the line up.
    bottleneck_process_number: Option<i64>,
    /// Open runs that have lasted longer than 150 % of their planned time, oldest first.
    delayed_runs: Vec<DelayedRun>,
}

/// A run that takes too long.
#[derive(Serialize, ToSchema)]
pub(crate) struct DelayedRun {
    /// The run.
    process_data_id: i64,
    /// The number of its unit or lot.
    #[schema(example = "WF-KR-251110D-001-0001")]
    number: String,
    /// The process.
    process_number: i64,
    /// Planned time, seconds.
    planned_seconds: i64,
    /// Time so far, seconds.
    elapsed_seconds: f64,
    /// When it was started.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
}

/// Everything on one screen.
#[derive(Serialize, ToSchema)]
pub(crate) struct AnalyticsDashboard {
    /// Lots and units.
    overview: Overview,
    /// The production day.
    today: Summary,
    /// How good the work is.
    quality: QualityMetrics,
}

/// The line now: work in progress, open and delayed runs, holds.
#[utoipa::path(
    get, path = "/api/v1/analytics/realtime-status",
    operation_id = "analytics_realtime_status", tag = "production",
    responses((status = 200, description = "The figures.", body = RealtimeStatus), AnyError)
)]
pub(crate) async fn realtime_status(State(app): State<App>) -> Result<JsonBody<RealtimeStatus>, Problem> {
    let now = app.plant.production().realtime().await?;
    let processes = &now.line.processes;
    Ok(JsonBody(RealtimeStatus {
        at: now.at,
        active_lots: now.active_lots,
        units_in_progress: processes.iter().map(|doing| doing.wip).sum(),
        open_runs: processes.iter().map(|doing| doing.running).sum(),
        held_equipment: now.held,
        bottleneck_process_number: now.line.bottleneck.map(|number| number.0),
        processes: wip_of(&now.line),
        delayed_runs: now
            .delayed
            .into_iter()
            .map(|work| DelayedRun {
                process_data_id: work.run_id.0,
                process_number: work.process_number.0,
                planned_seconds: work.planned_s,
                elapsed_seconds: seconds(now.at.us_since(work.started_at)),
                started_at: work.started_at,
                number: work.number,
            })
            .collect(),
    }))
}

/// Overview, the production day, and quality together.
#[utoipa::path(
    get, path = "/api/v1/analytics/dashboard",
    operation_id = "analytics_dashboard", tag = "production",
    responses((status = 200, description = "The figures.", body = AnalyticsDashboard), AnyError)
)]
pub(crate) async fn dashboard(State(app): State<App>) -> Result<JsonBody<AnalyticsDashboard>, Problem> {
    let (production, all) = (app.plant.production(), FigureQuery::default());
    Ok(JsonBody(AnalyticsDashboard {
        overview: production.lot_figures(&all).await?.into(),
        today: production.day_figures().await?.into(),
        quality: production.quality_figures(&all).await?.into(),
    }))
}
