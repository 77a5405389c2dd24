//! Why a handler gave up. A fault ends the incarnation; the supervisor decides what follows.

use std::fmt;

/// Longest reason kept, in bytes; longer ones are cut, since a reason is held per child and sent to everybody.
const REASON_BYTES_MAX: usize = 512;

/// The reason why an actor failed, in words for an operator.
///
/// It is not a `std::error::Error` itself, so that `?` turns any error into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    reason: String,
}

impl Fault {
    /// A fault with a reason of its own.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: clip(reason.into()) }
    }

    /// Why the actor failed.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source.filter(|_| reason.len() < REASON_BYTES_MAX) {
            reason.push_str(": ");
            reason.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(reason)
    }
}

/// Cuts a reason to its limit at a character boundary.
pub(crate) fn clip(mut reason: String) -> String {
    if reason.len() > REASON_BYTES_MAX {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("write failed")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_becomes_a_fault_with_its_causes() {
        let fail = || -> Result<(), Fault> { Err(Outer(std::io::Error::other("disk full")))? };
        assert_eq!(fail().unwrap_err().reason(), "write failed: disk full");
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let fault = Fault::new("é".repeat(REASON_BYTES_MAX));
        assert!(fault.reason().len() <= REASON_BYTES_MAX);
        assert!(fault.reason().chars().all(|c| c == 'é'));
    }
}
