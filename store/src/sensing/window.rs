//! Checkpoints of windows: what a sensor held in memory, so that a start does not read it reading by reading.

use std::sync::LazyLock;

use nightshift_domain::sensing::SensorKey;

use crate::dialect::{Ladder, LazyLadder};
use crate::{Db, StoreError, Tx};

/// A sensor's window as it was when `stored` of its readings were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowCheckpoint {
    /// The sensor.
    pub sensor_key: SensorKey,
    /// The sensor's count of stored readings then.
    pub stored: i64,
    /// The window, in a form that only its owner reads.
    pub data: Vec<u8>,
}

static WINDOW_SAVE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO sensor_window (sensor_key, stored, data) SELECT v.column1, v.column2, v.column3 FROM (VALUES",
        3,
        ") AS v JOIN sensor ON sensor.key = v.column1 WHERE sensor.removed_at IS NULL \
         ON CONFLICT (sensor_key) DO UPDATE SET stored = excluded.stored, data = excluded.data",
    )
});

/// Saves checkpoints, each sensor at most once; those of sensors that were removed meanwhile are left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn window_save(tx: &mut Tx, windows: &[WindowCheckpoint]) -> Result<(), StoreError> {
    write_rows!(
        tx,
        "window_save",
        (i64,),
        WINDOW_SAVE,
        windows,
        |w| w.sensor_key.0,
        w.stored,
        w.data.as_slice()
    )?;
    Ok(())
}

/// Up to `limit` checkpoints of registered sensors with keys above `after`, in the order of their keys; only those
/// since which nothing was stored, since the others are out of date.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn windows_load(
    db: &Db,
    after: SensorKey,
    limit: u32,
) -> Result<Vec<WindowCheckpoint>, StoreError> {
    let sql = "SELECT w.sensor_key, w.stored, w.data FROM sensor_window w \
               JOIN sensor s ON s.key = w.sensor_key AND s.removed_at IS NULL AND s.stored = w.stored \
               WHERE w.sensor_key > $1 ORDER BY w.sensor_key LIMIT $2";
    let rows = read_all!(db, "windows_load", (i64, i64, Vec<u8>), sql, after.0, i64::from(limit))?;
    Ok(rows
        .into_iter()
        .map(|(key, stored, data)| WindowCheckpoint { sensor_key: SensorKey(key), stored, data })
        .collect())
}
