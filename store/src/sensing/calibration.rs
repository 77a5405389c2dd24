//! What is usual for each sensor: the scores of its own past windows.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{ScoreMode, Sensor, SensorKey};
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
    /// What the windows were compared with.
    pub mode: ScoreMode,
    /// Whether the windows were few and overlapped.
    pub provisional: bool,
    /// The scores, in no particular order.
    pub scores: Vec<f32>,
}

type Row = (i64, String, i64, String, bool, String);

fn read(row: Row) -> Result<StoredCalibration, StoreError> {
    let (key, model_digest, made_at, mode, provisional, scores) = row;
    let unknown = || StoreError::row("sensor_calibration", "mode", key, format!("`{mode}` is no mode"));
    let mode = ScoreMode::from_word(&mode).ok_or_else(unknown)?;
    let scores = text::from_json("sensor_calibration", "scores", key, &scores)?;
    let made_at = Timestamp::from_us(made_at);
    Ok(StoredCalibration { sensor_key: SensorKey(key), model_digest, made_at, mode, provisional, scores })
}

/// Which sensors are looked for whose calibration is due.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationsDue<'q> {
    /// Those that name this model, or those that name none.
    pub named: Option<&'q str>,
    /// SHA-256 of the model that they are calibrated under, hexadecimal.
    pub digest: &'q str,
    /// Readings without which there is nothing to calibrate on.
    pub stored_min: i64,
    /// Calibrations made before this are due.
    pub before: Timestamp,
    /// Most sensors.
    pub limit: u32,
}

/// Keeps a sensor's calibration in place of the one before under the same model, and forgets those under other models
/// that were made before `forget`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn calibration_save(
    tx: &mut Tx,
    calibration: &StoredCalibration,
    forget: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO sensor_calibration (sensor_key, model_digest, made_at, scores, mode, provisional) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (sensor_key, model_digest) DO UPDATE SET \
               made_at = excluded.made_at, scores = excluded.scores, mode = excluded.mode, \
               provisional = excluded.provisional";
    let (key, made_at) = (calibration.sensor_key.0, calibration.made_at.us());
    let scores = text::to_json("sensor_calibration.scores", &calibration.scores)?;
    let (digest, mode) = (calibration.model_digest.as_str(), calibration.mode.as_str());
    let provisional = calibration.provisional;
    write_exec!(tx, "calibration_save", sql, key, digest, made_at, Json(&scores), mode, provisional)?;
    let old = "DELETE FROM sensor_calibration WHERE sensor_key = $1 AND model_digest <> $2 AND made_at < $3";
    write_exec!(tx, "calibration_save", old, key, digest, forget.us()).map(|_| ())
}

/// A sensor's calibrations, one for each model.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibrations_of(db: &Db, key: SensorKey) -> Result<Vec<StoredCalibration>, StoreError> {
    let sql = "SELECT sensor_key, model_digest, made_at, mode, provisional, CAST(scores AS TEXT) \
               FROM sensor_calibration WHERE sensor_key = $1 ORDER BY model_digest";
    read_all!(db, "calibrations_of", Row, sql, key.0)?.into_iter().map(read).collect()
}

/// The calibrations of all registered sensors, in the order of their keys.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibrations_all(db: &Db) -> Result<Vec<StoredCalibration>, StoreError> {
    let sql = "SELECT sensor_key, model_digest, made_at, mode, provisional, CAST(scores AS TEXT) \
               FROM sensor_calibration ORDER BY sensor_key, model_digest";
    read_all!(db, "calibrations_all", Row, sql)?.into_iter().map(read).collect()
}

/// How many sensors other than `except` have a calibration made under `mode` and that model.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn calibrations_count(
    db: &Db,
    mode: ScoreMode,
    digest: &str,
    except: SensorKey,
) -> Result<u64, StoreError> {
    let sql =
        "SELECT count(*) FROM sensor_calibration WHERE mode = $1 AND model_digest = $2 AND sensor_key <> $3";
    let count = read_one!(db, "calibrations_count", (i64,), sql, mode.as_str(), digest, except.0)?;
    Ok(count.map_or(0, |(n,)| u64::try_from(n).unwrap_or(0)))
}

/// Enabled sensors whose calibration under a model is due, or that have none: those without one first, then the oldest.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn calibrations_due(db: &Db, due: CalibrationsDue<'_>) -> Result<Vec<Sensor>, StoreError> {
    let sql = "SELECT s.key AS key, CAST(s.spec AS TEXT) AS spec, s.created_at AS created_at, \
               s.updated_at AS updated_at FROM sensor s \
               LEFT JOIN sensor_calibration c ON c.sensor_key = s.key AND c.model_digest = $1 \
               WHERE s.removed_at IS NULL AND s.enabled AND s.stored - s.expired_count >= $2 \
               AND coalesce(s.spec ->> 'model', '') = $3 \
               AND coalesce(c.made_at, 0) < $4 ORDER BY coalesce(c.made_at, 0), s.key LIMIT $5";
    let CalibrationsDue { named, digest, stored_min, before, limit } = due;
    let (named, before, limit) = (named.unwrap_or(""), before.us(), i64::from(limit));
    let rows = read_all!(db, "calibrations_due", SensorRow, sql, digest, stored_min, named, before, limit)?;
    rows.into_iter().map(Sensor::try_from).collect()
}
