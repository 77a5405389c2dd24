//! What is usual for each sensor: the scores of its own past windows.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Sensor, SensorKey};
use sqlx::types::Json;

use super::sensor::SensorRow;
use crate::{Db, StoreError, Tx, text};

/// Scores of a sensor's past windows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCalibration {
    /// The sensor.
    pub sensor_key: SensorKey,
    /// SHA-256 of the model that gave the scores, hexadecimal.
    pub model_digest: String,
    /// When they were computed.
    pub made_at: Timestamp,
    /// The scores, in no particular order.
    pub scores: Vec<f32>,
}

type Row = (i64, String, i64, String);

fn read(row: Row) -> Result<StoredCalibration, StoreError> {
    let (key, model_digest, made_at, scores) = row;
    let scores = text::from_json("sensor_calibration", "scores", key, &scores)?;
    let made_at = Timestamp::from_us(made_at);
    Ok(StoredCalibration { sensor_key: SensorKey(key), model_digest, made_at, scores })
}

/// Keeps a sensor's calibration in place of the one before.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn calibration_save(tx: &mut Tx, calibration: &StoredCalibration) -> Result<(), StoreError> {
    let sql = "INSERT INTO sensor_calibration (sensor_key, model_digest, made_at, scores) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (sensor_key) DO UPDATE SET model_digest = excluded.model_digest, \
               made_at = excluded.made_at, scores = excluded.scores";
    let (key, made_at) = (calibration.sensor_key.0, calibration.made_at.us());
    let scores = text::to_json("sensor_calibration.scores", &calibration.scores)?;
    write_exec!(tx, "calibration_save", sql, key, calibration.model_digest.as_str(), made_at, Json(&scores))
        .map(|_| ())
}

/// A sensor's calibration, if it has one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibration_find(db: &Db, key: SensorKey) -> Result<Option<StoredCalibration>, StoreError> {
    let sql = "SELECT sensor_key, model_digest, made_at, CAST(scores AS TEXT) FROM sensor_calibration \
               WHERE sensor_key = $1";
    read_one!(db, "calibration_find", Row, sql, key.0)?.map(read).transpose()
}

/// The calibrations of all registered sensors, in the order of their keys.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibrations_all(db: &Db) -> Result<Vec<StoredCalibration>, StoreError> {
    let sql = "SELECT sensor_key, model_digest, made_at, CAST(scores AS TEXT) FROM sensor_calibration \
               ORDER BY sensor_key";
    read_all!(db, "calibrations_all", Row, sql)?.into_iter().map(read).collect()
}

/// Up to `limit` enabled sensors with at least `stored_min` stored readings whose calibration was made before `before`, or
/// that have none: those without one first, then the oldest.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibrations_due(
    db: &Db,
    stored_min: i64,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Sensor>, StoreError> {
    let sql = "SELECT s.key AS key, CAST(s.spec AS TEXT) AS spec, s.created_at AS created_at, \
               s.updated_at AS updated_at FROM sensor s \
               LEFT JOIN sensor_calibration c ON c.sensor_key = s.key \
               WHERE s.removed_at IS NULL AND s.enabled AND s.stored - s.expired_count >= $1 \
               AND coalesce(c.made_at, 0) < $2 ORDER BY coalesce(c.made_at, 0), s.key LIMIT $3";
    let rows = read_all!(db, "calibrations_due", SensorRow, sql, stored_min, before.us(), i64::from(limit))?;
    rows.into_iter().map(Sensor::try_from).collect()
}
