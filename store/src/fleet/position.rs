//! Where vehicles were.

use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::{CarId, MapId};

use crate::dialect::{Ladder, LazyLadder};
use crate::{Db, StoreError, Tx};

static POSITIONS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new("INSERT INTO vehicle_position (car_id, at, map_id, x, y) VALUES", 5, "ON CONFLICT DO NOTHING")
});

/// Where a vehicle was at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PositionRow {
    /// The vehicle.
    pub car: CarId,
    /// When.
    pub at: Timestamp,
    /// The map that it was taken to be on.
    pub map: MapId,
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
}

type Row = (i64, i64, i64, f64, f64);

fn to_position((car, at, map, x, y): Row) -> Result<PositionRow, StoreError> {
    let number = |column, value: i64| {
        u32::try_from(value)
            .map_err(|_| StoreError::row("vehicle_position", column, car, format!("`{value}` is no number")))
    };
    Ok(PositionRow {
        car: CarId(number("car_id", car)?),
        at: Timestamp::from_us(at),
        map: MapId(number("map_id", map)?),
        x,
        y,
    })
}

/// Keeps positions. A second one of the same vehicle and microsecond is left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn positions_insert(tx: &mut Tx, positions: &[PositionRow]) -> Result<(), StoreError> {
    write_rows!(
        tx,
        "positions_insert",
        (i64,),
        POSITIONS_INSERT,
        positions,
        |p| i64::from(p.car.0),
        p.at.us(),
        i64::from(p.map.0),
        p.x,
        p.y
    )
    .map(|_| ())
}

/// A vehicle's newest position.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn position_latest(db: &Db, car: CarId) -> Result<Option<PositionRow>, StoreError> {
    let sql =
        "SELECT car_id, at, map_id, x, y FROM vehicle_position WHERE car_id = $1 ORDER BY at DESC LIMIT 1";
    read_one!(db, "position_latest", Row, sql, i64::from(car.0))?.map(to_position).transpose()
}

/// The oldest `limit` positions of a vehicle in `start .. end`, in the order of their times.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn positions_range(
    db: &Db,
    car: CarId,
    start: Timestamp,
    end: Timestamp,
    limit: u32,
) -> Result<Vec<PositionRow>, StoreError> {
    let sql = "SELECT car_id, at, map_id, x, y FROM vehicle_position \
               WHERE car_id = $1 AND at >= $2 AND at < $3 ORDER BY at LIMIT $4";
    let (car, limit) = (i64::from(car.0), i64::from(limit));
    let rows = read_all!(db, "positions_range", Row, sql, car, start.us(), end.us(), limit)?;
    rows.into_iter().map(to_position).collect()
}

/// Takes away up to `limit` positions before `before`, of removed vehicles too, and gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn positions_expire(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let mut left = u64::from(limit);
    let (mut gone, mut after) = (0, 0_i64);
    // Vehicle by vehicle, along the key: an index by time would cost every insertion.
    while left > 0 {
        let sql = "SELECT id FROM vehicle WHERE id > $1 ORDER BY id LIMIT 1";
        let next = write_all!(tx, "positions_expire", (i64,), sql, after)?;
        let Some((car,)) = next.first() else { break };
        after = *car;
        let sql = "DELETE FROM vehicle_position WHERE car_id = $1 AND at IN \
                   (SELECT at FROM vehicle_position WHERE car_id = $1 AND at < $2 ORDER BY at LIMIT $3)";
        let rows = i64::try_from(left).unwrap_or(i64::MAX);
        let taken = write_exec!(tx, "positions_expire", sql, after, before.us(), rows)?;
        gone += taken;
        left = left.saturating_sub(taken);
    }
    Ok(gone)
}
