//! What commands print. A reader that went away (`| head`) is no failure.

use std::io::Write;

use serde::Serialize;

/// Prints a line on standard output.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a value as indented JSON on standard output.
pub(super) fn json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"));
    line(&text);
}

/// Prints a line on standard error.
pub(super) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "nightshift: {text}");
}
