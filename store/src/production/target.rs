//! Targets: what a day is to bring, and what it brought.

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::TargetProgress;
use nightshift_domain::production::{LineId, PlantDate, ProductModelId, Target, TargetId, TargetSpec};

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx};

const TABLE: &str = "target";

const SELECT: &str =
    "SELECT id, day, production_line_id, product_model_id, quantity, created_at, updated_at FROM target";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    day: String,
    production_line_id: Option<i64>,
    product_model_id: Option<i64>,
    quantity: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Target {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let spec = TargetSpec {
            date: row.day.parse().map_err(|e| StoreError::row(TABLE, "day", row.id, e))?,
            production_line_id: row.production_line_id.map(LineId),
            product_model_id: row.product_model_id.map(ProductModelId),
            quantity: row.quantity,
        };
        Ok(Self {
            id: TargetId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Sets a target, in place of the one for the same day, line and model.
///
/// # Errors
/// [`StoreError::Missing`] when its line or model does not exist.
pub async fn target_set(tx: &mut Tx, spec: &TargetSpec, now: Timestamp) -> Result<Target, StoreError> {
    let (line, model) = (spec.production_line_id.map(|id| id.0), spec.product_model_id.map(|id| id.0));
    let sql = "SELECT CASE WHEN CAST($1 AS BIGINT) IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM production_line WHERE id = $1) THEN 'production line' \
               WHEN CAST($2 AS BIGINT) IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM product_model WHERE id = $2) THEN 'product model' END";
    let missing = write_all!(tx, "target_set", (Option<String>,), sql, line, model)?;
    if let Some((Some(what),)) = missing.into_iter().next() {
        let id = if what == "production line" { line } else { model };
        return Err(StoreError::Missing { what: format!("{what} {}", id.unwrap_or(0)) });
    }
    let sql = "INSERT INTO target (day, production_line_id, product_model_id, quantity, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $5) \
               ON CONFLICT (day, COALESCE(production_line_id, 0), COALESCE(product_model_id, 0)) \
               DO UPDATE SET quantity = excluded.quantity, updated_at = excluded.updated_at \
               RETURNING id, created_at";
    let rows = write_all!(
        tx,
        "target_set",
        (i64, i64),
        sql,
        spec.date.to_string(),
        line,
        model,
        spec.quantity,
        now.us()
    )?;
    let (id, created_at) = *rows.first().expect("an upsert gives its row");
    let created_at = Timestamp::from_us(created_at);
    Ok(Target { id: TargetId(id), spec: spec.clone(), created_at, updated_at: now })
}

/// Removes a target.
///
/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn target_delete(tx: &mut Tx, id: TargetId) -> Result<(), StoreError> {
    let changed = write_exec!(tx, "target_delete", "DELETE FROM target WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("target {id}"))
}

/// The target with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn target_find(db: &Db, id: TargetId) -> Result<Option<Target>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::rows::<Row>(db, "target_find", SELECT, &filter, "").await?)
}

/// The targets of a day, or of all days, newest day first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn target_list(db: &Db, day: Option<PlantDate>, slice: Slice) -> Result<Page<Target>, StoreError> {
    let filter = Filter::default().maybe("day = ?", day.map(|d| d.to_string()));
    listing::page::<Row, _>(db, "target_list", (SELECT, TABLE), &filter, "day DESC, id", slice).await
}

#[derive(sqlx::FromRow)]
struct ProgressRow {
    line_id: Option<i64>,
    line_name: Option<String>,
    model_id: Option<i64>,
    model_name: Option<String>,
    quantity: i64,
    passed: i64,
}

/// The targets of a day with what was made of them.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn target_progress(db: &Db, day: PlantDate) -> Result<Vec<TargetProgress>, StoreError> {
    let sql = "SELECT t.production_line_id AS line_id, p.line_name, t.product_model_id AS model_id, m.model_name, \
               t.quantity, CAST(COALESCE((SELECT sum(d.passed) FROM serial_day d WHERE d.day = t.day \
               AND (t.production_line_id IS NULL OR d.production_line_id = t.production_line_id) \
               AND (t.product_model_id IS NULL OR d.product_model_id = t.product_model_id)), 0) AS BIGINT) AS passed \
               FROM target t LEFT JOIN production_line p ON p.id = t.production_line_id \
               LEFT JOIN product_model m ON m.id = t.product_model_id WHERE t.day = $1 ORDER BY t.id";
    let rows = read_all!(db, "target_progress", ProgressRow, sql, day.to_string())?;
    Ok(rows
        .into_iter()
        .map(|row| TargetProgress {
            date: day,
            line: row.line_id.map(LineId).zip(row.line_name),
            model: row.model_id.map(ProductModelId).zip(row.model_name),
            target: row.quantity,
            passed: row.passed,
        })
        .collect())
}
