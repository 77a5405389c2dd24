//! `/api/v1/users…`: the people of the plant.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use nightshift_actors::UserQuery;
use nightshift_domain::identity::{
    Department, Email, FullName, NewUser, Permission, ProfileChange, Role, User, UserChange, UserId, Username,
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::types::{Done, UserOut, segment};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::idempotency::IdempotentUnit;
use crate::http::paging::{Page, listed};
use crate::http::problem::{
    AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError, SignInError,
};

/// A user about to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserIn {
    /// 1–50 of `A-Z a-z 0-9 . _ @ -`, beginning with a letter or digit.
    #[schema(value_type = String, example = "newuser", max_length = 50)]
    username: Username,
    /// Its address of mail.
    #[schema(value_type = Option<String>, example = "user@example.com")]
    #[serde(default)]
    email: Option<Email>,
    /// 8–128 characters, three of: upper case, lower case, digits, others.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    password: SecretString,
    /// The name to show.
    #[schema(value_type = String, example = "New User", max_length = 100)]
    full_name: FullName,
    /// ADMIN, MANAGER, OPERATOR (also WORKER), DOCTOR, NURSE or VIEWER.
    #[schema(value_type = String, example = "OPERATOR")]
    role: Role,
    /// Where it works.
    #[schema(value_type = Option<String>, example = "Production", max_length = 100)]
    #[serde(default)]
    department: Option<Department>,
    /// Whether it may sign in.
    #[schema(default = true)]
    #[serde(default = "yes")]
    is_active: bool,
}

fn yes() -> bool {
    true
}

/// What an administrator may change of a user. An absent field stays; `null` clears an optional one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct UserChangeIn {
    #[schema(max_length = 50)]
    username: Option<String>,
    #[schema(example = "user@example.com")]
    email: Option<String>,
    #[schema(max_length = 100)]
    full_name: Option<String>,
    #[schema(example = "MANAGER")]
    role: Option<String>,
    #[schema(max_length = 100)]
    department: Option<String>,
    is_active: Option<bool>,
}

/// What people may change of themselves. An absent field stays; `null` clears an optional one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct ProfileIn {
    #[schema(example = "user@example.com")]
    email: Option<String>,
    #[schema(max_length = 100)]
    full_name: Option<String>,
    #[schema(max_length = 100)]
    department: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The password until now; not needed by an administrator who sets somebody else's.
    #[serde(default, alias = "old_password")]
    #[schema(value_type = Option<String>, format = Password)]
    current_password: Option<SecretString>,
    /// 8–128 characters, three of: upper case, lower case, digits, others.
    #[serde(alias = "password")]
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: SecretString,
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this role.
    #[param(value_type = Option<String>, example = "OPERATOR")]
    role: Option<Role>,
    /// Only those who may, or may not, sign in.
    is_active: Option<bool>,
    /// Entries to leave out.
    #[param(default = 0, maximum = 10000000)]
    skip: Option<u32>,
    /// Most entries to give.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

async fn page(
    app: &App,
    uri: &Uri,
    role: Option<Role>,
    is_active: Option<bool>,
    page: Page,
) -> Result<Response, Problem> {
    let (skip, limit) = page.checked()?;
    let query = UserQuery { role, is_active, skip: u64::from(skip), limit };
    let (users, total) = app.plant.identity().users(&query).await?;
    let users: Vec<UserOut> = users.into_iter().map(Into::into).collect();
    Ok(listed(uri, &users, total, (skip, limit)))
}

/// Users, by number.
#[utoipa::path(
    get, path = "/api/v1/users",
    operation_id = "users_list", tag = "identity", params(Which),
    responses(
        (status = 200, description = "The users.", body = Vec<UserOut>,
         headers(("X-Total-Count" = i64, description = "Users there are"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    page(&app, &uri, which.role, which.is_active, Page::new(which.skip, which.limit)).await
}

/// Makes a user.
#[utoipa::path(
    post, path = "/api/v1/users",
    operation_id = "users_create", tag = "identity", request_body = NewUserIn,
    responses(
        (status = 201, description = "Made.", body = UserOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<NewUserIn>,
) -> Result<Response, Problem> {
    let NewUserIn { username, email, password, full_name, role, department, is_active } = given;
    let new = NewUser { username, email, full_name, role, department, is_active };
    let once = unit.answering(StatusCode::CREATED, |user: &User| (place(user), UserOut::from(user.clone())));
    let user = app.plant.identity().create_user(new, &password, caller.by(), once).await?;
    Ok(created(place(&user), UserOut::from(user)))
}

/// Where a user is.
fn place(user: &User) -> String {
    format!("/api/v1/users/{}", user.id)
}

/// 201 with the thing and where it is.
pub(crate) fn created(location: String, body: impl serde::Serialize) -> Response {
    let mut response = (StatusCode::CREATED, JsonBody(body)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The user who is signed in.
#[utoipa::path(
    get, path = "/api/v1/users/me",
    operation_id = "users_own", tag = "identity",
    responses((status = 200, description = "The user.", body = UserOut), AnyError)
)]
pub(crate) async fn own(State(app): State<App>, caller: Caller) -> Result<JsonBody<UserOut>, Problem> {
    let (id, _) = caller.person()?;
    Ok(JsonBody(app.plant.identity().user(id).await?.into()))
}

/// Changes the own profile. Role, name to sign in with and the right to sign in are not the user's own to change.
#[utoipa::path(
    put, path = "/api/v1/users/me",
    operation_id = "users_change_own", tag = "identity", request_body = ProfileIn,
    responses((status = 200, description = "Changed.", body = UserOut), ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change_own(
    State(app): State<App>,
    caller: Caller,
    Json(change): Json<ProfileChange>,
) -> Result<JsonBody<UserOut>, Problem> {
    let (id, _) = caller.person()?;
    Ok(JsonBody(app.plant.identity().change_user(id, change.into(), caller.by()).await?.into()))
}

/// Sets the own password; other sessions of the user end.
#[utoipa::path(
    put, path = "/api/v1/users/me/password",
    operation_id = "users_set_own_password", tag = "identity", request_body = NewPassword,
    responses((status = 200, description = "Set.", body = Done<UserOut>), RuleError, SignInError, BodyError, AnyError)
)]
pub(crate) async fn set_own_password(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<NewPassword>,
) -> Result<JsonBody<Done<UserOut>>, Problem> {
    let (id, _) = caller.person()?;
    set(&app, &caller, id, given).await
}

/// A user by the name to sign in with.
#[utoipa::path(
    get, path = "/api/v1/users/username/{username}",
    operation_id = "users_by_username", tag = "identity",
    params(("username" = String, Path, example = "admin")),
    responses((status = 200, description = "The user.", body = UserOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_username(
    State(app): State<App>,
    Path(username): Path<String>,
) -> Result<JsonBody<UserOut>, Problem> {
    let username: Username = segment("username", &username)?;
    Ok(JsonBody(app.plant.identity().user_by_username(&username).await?.into()))
}

/// A user by the address of mail.
#[utoipa::path(
    get, path = "/api/v1/users/email/{email}",
    operation_id = "users_by_email", tag = "identity",
    params(("email" = String, Path, example = "admin@example.com")),
    responses((status = 200, description = "The user.", body = UserOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_email(
    State(app): State<App>,
    Path(email): Path<String>,
) -> Result<JsonBody<UserOut>, Problem> {
    let email: Email = segment("email", &email)?;
    Ok(JsonBody(app.plant.identity().user_by_email(&email).await?.into()))
}

/// Users of a role, by number.
#[utoipa::path(
    get, path = "/api/v1/users/role/{role}",
    operation_id = "users_by_role", tag = "identity",
    params(("role" = String, Path, example = "OPERATOR"), Page),
    responses((status = 200, description = "The users.", body = Vec<UserOut>), AnyError)
)]
pub(crate) async fn by_role(
    State(app): State<App>,
    uri: Uri,
    Path(role): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    page(&app, &uri, Some(segment("role", &role)?), None, part).await
}

/// A user by number.
#[utoipa::path(
    get, path = "/api/v1/users/{user_id}",
    operation_id = "users_show", tag = "identity",
    params(("user_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The user.", body = UserOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<JsonBody<UserOut>, Problem> {
    Ok(JsonBody(app.plant.identity().user(user_id(&id)?).await?.into()))
}

/// Changes a user. A new role, or the end of the right to sign in, ends the user's sessions.
#[utoipa::path(
    put, path = "/api/v1/users/{user_id}",
    operation_id = "users_change", tag = "identity",
    params(("user_id" = i64, Path, example = 1)), request_body = UserChangeIn,
    responses((status = 200, description = "Changed.", body = UserOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Json(change): Json<UserChange>,
) -> Result<JsonBody<UserOut>, Problem> {
    Ok(JsonBody(app.plant.identity().change_user(user_id(&id)?, change, caller.by()).await?.into()))
}

/// Changes a user: the same as `PUT`.
#[utoipa::path(
    patch, path = "/api/v1/users/{user_id}",
    operation_id = "users_patch", tag = "identity",
    params(("user_id" = i64, Path, example = 1)), request_body = UserChangeIn,
    responses((status = 200, description = "Changed.", body = UserOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn patch(
    state: State<App>,
    caller: Caller,
    id: Path<String>,
    body: Json<UserChange>,
) -> Result<JsonBody<UserOut>, Problem> {
    change(state, caller, id, body).await
}

/// Removes a user. What the user did stays in the audit; the last administrator stays.
#[utoipa::path(
    delete, path = "/api/v1/users/{user_id}",
    operation_id = "users_remove", tag = "identity",
    params(("user_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.identity().remove_user(user_id(&id)?, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets a password: the own one with the current one, or as administrator anybody's. The user's other sessions end.
#[utoipa::path(
    put, path = "/api/v1/users/{user_id}/password",
    operation_id = "users_set_password", tag = "identity",
    params(("user_id" = i64, Path, example = 1)), request_body = NewPassword,
    responses((status = 200, description = "Set.", body = Done<UserOut>), RuleError, NotFoundError, SignInError, BodyError, AnyError)
)]
pub(crate) async fn set_password(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Json(given): Json<NewPassword>,
) -> Result<JsonBody<Done<UserOut>>, Problem> {
    set(&app, &caller, user_id(&id)?, given).await
}

/// Takes a lock off an account.
#[utoipa::path(
    post, path = "/api/v1/users/{user_id}/unlock",
    operation_id = "users_unlock", tag = "identity",
    params(("user_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Unlocked.", body = Done<UserOut>), NotFoundError, AnyError)
)]
pub(crate) async fn unlock(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<Done<UserOut>>, Problem> {
    let user = app.plant.identity().unlock_user(user_id(&id)?, caller.by()).await?;
    Ok(JsonBody(Done::new("unlocked", user.into())))
}

async fn set(
    app: &App,
    caller: &Caller,
    id: UserId,
    given: NewPassword,
) -> Result<JsonBody<Done<UserOut>>, Problem> {
    let (own, session) = caller.person()?;
    let identity = app.plant.identity();
    let user = if own == id {
        let current = given.current_password.ok_or_else(|| {
            let loc = vec!["body".into(), "current_password".into()];
            Problem::field(loc, "the current password is needed to set the own one", "missing")
        })?;
        identity.change_password(id, session, &current, &given.new_password, caller.by()).await?
    } else {
        caller.expect(app, Permission::UserManage).await?;
        identity.reset_password(id, &given.new_password, caller.by()).await?
    };
    Ok(JsonBody(Done::new("password set", user.into())))
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    segment::<i64>("user_id", text).map(UserId)
}
