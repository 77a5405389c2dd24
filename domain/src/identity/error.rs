//! What no identity can be.

/// A name, address, role or scope that is refused. `Display` says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a username.
    #[error("username must be 1 to 50 of A-Z a-z 0-9 . _ @ - and begin with a letter or digit")]
    Username,
    /// Not an address of mail.
    #[error("email is not a valid email address of at most 254 ASCII characters")]
    Email,
    /// Text that is empty, too long, or holds characters that do not show.
    #[error("{field} must be 1 to {chars_max} characters without control or invisible ones")]
    Text {
        /// The field.
        field: &'static str,
        /// Longest text, in characters.
        chars_max: usize,
    },
    /// Not a role.
    #[error("role must be ADMIN, MANAGER, OPERATOR, DOCTOR, NURSE or VIEWER")]
    Role,
    /// Not a scope.
    #[error("`{word}` is no scope")]
    Scope {
        /// What was given, cut.
        word: String,
    },
    /// A machine token without a scope, or with an end before its beginning.
    #[error("a machine token needs {what}")]
    Token {
        /// What is missing.
        what: &'static str,
    },
}

impl IdentityError {
    /// The field of a user or token that was refused.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
            Self::Text { field, .. } => field,
            Self::Role => "role",
            Self::Scope { .. } => "scopes",
            Self::Token { .. } => "token",
        }
    }
}
