//! Settings: one JSON value per key.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

/// The value of `key`, if it was ever set.
///
/// # Errors
/// [`StoreError::Row`] when it is not a `T`.
pub async fn setting_get<T: DeserializeOwned>(db: &Db, key: &str) -> Result<Option<T>, StoreError> {
    let sql = "SELECT CAST(value AS TEXT) FROM setting WHERE key = $1";
    let row = read_one!(db, "setting_get", (String,), sql, key)?;
    row.map(|(value,)| text::from_json("setting", "value", key, &value)).transpose()
}

/// Sets `key`, replacing what it was.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Json`] when the value cannot be kept.
pub async fn setting_set(tx: &mut Tx, key: &str, value: &impl Serialize) -> Result<(), StoreError> {
    text::check("setting.key", key)?;
    let value = text::to_json("setting.value", value)?;
    let sql = "INSERT INTO setting (key, value) VALUES ($1, $2) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    write_exec!(tx, "setting_set", sql, key, Json(&value)).map(|_| ())
}
