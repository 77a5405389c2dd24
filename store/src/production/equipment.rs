//! Equipment: machines of a line.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Equipment, EquipmentId, EquipmentSpec, LineId, PlantDate, ProcessId};

use super::catalog;
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "equipment";

const SELECT: &str = "SELECT id, equipment_code, equipment_name, equipment_type, process_id, production_line_id, \
     manufacturer, model_number, serial_number, last_maintenance_date, next_maintenance_date, \
     maintenance_interval_days, is_active, created_at, updated_at FROM equipment";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    equipment_code: String,
    equipment_name: String,
    equipment_type: Option<String>,
    process_id: Option<i64>,
    production_line_id: Option<i64>,
    manufacturer: Option<String>,
    model_number: Option<String>,
    serial_number: Option<String>,
    last_maintenance_date: Option<String>,
    next_maintenance_date: Option<String>,
    maintenance_interval_days: Option<i64>,
    is_active: bool,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Equipment {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let date = |column: &'static str, text: Option<String>| {
            text.map(|t| t.parse::<PlantDate>().map_err(|e| StoreError::row(TABLE, column, row.id, e)))
                .transpose()
        };
        let spec = EquipmentSpec {
            equipment_code: row.equipment_code,
            equipment_name: row.equipment_name,
            equipment_type: row.equipment_type,
            process_id: row.process_id.map(ProcessId),
            production_line_id: row.production_line_id.map(LineId),
            manufacturer: row.manufacturer,
            model_number: row.model_number,
            serial_number: row.serial_number,
            last_maintenance_date: date("last_maintenance_date", row.last_maintenance_date)?,
            next_maintenance_date: date("next_maintenance_date", row.next_maintenance_date)?,
            maintenance_interval_days: row.maintenance_interval_days,
            is_active: row.is_active,
        };
        Ok(Self {
            id: EquipmentId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Which equipment is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EquipmentQuery {
    /// That may be used, or not.
    pub is_active: Option<bool>,
    /// Of this kind.
    pub equipment_type: Option<String>,
    /// That serves this process.
    pub process_id: Option<ProcessId>,
    /// That stands in this line.
    pub production_line_id: Option<LineId>,
    /// Whose maintenance is due on this date or before.
    pub due_by: Option<PlantDate>,
}

/// Registers equipment.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken; [`StoreError::Missing`] when its process or line does not exist. The
/// transaction is then usable as before.
pub async fn equipment_insert(
    tx: &mut Tx,
    spec: &EquipmentSpec,
    now: Timestamp,
) -> Result<Equipment, StoreError> {
    text::check_all(TABLE, spec)?;
    check_references(tx, spec).await?;
    let sql = "INSERT INTO equipment (equipment_code, equipment_name, equipment_type, process_id, \
               production_line_id, manufacturer, model_number, serial_number, last_maintenance_date, \
               next_maintenance_date, maintenance_interval_days, maintenance_due, is_active, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
               ON CONFLICT (equipment_code) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "equipment_insert",
        (i64,),
        sql,
        spec.equipment_code.as_str(),
        spec.equipment_name.as_str(),
        spec.equipment_type.as_deref(),
        spec.process_id.map(|id| id.0),
        spec.production_line_id.map(|id| id.0),
        spec.manufacturer.as_deref(),
        spec.model_number.as_deref(),
        spec.serial_number.as_deref(),
        spec.last_maintenance_date.map(|d| d.to_string()),
        spec.next_maintenance_date.map(|d| d.to_string()),
        spec.maintenance_interval_days,
        spec.maintenance_due().map(|d| d.to_string()),
        spec.is_active,
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("equipment {}", spec.equipment_code) });
    };
    Ok(Equipment { id: EquipmentId(*id), spec: spec.clone(), created_at: now, updated_at: now })
}

/// Changes equipment.
///
/// # Errors
/// [`StoreError::Missing`] when it, its process or its line does not exist, [`StoreError::Conflict`] when another one has
/// the code.
pub async fn equipment_update(
    tx: &mut Tx,
    id: EquipmentId,
    spec: &EquipmentSpec,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "SELECT id FROM equipment WHERE equipment_code = $1 AND id <> $2";
    let taken = write_all!(tx, "equipment_update", (i64,), sql, spec.equipment_code.as_str(), id.0)?;
    catalog::free(&taken, || format!("equipment {}", spec.equipment_code))?;
    check_references(tx, spec).await?;
    let sql = "UPDATE equipment SET equipment_code = $2, equipment_name = $3, equipment_type = $4, process_id = $5, \
               production_line_id = $6, manufacturer = $7, model_number = $8, serial_number = $9, \
               last_maintenance_date = $10, next_maintenance_date = $11, maintenance_interval_days = $12, \
               maintenance_due = $13, is_active = $14, updated_at = $15 WHERE id = $1";
    let changed = write_exec!(
        tx,
        "equipment_update",
        sql,
        id.0,
        spec.equipment_code.as_str(),
        spec.equipment_name.as_str(),
        spec.equipment_type.as_deref(),
        spec.process_id.map(|id| id.0),
        spec.production_line_id.map(|id| id.0),
        spec.manufacturer.as_deref(),
        spec.model_number.as_deref(),
        spec.serial_number.as_deref(),
        spec.last_maintenance_date.map(|d| d.to_string()),
        spec.next_maintenance_date.map(|d| d.to_string()),
        spec.maintenance_interval_days,
        spec.maintenance_due().map(|d| d.to_string()),
        spec.is_active,
        now.us(),
    )?;
    catalog::present(changed, || format!("equipment {id}"))
}

/// What the foreign keys would refuse, told by name.
async fn check_references(tx: &mut Tx, spec: &EquipmentSpec) -> Result<(), StoreError> {
    if let Some(process) = spec.process_id {
        let found = write_all!(tx, "equipment", (i64,), "SELECT id FROM process WHERE id = $1", process.0)?;
        catalog::present(found.len() as u64, || format!("process {process}"))?;
    }
    if let Some(line) = spec.production_line_id {
        let found =
            write_all!(tx, "equipment", (i64,), "SELECT id FROM production_line WHERE id = $1", line.0)?;
        catalog::present(found.len() as u64, || format!("production line {line}"))?;
    }
    Ok(())
}

/// Removes equipment.
///
/// # Errors
/// [`StoreError::InUse`] when process runs or holds name it, [`StoreError::Missing`] when there is none.
pub async fn equipment_delete(tx: &mut Tx, id: EquipmentId) -> Result<(), StoreError> {
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM process_run WHERE equipment_id = $1) THEN 'process runs' \
               WHEN EXISTS (SELECT 1 FROM hold WHERE equipment_id = $1) THEN 'holds' END";
    let used = write_all!(tx, "equipment_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("equipment {id}"))?;
    let changed = write_exec!(tx, "equipment_delete", "DELETE FROM equipment WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("equipment {id}"))
}

/// Equipment as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn equipment_read(tx: &mut Tx, id: EquipmentId) -> Result<Option<Equipment>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::tx_rows::<Row>(tx, "equipment_read", SELECT, &filter, "").await?)
}

/// Equipment as the unit sees it, by code; what does not exist is left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn equipment_read_codes(tx: &mut Tx, codes: &[&str]) -> Result<Vec<Equipment>, StoreError> {
    let filter = Filter::default().among_texts(tx.engine(), "equipment_code", codes.iter().copied());
    catalog::all(listing::tx_rows::<Row>(tx, "equipment_read_codes", SELECT, &filter, "").await?)
}

/// The equipment with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn equipment_find(db: &Db, id: EquipmentId) -> Result<Option<Equipment>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    catalog::first(listing::rows::<Row>(db, "equipment_find", SELECT, &filter, "").await?)
}

/// The equipment with that code.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn equipment_find_code(db: &Db, code: &str) -> Result<Option<Equipment>, StoreError> {
    let filter = Filter::default().and("equipment_code = ?", code);
    catalog::first(listing::rows::<Row>(db, "equipment_find_code", SELECT, &filter, "").await?)
}

/// The equipment that `query` asks for, in the order of its ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn equipment_list(
    db: &Db,
    query: &EquipmentQuery,
    slice: Slice,
) -> Result<Page<Equipment>, StoreError> {
    let filter = Filter::default()
        .maybe("is_active = ?", query.is_active)
        .maybe("equipment_type = ?", query.equipment_type.as_deref())
        .maybe("process_id = ?", query.process_id.map(|id| id.0))
        .maybe("production_line_id = ?", query.production_line_id.map(|id| id.0))
        .maybe("maintenance_due IS NOT NULL AND maintenance_due <= ?", query.due_by.map(|d| d.to_string()));
    let order = if query.due_by.is_some() { "maintenance_due, id" } else { "id" };
    listing::page::<Row, _>(db, "equipment_list", (SELECT, TABLE), &filter, order, slice).await
}
