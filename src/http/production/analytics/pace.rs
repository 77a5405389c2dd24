//! How fast the work is: efficiency, cycle times, workers, days.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_actors::{self as actors, CycleTimes};
use nightshift_domain::production::{PlantDate, pass_rate};
use nightshift_store::production::SerialFigures;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::figures::{ProcessSumsOut, RunSumsOut, Scope, trend};
use super::super::run_view::{ProcessBriefOut, brief};
use super::super::spans::Span;
use super::super::views::seconds;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// How fast the processes are.
#[derive(Serialize, ToSchema)]
pub(crate) struct Efficiency {
    /// Each process, in the order of the line.
    processes: Vec<ProcessSumsOut>,
    /// The process that holds the line up now.
    #[schema(example = 5)]
    bottleneck_process_number: Option<i64>,
    /// Overall equipment effectiveness, where the data allow it.
    equipment: Vec<EquipmentOee>,
}

/// Overall equipment effectiveness, each as a share of 1.
#[derive(Serialize, ToSchema)]
pub(crate) struct EquipmentOee {
    /// Its number.
    equipment_id: i64,
    /// Its code.
    #[schema(example = "EQ-001")]
    equipment_code: String,
    /// (planned − held) ÷ planned.
    availability: f64,
    /// Planned time of its runs ÷ time that it was not held.
    performance: f64,
    /// Runs that passed at the first attempt ÷ runs that ended.
    quality: f64,
    /// Their product.
    oee: f64,
}

/// How the runs of a worker went.
#[derive(Serialize, ToSchema)]
pub(crate) struct OperatorSums {
    /// The user's number.
    operator_id: i64,
    /// The name to sign in with.
    username: Option<String>,
    /// The name to show.
    full_name: Option<String>,
    /// The runs.
    #[serde(flatten)]
    runs: RunSumsOut,
}

/// What became of the units of a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProductionDay {
    /// The production day.
    #[schema(value_type = String, format = Date)]
    date: PlantDate,
    /// Units made.
    created: i64,
    /// Units on which work began.
    started: i64,
    /// Units that passed.
    passed: i64,
    /// Times that a unit failed.
    failed: i64,
    /// Units that failed for good.
    scrapped: i64,
    /// Reworks approved.
    reworked: i64,
    /// Passed in percent of passed and failed.
    pass_rate: Option<f64>,
}

/// Times of a process.
#[derive(Serialize, ToSchema)]
#[schema(as = CycleTimes)]
pub(crate) struct CycleTimesOut {
    /// The process.
    #[serde(flatten)]
    process: ProcessBriefOut,
    /// Planned time of a run, seconds.
    planned_seconds: Option<i64>,
    /// Runs that ended in the span.
    runs: i64,
    /// Their mean time, seconds.
    average_seconds: Option<f64>,
    /// The shortest.
    min_seconds: Option<f64>,
    /// The longest.
    max_seconds: Option<f64>,
    /// Half of the newest 1,000 runs took no longer.
    recent_p50_seconds: Option<f64>,
    /// 95 of 100 of the newest 1,000 runs took no longer.
    recent_p95_seconds: Option<f64>,
}

/// Cycle times against plan, the bottleneck, and OEE.
#[utoipa::path(
    get, path = "/api/v1/analytics/process-efficiency",
    operation_id = "analytics_process_efficiency", tag = "production", params(Scope, Span),
    responses((status = 200, description = "The figures.", body = Efficiency), NotFoundError, AnyError)
)]
pub(crate) async fn process_efficiency(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Efficiency>, Problem> {
    let query = scope.query(&app, &span).await?;
    let production = app.plant.production();
    Ok(JsonBody(Efficiency {
        processes: production.process_figures(&query).await?.into_iter().map(Into::into).collect(),
        bottleneck_process_number: production.line_now().await?.bottleneck.map(|number| number.0),
        equipment: production.effectiveness(&query).await?.into_iter().map(Into::into).collect(),
    }))
}

/// How the runs of every process went.
#[utoipa::path(
    get, path = "/api/v1/analytics/process-performance",
    operation_id = "analytics_process_performance", tag = "production", params(Scope, Span),
    responses((status = 200, description = "One entry for each process.", body = Vec<ProcessSumsOut>), NotFoundError, AnyError)
)]
pub(crate) async fn process_performance(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<ProcessSumsOut>>, Problem> {
    let query = scope.query(&app, &span).await?;
    let found = app.plant.production().process_figures(&query).await?;
    Ok(JsonBody(found.into_iter().map(Into::into).collect()))
}

/// How the runs of every worker went.
#[utoipa::path(
    get, path = "/api/v1/analytics/operator-performance",
    operation_id = "analytics_operator_performance", tag = "production", params(Scope, Span),
    responses((status = 200, description = "One entry for each worker.", body = Vec<OperatorSums>), NotFoundError, AnyError)
)]
pub(crate) async fn operator_performance(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<OperatorSums>>, Problem> {
    let query = scope.query(&app, &span).await?;
    let mut all = Vec::new();
    for (id, sums) in app.plant.production().operator_figures(&query).await? {
        // A user may be gone; the work stays.
        let user = app.plant.identity().user(nightshift_domain::identity::UserId(id.0)).await.ok();
        all.push(OperatorSums {
            operator_id: id.0,
            username: user.as_ref().map(|user| user.username.to_string()),
            full_name: user.map(|user| user.full_name.into()),
            runs: RunSumsOut::of(&sums, None),
        });
    }
    Ok(JsonBody(all))
}

/// What became of units, by production day; 30 days when the request does not say.
#[utoipa::path(
    get, path = "/api/v1/analytics/production-stats",
    operation_id = "analytics_production_stats", tag = "production", params(Scope, Span),
    responses((status = 200, description = "One entry for each day.", body = Vec<ProductionDay>), NotFoundError, AnyError)
)]
pub(crate) async fn production_stats(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<ProductionDay>>, Problem> {
    let trend = trend(&app, scope.query(&app, &span).await?)?;
    let day = |(date, sums): (PlantDate, SerialFigures)| ProductionDay {
        date,
        created: sums.created,
        started: sums.started,
        passed: sums.passed,
        failed: sums.failed,
        scrapped: sums.scrapped,
        reworked: sums.reworked,
        pass_rate: pass_rate(sums.passed, sums.failed),
    };
    Ok(JsonBody(app.plant.production().unit_days(&trend).await?.into_iter().map(day).collect()))
}

/// Times of every process: mean and extremes of the span, percentiles of the newest runs.
#[utoipa::path(
    get, path = "/api/v1/analytics/cycle-time",
    operation_id = "analytics_cycle_time", tag = "production", params(Scope, Span),
    responses((status = 200, description = "One entry for each process.", body = Vec<CycleTimesOut>), NotFoundError, AnyError)
)]
pub(crate) async fn cycle_time(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<CycleTimesOut>>, Problem> {
    let query = scope.query(&app, &span).await?;
    let found = app.plant.production().cycle_times(&query).await?;
    Ok(JsonBody(found.into_iter().map(Into::into).collect()))
}

impl From<CycleTimes> for CycleTimesOut {
    fn from(times: CycleTimes) -> Self {
        let (sums, runs) = (times.runs, times.runs.completed());
        Self {
            process: brief(&times.process),
            planned_seconds: times.process.spec.estimated_duration_seconds,
            runs,
            average_seconds: (runs > 0).then(|| seconds(sums.duration_us) / runs as f64),
            min_seconds: sums.duration_us_min.map(seconds),
            max_seconds: sums.duration_us_max.map(seconds),
            recent_p50_seconds: times.recent_p50_us.map(seconds),
            recent_p95_seconds: times.recent_p95_us.map(seconds),
        }
    }
}

impl From<actors::EquipmentOee> for EquipmentOee {
    fn from(of: actors::EquipmentOee) -> Self {
        Self {
            equipment_id: of.equipment.id.0,
            equipment_code: of.equipment.spec.equipment_code,
            availability: of.oee.availability,
            performance: of.oee.performance,
            quality: of.oee.quality,
            oee: of.oee.oee,
        }
    }
}
