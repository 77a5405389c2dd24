//! What a label says: fields by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LabelError;

/// Most fields of a label.
const FIELDS_MAX: usize = 40;
/// Longest name of a field, bytes.
const NAME_BYTES_MAX: usize = 40;
/// Longest value, characters.
const VALUE_CHARS_MAX: usize = 200;
/// Most bytes of all names and values.
pub const DATA_BYTES_MAX: usize = 8 * 1_024;

/// What a label says. Templates name the fields; `number` is what its code says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelData(BTreeMap<String, String>);

impl LabelData {
    /// Checked fields.
    ///
    /// # Errors
    /// [`LabelError::Field`] for a name or value that cannot be printed, or too many of them.
    pub fn new<K: Into<String>, V: Into<String>>(
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, LabelError> {
        let fields: BTreeMap<String, String> =
            fields.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let refused = |field: &str, reason: &str| {
            let field = field.chars().take(NAME_BYTES_MAX).collect();
            Err(LabelError::Field { field, reason: reason.to_owned() })
        };
        if fields.len() > FIELDS_MAX {
            return refused("data", "has more than 40 fields");
        }
        if fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > DATA_BYTES_MAX {
            return refused("data", "has more than 8192 bytes");
        }
        for (name, value) in &fields {
            if !is_name(name) {
                return refused(name, "is no name of a field: a-z 0-9 _, at most 40");
            }
            if value.chars().count() > VALUE_CHARS_MAX {
                return refused(name, "is longer than 200 characters");
            }
            if value.chars().any(char::is_control) {
                return refused(name, "holds a control character");
            }
        }
        Ok(Self(fields))
    }

    /// A field's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// These fields, and of `others` those that are not here.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        for (name, value) in others.0 {
            self.0.entry(name).or_insert(value);
        }
        self
    }
}

/// Whether a text can name a field.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_printed_is_refused() {
        assert!(LabelData::new([("number", "WF-KR-251110D-001")]).is_ok());
        assert!(LabelData::new([("number", "라벨 ^XA ~ \\")]).is_ok(), "escaping is the writer's");
        for (name, value) in [("Number", "1"), ("", "1"), ("a b", "1"), ("a", "x\ny"), ("a", "\0")] {
            assert!(LabelData::new([(name, value)]).is_err(), "{name:?} {value:?}");
        }
        assert!(LabelData::new([("a", "x".repeat(201))]).is_err());
        assert!(LabelData::new((0..41).map(|i| (format!("f{i}"), ""))).is_err());
    }

    #[test]
    fn given_fields_win() {
        let given = LabelData::new([("a", "1")]).expect("data");
        let all = given.or(LabelData::new([("a", "2"), ("b", "3")]).expect("data"));
        assert_eq!((all.get("a"), all.get("b"), all.get("c")), (Some("1"), Some("3"), None));
    }
}
