//! `/api/v1/targets…`: what a production day is to bring.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{PlantDate, Target, TargetId, TargetSpec};
use nightshift_store::production::target_list;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::find::{id, stored};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// What a production day is to bring.
#[derive(ToSchema)]
#[schema(as = NewTarget)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct TargetIn {
    /// The production day.
    #[schema(format = Date)]
    date: String,
    /// The line; every line when absent.
    production_line_id: Option<i64>,
    /// The model; every model when absent.
    product_model_id: Option<i64>,
    /// Units that are to pass.
    #[schema(example = 400, minimum = 1, maximum = 1000000)]
    quantity: i64,
}

/// A stored target.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(crate) struct TargetOut {
    /// Its number.
    id: i64,
    /// The production day.
    #[schema(value_type = String, format = Date)]
    date: PlantDate,
    /// The line; every line when absent.
    production_line_id: Option<i64>,
    /// The model; every model when absent.
    product_model_id: Option<i64>,
    /// Units that are to pass.
    quantity: i64,
    /// When it was set.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Target> for TargetOut {
    fn from(target: Target) -> Self {
        Self {
            id: target.id.0,
            date: target.spec.date,
            production_line_id: target.spec.production_line_id.map(|id| id.0),
            product_model_id: target.spec.product_model_id.map(|id| id.0),
            quantity: target.spec.quantity,
            created_at: target.created_at,
            updated_at: target.updated_at,
        }
    }
}

/// Which targets.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this production day.
    #[param(value_type = Option<String>, format = Date, example = "2025-11-10")]
    date: Option<PlantDate>,
}

/// Targets, the newest day first.
#[utoipa::path(
    get, path = "/api/v1/targets",
    operation_id = "targets_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The targets.", body = Vec<TargetOut>,
         headers(("X-Total-Count" = i64, description = "Targets that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = stored(target_list(&app.db, which.date, slice(part)).await)?;
    let targets: Vec<TargetOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &targets, found.total, part))
}

/// Sets a target, in place of the one for the same day, line and model.
#[utoipa::path(
    put, path = "/api/v1/targets",
    operation_id = "targets_set", tag = "production", request_body = TargetIn,
    responses((status = 200, description = "Set.", body = TargetOut), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    Json(spec): Json<TargetSpec>,
) -> Result<JsonBody<TargetOut>, Problem> {
    Ok(JsonBody(app.plant.production().set_target(&caller.by(), spec).await?.into()))
}

/// Removes a target.
#[utoipa::path(
    delete, path = "/api/v1/targets/{target_id}",
    operation_id = "targets_remove", tag = "production",
    params(("target_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.production().remove_target(&caller.by(), TargetId(id("target_id", &text)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
