//! `/api/v1/auth`, `/api/v1/users`, `/api/v1/tokens` and `/api/v1/audit-logs`: who gets in, and what is known of it.

pub(crate) mod admit;
pub(super) mod audit;
pub(super) mod auth;
pub(super) mod register;
pub(super) mod tokens;
pub(super) mod types;
pub(super) mod users;

use axum::http::StatusCode;
use nightshift_actors::IdentityError;
use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;
use super::problem::{FieldError, Problem};

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    Doors::default()
        .open(routes!(auth::login))
        .open(routes!(auth::refresh))
        .signed_in(routes!(auth::me))
        .signed_in(routes!(auth::logout))
        .open(routes!(register::register))
        .needs(Permission::UserRead, routes!(users::list))
        .needs(Permission::UserManage, routes!(users::create))
        .signed_in(routes!(users::own, users::change_own))
        .signed_in(routes!(users::set_own_password))
        .needs(Permission::UserRead, routes!(users::by_username))
        .needs(Permission::UserRead, routes!(users::by_email))
        .needs(Permission::UserRead, routes!(users::by_role))
        .needs(Permission::UserRead, routes!(users::show))
        .needs(Permission::UserManage, routes!(users::change, users::patch, users::remove))
        .signed_in(routes!(users::set_password))
        .needs(Permission::UserManage, routes!(users::unlock))
        .needs(Permission::TokenManage, routes!(tokens::list, tokens::create))
        .needs(Permission::TokenManage, routes!(tokens::show, tokens::revoke))
        .needs(Permission::AuditRead, routes!(audit::list))
        .needs(Permission::AuditRead, routes!(audit::by_entity))
        .needs(Permission::AuditRead, routes!(audit::history))
        .needs(Permission::AuditRead, routes!(audit::by_user))
        .needs(Permission::AuditRead, routes!(audit::by_action))
        .needs(Permission::AuditRead, routes!(audit::by_dates))
        .needs(Permission::AuditRead, routes!(audit::show))
}

/// 401: no token, or none that is good.
pub(crate) fn not_authenticated() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "NOT_AUTHENTICATED", "Not authenticated")
}

/// 403: known, and not allowed.
pub(crate) fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", "Not enough permissions")
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        let text = error.to_string();
        match error {
            IdentityError::NotAuthenticated => not_authenticated(),
            IdentityError::TokenExpired => Self::new(
                StatusCode::UNAUTHORIZED,
                "TOKEN_EXPIRED",
                "Not authenticated: the token has expired",
            ),
            IdentityError::Credentials => {
                Self::new(StatusCode::UNAUTHORIZED, "INVALID_CREDENTIALS", "Incorrect username or password")
            }
            IdentityError::RefreshRefused(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "INVALID_REFRESH_TOKEN", text)
            }
            IdentityError::Locked { retry_after } => {
                Self::new(StatusCode::LOCKED, "ACCOUNT_LOCKED", text).retry_after(retry_after.as_secs())
            }
            IdentityError::Forbidden => forbidden(),
            IdentityError::NotFound { code, .. } => Self::new(StatusCode::NOT_FOUND, code, text),
            IdentityError::Conflict { code, .. } => Self::new(StatusCode::CONFLICT, code, text),
            IdentityError::Invalid { field, .. } => {
                let loc = vec!["body".into(), field.into()];
                Self::fields("VALIDATION_ERROR", vec![FieldError { loc, msg: text, kind: "value_error" }])
            }
            IdentityError::Broken { code, .. } => Self::new(StatusCode::BAD_REQUEST, code, text),
            IdentityError::Setback(setback) => setback.into(),
        }
    }
}
