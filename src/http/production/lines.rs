//! `/api/v1/production-lines…`: where lots are made.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{Line, LineId, LineSpec};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bodies::{AnyOf, Fields};
use super::entries::{self, Shown};
use super::find::id;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::paging::Page;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// A production line about to be registered.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProductionLine)]
pub(crate) struct LineIn {
    /// Unique; sensors name it as their `line`.
    #[schema(example = "LINE-A", max_length = 50)]
    line_code: String,
    /// Its name.
    #[schema(example = "Assembly A", max_length = 100)]
    line_name: String,
    /// Units it makes in a shift.
    #[schema(example = 400, minimum = 0, maximum = 1000000)]
    capacity_per_shift: Option<i64>,
    /// Where it stands.
    #[schema(max_length = 100)]
    location: Option<String>,
    /// Whether lots may be put on it.
    #[schema(default = true)]
    is_active: Option<bool>,
}

/// A production line.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductionLine)]
pub(crate) struct LineOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// Unique; sensors name it as their `line`.
    #[schema(example = "LINE-A")]
    line_code: String,
    /// Its name.
    line_name: String,
    /// Units it makes in a shift.
    capacity_per_shift: Option<i64>,
    /// Where it stands.
    location: Option<String>,
    /// Whether lots may be put on it.
    is_active: bool,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Shown for Line {
    type Out = LineOut;
    const PATH: &'static str = "/api/v1/production-lines";

    fn shown(self, _: &App) -> LineOut {
        let spec = self.spec;
        LineOut {
            id: self.id.0,
            line_code: spec.line_code,
            line_name: spec.line_name,
            capacity_per_shift: spec.capacity_per_shift,
            location: spec.location,
            is_active: spec.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Which production lines.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those on which lots may be put, or not.
    is_active: Option<bool>,
}

/// Production lines, by number.
#[utoipa::path(
    get, path = "/api/v1/production-lines",
    operation_id = "production_lines_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The lines.", body = Vec<LineOut>,
         headers(("X-Total-Count" = i64, description = "Lines that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<Line>(&app, &uri, which.is_active, part).await
}

/// Production lines on which lots may be put.
#[utoipa::path(
    get, path = "/api/v1/production-lines/active",
    operation_id = "production_lines_active", tag = "production", params(Page),
    responses((status = 200, description = "The lines.", body = Vec<LineOut>), AnyError)
)]
pub(crate) async fn active(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<Line>(&app, &uri, Some(true), part).await
}

/// Registers a production line.
#[utoipa::path(
    post, path = "/api/v1/production-lines",
    operation_id = "production_lines_create", tag = "production", request_body = LineIn,
    responses(
        (status = 201, description = "Registered.", body = LineOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<LineIn>,
) -> Result<Response, Problem> {
    let LineIn { line_code, line_name, capacity_per_shift, location, is_active } = given;
    let is_active = is_active.unwrap_or(true);
    let spec = LineSpec { line_code, line_name, capacity_per_shift, location, is_active };
    entries::create::<Line>(&app, &caller, spec).await
}

/// A production line by its code.
#[utoipa::path(
    get, path = "/api/v1/production-lines/code/{line_code}",
    operation_id = "production_lines_by_code", tag = "production",
    params(("line_code" = String, Path, example = "LINE-A")),
    responses((status = 200, description = "The line.", body = LineOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_code(
    State(app): State<App>,
    Path(code): Path<String>,
) -> Result<JsonBody<LineOut>, Problem> {
    entries::by_code::<Line>(&app, &code).await
}

/// A production line.
#[utoipa::path(
    get, path = "/api/v1/production-lines/{line_id}",
    operation_id = "production_lines_show", tag = "production",
    params(("line_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The line.", body = LineOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<LineOut>, Problem> {
    entries::show::<Line>(&app, LineId(id("line_id", &text)?)).await
}

type LineChange = AnyOf<LineIn>;

/// Changes a production line.
#[utoipa::path(
    put, path = "/api/v1/production-lines/{line_id}",
    operation_id = "production_lines_change", tag = "production",
    params(("line_id" = i64, Path, example = 1)), request_body = LineChange,
    responses((status = 200, description = "Changed.", body = LineOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(change): Json<Fields>,
) -> Result<JsonBody<LineOut>, Problem> {
    entries::change::<Line>(&app, &caller, LineId(id("line_id", &text)?), change).await
}

/// Removes a production line that no lot, equipment or target names.
#[utoipa::path(
    delete, path = "/api/v1/production-lines/{line_id}",
    operation_id = "production_lines_remove", tag = "production",
    params(("line_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    entries::remove::<Line>(&app, &caller, LineId(id("line_id", &text)?)).await
}
