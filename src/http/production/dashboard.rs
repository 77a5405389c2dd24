//! `/api/v1/dashboard/…`: the production day at a glance.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use nightshift_actors::{self as actors, DayFigures, Doing, LineNow};
use nightshift_domain::Timestamp;
use nightshift_domain::production::{PlantDate, defect_rate};
use nightshift_store::production::RunFigures;
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::RunSumsOut;
use super::run_view::{ProcessBriefOut, brief};
use super::views::LotOut;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, Problem};

/// A production day.
#[derive(Serialize, ToSchema)]
#[schema(as = DashboardSummary)]
pub(crate) struct Summary {
    /// The production day.
    #[schema(value_type = String, format = Date)]
    date: PlantDate,
    /// Units on which work began.
    total_started: i64,
    /// Units that passed.
    total_completed: i64,
    /// Times that a unit failed.
    total_defective: i64,
    /// Failed in percent of passed and failed; 0 while there are none.
    defect_rate: f64,
    /// The newest active lots, at most 10.
    lots: Vec<LotProgress>,
    /// Units in the line, by process.
    process_wip: Vec<WipOut>,
}

/// A lot, and how far it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct LotProgress {
    /// The lot.
    #[serde(flatten)]
    lot: LotOut,
    /// Processes that its units have passed, in percent of those that all its planned units have to pass.
    #[schema(example = 62.5)]
    progress: f64,
}

/// Units at a process.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessWip)]
pub(crate) struct WipOut {
    /// The process.
    #[serde(flatten)]
    process: ProcessBriefOut,
    /// Units that wait for it or are in it.
    #[schema(example = 4)]
    wip: i64,
    /// Units in it.
    #[schema(example = 1)]
    in_process: i64,
    /// Units that wait for it.
    #[schema(example = 3)]
    waiting: i64,
    /// When the oldest open run was started.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_started_at: Option<Timestamp>,
}

/// A process today.
#[derive(Serialize, ToSchema)]
#[schema(as = DashboardProcess)]
pub(crate) struct ProcessToday {
    /// Its work in progress.
    #[serde(flatten)]
    wip: WipOut,
    /// Planned time of a run, seconds.
    planned_seconds: Option<i64>,
    /// Mean time of its runs in the last 7 days, seconds.
    mean_cycle_time_seconds: Option<f64>,
    /// Whether it is the one that holds the line up.
    is_bottleneck: bool,
    /// Its runs today.
    today: RunSumsOut,
}

pub(super) fn wip_of(line: &LineNow) -> Vec<WipOut> {
    line.processes.iter().map(Into::into).collect()
}

impl From<&Doing> for WipOut {
    fn from(doing: &Doing) -> Self {
        Self {
            process: brief(&doing.process),
            wip: doing.wip,
            in_process: doing.running,
            waiting: (doing.wip - doing.running).max(0),
            oldest_started_at: doing.oldest,
        }
    }
}

impl From<actors::LotProgress> for LotProgress {
    fn from(lot: actors::LotProgress) -> Self {
        Self { lot: lot.lot.into(), progress: lot.percent }
    }
}

impl From<DayFigures> for Summary {
    fn from(day: DayFigures) -> Self {
        let units = day.units;
        Self {
            date: day.date,
            total_started: units.started,
            total_completed: units.passed,
            total_defective: units.failed,
            defect_rate: defect_rate(units.passed, units.failed).unwrap_or(0.0),
            process_wip: wip_of(&day.line),
            lots: day.lots.into_iter().map(Into::into).collect(),
        }
    }
}

/// The production day: units, active lots, work in progress.
#[utoipa::path(
    get, path = "/api/v1/dashboard/summary",
    operation_id = "dashboard_summary", tag = "production",
    responses((status = 200, description = "The day.", body = Summary), AnyError)
)]
pub(crate) async fn summary(State(app): State<App>) -> Result<JsonBody<Summary>, Problem> {
    Ok(JsonBody(app.plant.production().day_figures().await?.into()))
}

/// Lots and how far they are, the newest first.
#[utoipa::path(
    get, path = "/api/v1/dashboard/lots",
    operation_id = "dashboard_lots", tag = "production", params(Page),
    responses(
        (status = 200, description = "The lots.", body = Vec<LotProgress>,
         headers(("X-Total-Count" = i64, description = "Lots there are"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn lots(
    State(app): State<App>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = app.plant.production().lots_progress(slice(part)).await?;
    let lots: Vec<LotProgress> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &lots, found.total, part))
}

/// The processes: work in progress, today's runs, mean cycle time of 7 days, and the bottleneck.
#[utoipa::path(
    get, path = "/api/v1/dashboard/processes",
    operation_id = "dashboard_processes", tag = "production",
    responses((status = 200, description = "One entry for each process.", body = Vec<ProcessToday>), AnyError)
)]
pub(crate) async fn processes(State(app): State<App>) -> Result<JsonBody<Vec<ProcessToday>>, Problem> {
    let (line, today) = app.plant.production().line_today().await?;
    let of = |(doing, sums): (&Doing, &RunFigures)| {
        let planned = doing.process.spec.estimated_duration_seconds;
        ProcessToday {
            wip: doing.into(),
            planned_seconds: planned,
            mean_cycle_time_seconds: doing.mean_s,
            is_bottleneck: line.bottleneck == Some(doing.process.number()),
            today: RunSumsOut::of(sums, planned),
        }
    };
    Ok(JsonBody(line.processes.iter().zip(&today).map(of).collect()))
}

/// Units in the line, by process.
#[utoipa::path(
    get, path = "/api/v1/dashboard/process-wip",
    operation_id = "dashboard_process_wip", tag = "production",
    responses((status = 200, description = "One entry for each process.", body = Vec<WipOut>), AnyError)
)]
pub(crate) async fn process_wip(State(app): State<App>) -> Result<JsonBody<Vec<WipOut>>, Problem> {
    Ok(JsonBody(wip_of(&app.plant.production().line_now().await?)))
}
