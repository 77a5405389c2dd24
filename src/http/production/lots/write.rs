//! Lots, made and moved on.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_actors::LotChange;
use nightshift_domain::identity::Permission;
use nightshift_domain::production::{LineId, LotDraft, LotStatus};
use nightshift_store::production::LotView;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::bodies::{AnyOf, Fields, word};
use super::super::find;
use super::super::views::LotOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, invalid_body};
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::types::Done;
use crate::http::identity::users::created;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};

/// A lot about to be made.
#[derive(ToSchema)]
#[schema(as = NewLot)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct LotIn {
    /// Its number: at most 50 characters of `A-Z`, `0-9` and `-`; the next of the shift's series when absent.
    #[schema(example = "LOT-2025-001")]
    lot_number: Option<String>,
    /// What is made.
    #[schema(example = 1)]
    product_model_id: i64,
    /// Where.
    production_line_id: Option<i64>,
    /// The production day; today's when absent.
    #[schema(format = Date)]
    production_date: Option<String>,
    /// `D` or `N`; the shift that works now when absent.
    #[schema(example = "D")]
    shift: Option<String>,
    /// Units that are to be made.
    #[schema(example = 50, minimum = 1, maximum = 100)]
    target_quantity: i64,
    /// The order it is made for.
    #[schema(example = "WO-2025-001", max_length = 50)]
    work_order: Option<String>,
}

/// What may be changed of an open lot.
#[derive(ToSchema)]
#[schema(as = Lot)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct LotChangeIn {
    /// Where it is made.
    production_line_id: Option<i64>,
    /// Units that are to be made, not fewer than there are.
    #[schema(minimum = 1, maximum = 100)]
    target_quantity: Option<i64>,
    /// The order it is made for.
    #[schema(max_length = 50)]
    work_order: Option<String>,
}

/// Where a lot is to go.
#[derive(Deserialize, ToSchema)]
pub(crate) struct LotStep {
    /// `IN_PROGRESS`, `COMPLETED`, `CLOSED` or `CANCELLED`.
    #[schema(example = "CLOSED")]
    status: String,
}

/// Makes a lot. Without a number it gets the next one of its model, day and shift: `WF-KR-251110D-001`.
#[utoipa::path(
    post, path = "/api/v1/lots",
    operation_id = "lots_create", tag = "production", request_body = LotIn,
    responses(
        (status = 201, description = "Made.", body = LotOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(draft): Json<LotDraft>,
) -> Result<Response, Problem> {
    let once = unit.answering(StatusCode::CREATED, |lot: &LotView| placed(LotOut::from(lot.clone())));
    let lot = app.plant.production().create_lot(&caller.by(), draft, once).await?;
    let (place, lot) = placed(lot.into());
    Ok(created(place, lot))
}

/// A lot and where it is.
fn placed(lot: LotOut) -> (String, LotOut) {
    (format!("/api/v1/lots/{}", lot.id), lot)
}

type LotFields = AnyOf<LotChangeIn>;

/// Changes line, target or work order of an open lot.
#[utoipa::path(
    put, path = "/api/v1/lots/{lot_id}",
    operation_id = "lots_change", tag = "production",
    params(("lot_id" = String, Path, example = "1")), request_body = LotFields,
    responses((status = 200, description = "Changed.", body = LotOut), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(change): Json<Fields>,
) -> Result<JsonBody<LotOut>, Problem> {
    let id = find::lot(&app, &text).await?.lot.id;
    // Clients send back whole lots. A status among the fields is a step, and answered like one.
    let lot = match change.get("status").and_then(|status| status.as_str()) {
        Some(word) if change.len() == 1 => step(&app, &caller, &text, word).await?,
        _ => app.plant.production().change_lot(&caller.by(), id, lot_change(&change)?).await?.into(),
    };
    Ok(JsonBody(lot))
}

/// Removes a lot that has no units and no runs.
#[utoipa::path(
    delete, path = "/api/v1/lots/{lot_id}",
    operation_id = "lots_remove", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = find::lot(&app, &text).await?.lot.id;
    app.plant.production().remove_lot(&caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves a lot on, one step at a time. To close or cancel it takes a manager.
#[utoipa::path(
    put, path = "/api/v1/lots/{lot_id}/status",
    operation_id = "lots_set_status", tag = "production",
    params(("lot_id" = String, Path, description = "Its number, or its id.", example = "WF-KR-251110D-001")),
    request_body = LotStep,
    responses((status = 200, description = "Moved on.", body = Done<LotOut>), RuleError, NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn set_status(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(to): Json<LotStep>,
) -> Result<JsonBody<Done<LotOut>>, Problem> {
    Ok(JsonBody(Done::new("status changed", step(&app, &caller, &text, &to.status).await?)))
}

/// Counts a lot's units again, from the units.
#[utoipa::path(
    put, path = "/api/v1/lots/{lot_id}/quantities",
    operation_id = "lots_recount", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 200, description = "Counted.", body = LotOut), NotFoundError, AnyError)
)]
pub(crate) async fn recount(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<LotOut>, Problem> {
    let id = find::lot(&app, &text).await?.lot.id;
    Ok(JsonBody(app.plant.production().recount_lot(&caller.by(), id).await?.into()))
}

/// Signs a completed lot off. Nothing can be done in it any more.
#[utoipa::path(
    post, path = "/api/v1/lots/{lot_id}/close",
    operation_id = "lots_close", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 200, description = "Closed.", body = Done<LotOut>), RuleError, NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn close(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<LotOut>>, Problem> {
    Ok(JsonBody(Done::new("closed", step(&app, &caller, &text, LotStatus::Closed.as_str()).await?)))
}

/// Signs a completed lot off: the same as `POST`.
#[utoipa::path(
    put, path = "/api/v1/lots/{lot_id}/close",
    operation_id = "lots_put_close", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 200, description = "Closed.", body = Done<LotOut>), RuleError, NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn put_close(
    app: State<App>,
    caller: Caller,
    path: Path<String>,
) -> Result<JsonBody<Done<LotOut>>, Problem> {
    close(app, caller, path).await
}

async fn step(app: &App, caller: &Caller, lot: &str, to: &str) -> Result<LotOut, Problem> {
    let to = word("body", "status", to, LotStatus::from_word, "IN_PROGRESS, COMPLETED, CLOSED, CANCELLED")?;
    if matches!(to, LotStatus::Closed | LotStatus::Cancelled) {
        caller.expect(app, Permission::LotClose).await?;
    }
    let id = find::lot(app, lot).await?.lot.id;
    Ok(app.plant.production().step_lot(&caller.by(), id, to).await?.into())
}

/// The fields that may be changed; all others of the body are passed over, as clients send back whole lots.
fn lot_change(given: &Fields) -> Result<LotChange, Problem> {
    let number = |name: &str| match given.get(name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(None)),
        Some(value) => match value.as_i64() {
            Some(n) => Ok(Some(Some(n))),
            None => Err(invalid_body(&[name], "must be a whole number")),
        },
    };
    let work_order = match given.get("work_order") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => return Err(invalid_body(&["work_order"], "must be a text")),
    };
    Ok(LotChange {
        target_quantity: number("target_quantity")?.flatten(),
        production_line_id: number("production_line_id")?.map(|id| id.map(LineId)),
        work_order,
    })
}
