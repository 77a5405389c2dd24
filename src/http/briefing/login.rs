//! `POST /login`: who is there? Not the sign-in of the plant, which is `/api/v1/auth/login`.

use axum::Json as JsonBody;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use nightshift_domain::briefing::AskerName;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asker::asker;
use super::bodies::Fields;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::idempotency;
use crate::http::identity::admit;
use crate::http::identity::types::SignedInOut;
use crate::http::problem::{AnyError, BodyError, Problem, SignInError};

/// What the detail of an error begins with.
const WHERE: &str = "Login Error";

/// A name, and what proves it.
#[derive(Deserialize, ToSchema)]
#[schema(as = BriefingLogin)]
pub(crate) struct LoginIn {
    /// The name; the one who is signed in when absent.
    #[schema(example = "kim", max_length = 50)]
    username: Option<String>,
    /// The password of the plant's user of that name. Not needed with a token, or where `briefing.open_login` is set.
    #[schema(value_type = Option<String>, format = Password, max_length = 128)]
    password: Option<SecretString>,
}

/// Who is there.
#[derive(Serialize, ToSchema)]
#[schema(as = BriefingLoginDone)]
pub(crate) struct LoginOut {
    /// `signup` for a name that was never seen, `login` for a known one.
    #[schema(example = "login")]
    message: &'static str,
    /// The person's number.
    #[schema(example = "5")]
    user_id: String,
    /// The session, when a password was given: its token opens the other routes.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    session: Option<SignedInOut>,
}

/// Says who is there, and whether the name was seen before.
///
/// With a token of a signed-in person, or with the password of the plant's user of that name; a password also gives a session,
/// whose `access_token` the other routes take, sockets as `?token=`. With `briefing.open_login` a name is enough.
#[utoipa::path(
    post, path = "/login",
    operation_id = "briefing_login", tag = "briefing",
    request_body(content((LoginIn = "application/x-www-form-urlencoded"), (LoginIn = "application/json"))),
    responses(
        (status = 200, description = "Who is there.", body = LoginOut),
        (status = 403, description = "The token is another person's."),
        SignInError, BodyError, AnyError,
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    answer(&app, caller, request).await.map_err(|problem| problem.within(WHERE))
}

async fn answer(app: &App, caller: Caller, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let Fields(given) = Fields::<LoginIn>::from_request(request, app).await?;
    let (name, session) = proven(app, caller, &headers, given).await?;
    let (asker, new) = app.plant.briefing().enter(&name).await?;
    let has_secret = session.is_some();
    let message = if new { "signup" } else { "login" };
    let mut response = JsonBody(LoginOut { message, user_id: asker.id.to_string(), session }).into_response();
    if has_secret {
        response.extensions_mut().insert(idempotency::Secret);
    }
    Ok(response)
}

/// The name that is proven: by a token, by a password, or by nothing where that is enough.
async fn proven(
    app: &App,
    caller: Caller,
    headers: &HeaderMap,
    given: LoginIn,
) -> Result<(AskerName, Option<SignedInOut>), Problem> {
    if let Some(token) = admit::bearer(headers)? {
        let principal = app.plant.identity().authenticate(&token).await?;
        let caller = Caller::new(Some(principal), caller.origin().clone());
        return Ok((asker(&caller, given.username.as_deref(), "body")?, None));
    }
    let name = asker(&caller, given.username.as_deref(), "body")?;
    let password = given.password.filter(|password| !password.expose_secret().is_empty());
    match password {
        Some(password) => {
            let signed_in = app.plant.identity().sign_in(name.as_str(), &password, caller.origin()).await?;
            Ok((name, Some(signed_in.into())))
        }
        None if app.config.briefing.open_login => Ok((name, None)),
        None => Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "NOT_AUTHENTICATED",
            "send the user's `password`, or a token of `/api/v1/auth/login`; `briefing.open_login` does without on a closed network",
        )),
    }
}
