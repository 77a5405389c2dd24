//! Product models.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{ModelStatus, ProductModel, ProductModelId, ProductModelSpec};
use sqlx::types::Json;

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "product_model";

const SELECT: &str = "SELECT id, model_code, model_name, version, description, category, production_cycle_days, \
     CAST(specifications AS TEXT) AS specifications, CAST(bom_data AS TEXT) AS bom_data, status, created_at, \
     updated_at FROM product_model";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    model_code: String,
    model_name: String,
    version: Option<String>,
    description: Option<String>,
    category: Option<String>,
    production_cycle_days: Option<i64>,
    specifications: String,
    bom_data: String,
    status: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for ProductModel {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let status = ModelStatus::from_word(&row.status).ok_or_else(|| {
            StoreError::row(TABLE, "status", row.id, format!("`{}` is no status", row.status))
        })?;
        let spec = ProductModelSpec {
            model_code: row.model_code,
            model_name: row.model_name,
            version: row.version,
            description: row.description,
            category: row.category,
            production_cycle_days: row.production_cycle_days,
            specifications: text::from_json(TABLE, "specifications", row.id, &row.specifications)?,
            bom_data: text::from_json(TABLE, "bom_data", row.id, &row.bom_data)?,
            status,
        };
        Ok(Self {
            id: ProductModelId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Which product models are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductModelQuery {
    /// That are made now, or not.
    pub is_active: Option<bool>,
    /// Of this status.
    pub status: Option<ModelStatus>,
    /// Of this category.
    pub category: Option<String>,
}

/// Registers a product model.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken; the transaction is then usable as before.
pub async fn product_model_insert(
    tx: &mut Tx,
    spec: &ProductModelSpec,
    now: Timestamp,
) -> Result<ProductModel, StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "INSERT INTO product_model (model_code, model_name, version, description, category, \
               production_cycle_days, specifications, bom_data, status, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (model_code) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "product_model_insert",
        (i64,),
        sql,
        spec.model_code.as_str(),
        spec.model_name.as_str(),
        spec.version.as_deref(),
        spec.description.as_deref(),
        spec.category.as_deref(),
        spec.production_cycle_days,
        Json(&spec.specifications),
        Json(&spec.bom_data),
        spec.status.as_str(),
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("product model {}", spec.model_code) });
    };
    Ok(ProductModel { id: ProductModelId(*id), spec: spec.clone(), created_at: now, updated_at: now })
}

/// Changes a product model.
///
/// # Errors
/// [`StoreError::Missing`] when there is none, [`StoreError::Conflict`] when another one has the code.
pub async fn product_model_update(
    tx: &mut Tx,
    id: ProductModelId,
    spec: &ProductModelSpec,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "SELECT id FROM product_model WHERE model_code = $1 AND id <> $2";
    let taken = write_all!(tx, "product_model_update", (i64,), sql, spec.model_code.as_str(), id.0)?;
    catalog::free(&taken, || format!("product model {}", spec.model_code))?;
    let sql = "UPDATE product_model SET model_code = $2, model_name = $3, version = $4, description = $5, \
               category = $6, production_cycle_days = $7, specifications = $8, bom_data = $9, status = $10, \
               updated_at = $11 WHERE id = $1";
    let changed = write_exec!(
        tx,
        "product_model_update",
        sql,
        id.0,
        spec.model_code.as_str(),
        spec.model_name.as_str(),
        spec.version.as_deref(),
        spec.description.as_deref(),
        spec.category.as_deref(),
        spec.production_cycle_days,
        Json(&spec.specifications),
        Json(&spec.bom_data),
        spec.status.as_str(),
        now.us(),
    )?;
    catalog::present(changed, || format!("product model {id}"))
}

/// Removes a product model.
///
/// # Errors
/// [`StoreError::InUse`] when lots or targets name it, [`StoreError::Missing`] when there is none.
pub async fn product_model_delete(tx: &mut Tx, id: ProductModelId) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM lot WHERE product_model_id = $1) THEN 'lots' \
               WHEN EXISTS (SELECT 1 FROM target WHERE product_model_id = $1) THEN 'targets' END";
    let used = write_all!(tx, "product_model_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("product model {id}"))?;
    let changed = write_exec!(tx, "product_model_delete", "DELETE FROM product_model WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("product model {id}"))
}

/// A product model as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn product_model_read(tx: &mut Tx, id: ProductModelId) -> Result<Option<ProductModel>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::tx_rows::<Row>(tx, "product_model_read", SELECT, &filter, "").await?)
}

/// The product model with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn product_model_find(db: &Db, id: ProductModelId) -> Result<Option<ProductModel>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::rows::<Row>(db, "product_model_find", SELECT, &filter, "").await?)
}

/// The product model with that code.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn product_model_find_code(db: &Db, code: &str) -> Result<Option<ProductModel>, StoreError> {
    let filter = Filter::default().and("model_code = ?", code);
    catalog::first(listing::rows::<Row>(db, "product_model_find_code", SELECT, &filter, "").await?)
}

/// The product models that `query` asks for, in the order of their ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn product_model_list(
    db: &Db,
    query: &ProductModelQuery,
    slice: Slice,
) -> Result<Page<ProductModel>, StoreError> {
    let filter = Filter::default()
        .maybe("(status = 'ACTIVE') = ?", query.is_active)
        .maybe("status = ?", query.status.map(ModelStatus::as_str))
        .maybe("category = ?", query.category.as_deref());
    listing::page::<Row, _>(db, "product_model_list", (SELECT, TABLE), &filter, "id", slice).await
}
