//! Text that both engines can keep: PostgreSQL refuses NUL, so the store does on both, before anything is sent.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::StoreError;

/// Refuses text with a NUL character.
pub(crate) fn check(what: &'static str, text: &str) -> Result<(), StoreError> {
    if text.contains('\0') { Err(StoreError::Nul { what }) } else { Ok(()) }
}

/// Refuses JSON with a NUL character in any of its texts or names.
pub(crate) fn check_json(what: &'static str, value: &Value) -> Result<(), StoreError> {
    match value {
        Value::String(s) => check(what, s),
        Value::Array(items) => items.iter().try_for_each(|v| check_json(what, v)),
        Value::Object(fields) => fields.iter().try_for_each(|(name, v)| {
            check(what, name)?;
            check_json(what, v)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// `value` as JSON that both engines can keep.
pub(crate) fn to_json(what: &'static str, value: &impl Serialize) -> Result<Value, StoreError> {
    let json = serde_json::to_value(value).map_err(|source| StoreError::Json { what, source })?;
    check_json(what, &json)?;
    Ok(json)
}

/// Refuses a value with a NUL character in any of its texts.
pub(crate) fn check_all(what: &'static str, value: &impl Serialize) -> Result<(), StoreError> {
    to_json(what, value).map(|_| ())
}

/// A JSON column, read as text, as the type it was written from.
pub(crate) fn from_json<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    id: impl ToString,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::row(table, column, id, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_found_wherever_it_hides() {
        for value in [
            serde_json::json!("a\0"),
            serde_json::json!({"a": [1, {"b": "\0"}]}),
            serde_json::json!({"a\0": 1}),
        ] {
            assert!(check_json("data", &value).is_err(), "{value}");
        }
        assert!(check_json("data", &serde_json::json!({"a": "\\u0000", "b": [null, 1.5, true]})).is_ok());
    }
}
