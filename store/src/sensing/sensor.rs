//! Registrations of sensors.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Sensor, SensorId, SensorKey, SensorSpec, Source};
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

/// Sensors read at once when all are read.
const PAGE_ROWS: i64 = 10_000;

#[derive(sqlx::FromRow)]
pub(super) struct SensorRow {
    key: i64,
    spec: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<SensorRow> for Sensor {
    type Error = StoreError;

    fn try_from(row: SensorRow) -> Result<Self, StoreError> {
        Ok(Self {
            key: SensorKey(row.key),
            spec: text::from_json("sensor", "spec", row.key, &row.spec)?,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A page of sensors, in the order of their ids.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorPage {
    /// The sensors.
    pub sensors: Vec<Sensor>,
    /// Sensors registered in all.
    pub total: u64,
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Push => "push",
        Source::Vendor => "vendor",
    }
}

/// Registers a sensor.
///
/// # Errors
/// [`StoreError::Conflict`] when the id is taken; the transaction is then usable as before.
pub async fn sensor_insert(tx: &mut Tx, spec: &SensorSpec, now: Timestamp) -> Result<Sensor, StoreError> {
    let json = text::to_json("sensor.spec", spec)?;
    let sql = "INSERT INTO sensor \
               (sensor_id, spec, interval_s, retention_days, source, enabled, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7) \
               ON CONFLICT (sensor_id) WHERE removed_at IS NULL DO NOTHING RETURNING key";
    let rows = write_all!(
        tx,
        "sensor_insert",
        (i64,),
        sql,
        spec.sensor_id.as_str(),
        Json(&json),
        i64::from(spec.interval_s),
        i64::from(spec.retention_days),
        source_word(spec.source),
        spec.enabled,
        now.us(),
    )?;
    let Some((key,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("sensor {}", spec.sensor_id) });
    };
    Ok(Sensor { key: SensorKey(*key), spec: spec.clone(), created_at: now, updated_at: now })
}

/// Changes a registration; its id stays what it is.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such sensor, or it was removed.
pub async fn sensor_update(
    tx: &mut Tx,
    key: SensorKey,
    spec: &SensorSpec,
    now: Timestamp,
) -> Result<(), StoreError> {
    let json = text::to_json("sensor.spec", spec)?;
    let sql = "UPDATE sensor SET spec = $2, interval_s = $3, retention_days = $4, source = $5, enabled = $6, \
               updated_at = $7 WHERE key = $1 AND removed_at IS NULL AND sensor_id = $8";
    let changed = write_exec!(
        tx,
        "sensor_update",
        sql,
        key.0,
        Json(&json),
        i64::from(spec.interval_s),
        i64::from(spec.retention_days),
        source_word(spec.source),
        spec.enabled,
        now.us(),
        spec.sensor_id.as_str(),
    )?;
    present(changed, key)
}

/// Removes a sensor. Its id is free again, its results stay, its readings are left to retention
/// ([`sensor_list_removed`], [`super::readings_expire`]).
///
/// # Errors
/// [`StoreError::Missing`] when there is no such sensor, or it was removed.
pub async fn sensor_remove(tx: &mut Tx, key: SensorKey, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE sensor SET removed_at = $2, updated_at = $2 WHERE key = $1 AND removed_at IS NULL";
    let changed = write_exec!(tx, "sensor_remove", sql, key.0, now.us())?;
    present(changed, key)?;
    write_exec!(tx, "sensor_remove", "DELETE FROM sensor_calibration WHERE sensor_key = $1", key.0)?;
    write_exec!(tx, "sensor_remove", "DELETE FROM sensor_window WHERE sensor_key = $1", key.0).map(|_| ())
}

fn present(changed: u64, key: SensorKey) -> Result<(), StoreError> {
    if changed == 0 {
        Err(StoreError::Missing { what: format!("sensor with key {}", key.0) })
    } else {
        Ok(())
    }
}

/// The sensor that has the id now.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sensor_find(db: &Db, sensor_id: &SensorId) -> Result<Option<Sensor>, StoreError> {
    let sql = "SELECT key, CAST(spec AS TEXT) AS spec, created_at, updated_at FROM sensor \
               WHERE sensor_id = $1 AND removed_at IS NULL";
    read_one!(db, "sensor_find", SensorRow, sql, sensor_id.as_str())?.map(Sensor::try_from).transpose()
}

/// Up to `limit` sensors with ids after `after`, in the order of their ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sensor_list(db: &Db, after: Option<&SensorId>, limit: u32) -> Result<SensorPage, StoreError> {
    let sql = "SELECT key, CAST(spec AS TEXT) AS spec, created_at, updated_at FROM sensor \
               WHERE removed_at IS NULL AND sensor_id > $1 ORDER BY sensor_id LIMIT $2";
    let after = after.map_or("", SensorId::as_str);
    let rows = read_all!(db, "sensor_list", SensorRow, sql, after, i64::from(limit))?;
    let sql = "SELECT count(*) FROM sensor WHERE removed_at IS NULL";
    let (total,) = read_one!(db, "sensor_list", (i64,), sql)?.unwrap_or((0,));
    let sensors = rows.into_iter().map(Sensor::try_from).collect::<Result<_, _>>()?;
    Ok(SensorPage { sensors, total: u64::try_from(total).unwrap_or(0) })
}

/// All registered sensors, in the order of their keys.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sensor_all(db: &Db) -> Result<Vec<Sensor>, StoreError> {
    let sql = "SELECT key, CAST(spec AS TEXT) AS spec, created_at, updated_at FROM sensor \
               WHERE removed_at IS NULL AND key > $1 ORDER BY key LIMIT $2";
    let mut all: Vec<Sensor> = Vec::new();
    loop {
        let after = all.last().map_or(0, |s| s.key.0);
        let rows = read_all!(db, "sensor_all", SensorRow, sql, after, PAGE_ROWS)?;
        if rows.is_empty() {
            return Ok(all);
        }
        all.reserve(rows.len());
        for row in rows {
            all.push(row.try_into()?);
        }
    }
}

/// All enabled sensors whose readings are fetched from a vendor.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sensor_vendor(db: &Db) -> Result<Vec<Sensor>, StoreError> {
    let sql = "SELECT key, CAST(spec AS TEXT) AS spec, created_at, updated_at FROM sensor \
               WHERE removed_at IS NULL AND source = $1 AND enabled ORDER BY key";
    let rows = read_all!(db, "sensor_vendor", SensorRow, sql, source_word(Source::Vendor))?;
    rows.into_iter().map(Sensor::try_from).collect()
}

/// Up to `limit` removed sensors whose readings retention has not taken away yet.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn sensor_list_removed(db: &Db, limit: u32) -> Result<Vec<SensorKey>, StoreError> {
    let sql = "SELECT key FROM sensor WHERE removed_at IS NOT NULL AND stored > expired_count \
               ORDER BY key LIMIT $1";
    let rows = read_all!(db, "sensor_list_removed", (i64,), sql, i64::from(limit))?;
    Ok(rows.into_iter().map(|(key,)| SensorKey(key)).collect())
}
