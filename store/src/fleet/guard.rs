//! What forbids replays of version-2 frames, across restarts and removals.

use nightshift_domain::fleet::VehicleId;
use nightshift_domain::fleet::wire::Guard;
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

/// Keeps a vehicle's guard.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn guard_set(tx: &mut Tx, vehicle: VehicleId, guard: &Guard) -> Result<(), StoreError> {
    let guard = text::to_json("vehicle_guard.guard", guard)?;
    let sql = "INSERT INTO vehicle_guard (vehicle_id, guard) VALUES ($1, $2) \
               ON CONFLICT (vehicle_id) DO UPDATE SET guard = excluded.guard";
    write_exec!(tx, "guard_set", sql, i64::from(vehicle.0), Json(&guard)).map(|_| ())
}

/// All guards, those of removed vehicles included.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn guards_all(db: &Db) -> Result<Vec<(VehicleId, Guard)>, StoreError> {
    let sql = "SELECT vehicle_id, CAST(guard AS TEXT) FROM vehicle_guard ORDER BY vehicle_id";
    let rows = read_all!(db, "guards_all", (i64, String), sql)?;
    rows.into_iter()
        .map(|(id, guard)| {
            let vehicle = u32::try_from(id).map(VehicleId).map_err(|_| {
                StoreError::row("vehicle_guard", "vehicle_id", id, format!("`{id}` is no number"))
            })?;
            Ok((vehicle, text::from_json("vehicle_guard", "guard", id, &guard)?))
        })
        .collect()
}
