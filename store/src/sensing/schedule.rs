//! The schedule: one row, and the due instant of the last run that was done.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Schedule;
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

#[derive(sqlx::FromRow)]
struct ScheduleRow {
    id: i64,
    reference_time: i64,
    period_s: i64,
    sensor_ids: String,
    done_at: Option<i64>,
}

/// The schedule, if one was ever set, with the due instant of its last run, if one was ever done.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn schedule_get(db: &Db) -> Result<Option<(Schedule, Option<Timestamp>)>, StoreError> {
    let sql =
        "SELECT id, reference_time, period_s, CAST(sensor_ids AS TEXT) AS sensor_ids, done_at FROM schedule";
    let Some(row) = read_one!(db, "schedule_get", ScheduleRow, sql)? else { return Ok(None) };
    let period_s =
        u32::try_from(row.period_s).map_err(|e| StoreError::row("schedule", "period_s", row.id, e))?;
    let schedule = Schedule {
        reference_time: Timestamp::from_us(row.reference_time),
        period_s,
        sensor_ids: text::from_json("schedule", "sensor_ids", row.id, &row.sensor_ids)?,
    };
    Ok(Some((schedule, row.done_at.map(Timestamp::from_us))))
}

/// Sets the schedule. What was done under the former one stays known.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn schedule_set(tx: &mut Tx, schedule: &Schedule, now: Timestamp) -> Result<(), StoreError> {
    let sql = "INSERT INTO schedule (id, reference_time, period_s, sensor_ids, updated_at) \
               VALUES (1, $1, $2, $3, $4) ON CONFLICT (id) DO UPDATE SET \
               reference_time = excluded.reference_time, period_s = excluded.period_s, \
               sensor_ids = excluded.sensor_ids, updated_at = excluded.updated_at";
    let ids = text::to_json("schedule.sensor_ids", &schedule.sensor_ids)?;
    write_exec!(
        tx,
        "schedule_set",
        sql,
        schedule.reference_time.us(),
        i64::from(schedule.period_s),
        Json(&ids),
        now.us(),
    )
    .map(|_| ())
}

/// Notes that the run due at `run_at` is done.
///
/// # Errors
/// [`StoreError::Missing`] when no schedule was ever set.
pub async fn schedule_done(tx: &mut Tx, run_at: Timestamp) -> Result<(), StoreError> {
    let changed = write_exec!(tx, "schedule_done", "UPDATE schedule SET done_at = $1", run_at.us())?;
    if changed == 0 { Err(StoreError::Missing { what: "schedule".to_owned() }) } else { Ok(()) }
}
