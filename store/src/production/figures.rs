//! Figures: sums of what is kept per day, over any span and by any of its dimensions. Formulas are the domain's.

use nightshift_domain::production::{
    DataLevel, EquipmentId, LineId, OperatorId, PlantDate, ProcessId, ProductModelId,
};

use crate::listing::{self, Filter};
use crate::{Db, StoreError};

/// Which figures are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureQuery {
    /// From this production day.
    pub from: Option<PlantDate>,
    /// To this production day, which is included.
    pub to: Option<PlantDate>,
    /// Of this process.
    pub process_id: Option<ProcessId>,
    /// Of this model.
    pub product_model_id: Option<ProductModelId>,
    /// Of this line.
    pub production_line_id: Option<LineId>,
    /// Of this worker.
    pub operator_id: Option<OperatorId>,
    /// Of this equipment.
    pub equipment_id: Option<EquipmentId>,
    /// About units, or about lots.
    pub data_level: Option<DataLevel>,
}

/// What figures are given by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The production day.
    Day,
    /// The process.
    Process,
    /// The product model.
    Model,
    /// The production line.
    Line,
    /// The worker.
    Operator,
    /// The equipment.
    Equipment,
    /// The code of a defect.
    Code,
    /// The severity of a defect.
    Severity,
}

/// What a row of figures is about. What they are not given by is absent; a line or equipment that is none, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FigureKey {
    /// The production day, `YYYY-MM-DD`.
    pub day: Option<String>,
    /// The process.
    pub process_id: Option<ProcessId>,
    /// The model.
    pub product_model_id: Option<ProductModelId>,
    /// The line.
    pub production_line_id: Option<LineId>,
    /// The worker.
    pub operator_id: Option<OperatorId>,
    /// The equipment.
    pub equipment_id: Option<EquipmentId>,
    /// The code of the defect.
    pub code: Option<String>,
    /// The severity of the defect.
    pub severity: Option<String>,
}

/// Sums over runs. Those of a day are its starts and its completions, which need not be the same runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunFigures {
    /// Runs started.
    pub started: i64,
    /// Runs that passed.
    pub passed: i64,
    /// Runs that failed.
    pub failed: i64,
    /// Runs that ended with REWORK.
    pub reworked: i64,
    /// First attempts that ended.
    pub first_completed: i64,
    /// First attempts that passed.
    pub first_passed: i64,
    /// Time from start to completion of all runs that ended, microseconds.
    pub duration_us: i64,
    /// The shortest one.
    pub duration_us_min: Option<i64>,
    /// The longest one.
    pub duration_us_max: Option<i64>,
}

impl RunFigures {
    /// Runs that ended.
    #[must_use]
    pub fn completed(&self) -> i64 {
        self.passed + self.failed + self.reworked
    }
}

/// Sums over units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SerialFigures {
    /// Units made.
    pub created: i64,
    /// Units on which work began.
    pub started: i64,
    /// Units that passed.
    pub passed: i64,
    /// Times that a unit failed.
    pub failed: i64,
    /// Units that failed for good.
    pub scrapped: i64,
    /// Reworks approved.
    pub reworked: i64,
    /// Units that passed without rework.
    pub first_passed: i64,
}

/// Uses of a lot of parts, and defects found on units that hold one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentFigures {
    /// What the part is.
    pub kind: String,
    /// The number of its lot.
    pub component_lot: String,
    /// Times that a part of the lot was built in.
    pub used: i64,
    /// Defects found on units that hold one.
    pub defects: i64,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    day: Option<String>,
    process_id: Option<i64>,
    product_model_id: Option<i64>,
    production_line_id: Option<i64>,
    operator_id: Option<i64>,
    equipment_id: Option<i64>,
    code: Option<String>,
    severity: Option<String>,
}

impl From<KeyRow> for FigureKey {
    fn from(row: KeyRow) -> Self {
        let some = |id: Option<i64>| id.filter(|id| *id != 0);
        Self {
            day: row.day,
            process_id: row.process_id.map(ProcessId),
            product_model_id: row.product_model_id.map(ProductModelId),
            production_line_id: some(row.production_line_id).map(LineId),
            operator_id: row.operator_id.map(OperatorId),
            equipment_id: some(row.equipment_id).map(EquipmentId),
            code: row.code,
            severity: row.severity,
        }
    }
}

impl Dimension {
    const ALL: [(Self, &'static str, bool); 8] = [
        (Self::Day, "day", true),
        (Self::Process, "process_id", false),
        (Self::Model, "product_model_id", false),
        (Self::Line, "production_line_id", false),
        (Self::Operator, "operator_id", false),
        (Self::Equipment, "equipment_id", false),
        (Self::Code, "code", true),
        (Self::Severity, "severity", true),
    ];
}

/// The columns of a [`KeyRow`], and the clause that groups and orders by those that are asked for and that `table` has.
fn grouping(by: &[Dimension], has: &[Dimension]) -> (String, String) {
    let mut columns = Vec::new();
    let mut groups = Vec::new();
    for (dimension, column, is_text) in Dimension::ALL {
        if by.contains(&dimension) && has.contains(&dimension) {
            columns.push(column.to_owned());
            groups.push(column);
        } else {
            let kind = if is_text { "TEXT" } else { "BIGINT" };
            columns.push(format!("CAST(NULL AS {kind}) AS {column}"));
        }
    }
    let list = groups.join(", ");
    let rest = if groups.is_empty() { String::new() } else { format!("GROUP BY {list} ORDER BY {list}") };
    (columns.join(", "), rest)
}

impl FigureQuery {
    fn days(&self) -> Filter {
        Filter::default()
            .maybe("day >= ?", self.from.map(|d| d.to_string()))
            .maybe("day <= ?", self.to.map(|d| d.to_string()))
    }

    fn places(&self, filter: Filter) -> Filter {
        filter
            .maybe("product_model_id = ?", self.product_model_id.map(|id| id.0))
            .maybe("production_line_id = ?", self.production_line_id.map(|id| id.0))
    }

    fn work(&self, filter: Filter) -> Filter {
        self.places(filter)
            .maybe("process_id = ?", self.process_id.map(|id| id.0))
            .maybe("operator_id = ?", self.operator_id.map(|id| id.0))
            .maybe("equipment_id = ?", self.equipment_id.map(|id| id.0))
    }
}

#[derive(sqlx::FromRow)]
struct RunFiguresRow {
    #[sqlx(flatten)]
    key: KeyRow,
    started: i64,
    passed: i64,
    failed: i64,
    reworked: i64,
    first_completed: i64,
    first_passed: i64,
    duration_us: i64,
    duration_us_min: Option<i64>,
    duration_us_max: Option<i64>,
}

/// Sums over runs, by any of day, process, model, line, worker and equipment, in that order. Without a dimension it is
/// one row.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn run_figures(
    db: &Db,
    query: &FigureQuery,
    by: &[Dimension],
) -> Result<Vec<(FigureKey, RunFigures)>, StoreError> {
    use Dimension::{Day, Equipment, Line, Model, Operator, Process};
    let (columns, rest) = grouping(by, &[Day, Process, Model, Line, Operator, Equipment]);
    let sums: String =
        ["started", "passed", "failed", "reworked", "first_completed", "first_passed", "duration_us"]
            .map(|c| format!(", CAST(COALESCE(sum({c}), 0) AS BIGINT) AS {c}"))
            .concat();
    let select = format!(
        "SELECT {columns}{sums}, min(duration_us_min) AS duration_us_min, max(duration_us_max) AS duration_us_max \
         FROM run_day"
    );
    let filter = query.work(query.days()).maybe("data_level = ?", query.data_level.map(DataLevel::as_str));
    let rows: Vec<RunFiguresRow> = listing::rows(db, "run_figures", &select, &filter, &rest).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let figures = RunFigures {
                started: row.started,
                passed: row.passed,
                failed: row.failed,
                reworked: row.reworked,
                first_completed: row.first_completed,
                first_passed: row.first_passed,
                duration_us: row.duration_us,
                duration_us_min: row.duration_us_min,
                duration_us_max: row.duration_us_max,
            };
            (row.key.into(), figures)
        })
        .collect())
}

#[derive(sqlx::FromRow)]
struct SerialFiguresRow {
    #[sqlx(flatten)]
    key: KeyRow,
    created: i64,
    started: i64,
    passed: i64,
    failed: i64,
    scrapped: i64,
    reworked: i64,
    first_passed: i64,
}

/// Sums over units, by any of day, model and line. Without a dimension it is one row.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn serial_figures(
    db: &Db,
    query: &FigureQuery,
    by: &[Dimension],
) -> Result<Vec<(FigureKey, SerialFigures)>, StoreError> {
    let (columns, rest) = grouping(by, &[Dimension::Day, Dimension::Model, Dimension::Line]);
    let sums: String = ["created", "started", "passed", "failed", "scrapped", "reworked", "first_passed"]
        .map(|c| format!(", CAST(COALESCE(sum({c}), 0) AS BIGINT) AS {c}"))
        .concat();
    let select = format!("SELECT {columns}{sums} FROM serial_day");
    let filter = query.places(query.days());
    let rows: Vec<SerialFiguresRow> = listing::rows(db, "serial_figures", &select, &filter, &rest).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let figures = SerialFigures {
                created: row.created,
                started: row.started,
                passed: row.passed,
                failed: row.failed,
                scrapped: row.scrapped,
                reworked: row.reworked,
                first_passed: row.first_passed,
            };
            (row.key.into(), figures)
        })
        .collect())
}

#[derive(sqlx::FromRow)]
struct DefectFiguresRow {
    #[sqlx(flatten)]
    key: KeyRow,
    defects: i64,
}

/// Numbers of defects, by any of day, process, model, line, worker, equipment, code and severity. Without a dimension it
/// is one row.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn defect_figures(
    db: &Db,
    query: &FigureQuery,
    by: &[Dimension],
) -> Result<Vec<(FigureKey, i64)>, StoreError> {
    let (columns, rest) = grouping(by, &Dimension::ALL.map(|(dimension, _, _)| dimension));
    let select =
        format!("SELECT {columns}, CAST(COALESCE(sum(defects), 0) AS BIGINT) AS defects FROM defect_day");
    let filter = query.work(query.days());
    let rows: Vec<DefectFiguresRow> = listing::rows(db, "defect_figures", &select, &filter, &rest).await?;
    Ok(rows.into_iter().map(|row| (row.key.into(), row.defects)).collect())
}

/// Uses and defects of lots of parts in a span of days, those with most defects first; at most `limit`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn component_figures(
    db: &Db,
    from: Option<PlantDate>,
    to: Option<PlantDate>,
    limit: u32,
) -> Result<Vec<ComponentFigures>, StoreError> {
    let query = FigureQuery { from, to, ..FigureQuery::default() };
    let select = "SELECT kind, component_lot, CAST(sum(used) AS BIGINT), CAST(sum(defects) AS BIGINT) FROM component_day";
    let rest =
        format!("GROUP BY kind, component_lot ORDER BY 4 DESC, 3 DESC, kind, component_lot LIMIT {limit}");
    let rows: Vec<(String, String, i64, i64)> =
        listing::rows(db, "component_figures", select, &query.days(), &rest).await?;
    Ok(rows
        .into_iter()
        .map(|(kind, component_lot, used, defects)| ComponentFigures { kind, component_lot, used, defects })
        .collect())
}
