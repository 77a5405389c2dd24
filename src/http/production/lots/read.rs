//! Lots, read.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::production::{
    LineId, LotNumber, LotStatus, PlantDate, ProductModelId, Refusal, Shift,
};
use nightshift_store::production::{LotQuery, lot_find_number, lot_list};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::bodies::word;
use super::super::find::{self, id, short, stored};
use super::super::views::{LotOut, QuantitiesOut};
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};

const STATUSES: &str = "CREATED, IN_PROGRESS, COMPLETED, CLOSED, CANCELLED";

/// Which lots.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this status.
    #[param(example = "IN_PROGRESS")]
    status: Option<String>,
    /// Only those of this model.
    product_model_id: Option<i64>,
    /// Only those on this line.
    production_line_id: Option<i64>,
    /// Only those of this shift, `D` or `N`.
    #[param(value_type = Option<String>, example = "D")]
    shift: Option<Shift>,
}

/// From which day to which.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Days {
    /// The first production day.
    #[param(value_type = Option<String>, format = Date, example = "2025-11-10")]
    start_date: Option<PlantDate>,
    /// The last production day.
    #[param(value_type = Option<String>, format = Date, example = "2025-11-16")]
    end_date: Option<PlantDate>,
}

pub(super) fn status(place: &str, text: &str) -> Result<LotStatus, Problem> {
    word(place, "status", text, LotStatus::from_word, STATUSES)
}

async fn page(app: &App, uri: &Uri, query: LotQuery, page: Page) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = stored(lot_list(&app.db, &query, slice(part)).await)?;
    let lots: Vec<LotOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(uri, &lots, found.total, part))
}

/// Lots, the newest first.
#[utoipa::path(
    get, path = "/api/v1/lots",
    operation_id = "lots_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The lots.", body = Vec<LotOut>,
         headers(("X-Total-Count" = i64, description = "Lots that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let query = LotQuery {
        status: which.status.as_deref().map(|text| status("query", text)).transpose()?,
        product_model_id: which.product_model_id.map(ProductModelId),
        production_line_id: which.production_line_id.map(LineId),
        shift: which.shift,
        ..LotQuery::default()
    };
    page(&app, &uri, query, part).await
}

/// Lots in which units may still be made: created or in progress.
#[utoipa::path(
    get, path = "/api/v1/lots/active",
    operation_id = "lots_active", tag = "production", params(Page),
    responses((status = 200, description = "The lots.", body = Vec<LotOut>), AnyError)
)]
pub(crate) async fn active(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    page(&app, &uri, LotQuery { open_only: true, ..LotQuery::default() }, part).await
}

/// Lots of production days, both ends included.
#[utoipa::path(
    get, path = "/api/v1/lots/date-range",
    operation_id = "lots_by_dates", tag = "production", params(Days, Page),
    responses((status = 200, description = "The lots.", body = Vec<LotOut>), AnyError)
)]
pub(crate) async fn by_dates(
    State(app): State<App>,
    uri: Uri,
    Query(days): Query<Days>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    if days.start_date.zip(days.end_date).is_some_and(|(start, end)| start > end) {
        let loc = vec!["query".into(), "end_date".into()];
        return Err(Problem::field(loc, "must not be before start_date", "value_error"));
    }
    page(&app, &uri, LotQuery { from: days.start_date, to: days.end_date, ..LotQuery::default() }, part).await
}

/// Lots of a status.
#[utoipa::path(
    get, path = "/api/v1/lots/status/{status}",
    operation_id = "lots_by_status", tag = "production",
    params(("status" = String, Path, example = "IN_PROGRESS"), Page),
    responses((status = 200, description = "The lots.", body = Vec<LotOut>), AnyError)
)]
pub(crate) async fn by_status(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let status = Some(status("path", &text)?);
    page(&app, &uri, LotQuery { status, ..LotQuery::default() }, part).await
}

/// Lots of a product model.
#[utoipa::path(
    get, path = "/api/v1/lots/product/{model_id}",
    operation_id = "lots_by_product", tag = "production",
    params(("model_id" = i64, Path, example = 1), Page),
    responses((status = 200, description = "The lots.", body = Vec<LotOut>), AnyError)
)]
pub(crate) async fn by_product(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let product_model_id = Some(ProductModelId(id("model_id", &text)?));
    page(&app, &uri, LotQuery { product_model_id, ..LotQuery::default() }, part).await
}

/// A lot by its number.
#[utoipa::path(
    get, path = "/api/v1/lots/number/{lot_number}",
    operation_id = "lots_by_number", tag = "production",
    params(("lot_number" = String, Path, example = "WF-KR-251110D-001")),
    responses((status = 200, description = "The lot.", body = LotOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_number(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<LotOut>, Problem> {
    let found = match LotNumber::parse(&text) {
        Ok(number) => stored(lot_find_number(&app.db, number.as_str()).await)?,
        Err(_) => None,
    };
    let missing = || Refusal::LotNotFound { number: short(&text) }.into();
    found.map(|lot| JsonBody(lot.into())).ok_or_else(missing)
}

/// A lot, by id or number.
#[utoipa::path(
    get, path = "/api/v1/lots/{lot_id}",
    operation_id = "lots_show", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 200, description = "The lot.", body = LotOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<LotOut>, Problem> {
    Ok(JsonBody(find::lot(&app, &text).await?.into()))
}

/// The units of a lot, counted.
#[utoipa::path(
    get, path = "/api/v1/lots/{lot_id}/quantities",
    operation_id = "lots_quantities", tag = "production",
    params(("lot_id" = String, Path, example = "1")),
    responses((status = 200, description = "The counts.", body = QuantitiesOut), NotFoundError, AnyError)
)]
pub(crate) async fn quantities(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<QuantitiesOut>, Problem> {
    Ok(JsonBody((&find::lot(&app, &text).await?.lot).into()))
}
