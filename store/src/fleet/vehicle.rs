//! Vehicles.

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::{CarId, CarName, Damage, Details, Kind, Request, Side, Vehicle, VehicleId};

use super::car_id;
use crate::{Db, StoreError, Tx, text};

const TABLE: &str = "vehicle";

const SELECT: &str = "SELECT id, vehicle_id, registered_name, car_name, kind, fuel, collision_count, damage, created_at \
     FROM vehicle WHERE removed_at IS NULL AND id >= $1 AND id <= $2 ORDER BY id";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    vehicle_id: i64,
    registered_name: String,
    car_name: String,
    kind: String,
    fuel: Option<i64>,
    collision_count: Option<i64>,
    damage: Option<String>,
    created_at: i64,
}

impl TryFrom<Row> for Vehicle {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let spoilt = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let name = |column, text: &String| {
            CarName::try_from(text.clone()).map_err(|e| spoilt(column, e.to_string()))
        };
        let small = |column, value: Option<i64>| {
            let value = value.ok_or_else(|| spoilt(column, "is missing".to_owned()))?;
            u8::try_from(value).map_err(|_| spoilt(column, format!("`{value}` is not 0 to 255")))
        };
        let side = match row.kind.as_str() {
            "police" => Side::Police(Details {
                fuel: small("fuel", row.fuel)?,
                collision_count: small("collision_count", row.collision_count)?,
                status: damage(row.damage.as_deref().unwrap_or_default())
                    .ok_or_else(|| spoilt("damage", format!("{:?} is no damage", row.damage)))?,
            }),
            "runner" => Side::Runner,
            other => return Err(spoilt("kind", format!("`{other}` is no kind"))),
        };
        let number = u32::try_from(row.vehicle_id);
        Ok(Self {
            id: car_id(TABLE, "id", row.id, row.id)?,
            vehicle_id: VehicleId(
                number.map_err(|_| spoilt("vehicle_id", format!("`{}` is no number", row.vehicle_id)))?,
            ),
            registered_name: name("registered_name", &row.registered_name)?,
            car_name: name("car_name", &row.car_name)?,
            side,
            created_at: Timestamp::from_us(row.created_at),
        })
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Police => "police",
        Kind::Runner => "runner",
    }
}

fn damage_word(damage: Damage) -> &'static str {
    match damage {
        Damage::Normal => "normal",
        Damage::HalfDestroyed => "half_destroyed",
        Damage::CompleteDestroyed => "complete_destroyed",
    }
}

fn damage(word: &str) -> Option<Damage> {
    [Damage::Normal, Damage::HalfDestroyed, Damage::CompleteDestroyed]
        .into_iter()
        .find(|known| damage_word(*known) == word)
}

/// Registers a vehicle.
///
/// # Errors
/// [`StoreError::Conflict`] when its number or its name is taken; the transaction is then usable as before.
pub async fn vehicle_insert(tx: &mut Tx, request: &Request, now: Timestamp) -> Result<Vehicle, StoreError> {
    let name = request.name.as_str();
    text::check("vehicle.car_name", name)?;
    let side = Side::new(request.kind);
    let details = match side {
        Side::Police(details) => Some(details),
        Side::Runner => None,
    };
    let sql = "INSERT INTO vehicle (vehicle_id, registered_name, car_name, kind, fuel, collision_count, damage, \
               created_at, updated_at) VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $7) \
               ON CONFLICT DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "vehicle_insert",
        (i64,),
        sql,
        i64::from(request.vehicle_id.0),
        name,
        kind_word(request.kind),
        details.map(|d| i64::from(d.fuel)),
        details.map(|d| i64::from(d.collision_count)),
        details.map(|d| damage_word(d.status)),
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict {
            what: format!("vehicle {} or the name {name}", request.vehicle_id),
        });
    };
    Ok(Vehicle {
        id: car_id(TABLE, "id", *id, *id)?,
        vehicle_id: request.vehicle_id,
        registered_name: request.name.clone(),
        car_name: request.name.clone(),
        side,
        created_at: now,
    })
}

/// Gives a vehicle the name that people see.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such vehicle; [`StoreError::Query`] when another one has the name.
pub async fn vehicle_rename(
    tx: &mut Tx,
    id: CarId,
    name: &CarName,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check("vehicle.car_name", name.as_str())?;
    let sql = "UPDATE vehicle SET car_name = $2, updated_at = $3 WHERE id = $1 AND removed_at IS NULL";
    let changed = write_exec!(tx, "vehicle_rename", sql, i64::from(id.0), name.as_str(), now.us())?;
    present(changed, id)
}

/// Gives a vehicle the name under which it registers itself from now on; people see that one too.
///
/// # Errors
/// As [`vehicle_rename`].
pub async fn vehicle_rename_self(
    tx: &mut Tx,
    id: CarId,
    name: &CarName,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check("vehicle.registered_name", name.as_str())?;
    let sql = "UPDATE vehicle SET registered_name = $2, car_name = $2, updated_at = $3 \
               WHERE id = $1 AND removed_at IS NULL";
    let changed = write_exec!(tx, "vehicle_rename_self", sql, i64::from(id.0), name.as_str(), now.us())?;
    present(changed, id)
}

/// Keeps a police car's report.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such police car.
pub async fn vehicle_status(
    tx: &mut Tx,
    id: CarId,
    details: Details,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE vehicle SET fuel = $2, collision_count = $3, damage = $4, updated_at = $5 \
               WHERE id = $1 AND removed_at IS NULL AND kind = 'police'";
    let changed = write_exec!(
        tx,
        "vehicle_status",
        sql,
        i64::from(id.0),
        i64::from(details.fuel),
        i64::from(details.collision_count),
        damage_word(details.status),
        now.us(),
    )?;
    present(changed, id)
}

/// Removes a vehicle. Its events stay, its positions are left to retention.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such vehicle.
pub async fn vehicle_remove(tx: &mut Tx, id: CarId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE vehicle SET removed_at = $2, updated_at = $2 WHERE id = $1 AND removed_at IS NULL";
    let changed = write_exec!(tx, "vehicle_remove", sql, i64::from(id.0), now.us())?;
    present(changed, id)
}

fn present(changed: u64, id: CarId) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::Missing { what: format!("vehicle {id}") }) } else { Ok(()) }
}

/// All vehicles that are not removed, in the order of their numbers.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn vehicle_all(db: &Db) -> Result<Vec<Vehicle>, StoreError> {
    let rows = read_all!(db, "vehicle_all", Row, SELECT, 0_i64, i64::MAX)?;
    rows.into_iter().map(Vehicle::try_from).collect()
}

/// The vehicle with that number, unless it was removed.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn vehicle_find(db: &Db, id: CarId) -> Result<Option<Vehicle>, StoreError> {
    let id = i64::from(id.0);
    read_one!(db, "vehicle_find", Row, SELECT, id, id)?.map(Vehicle::try_from).transpose()
}
