//! What is wrong with a field of a body, and the checks that several resources share.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most bytes of a free JSON document (specifications, bill of materials, quality criteria): 256 KiB.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Longest code of a model, line, equipment, process or defect, characters.
pub const CODE_CHARS_MAX: usize = 50;
/// Longest name, characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest note, description or reason, characters.
pub const NOTE_CHARS_MAX: usize = 1_000;

/// One field that cannot be what was sent. The message says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field} {message}")]
pub struct FieldFault {
    /// The field, for example `target_quantity` or `temp_sensor.measured_temp`.
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl FieldFault {
    /// A fault of `field`.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// All faults of one body, so that a person need not find them one by one.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldFault>);

impl Faults {
    pub(crate) fn unless(&mut self, holds: bool, field: &str, message: impl Into<String>) {
        if !holds {
            self.0.push(FieldFault::new(field, message));
        }
    }

    /// A code: what is printed, scanned and searched.
    pub(crate) fn code(&mut self, field: &str, text: &str) {
        let ok = (1..=CODE_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            && text.as_bytes()[0].is_ascii_alphanumeric();
        self.unless(
            ok,
            field,
            "must be 1 to 50 characters of A-Z, a-z, 0-9, '-', '_' and '.', and begin with a letter or digit",
        );
    }

    pub(crate) fn name(&mut self, field: &str, text: &str) {
        self.unless(!text.trim().is_empty(), field, "must not be empty");
        self.text(field, Some(text), NAME_CHARS_MAX);
    }

    pub(crate) fn text(&mut self, field: &str, text: Option<&str>, chars_max: usize) {
        let ok = text.is_none_or(|t| is_text(t, chars_max));
        self.unless(ok, field, format!("must be at most {chars_max} characters without control characters"));
    }

    pub(crate) fn document(&mut self, field: &str, document: &Map<String, Value>) {
        let small = serde_json::to_vec(document).is_ok_and(|bytes| bytes.len() <= DOCUMENT_BYTES_MAX);
        self.unless(small, field, format!("must be at most {DOCUMENT_BYTES_MAX} bytes of JSON"));
        self.unless(!document.values().any(has_nul), field, "must not hold the character U+0000");
    }

    pub(crate) fn done<T>(self, value: T) -> Result<T, Vec<FieldFault>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}

/// Whether `text` is at most `chars_max` characters; tabs and line ends are the only control characters people type.
pub(crate) fn is_text(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(|c| c.is_control() && !"\t\n\r".contains(c))
}

/// PostgreSQL keeps no NUL in text or JSON.
pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(s) => s.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(k, v)| k.contains('\0') || has_nul(v)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `current` with the fields of `change` in place of its own: an absent field stays, `null` clears an optional one.
/// Unknown fields are passed over, as today's clients send back whole resources.
///
/// # Errors
/// The fields of `change` that have the wrong type.
pub fn amend<T: Serialize + DeserializeOwned>(
    current: &T,
    change: &Map<String, Value>,
) -> Result<T, Vec<FieldFault>> {
    let Ok(Value::Object(before)) = serde_json::to_value(current) else {
        return Err(vec![FieldFault::new("body", "cannot be changed")]);
    };
    let changed = change.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let mut merged = before.clone();
    merged.extend(changed.clone().map(|(name, value)| (name.clone(), value.clone())));
    serde_json::from_value(Value::Object(merged)).map_err(|whole| {
        // One field at a time tells which of them it is.
        let faults: Vec<FieldFault> = changed
            .filter_map(|(name, value)| {
                let mut one = before.clone();
                one.insert(name.clone(), value.clone());
                serde_json::from_value::<T>(Value::Object(one))
                    .err()
                    .map(|e| FieldFault::new(name, e.to_string()))
            })
            .collect();
        if faults.is_empty() { vec![FieldFault::new("body", whole.to_string())] } else { faults }
    })
}
