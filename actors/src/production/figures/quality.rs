//! How good the work is: yields, capability, defects.

use std::collections::BTreeMap;

use nightshift_domain::production::{
    Capability, Measure, ParetoBar, PlantDate, Process, Sample, capability, first_pass_yield, pareto,
    rolled_throughput_yield,
};
use nightshift_store::production::{
    ComponentFigures, Dimension, FigureKey, FigureQuery, LotFigures, MeasureFigures, MeasureQuery,
    SerialFigures, component_figures, defect_figures, lot_figures, measure_figures, serial_figures,
};

use super::super::Production;
use super::super::error::ProductionError;
use super::{Trend, lots_of, whole};

/// Lots of parts that are listed at most, those with most defects first.
const COMPONENTS_MAX: u32 = 50;

/// How good the work is.
#[derive(Debug, Clone, PartialEq)]
pub struct QualityFigures {
    /// Units.
    pub units: SerialFigures,
    /// First attempts that passed, in percent of first attempts that ended, over all processes.
    pub first_pass_yield: Option<f64>,
    /// The product of the processes' first-pass yields, percent.
    pub rolled_throughput_yield: Option<f64>,
    /// The yield of each process, in the order of the line.
    pub processes: Vec<ProcessYield>,
    /// Defects by code, the most frequent first.
    pub defects: Vec<ParetoBar>,
    /// How well measured values keep within their limits.
    pub capability: Vec<MeasuredCapability>,
}

/// The yield of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessYield {
    /// The process.
    pub process: Process,
    /// First attempts that ended.
    pub first_completed: i64,
    /// First attempts that passed.
    pub first_passed: i64,
    /// Their share, percent.
    pub first_pass_yield: Option<f64>,
}

/// A measured value against its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredCapability {
    /// The process that measures.
    pub process: Process,
    /// What was measured.
    pub measured: MeasureFigures,
    /// The standard deviation of the sample.
    pub sigma: Option<f64>,
    /// The lower specification limit.
    pub lower: Option<f64>,
    /// The upper specification limit.
    pub upper: Option<f64>,
    /// Cp and Cpk, where there is spread.
    pub capability: Option<Capability>,
}

/// Defects by what they have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct DefectBars {
    /// Defects.
    pub total: i64,
    /// By code.
    pub by_code: Vec<ParetoBar>,
    /// By process, as its code.
    pub by_process: Vec<ParetoBar>,
    /// By worker, as the user's number.
    pub by_operator: Vec<ParetoBar>,
    /// By equipment, as its number.
    pub by_equipment: Vec<ParetoBar>,
    /// By severity.
    pub by_severity: Vec<ParetoBar>,
    /// Lots of parts, those with most defects first.
    pub by_component_lot: Vec<ComponentDefects>,
}

/// Defects found on units that hold a part of a lot.
pub type ComponentDefects = ComponentFigures;

fn bars(rows: Vec<(FigureKey, i64)>, name: impl Fn(FigureKey) -> Option<String>) -> Vec<ParetoBar> {
    pareto(rows.into_iter().filter_map(|(key, n)| Some((name(key)?, n))))
}

impl Production {
    /// Lots and units of the plant, or of what `query` is about.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lot_figures(&self, query: &FigureQuery) -> Result<LotFigures, ProductionError> {
        Ok(lot_figures(&self.shared.db, &lots_of(query)).await?)
    }

    /// Yields, the Pareto of defects, and process capability.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn quality_figures(&self, query: &FigureQuery) -> Result<QualityFigures, ProductionError> {
        let db = &self.shared.db;
        let units = whole(serial_figures(db, query, &[]).await?);
        let codes = defect_figures(db, query, &[Dimension::Code]).await?;
        let processes: Vec<ProcessYield> = self
            .process_figures(query)
            .await?
            .into_iter()
            .map(|(process, sums)| ProcessYield {
                process,
                first_completed: sums.first_completed,
                first_passed: sums.first_passed,
                first_pass_yield: first_pass_yield(sums.first_passed, sums.first_completed),
            })
            .collect();
        let yields: Vec<Option<f64>> = processes.iter().map(|process| process.first_pass_yield).collect();
        let passed = processes.iter().map(|process| process.first_passed).sum();
        let ended = processes.iter().map(|process| process.first_completed).sum();
        Ok(QualityFigures {
            units,
            first_pass_yield: first_pass_yield(passed, ended),
            rolled_throughput_yield: rolled_throughput_yield(&yields),
            defects: bars(codes, |key| key.code),
            capability: self.capabilities(query).await?,
            processes,
        })
    }

    /// Measured values with the limits that the schemas of their processes give.
    async fn capabilities(&self, query: &FigureQuery) -> Result<Vec<MeasuredCapability>, ProductionError> {
        let measured = MeasureQuery {
            from: query.from,
            to: query.to,
            process_id: query.process_id,
            product_model_id: query.product_model_id,
        };
        let line_up = self.shared.line_up();
        let found = measure_figures(&self.shared.db, &measured).await?;
        let of = |measured: MeasureFigures| {
            let step = line_up.get(measured.process_id).filter(|step| step.process.spec.is_active)?;
            let known: Option<&Measure> = step.schema.measures().iter().find(|m| m.name == measured.name);
            let (lower, upper) = known.map_or((None, None), |measure| (measure.lower, measure.upper));
            let sample = Sample { n: measured.n, mean: measured.mean, squares: measured.squares };
            Some(MeasuredCapability {
                process: step.process.clone(),
                sigma: sample.sigma(),
                lower,
                upper,
                capability: capability(&sample, lower, upper),
                measured,
            })
        };
        Ok(found.into_iter().filter_map(of).collect())
    }

    /// Defects by code, process, worker, equipment, severity, and lot of parts.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn defect_figures(&self, query: &FigureQuery) -> Result<DefectBars, ProductionError> {
        let db = &self.shared.db;
        let by = async |dimension| defect_figures(db, query, &[dimension]).await;
        let line = self.active_processes();
        let code_of = |key: FigureKey| {
            let process = line.iter().find(|process| Some(process.id) == key.process_id)?;
            Some(process.spec.process_code.clone())
        };
        Ok(DefectBars {
            total: whole(defect_figures(db, query, &[]).await?),
            by_code: bars(by(Dimension::Code).await?, |key| key.code),
            by_process: bars(by(Dimension::Process).await?, code_of),
            by_operator: bars(by(Dimension::Operator).await?, |key| key.operator_id.map(|id| id.to_string())),
            by_equipment: bars(by(Dimension::Equipment).await?, |key| {
                key.equipment_id.map(|id| id.to_string())
            }),
            by_severity: bars(by(Dimension::Severity).await?, |key| key.severity),
            by_component_lot: component_figures(db, query.from, query.to, COMPONENTS_MAX).await?,
        })
    }

    /// Defects of every day of a trend, by code.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn defect_days(
        &self,
        trend: &Trend,
    ) -> Result<Vec<(PlantDate, BTreeMap<String, i64>)>, ProductionError> {
        let by = [Dimension::Day, Dimension::Code];
        let mut days: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for (key, n) in defect_figures(&self.shared.db, &trend.query, &by).await? {
            if let (Some(day), Some(code)) = (key.day, key.code) {
                *days.entry(day).or_default().entry(code).or_default() += n;
            }
        }
        let of = |date: &PlantDate| (*date, days.remove(&date.to_string()).unwrap_or_default());
        Ok(trend.days.iter().map(of).collect())
    }
}
