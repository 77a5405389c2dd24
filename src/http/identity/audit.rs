//! `/api/v1/audit-logs…`: who did what, when, from where, and what it was before. Nobody can change it.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_actors::AuditQuery;
use nightshift_domain::Timestamp;
use nightshift_domain::audit::{Action, Actor, AuditRow};
use nightshift_domain::identity::UserId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::types::segment;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed};
use crate::http::problem::{AnyError, NotFoundError, Problem};
use crate::http::sensing::types::Time;

/// Longest kind or id of a thing, bytes.
const NAME_BYTES_MAX: usize = 200;

/// A line of the audit.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditLog)]
pub(crate) struct AuditOut {
    /// Its number: there are no gaps.
    #[schema(example = 42)]
    id: i64,
    /// `user`, `machine`, `system` or `anonymous`.
    #[schema(example = "user")]
    actor: &'static str,
    /// The user, if it was one.
    #[schema(example = 1)]
    user_id: Option<i64>,
    /// The user's or machine token's name at that time.
    #[schema(example = "admin")]
    actor_name: Option<String>,
    /// What was done.
    #[schema(value_type = String, example = "UPDATE")]
    action: Action,
    /// To what kind of thing.
    #[schema(example = "user")]
    entity_type: String,
    /// To which one.
    #[schema(example = "7")]
    entity_id: Option<String>,
    /// What it was; secrets are masked.
    #[schema(value_type = Option<serde_json::Map<String, Value>>)]
    old_values: Option<Value>,
    /// What it is now; secrets are masked.
    #[schema(value_type = Option<serde_json::Map<String, Value>>)]
    new_values: Option<Value>,
    /// From which address.
    #[schema(example = "192.0.2.7")]
    ip_address: Option<String>,
    /// With which program.
    user_agent: Option<String>,
    /// In which request.
    request_id: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The keyed hash that chains it to the line before.
    link: String,
}

impl From<AuditRow> for AuditOut {
    fn from(row: AuditRow) -> Self {
        let (entry, link) = (row.entry, row.link.to_string());
        let user_id = match &entry.actor {
            Actor::User { id, .. } => Some(id.0),
            _ => None,
        };
        Self {
            id: row.seq,
            actor: entry.actor.kind(),
            user_id,
            actor_name: entry.actor.name().map(str::to_owned),
            action: entry.action,
            entity_type: entry.entity_type,
            entity_id: entry.entity_id,
            old_values: entry.old_values.and_then(|values| serde_json::to_value(values).ok()),
            new_values: entry.new_values.and_then(|values| serde_json::to_value(values).ok()),
            ip_address: entry.ip_address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
            created_at: entry.at,
            link,
        }
    }
}

/// Which lines.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only what this user did.
    user_id: Option<i64>,
    /// Only what was done to this kind of thing.
    #[param(example = "user", max_length = 200)]
    entity_type: Option<String>,
    /// Only what was done to the thing with this id.
    #[param(max_length = 200)]
    entity_id: Option<String>,
    /// Only this: CREATE, UPDATE, DELETE, LOGIN, LOGOUT, LOGIN_FAILED, REFUSED …
    #[param(value_type = Option<String>, example = "UPDATE")]
    action: Option<Action>,
    /// At or after this.
    #[param(value_type = Option<Time>)]
    start_date: Option<Timestamp>,
    /// Before this.
    #[param(value_type = Option<Time>)]
    end_date: Option<Timestamp>,
    /// Entries to leave out.
    #[param(default = 0, maximum = 10000000)]
    skip: Option<u32>,
    /// Most entries to give.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

async fn page(app: &App, uri: &Uri, which: Which) -> Result<Response, Problem> {
    let (skip, limit) = Page::new(which.skip, which.limit).checked()?;
    let refuse =
        |name: &str, text: String| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    for (name, text) in [("entity_type", &which.entity_type), ("entity_id", &which.entity_id)] {
        let formed = |t: &String| t.len() <= NAME_BYTES_MAX && !t.chars().any(char::is_control);
        if !text.as_ref().is_none_or(formed) {
            return Err(refuse(name, format!("at most {NAME_BYTES_MAX} bytes without control characters")));
        }
    }
    if let (Some(start), Some(end)) = (which.start_date, which.end_date)
        && start > end
    {
        return Err(refuse("end_date", "must not lie before start_date".to_owned()));
    }
    let query = AuditQuery {
        user_id: which.user_id.map(UserId),
        entity_type: which.entity_type,
        entity_id: which.entity_id,
        action: which.action,
        start: which.start_date,
        end: which.end_date,
        skip: u64::from(skip),
        limit,
    };
    let (rows, total) = app.plant.identity().audit(&query).await?;
    let rows: Vec<AuditOut> = rows.into_iter().map(Into::into).collect();
    Ok(listed(uri, &rows, total, (skip, limit)))
}

/// Lines of the audit, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit-logs",
    operation_id = "audit_list", tag = "identity", params(Which),
    responses(
        (status = 200, description = "The lines.", body = Vec<AuditOut>,
         headers(("X-Total-Count" = i64, description = "Lines that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    page(&app, &uri, which).await
}

/// One line of the audit.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/{audit_id}",
    operation_id = "audit_show", tag = "identity",
    params(("audit_id" = i64, Path, example = 42)),
    responses((status = 200, description = "The line.", body = AuditOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<JsonBody<AuditOut>, Problem> {
    Ok(JsonBody(app.plant.identity().audit_row(segment("audit_id", &id)?).await?.into()))
}

/// What was done to one thing, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/entity/{entity_type}/{entity_id}",
    operation_id = "audit_by_entity", tag = "identity",
    params(("entity_type" = String, Path, example = "user"), ("entity_id" = String, Path, example = "7"), Page),
    responses((status = 200, description = "The lines.", body = Vec<AuditOut>), AnyError)
)]
pub(crate) async fn by_entity(
    State(app): State<App>,
    uri: Uri,
    Path((entity_type, entity_id)): Path<(String, String)>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let (skip, limit) = part.asked();
    let (entity_type, entity_id) = (Some(entity_type), Some(entity_id));
    page(&app, &uri, Which { entity_type, entity_id, skip, limit, ..Which::default() }).await
}

/// What was done to one thing: the same as without `/history`.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/entity/{entity_type}/{entity_id}/history",
    operation_id = "audit_history", tag = "identity",
    params(("entity_type" = String, Path, example = "user"), ("entity_id" = String, Path, example = "7"), Page),
    responses((status = 200, description = "The lines.", body = Vec<AuditOut>), AnyError)
)]
pub(crate) async fn history(
    state: State<App>,
    uri: Uri,
    entity: Path<(String, String)>,
    part: Query<Page>,
) -> Result<Response, Problem> {
    by_entity(state, uri, entity, part).await
}

/// What one user did, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/user/{user_id}",
    operation_id = "audit_by_user", tag = "identity",
    params(("user_id" = i64, Path, example = 1), Page),
    responses((status = 200, description = "The lines.", body = Vec<AuditOut>), AnyError)
)]
pub(crate) async fn by_user(
    State(app): State<App>,
    uri: Uri,
    Path(id): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let (skip, limit) = part.asked();
    let user_id = Some(segment("user_id", &id)?);
    page(&app, &uri, Which { user_id, skip, limit, ..Which::default() }).await
}

/// Acts of one kind, the newest first.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/action/{action}",
    operation_id = "audit_by_action", tag = "identity",
    params(("action" = String, Path, example = "LOGIN_FAILED"), Page),
    responses((status = 200, description = "The lines.", body = Vec<AuditOut>), AnyError)
)]
pub(crate) async fn by_action(
    State(app): State<App>,
    uri: Uri,
    Path(action): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let (skip, limit) = part.asked();
    let action = Some(segment("action", &action)?);
    page(&app, &uri, Which { action, skip, limit, ..Which::default() }).await
}

/// What was done within a time: the same as the list with `start_date` and `end_date`.
#[utoipa::path(
    get, path = "/api/v1/audit-logs/date-range",
    operation_id = "audit_by_dates", tag = "identity", params(Which),
    responses((status = 200, description = "The lines.", body = Vec<AuditOut>), AnyError)
)]
pub(crate) async fn by_dates(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    page(&app, &uri, which).await
}
