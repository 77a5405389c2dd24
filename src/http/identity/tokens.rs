//! `/api/v1/tokens…`: what machines get in with.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::identity::{NewMachineToken, TokenId};
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{TokenOut, segment};
use super::users::created;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::paging::{Page, listed};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use crate::http::{App, idempotency};

/// A machine token about to be made.
#[derive(ToSchema)]
#[schema(as = NewMachineToken)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct NewTokenIn {
    /// What it is for.
    #[schema(example = "prometheus", max_length = 100)]
    name: String,
    /// What it opens: `metrics:read`, `events:read`, `system:read`, `sensing:read`, `sensing:write`, `sensing:manage`,
    /// `production:read`, `station`, `agent`.
    #[schema(example = json!(["metrics:read"]), min_items = 1)]
    scopes: Vec<String>,
    /// When it ends by itself; never when absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A machine token that was just made, with its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// Send it as `Authorization: Bearer …`. It is shown here and never again.
    #[schema(example = "nsm_3_…")]
    token: String,
    /// What is known of it.
    #[serde(flatten)]
    about: TokenOut,
}

/// Machine tokens, the newest first.
#[utoipa::path(
    get, path = "/api/v1/tokens",
    operation_id = "tokens_list", tag = "identity", params(Page),
    responses(
        (status = 200, description = "The tokens.", body = Vec<TokenOut>,
         headers(("X-Total-Count" = i64, description = "Tokens there are"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let (skip, limit) = page.checked()?;
    let (tokens, total) = app.plant.identity().tokens(skip, limit).await?;
    let tokens: Vec<TokenOut> = tokens.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &tokens, total, (skip, limit)))
}

/// Makes a machine token. Its text is in this answer alone.
#[utoipa::path(
    post, path = "/api/v1/tokens",
    operation_id = "tokens_create", tag = "identity", request_body = NewTokenIn,
    responses(
        (status = 201, description = "Made.", body = MadeToken, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(new): Json<NewMachineToken>,
) -> Result<Response, Problem> {
    let (about, token) = app.plant.identity().create_token(new, caller.by()).await?;
    let location = format!("/api/v1/tokens/{}", about.id.0);
    let mut response = created(location, MadeToken { token, about: about.into() });
    response.extensions_mut().insert(idempotency::Secret);
    Ok(response)
}

/// One machine token.
#[utoipa::path(
    get, path = "/api/v1/tokens/{token_id}",
    operation_id = "tokens_show", tag = "identity",
    params(("token_id" = i64, Path, example = 3)),
    responses((status = 200, description = "The token.", body = TokenOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<JsonBody<TokenOut>, Problem> {
    Ok(JsonBody(app.plant.identity().token(token_id(&id)?).await?.into()))
}

/// Revokes a machine token: it opens nothing from now on.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{token_id}",
    operation_id = "tokens_revoke", tag = "identity",
    params(("token_id" = i64, Path, example = 3)),
    responses((status = 204, description = "Revoked."), NotFoundError, AnyError)
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.identity().revoke_token(token_id(&id)?, caller.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn token_id(text: &str) -> Result<TokenId, Problem> {
    segment::<i64>("token_id", text).map(TokenId)
}
