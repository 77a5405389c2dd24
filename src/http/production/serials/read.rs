//! Units, read.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::production::{LotId, REWORKS_MAX, SerialStatus};
use nightshift_store::production::{SerialQuery, serial_list};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::bodies::word;
use super::super::find::{self, stored};
use super::super::views::SerialOut;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Which units.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this lot.
    lot_id: Option<i64>,
    /// Only those of this status.
    #[param(example = "IN_PROGRESS")]
    status: Option<String>,
}

/// Whether a unit may be reworked.
#[derive(Serialize, ToSchema)]
pub(crate) struct CanRework {
    /// Whether a rework may be approved now.
    can_rework: bool,
    /// Why not.
    #[schema(example = "the serial was reworked 3 times: 3 are allowed")]
    reason: Option<String>,
    /// The code of the reason.
    #[schema(example = "REWORK_LIMIT_REACHED")]
    code: Option<&'static str>,
    /// Reworks approved so far.
    rework_count: u8,
    /// Reworks allowed.
    #[schema(example = 3)]
    max_reworks: u8,
}

fn status(place: &str, text: &str) -> Result<SerialStatus, Problem> {
    word(place, "status", text, SerialStatus::from_word, "CREATED, IN_PROGRESS, PASSED, FAILED")
}

async fn page(app: &App, uri: &Uri, query: SerialQuery, page: Page) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = stored(serial_list(&app.db, &query, slice(part)).await)?;
    let serials: Vec<SerialOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(uri, &serials, found.total, part))
}

/// Units: those of a lot in their order, others the newest first.
#[utoipa::path(
    get, path = "/api/v1/serials",
    operation_id = "serials_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The units.", body = Vec<SerialOut>,
         headers(("X-Total-Count" = i64, description = "Units that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let status = which.status.as_deref().map(|text| status("query", text)).transpose()?;
    page(&app, &uri, SerialQuery { lot_id: which.lot_id.map(LotId), status }, part).await
}

/// Units that have failed and are not being reworked.
#[utoipa::path(
    get, path = "/api/v1/serials/failed",
    operation_id = "serials_failed", tag = "production", params(Page),
    responses((status = 200, description = "The units.", body = Vec<SerialOut>), AnyError)
)]
pub(crate) async fn failed(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    page(&app, &uri, SerialQuery { lot_id: None, status: Some(SerialStatus::Failed) }, part).await
}

/// Units of a lot, in their order.
#[utoipa::path(
    get, path = "/api/v1/serials/lot/{lot_id}",
    operation_id = "serials_by_lot", tag = "production",
    params(("lot_id" = String, Path, description = "Its id, or its number.", example = "1"), Page),
    responses((status = 200, description = "The units.", body = Vec<SerialOut>), NotFoundError, AnyError)
)]
pub(crate) async fn by_lot(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let lot_id = Some(find::lot(&app, &text).await?.lot.id);
    page(&app, &uri, SerialQuery { lot_id, status: None }, part).await
}

/// Units of a status.
#[utoipa::path(
    get, path = "/api/v1/serials/status/{status}",
    operation_id = "serials_by_status", tag = "production",
    params(("status" = String, Path, example = "FAILED"), Page),
    responses((status = 200, description = "The units.", body = Vec<SerialOut>), AnyError)
)]
pub(crate) async fn by_status(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let status = Some(status("path", &text)?);
    page(&app, &uri, SerialQuery { lot_id: None, status }, part).await
}

/// A unit by its number.
#[utoipa::path(
    get, path = "/api/v1/serials/number/{serial_number}",
    operation_id = "serials_by_number", tag = "production",
    params(("serial_number" = String, Path, example = "WF-KR-251110D-001-0001")),
    responses((status = 200, description = "The unit.", body = SerialOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_number(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<SerialOut>, Problem> {
    Ok(JsonBody(find::serial_by_number(&app, &text).await?.into()))
}

/// A unit, by id or number.
#[utoipa::path(
    get, path = "/api/v1/serials/{serial_number}",
    operation_id = "serials_show", tag = "production",
    params(("serial_number" = String, Path, description = "Its number, or its id.", example = "WF-KR-251110D-001-0001")),
    responses((status = 200, description = "The unit.", body = SerialOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<SerialOut>, Problem> {
    Ok(JsonBody(find::serial(&app, &text).await?.into()))
}

/// Whether a rework of a unit may be approved now, and why not.
#[utoipa::path(
    get, path = "/api/v1/serials/{serial_number}/can-rework",
    operation_id = "serials_can_rework", tag = "production",
    params(("serial_number" = String, Path, example = "WF-KR-251110D-001-0001")),
    responses((status = 200, description = "The answer.", body = CanRework), NotFoundError, AnyError)
)]
pub(crate) async fn can_rework(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<CanRework>, Problem> {
    let serial = find::serial(&app, &text).await?.serial;
    let refusal = serial.can_rework().err();
    Ok(JsonBody(CanRework {
        can_rework: refusal.is_none(),
        reason: refusal.as_ref().map(ToString::to_string),
        code: refusal.as_ref().map(|r| r.code()),
        rework_count: serial.rework_count,
        max_reworks: REWORKS_MAX,
    }))
}
