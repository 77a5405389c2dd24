//! What production answers when it cannot do what was asked.

use std::time::Duration;

use nightshift_domain::production::{FieldFault, Refusal, RefusalKind};
use nightshift_kernel::AskError;
use nightshift_store::StoreError;

use crate::setback::Setback;
use crate::writer::WriteError;

/// Why something was not done. Every variant says whether trying again makes sense.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProductionError {
    /// A rule says no; its code, kind and messages are the domain's.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What a path names does not exist.
    #[error("{what} {id} not found")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// What is to be made is there already.
    #[error("{what} already exists")]
    Exists {
        /// The thing.
        what: String,
    },
    /// What is to be removed is still referred to.
    #[error("{what} is in use by {by}")]
    InUse {
        /// The thing.
        what: String,
        /// What refers to it.
        by: String,
    },
    /// Fields cannot be what was sent.
    #[error("{}", listed(.0))]
    Invalid(Vec<FieldFault>),
    /// Only a person may do it: it is signed with a user's number.
    #[error("this needs a person who is signed in")]
    NotAPerson,
    /// It could not be done.
    #[error(transparent)]
    Setback(#[from] Setback),
}

fn listed(faults: &[FieldFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl ProductionError {
    /// The code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Exists { .. } => "ALREADY_EXISTS",
            Self::InUse { .. } => "IN_USE",
            Self::Invalid(_) => "INVALID",
            Self::NotAPerson => "FORBIDDEN",
            Self::Setback(Setback::Overloaded { .. }) => "SERVICE_OVERLOADED",
            Self::Setback(Setback::Unavailable { .. }) => "UNAVAILABLE",
            Self::Setback(Setback::Deadline) => "DEADLINE",
            Self::Setback(Setback::Failed(_)) => "INTERNAL",
        }
    }

    /// Whether the plant could not do it, rather than would not.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Setback(_))
    }

    pub(crate) fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// The database does not answer.
    pub(crate) fn database_away(retry_after: Duration) -> Self {
        Setback::Unavailable { what: "the database", retry_after }.into()
    }

    pub(crate) fn from_ask(error: AskError) -> Self {
        Setback::of_ask(error, "the process").into()
    }

    fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Conflict { what } => Self::Exists { what: what.clone() },
            StoreError::InUse { what, by } => Self::InUse { what: what.clone(), by: by.clone() },
            StoreError::Missing { what } => Self::NotFound { what: "", id: what.clone() },
            StoreError::Nul { what } => {
                let field = what.rsplit('.').next().unwrap_or(what);
                Self::Invalid(vec![FieldFault::new(field, "must not hold the character U+0000")])
            }
            error => Setback::of_store(error).into(),
        }
    }
}

impl From<StoreError> for ProductionError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl From<WriteError> for ProductionError {
    fn from(error: WriteError) -> Self {
        Setback::of_write(&error, Self::from_store)
    }
}

impl From<Vec<FieldFault>> for ProductionError {
    fn from(faults: Vec<FieldFault>) -> Self {
        Self::Invalid(faults)
    }
}

/// Whether a refusal counts as a mistake at the station rather than a race or a state: for the metrics.
pub(super) fn kind_word(refusal: &Refusal) -> &'static str {
    match refusal.kind() {
        RefusalKind::NotFound => "not_found",
        RefusalKind::Rule => "rule",
        RefusalKind::Conflict => "conflict",
        RefusalKind::Forbidden => "forbidden",
    }
}
