//! Versions: listed, found, removed.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::firmware::FirmwareId;
use nightshift_domain::production::ProductModelId;
use nightshift_store::firmware::FirmwareQuery;
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::FirmwareOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, ConflictError, NotFoundError, Problem};
use crate::http::production::find::id;

/// Of which model.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The product model.
    #[param(example = 1)]
    product_model_id: Option<i64>,
}

impl Which {
    pub(super) fn model(&self) -> Option<ProductModelId> {
        self.product_model_id.map(ProductModelId)
    }
}

/// Versions, the newest first.
#[utoipa::path(
    get, path = "/api/v1/firmware",
    operation_id = "firmware_list", tag = "firmware", params(Which, Page),
    responses(
        (status = 200, description = "The versions.", body = Vec<FirmwareOut>,
         headers(("X-Total-Count" = i64, description = "Versions that match"), ("Link" = String, description = "`next` and `prev`"))),
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
    let query = FirmwareQuery { product_model_id: which.model() };
    let found = app.plant.firmware().versions(&query, slice(part)).await?;
    Ok(page_of::<FirmwareOut, _>(&uri, found, part))
}

/// A product model's newest version; without a model, that uploaded last.
#[utoipa::path(
    get, path = "/api/v1/firmware/latest",
    operation_id = "firmware_latest", tag = "firmware", params(Which),
    responses((status = 200, description = "The version.", body = FirmwareOut), NotFoundError, AnyError)
)]
pub(crate) async fn latest(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<JsonBody<FirmwareOut>, Problem> {
    Ok(JsonBody(app.plant.firmware().latest(which.model()).await?.into()))
}

/// A version by its number.
#[utoipa::path(
    get, path = "/api/v1/firmware/{firmware_id}",
    operation_id = "firmware_show", tag = "firmware", params(("firmware_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The version.", body = FirmwareOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<FirmwareOut>, Problem> {
    let id = FirmwareId(id("firmware_id", &text)?);
    Ok(JsonBody(app.plant.firmware().version(id).await?.into()))
}

/// Removes a version that no station runs and no deployment or roll-out needs. Its version never means other bytes.
#[utoipa::path(
    delete, path = "/api/v1/firmware/{firmware_id}",
    operation_id = "firmware_remove", tag = "firmware", params(("firmware_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.firmware().remove(&caller.by(), FirmwareId(id("firmware_id", &text)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
