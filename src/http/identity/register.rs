//! `POST /api/v1/auth/register`: a doctor or nurse who knows the plant's admin code makes an account.

use axum::extract::State;
use axum::response::Response;
use nightshift_actors::Registration;
use nightshift_domain::identity::{FullName, Role, Username};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::types::{UserOut, field};
use super::users::created;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::problem::{AnyError, BodyError, Problem, RuleError};

/// An account that its owner makes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegistrationIn {
    /// The name to sign in with, 3–20 characters.
    #[schema(example = "dr.lee", min_length = 3, max_length = 20)]
    login_id: String,
    /// 8–128 characters, three of: upper case, lower case, digits, others.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: SecretString,
    /// The name to show.
    #[schema(example = "이서연", max_length = 100)]
    name: String,
    /// DOCTOR or NURSE.
    #[schema(value_type = String, example = "DOCTOR")]
    role: Role,
    /// What the plant gives to those who may register.
    #[schema(value_type = String, format = Password)]
    admin_code: SecretString,
}

/// Makes the account of a doctor or nurse.
///
/// Also at `/auth/register` and `/api/auth/register`. Closed unless the configuration has an admin code.
#[utoipa::path(
    post, path = "/api/v1/auth/register",
    operation_id = "auth_register", tag = "identity", request_body = RegistrationIn,
    responses(
        (status = 201, description = "Made.", body = UserOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, BodyError, AnyError,
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<RegistrationIn>,
) -> Result<Response, Problem> {
    let registration = Registration {
        username: field::<Username>("login_id", &given.login_id)?,
        full_name: field::<FullName>("name", &given.name)?,
        role: given.role,
        password: given.password,
        admin_code: given.admin_code,
    };
    let user = app.plant.identity().register(registration, caller.origin()).await?;
    Ok(created(format!("/api/v1/users/{}", user.id), UserOut::from(user)))
}
