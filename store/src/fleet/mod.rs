//! Vehicles, their positions, the events of chases, and the guards of version 2.

mod event;
mod guard;
mod position;
mod vehicle;

pub use event::{StoredEvent, chase_of, event_acknowledge, event_insert, event_list};
pub use guard::{guard_set, guards_all};
pub use position::{PositionRow, position_latest, positions_expire, positions_insert, positions_range};
pub use vehicle::{
    vehicle_all, vehicle_find, vehicle_insert, vehicle_remove, vehicle_rename, vehicle_rename_self,
    vehicle_status,
};

use nightshift_domain::fleet::CarId;

use crate::StoreError;

/// A vehicle's number as it stands in a column.
fn car_id(table: &'static str, column: &'static str, row: i64, value: i64) -> Result<CarId, StoreError> {
    u32::try_from(value)
        .map(CarId)
        .map_err(|_| StoreError::row(table, column, row, format!("`{value}` is no vehicle's number")))
}
