//! What a thing was, without its secrets.

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Timestamp;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
/// Longest text of values that is kept whole, in bytes.
const BYTES_MAX: usize = 32 * 1_024;

/// A field is secret when its name, without `_`, `-`, `.`, blanks and case, contains one of these.
const SECRET_NAMES: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "admincode",
    "signature",
    "otp",
];
/// A text is secret when it begins with one of these, whatever its field is called.
const SECRET_BEGINNINGS: [&str; 6] = ["bearer ", "basic ", "nsm_", "eyj", "$argon2", "-----begin"];

/// Values of a thing as JSON text in which every secret is masked. The text is kept as it was written, because its hash
/// is: it is never masked twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked(Box<str>);

impl Masked {
    /// Of `values`. What is too large is replaced by its length and its hash.
    #[must_use]
    pub fn of(values: &impl Serialize) -> Self {
        let mut json = serde_json::to_value(values).unwrap_or_else(|_| Value::String("not JSON".to_owned()));
        mask(&mut json);
        let text = json.to_string();
        if text.len() <= BYTES_MAX {
            return Self(text.into());
        }
        let digest: String = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        Self(serde_json::json!({"omitted_bytes": text.len(), "sha256": digest}).to_string().into())
    }

    /// From what is stored.
    #[must_use]
    pub fn stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The values; the text itself when somebody has spoilt it.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_else(|_| Value::String(self.0.to_string()))
    }
}

impl Serialize for Masked {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(s)
    }
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if is_secret_name(name) && !is_harmless(name, field) {
                    *field = Value::String(MASK.to_owned());
                } else {
                    mask(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) if is_secret_text(text) => MASK.clone_into(text),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

/// Whether the field of a secret name only tells about the secret: whether there is one, which, since when.
fn is_harmless(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => ["_id", "_count", "_s", "_version"].iter().any(|end| name.ends_with(end)),
        Value::String(text) => name.ends_with("_at") && text.len() < 40 && text.parse::<Timestamp>().is_ok(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_secret_text(text: &str) -> bool {
    let begins = |secret: &&str| {
        text.get(..secret.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(secret))
    };
    SECRET_BEGINNINGS.iter().any(begins) || has_password_in_url(text)
}

/// `scheme://user:password@host`.
fn has_password_in_url(text: &str) -> bool {
    let authority = |rest: &str| rest.split(['/', '?', '#']).next().unwrap_or("").to_owned();
    let after = text.split_once("://").map(|(_, rest)| authority(rest));
    after.is_some_and(|a| a.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_go_wherever_they_are() {
        let masked = Masked::of(&json!({
            "username": "kim", "password": "hunter2", "Pass-Word": "hunter2", "new_password": 1234,
            "nested": [{"api_key": "hunter2", "apiKey": ["hunter2"], "X-Auth-Token": {"a": "hunter2"}}],
            "note": "Bearer hunter2", "link": "postgres://u:hunter2@h/d", "header": "eyJhunter2.a.b",
            "machine": "nsm_1_hunter2", "phc": "$argon2id$hunter2", "admin_code": "hunter2",
        }));
        assert!(!masked.as_str().contains("hunter2") && !masked.as_str().contains("1234"), "{masked:?}");
        assert_eq!(masked.value()["username"], "kim");
        assert_eq!(masked.value()["nested"][0]["api_key"], MASK);
    }

    #[test]
    fn what_only_tells_about_a_secret_stays() {
        let plain = json!({
            "token_id": 7, "password_changed_at": "2026-01-01T00:00:00Z", "has_password": true, "token": null,
            "email": "a@b.example", "url": "https://h/a@b:c", "failures": 5,
        });
        assert_eq!(Masked::of(&plain).value(), plain);
        assert_eq!(Masked::of(&json!({"token_id": "abc"})).value(), json!({"token_id": MASK}));
    }

    #[test]
    fn what_is_too_large_is_told_by_its_hash() {
        let large = json!({"text": "x".repeat(BYTES_MAX)});
        let masked = Masked::of(&large);
        assert!(masked.as_str().len() < 200);
        assert_eq!(masked.value()["omitted_bytes"], large.to_string().len());
        assert_eq!(Masked::stored("{").value(), json!("{"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        let name =
            prop_oneof!["[a-z_]{1,8}", Just("old_password".to_owned()), Just("refreshToken".to_owned())];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Puts `secret` under a secret name somewhere deep inside.
    fn hide(value: Value, secret: &str, path: &[u8]) -> Value {
        path.iter().fold(json!({"Client-Secret": [secret, {"a": secret}], "rest": value}), |inner, turn| {
            if turn % 2 == 0 { json!([1, inner]) } else { json!({"f": inner}) }
        })
    }

    proptest! {
        #[test]
        fn no_secret_gets_through_and_masking_again_changes_nothing(
            value in values(), path in prop::collection::vec(any::<u8>(), 0..6),
        ) {
            let secret = "S3CR3T-0123456789";
            let masked = Masked::of(&hide(value, secret, &path));
            prop_assert!(!masked.as_str().contains(secret));
            prop_assert_eq!(Masked::of(&masked.value()), masked);
        }
    }
}
