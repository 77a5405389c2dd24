//! `/api/v1/auth/…`: sign in, go on, sign out.

use axum::Json as JsonBody;
use axum::extract::{Request, State};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::types::{Done, SignedInOut, UserOut};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{media_type, parse_form, parse_object, read_body, unsupported};
use crate::http::problem::{AnyError, BodyError, Problem, SignInError};

/// Content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// Largest body of these routes, bytes.
const BODY_BYTES_MAX: usize = 16 * 1_024;

/// Name and password, as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The name.
    #[serde(alias = "login_id")]
    #[schema(example = "admin", max_length = 50)]
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password, max_length = 128)]
    password: SecretString,
}

/// Name and password as the form of OAuth 2 (RFC 6749, 4.3). What else such a form holds is not used.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PasswordForm {
    /// `password`, if it is there.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// The name.
    username: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// The one that the last sign-in or refresh gave.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

/// A refresh token as the form of OAuth 2 (RFC 6749, 6). What else such a form holds is not used.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RefreshForm {
    /// `refresh_token`, if it is there.
    #[schema(example = "refresh_token")]
    grant_type: Option<String>,
    /// The one that the last sign-in or refresh gave.
    #[schema(value_type = String)]
    refresh_token: SecretString,
}

async fn credentials(app: &App, request: Request) -> Result<(String, SecretString), Problem> {
    let kind = media_type(request.headers()).unwrap_or_else(|| "application/json".to_owned());
    let body = read_body(request, BODY_BYTES_MAX, app.body_timeout()).await?;
    match kind.as_str() {
        FORM => {
            let form: PasswordForm = parse_form(&body)?;
            expect_grant(form.grant_type.as_deref(), "password")?;
            Ok((form.username, form.password))
        }
        "application/json" => {
            let given: Credentials = parse_object(&body)?;
            Ok((given.username, given.password))
        }
        other => Err(unsupported(other, &format!("application/json or {FORM}"))),
    }
}

async fn refresh_token(app: &App, request: Request) -> Result<SecretString, Problem> {
    let kind = media_type(request.headers()).unwrap_or_else(|| "application/json".to_owned());
    let body = read_body(request, BODY_BYTES_MAX, app.body_timeout()).await?;
    match kind.as_str() {
        FORM => {
            let form: RefreshForm = parse_form(&body)?;
            expect_grant(form.grant_type.as_deref(), "refresh_token")?;
            Ok(form.refresh_token)
        }
        "application/json" => Ok(parse_object::<Refresh>(&body)?.refresh_token),
        other => Err(unsupported(other, &format!("application/json or {FORM}"))),
    }
}

fn expect_grant(given: Option<&str>, expected: &'static str) -> Result<(), Problem> {
    match given {
        None | Some("") => Ok(()),
        Some(grant) if grant == expected => Ok(()),
        Some(_) => Err(Problem::field(
            vec!["body".into(), "grant_type".into()],
            format!("must be `{expected}` here"),
            "value_error",
        )),
    }
}

/// Signs in with a name and a password, as JSON or as the password form of OAuth 2.
///
/// Also at `/api/v1/auth/login/json`, `/auth/login` and `/api/auth/login`. After several wrong passwords the account is locked
/// for some minutes; an address from which its owner has signed in before counts by itself.
#[utoipa::path(
    post, path = "/api/v1/auth/login",
    operation_id = "auth_login", tag = "identity",
    request_body(content((Credentials = "application/json"), (PasswordForm = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "Signed in.", body = SignedInOut), SignInError, BodyError, AnyError)
)]
pub(crate) async fn login(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<JsonBody<SignedInOut>, Problem> {
    let (username, password) = credentials(&app, request).await?;
    let signed_in = app.plant.identity().sign_in(&username, &password, caller.origin()).await?;
    Ok(JsonBody(signed_in.into()))
}

/// Gives the next pair of tokens for a refresh token. A token that was used before ends its session.
///
/// Also at `/auth/refresh` and `/api/auth/refresh`.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh",
    operation_id = "auth_refresh", tag = "identity",
    request_body(content((Refresh = "application/json"), (RefreshForm = "application/x-www-form-urlencoded"))),
    responses((status = 200, description = "The next pair.", body = SignedInOut), SignInError, BodyError, AnyError)
)]
pub(crate) async fn refresh(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<JsonBody<SignedInOut>, Problem> {
    let token = refresh_token(&app, request).await?;
    let signed_in = app.plant.identity().refresh(&token, caller.origin()).await?;
    Ok(JsonBody(signed_in.into()))
}

/// Who is signed in. Also at `/auth/me`, `/api/auth/me` and `/api/v1/users/me`.
#[utoipa::path(
    get, path = "/api/v1/auth/me",
    operation_id = "auth_me", tag = "identity",
    responses((status = 200, description = "The user.", body = UserOut), AnyError)
)]
pub(crate) async fn me(State(app): State<App>, caller: Caller) -> Result<JsonBody<UserOut>, Problem> {
    let (id, _) = caller.person()?;
    Ok(JsonBody(app.plant.identity().user(id).await?.into()))
}

/// Ends the session: its access and refresh tokens are good for nothing from now on.
///
/// Also at `/auth/logout` and `/api/auth/logout`.
#[utoipa::path(
    post, path = "/api/v1/auth/logout",
    operation_id = "auth_logout", tag = "identity",
    responses((status = 200, description = "Signed out.", body = Done<UserOut>), AnyError)
)]
pub(crate) async fn logout(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonBody<Done<UserOut>>, Problem> {
    let (id, session) = caller.person()?;
    let user = app.plant.identity().user(id).await?;
    app.plant.identity().sign_out(session, caller.by()).await?;
    Ok(JsonBody(Done::new("signed out", user.into())))
}
