//! Measured values, and times of single runs: what process capability and percentiles are reckoned from.

use std::collections::BTreeMap;

use nightshift_domain::production::{PlantDate, ProcessId, ProductModelId};

use super::tally::Spread;
use crate::listing::{self, Filter};
use crate::{Db, StoreError};

/// Values of one kind that runs measured.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureFigures {
    /// The process that measured.
    pub process_id: ProcessId,
    /// What was measured.
    pub name: String,
    /// How many values.
    pub n: i64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared distances from the mean: the variance of a sample is this by `n - 1`.
    pub squares: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// Which values are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeasureQuery {
    /// From this production day.
    pub from: Option<PlantDate>,
    /// To this production day, which is included.
    pub to: Option<PlantDate>,
    /// Measured by this process.
    pub process_id: Option<ProcessId>,
    /// On units of this model.
    pub product_model_id: Option<ProductModelId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    process_id: i64,
    name: String,
    n: i64,
    mean: f64,
    squares: f64,
    low: f64,
    high: f64,
}

/// The values that `query` asks for, by process and kind, over all its days together.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn measure_figures(db: &Db, query: &MeasureQuery) -> Result<Vec<MeasureFigures>, StoreError> {
    let filter = Filter::default()
        .maybe("day >= ?", query.from.map(|d| d.to_string()))
        .maybe("day <= ?", query.to.map(|d| d.to_string()))
        .maybe("process_id = ?", query.process_id.map(|id| id.0))
        .maybe("product_model_id = ?", query.product_model_id.map(|id| id.0));
    let select = "SELECT process_id, name, n, mean, squares, low, high FROM measure_day";
    let rest = "ORDER BY process_id, name, day, product_model_id";
    let rows: Vec<Row> = listing::rows(db, "measure_figures", select, &filter, rest).await?;
    let mut sums: BTreeMap<(i64, String), Spread> = BTreeMap::new();
    for row in rows {
        let day = Spread { n: row.n, mean: row.mean, squares: row.squares, low: row.low, high: row.high };
        sums.entry((row.process_id, row.name)).and_modify(|sum| *sum = sum.and(day)).or_insert(day);
    }
    Ok(sums
        .into_iter()
        .map(|((process_id, name), s)| MeasureFigures {
            process_id: ProcessId(process_id),
            name,
            n: s.n,
            mean: s.mean,
            squares: s.squares,
            low: s.low,
            high: s.high,
        })
        .collect())
}

/// Times from start to completion of the newest runs of a process that ended, microseconds, newest first: of at most the
/// `limit` newest runs.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn durations_recent(db: &Db, process_id: ProcessId, limit: u32) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT completed_at - started_at FROM (SELECT started_at, completed_at FROM process_run \
               WHERE process_id = $1 ORDER BY id DESC LIMIT $2) AS newest WHERE completed_at IS NOT NULL";
    let rows = read_all!(db, "durations_recent", (i64,), sql, process_id.0, i64::from(limit))?;
    Ok(rows.into_iter().map(|(us,)| us).collect())
}
