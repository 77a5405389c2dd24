//! How good the work is: overview, yields, capability, defects.

use std::collections::BTreeMap;

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_actors::{self as actors, MeasuredCapability, QualityFigures};
use nightshift_domain::production::{ParetoBar, PlantDate, defect_rate, pass_rate, percent};
use nightshift_store::production::LotFigures;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::figures::{Scope, trend};
use super::super::run_view::{ProcessBriefOut, brief};
use super::super::spans::Span;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Lots and units.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// Lots.
    #[schema(example = 100)]
    total_lots: i64,
    /// Lots in which units may still be made.
    #[schema(example = 25)]
    active_lots: i64,
    /// Lots whose units have all passed or been scrapped.
    completed_lots: i64,
    /// Units.
    #[schema(example = 5000)]
    total_serials: i64,
    /// Units that passed.
    #[schema(example = 4850)]
    passed_serials: i64,
    /// Units that have failed, scrapped ones among them.
    #[schema(example = 150)]
    failed_serials: i64,
    /// Units that have failed for good.
    scrapped_serials: i64,
    /// Passed units in percent of those that passed or failed; 0 while there are none.
    #[schema(example = 97.0)]
    pass_rate: f64,
    /// Failed units in percent of those that passed or failed; 0 while there are none.
    #[schema(example = 3.0)]
    defect_rate: f64,
}

/// How good the work is.
#[derive(Serialize, ToSchema)]
pub(crate) struct QualityMetrics {
    /// Units that passed.
    passed_serials: i64,
    /// Times that a unit failed.
    failed_serials: i64,
    /// Units that failed for good.
    scrapped_serials: i64,
    /// Reworks approved.
    reworks: i64,
    /// Passed in percent of passed and failed.
    pass_rate: Option<f64>,
    /// Failed in percent of passed and failed.
    defect_rate: Option<f64>,
    /// First attempts that passed, in percent of first attempts that ended, over all processes.
    first_pass_yield: Option<f64>,
    /// The product of the processes' first-pass yields, percent.
    rolled_throughput_yield: Option<f64>,
    /// The yield of each process.
    processes: Vec<ProcessYield>,
    /// Defects by code, the most frequent first.
    defect_pareto: Vec<BarOut>,
    /// How well measured values keep within their limits.
    capability: Vec<CapabilityOut>,
}

/// The yield of a process.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProcessYield {
    /// The process.
    #[serde(flatten)]
    process: ProcessBriefOut,
    /// First attempts that ended.
    first_attempts: i64,
    /// First attempts that passed.
    first_passed: i64,
    /// Their share, percent.
    first_pass_yield: Option<f64>,
}

/// A bar of a Pareto chart.
#[derive(Serialize, ToSchema)]
#[schema(as = ParetoBar)]
pub(crate) struct BarOut {
    /// What is counted.
    #[schema(example = "SENSOR_TEMP_FAIL")]
    key: String,
    /// How often.
    count: i64,
    /// Its share of all, percent.
    share: f64,
    /// The share of it and all before it, percent.
    cumulative: f64,
}

impl From<ParetoBar> for BarOut {
    fn from(bar: ParetoBar) -> Self {
        Self { key: bar.key, count: bar.count, share: bar.share, cumulative: bar.cumulative }
    }
}

/// How well a measured value keeps within its limits.
#[derive(Serialize, ToSchema)]
#[schema(as = Capability)]
pub(crate) struct CapabilityOut {
    /// The process that measures.
    process_number: i64,
    /// What is measured.
    #[schema(example = "measured_temp")]
    name: String,
    /// How many values.
    n: i64,
    /// Their mean.
    mean: f64,
    /// The standard deviation of the sample.
    sigma: Option<f64>,
    /// The lowest.
    min: f64,
    /// The highest.
    max: f64,
    /// The lower specification limit.
    lower: Option<f64>,
    /// The upper specification limit.
    upper: Option<f64>,
    /// (USL − LSL) ÷ 6σ.
    cp: Option<f64>,
    /// The smaller of (USL − mean) ÷ 3σ and (mean − LSL) ÷ 3σ.
    cpk: Option<f64>,
}

/// Defects by what they have in common.
#[derive(Serialize, ToSchema)]
pub(crate) struct DefectAnalysis {
    /// Defects.
    total: i64,
    /// By code.
    by_code: Vec<BarOut>,
    /// By process, as its code.
    by_process: Vec<BarOut>,
    /// By worker, as the user's number.
    by_operator: Vec<BarOut>,
    /// By equipment, as its number.
    by_equipment: Vec<BarOut>,
    /// By severity.
    by_severity: Vec<BarOut>,
    /// Lots of parts by the defects found on units that hold one.
    by_component_lot: Vec<ComponentDefects>,
}

/// Defects on units that hold a part of a lot.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComponentDefects {
    /// What the part is.
    #[schema(example = "BUSBAR")]
    kind: String,
    /// The number of its lot.
    #[schema(example = "BB-17")]
    component_lot: String,
    /// Times that one was built in.
    used: i64,
    /// Defects found on units that hold one.
    defects: i64,
    /// Defects in percent of uses.
    defect_rate: Option<f64>,
}

/// Defects of a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct DefectDay {
    /// The production day.
    #[schema(value_type = String, format = Date)]
    date: PlantDate,
    /// Defects.
    defects: i64,
    /// By code.
    #[schema(value_type = Object)]
    by_code: BTreeMap<String, i64>,
}

/// Lots and units of the plant, or of a span of production days.
#[utoipa::path(
    get, path = "/api/v1/analytics/overview",
    operation_id = "analytics_overview", tag = "production", params(Scope, Span),
    responses((status = 200, description = "The figures.", body = Overview), NotFoundError, AnyError)
)]
pub(crate) async fn overview(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Overview>, Problem> {
    let query = scope.query(&app, &span).await?;
    Ok(JsonBody(app.plant.production().lot_figures(&query).await?.into()))
}

impl From<LotFigures> for Overview {
    fn from(sums: LotFigures) -> Self {
        Self {
            total_lots: sums.lots,
            active_lots: sums.open,
            completed_lots: sums.completed,
            total_serials: sums.units,
            passed_serials: sums.passed,
            failed_serials: sums.failed,
            scrapped_serials: sums.scrapped,
            pass_rate: pass_rate(sums.passed, sums.failed).unwrap_or(0.0),
            defect_rate: defect_rate(sums.passed, sums.failed).unwrap_or(0.0),
        }
    }
}

/// Yields, the Pareto of defects, and process capability.
#[utoipa::path(
    get, path = "/api/v1/analytics/quality-metrics",
    operation_id = "analytics_quality_metrics", tag = "production", params(Scope, Span),
    responses((status = 200, description = "The figures.", body = QualityMetrics), NotFoundError, AnyError)
)]
pub(crate) async fn quality_metrics(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<QualityMetrics>, Problem> {
    let query = scope.query(&app, &span).await?;
    Ok(JsonBody(app.plant.production().quality_figures(&query).await?.into()))
}

impl From<QualityFigures> for QualityMetrics {
    fn from(quality: QualityFigures) -> Self {
        let units = quality.units;
        Self {
            passed_serials: units.passed,
            failed_serials: units.failed,
            scrapped_serials: units.scrapped,
            reworks: units.reworked,
            pass_rate: pass_rate(units.passed, units.failed),
            defect_rate: defect_rate(units.passed, units.failed),
            first_pass_yield: quality.first_pass_yield,
            rolled_throughput_yield: quality.rolled_throughput_yield,
            processes: quality.processes.into_iter().map(Into::into).collect(),
            defect_pareto: bars(quality.defects),
            capability: quality.capability.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<actors::ProcessYield> for ProcessYield {
    fn from(of: actors::ProcessYield) -> Self {
        Self {
            process: brief(&of.process),
            first_attempts: of.first_completed,
            first_passed: of.first_passed,
            first_pass_yield: of.first_pass_yield,
        }
    }
}

impl From<MeasuredCapability> for CapabilityOut {
    fn from(of: MeasuredCapability) -> Self {
        let measured = of.measured;
        Self {
            process_number: of.process.spec.process_number.0,
            name: measured.name,
            n: measured.n,
            mean: measured.mean,
            sigma: of.sigma,
            min: measured.low,
            max: measured.high,
            lower: of.lower,
            upper: of.upper,
            cp: of.capability.and_then(|c| c.cp),
            cpk: of.capability.map(|c| c.cpk),
        }
    }
}

impl From<actors::ComponentDefects> for ComponentDefects {
    fn from(part: actors::ComponentDefects) -> Self {
        Self {
            defect_rate: percent(part.defects, part.used),
            kind: part.kind,
            component_lot: part.component_lot,
            used: part.used,
            defects: part.defects,
        }
    }
}

fn bars(bars: Vec<ParetoBar>) -> Vec<BarOut> {
    bars.into_iter().map(Into::into).collect()
}

/// Defects by code, process, worker, equipment, severity, and lot of parts.
#[utoipa::path(
    get, path = "/api/v1/analytics/defects",
    operation_id = "analytics_defects", tag = "production", params(Scope, Span),
    responses((status = 200, description = "The figures.", body = DefectAnalysis), NotFoundError, AnyError)
)]
pub(crate) async fn defects(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<DefectAnalysis>, Problem> {
    let query = scope.query(&app, &span).await?;
    let found = app.plant.production().defect_figures(&query).await?;
    Ok(JsonBody(DefectAnalysis {
        total: found.total,
        by_code: bars(found.by_code),
        by_process: bars(found.by_process),
        by_operator: bars(found.by_operator),
        by_equipment: bars(found.by_equipment),
        by_severity: bars(found.by_severity),
        by_component_lot: found.by_component_lot.into_iter().map(Into::into).collect(),
    }))
}

/// Defects by production day; 30 days when the request does not say.
#[utoipa::path(
    get, path = "/api/v1/analytics/defect-trends",
    operation_id = "analytics_defect_trends", tag = "production", params(Scope, Span),
    responses((status = 200, description = "One entry for each day.", body = Vec<DefectDay>), NotFoundError, AnyError)
)]
pub(crate) async fn defect_trends(
    State(app): State<App>,
    Query(scope): Query<Scope>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<DefectDay>>, Problem> {
    let trend = trend(&app, scope.query(&app, &span).await?)?;
    let days = app.plant.production().defect_days(&trend).await?.into_iter();
    let day = |(date, by_code): (PlantDate, BTreeMap<String, i64>)| DefectDay {
        date,
        defects: by_code.values().sum(),
        by_code,
    };
    Ok(JsonBody(days.map(day).collect()))
}
