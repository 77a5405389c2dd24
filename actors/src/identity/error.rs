//! What the identity answers when it cannot do what was asked.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{Locked, RefreshRefusal, password::PasswordError};
use nightshift_store::StoreError;

use super::passwords::PasswordsError;
use crate::setback::Setback;
use crate::writer::WriteError;

/// Pause that a client is asked to make when too much waits.
const RETRY_AFTER_BUSY: Duration = Duration::from_secs(2);
/// Pause that a client is asked to make when the database is away.
const RETRY_AFTER_GONE: Duration = Duration::from_secs(5);

/// Why something was not done. Every variant says whether trying again makes sense.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No token, or none of this plant, or one of a session that has ended.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The token was good once.
    #[error("the token has expired")]
    TokenExpired,
    /// The name or the password is wrong; which of the two is not said.
    #[error("incorrect username or password")]
    Credentials,
    /// A refresh token is not taken.
    #[error(transparent)]
    RefreshRefused(#[from] RefreshRefusal),
    /// Too many wrong passwords.
    #[error("too many wrong passwords: the account is locked for {} s", retry_after.as_secs())]
    Locked {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// Known, and not allowed.
    #[error("not enough permissions")]
    Forbidden,
    /// There is no such thing.
    #[error("{what} does not exist")]
    NotFound {
        /// The thing.
        what: String,
        /// For programs.
        code: &'static str,
    },
    /// It is there already, or something stands in its way.
    #[error("{reason}")]
    Conflict {
        /// What stands in its way.
        reason: String,
        /// For programs.
        code: &'static str,
    },
    /// A field cannot be what it is.
    #[error("{reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A rule stands against it.
    #[error("{reason}")]
    Broken {
        /// The rule.
        reason: String,
        /// For programs.
        code: &'static str,
    },
    /// It could not be done.
    #[error(transparent)]
    Setback(Setback),
}

impl IdentityError {
    pub(super) fn no_user(what: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("user {what}"), code: "USER_NOT_FOUND" }
    }

    pub(super) fn no_token(what: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("machine token {what}"), code: "TOKEN_NOT_FOUND" }
    }

    pub(super) fn locked(lock: Locked, now: Timestamp) -> Self {
        Self::Locked { retry_after: lock.until.since(now) + Duration::from_secs(1) }
    }

    fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict { what } => {
                Self::Conflict { reason: format!("{what} exists already"), code: "ALREADY_EXISTS" }
            }
            StoreError::Missing { what } => Self::NotFound { what: what.clone(), code: "NOT_FOUND" },
            StoreError::Nul { what } => {
                Self::Invalid { field: "body", reason: format!("{what} holds a NUL character") }
            }
            error => Setback::of_store(error).into(),
        }
    }
}

impl From<Setback> for IdentityError {
    fn from(setback: Setback) -> Self {
        Self::Setback(setback.pausing(RETRY_AFTER_BUSY, RETRY_AFTER_GONE))
    }
}

impl From<StoreError> for IdentityError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl From<Arc<StoreError>> for IdentityError {
    fn from(error: Arc<StoreError>) -> Self {
        Self::from_store(&error)
    }
}

impl From<WriteError> for IdentityError {
    fn from(error: WriteError) -> Self {
        Setback::of_write(&error, Self::from_store)
    }
}

impl From<PasswordsError> for IdentityError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy => Setback::full().into(),
            PasswordsError::Failed(cause) => Setback::Failed(cause).into(),
        }
    }
}

impl From<PasswordError> for IdentityError {
    fn from(error: PasswordError) -> Self {
        Self::Invalid { field: "password", reason: error.to_string() }
    }
}
