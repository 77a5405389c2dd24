//! Tokens for machines: devices, station agents, Prometheus, vehicles.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::user::{checked_text, shown_text};
use super::{IdentityError, Scope, UserId};
use crate::Timestamp;

/// A machine token's number; it is part of the token's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub i64);

/// What a token is for, as people call it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenName(Box<str>);
checked_text!(TokenName);

impl FromStr for TokenName {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        shown_text("name", s).map(Self)
    }
}

/// A machine token about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMachineToken {
    /// What it is for; unique among those that are valid.
    pub name: TokenName,
    /// What it opens; at least one.
    pub scopes: BTreeSet<Scope>,
    /// When it ends by itself; never when absent.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

impl NewMachineToken {
    /// Refuses a token that would open nothing.
    ///
    /// # Errors
    /// [`IdentityError::Token`] when it has no scope or has ended already.
    pub fn validated(self, now: Timestamp) -> Result<Self, IdentityError> {
        if self.scopes.is_empty() {
            return Err(IdentityError::Token { what: "at least one scope" });
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(IdentityError::Token { what: "an end in the future" });
        }
        Ok(self)
    }
}

/// A machine token as it is stored, without its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineToken {
    /// The number.
    pub id: TokenId,
    /// What it is for.
    pub name: TokenName,
    /// What it opens.
    pub scopes: BTreeSet<Scope>,
    /// Who made it; nobody when it was made on the command line.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl MachineToken {
    /// Whether it opens anything at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_something_for_some_time() {
        let now = Timestamp::from_s(1_000);
        let new = |scopes: &[Scope], expires_at| NewMachineToken {
            name: "prometheus".parse().expect("name"),
            scopes: scopes.iter().copied().collect(),
            expires_at,
        };
        assert!(new(&[Scope::MetricsRead], None).validated(now).is_ok());
        assert!(new(&[], None).validated(now).is_err());
        assert!(new(&[Scope::MetricsRead], Some(now)).validated(now).is_err());
        let token = MachineToken {
            id: TokenId(1),
            name: "prometheus".parse().expect("name"),
            scopes: BTreeSet::from([Scope::MetricsRead]),
            created_by: None,
            created_at: now,
            expires_at: Some(Timestamp::from_s(1_001)),
            last_used_at: None,
            revoked_at: None,
        };
        assert!(token.is_valid(now));
        assert!(!token.is_valid(Timestamp::from_s(1_001)));
        assert!(!MachineToken { revoked_at: Some(now), ..token }.is_valid(now));
    }
}
