//! The keys that exist, and the nearest one to a key that does not.

use serde_json::Value;

use super::Config;

/// Every key with its default, in the dotted form of error messages: `http.listen`.
pub(super) fn known() -> Vec<(String, Value)> {
    let defaults = serde_json::to_value(Config::default()).expect("a configuration serialises");
    let mut keys = Vec::new();
    flatten("", &defaults, &mut keys);
    keys
}

/// Appends the leaves of `value` to `keys`; lists and empty objects are leaves.
pub(super) fn flatten(prefix: &str, value: &Value, keys: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&key, field, keys);
            }
        }
        leaf => keys.push((prefix.to_owned(), leaf.clone())),
    }
}

/// The known key most like `key`, by edit distance.
pub(super) fn nearest(key: &str) -> String {
    known()
        .into_iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(key, &known), known))
        .min()
        .map_or_else(String::new, |(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_what_was_meant() {
        assert_eq!(nearest("http.lisen"), "http.listen");
        assert_eq!(nearest("listen"), "http.listen");
        assert_eq!(nearest("inference.devise"), "inference.device");
        assert_eq!(nearest("sensing.vendor.oden.pasword"), "sensing.vendor.oden.password");
    }
}
