//! What figures are asked for by, and how sums over runs are shown.

use nightshift_actors::{TREND_DAYS_MAX, Trend};
use nightshift_domain::production::{
    LineId, Process, ProductModelId, cycle_time, first_pass_yield, pass_rate,
};
use nightshift_store::production::{FigureQuery, RunFigures};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::find;
use super::run_view::{ProcessBriefOut, brief};
use super::spans::Span;
use super::views::seconds;
use crate::http::App;
use crate::http::problem::Problem;

/// What figures are about.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Scope {
    /// Only this product model.
    product_model_id: Option<i64>,
    /// Only this production line.
    production_line_id: Option<i64>,
    /// Only this process: its id, or `PROC-003`.
    process_id: Option<String>,
}

impl Scope {
    /// As a query for figures.
    pub(super) async fn query(&self, app: &App, span: &Span) -> Result<FigureQuery, Problem> {
        let (from, to) = span.days(app.plant.production().calendar())?;
        let process_id = match self.process_id.as_deref() {
            Some(text) => Some(find::process(app, text).await?.id),
            None => None,
        };
        Ok(FigureQuery {
            from,
            to,
            process_id,
            product_model_id: self.product_model_id.map(ProductModelId),
            production_line_id: self.production_line_id.map(LineId),
            ..FigureQuery::default()
        })
    }
}

/// The days of a trend, if they are not too many.
pub(super) fn trend(app: &App, query: FigureQuery) -> Result<Trend, Problem> {
    Trend::of(query, app.plant.production().today()).ok_or_else(|| {
        let loc = vec!["query".into(), "start_date".into()];
        Problem::field(loc, format!("a trend is of at most {TREND_DAYS_MAX} days"), "value_error")
    })
}

/// How runs went.
#[derive(Serialize, ToSchema)]
#[schema(as = RunSums)]
pub(crate) struct RunSumsOut {
    /// Runs started.
    started: i64,
    /// Runs that ended.
    completed: i64,
    /// Runs that passed.
    passed: i64,
    /// Runs that failed, or ended with REWORK.
    failed: i64,
    /// Passed runs in percent of those that ended.
    pass_rate: Option<f64>,
    /// First attempts that passed, in percent of those that ended.
    first_pass_yield: Option<f64>,
    /// Mean time of the runs that ended, seconds.
    average_cycle_time_seconds: Option<f64>,
    /// The shortest.
    min_cycle_time_seconds: Option<f64>,
    /// The longest.
    max_cycle_time_seconds: Option<f64>,
    /// Planned time in percent of the mean time: above 100 is faster than planned.
    efficiency: Option<f64>,
}

impl RunSumsOut {
    pub(super) fn of(sums: &RunFigures, planned_s: Option<i64>) -> Self {
        let failed = sums.failed + sums.reworked;
        let cycle = cycle_time(sums.completed(), sums.duration_us, planned_s);
        Self {
            started: sums.started,
            completed: sums.completed(),
            passed: sums.passed,
            failed,
            pass_rate: pass_rate(sums.passed, failed),
            first_pass_yield: first_pass_yield(sums.first_passed, sums.first_completed),
            average_cycle_time_seconds: cycle.map(|c| c.mean_s),
            min_cycle_time_seconds: sums.duration_us_min.map(seconds),
            max_cycle_time_seconds: sums.duration_us_max.map(seconds),
            efficiency: cycle.and_then(|c| c.efficiency),
        }
    }
}

/// How runs of a process went.
#[derive(Serialize, ToSchema)]
#[schema(as = ProcessSums)]
pub(crate) struct ProcessSumsOut {
    /// The process.
    #[serde(flatten)]
    process: ProcessBriefOut,
    /// Planned time of a run, seconds.
    planned_seconds: Option<i64>,
    /// Its runs.
    #[serde(flatten)]
    runs: RunSumsOut,
}

impl From<(Process, RunFigures)> for ProcessSumsOut {
    fn from((process, sums): (Process, RunFigures)) -> Self {
        let planned = process.spec.estimated_duration_seconds;
        Self { process: brief(&process), planned_seconds: planned, runs: RunSumsOut::of(&sums, planned) }
    }
}
