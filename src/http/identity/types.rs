//! What the identity routes take and answer with.

use nightshift_actors::SignedIn;
use nightshift_domain::Timestamp;
use nightshift_domain::identity::{MachineToken, Role, User};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::invalid_body;
use crate::http::problem::Problem;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// The name to sign in with.
    #[schema(example = "kim.j")]
    username: String,
    /// Its address of mail.
    #[schema(example = "kim@example.com")]
    email: Option<String>,
    /// The name to show.
    #[schema(example = "김정은")]
    full_name: String,
    /// ADMIN, MANAGER, OPERATOR, DOCTOR, NURSE or VIEWER.
    #[schema(value_type = String, example = "OPERATOR")]
    role: Role,
    /// Where it works.
    #[schema(example = "Production")]
    department: Option<String>,
    /// Whether it may sign in.
    is_active: bool,
    /// When it last signed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<User> for UserOut {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            username: user.username.into(),
            email: user.email.map(Into::into),
            full_name: user.full_name.into(),
            role: user.role,
            department: user.department.map(Into::into),
            is_active: user.is_active,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// A session that has begun or goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(crate) struct SignedInOut {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`.
    #[schema(example = "bearer")]
    token_type: &'static str,
    /// Seconds that the access token lives.
    #[schema(example = 900)]
    expires_in: u64,
    /// Good for one refresh; each refresh gives the next one.
    refresh_token: String,
    /// Seconds that the refresh token lives.
    #[schema(example = 28800)]
    refresh_expires_in: u64,
    /// Who signed in.
    user: UserOut,
}

impl From<SignedIn> for SignedInOut {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            access_token: signed_in.access_token,
            token_type: "bearer",
            expires_in: signed_in.expires_in.as_secs(),
            refresh_token: signed_in.refresh_token,
            refresh_expires_in: signed_in.refresh_expires_in.as_secs(),
            user: signed_in.user.into(),
        }
    }
}

/// A machine token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = MachineToken)]
pub(crate) struct TokenOut {
    /// Its number.
    #[schema(example = 3)]
    id: i64,
    /// What it is for.
    #[schema(example = "prometheus")]
    name: String,
    /// What it opens.
    #[schema(example = json!(["metrics:read"]))]
    scopes: Vec<&'static str>,
    /// Who made it; nobody when it was made on the command line.
    created_by: Option<i64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<MachineToken> for TokenOut {
    fn from(token: MachineToken) -> Self {
        Self {
            id: token.id.0,
            name: token.name.into(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_by: token.created_by.map(|id| id.0),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A command that was done, with what it was done to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done<T> {
    /// `success`.
    #[schema(example = "success")]
    status: &'static str,
    /// What was done.
    #[schema(example = "signed out")]
    message: &'static str,
    /// What it was done to, as it is now.
    data: T,
}

impl<T> Done<T> {
    pub(crate) fn new(message: &'static str, data: T) -> Self {
        Self { status: "success", message, data }
    }
}

/// A text of the body as a checked type; the error names the field.
pub(super) fn field<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|e: T::Err| invalid_body(&[name], e.to_string()))
}

/// A text of the path as a checked type; the error names the parameter.
pub(super) fn segment<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|e: T::Err| Problem::field(vec!["path".into(), name.into()], e.to_string(), "value_error"))
}
