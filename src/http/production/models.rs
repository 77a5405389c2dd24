//! `/api/v1/product-models…`: what the plant makes.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{ModelStatus, ProductModel, ProductModelId, ProductModelSpec};
use nightshift_store::production::ProductModelQuery;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::bodies::{AnyOf, Fields, RowJson, word};
use super::entries::{self, Shown};
use super::find::id;
use super::refusal::faulty;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::paging::Page;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// A product model about to be registered.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProductModel)]
pub(crate) struct ModelIn {
    /// Unique; lot numbers begin with it.
    #[schema(example = "NH-1000", max_length = 50)]
    model_code: String,
    /// Its name.
    #[schema(example = "NeuroHub Pro", max_length = 100)]
    model_name: String,
    /// Its version.
    #[schema(max_length = 50)]
    version: Option<String>,
    /// A description.
    #[schema(example = "Professional model", max_length = 1000)]
    description: Option<String>,
    /// Its kind, for filters.
    #[schema(max_length = 50)]
    category: Option<String>,
    /// Days from a lot's start to its end.
    #[schema(minimum = 0, maximum = 3650)]
    production_cycle_days: Option<i64>,
    /// Bill of materials.
    #[schema(value_type = Option<Object>)]
    bom_data: Option<Fields>,
    /// Free document.
    #[schema(value_type = Option<Object>)]
    specifications: Option<Fields>,
    /// `ACTIVE`, `INACTIVE` or `DISCONTINUED`.
    #[schema(value_type = Option<String>, example = "ACTIVE")]
    status: Option<ModelStatus>,
    /// Another way to say the status.
    #[schema(example = true)]
    is_active: Option<bool>,
}

/// A product model.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductModel)]
pub(crate) struct ModelOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// Unique; lot numbers begin with it.
    #[schema(example = "NH-1000")]
    model_code: String,
    /// Its name.
    #[schema(example = "NeuroHub Pro")]
    model_name: String,
    /// Its version.
    version: Option<String>,
    /// A description.
    description: Option<String>,
    /// Its kind.
    category: Option<String>,
    /// Days from a lot's start to its end.
    production_cycle_days: Option<i64>,
    /// Bill of materials.
    #[schema(value_type = Object)]
    bom_data: Fields,
    /// Free document.
    #[schema(value_type = Object)]
    specifications: Fields,
    /// `ACTIVE`, `INACTIVE` or `DISCONTINUED`.
    #[schema(value_type = String, example = "ACTIVE")]
    status: ModelStatus,
    /// Whether it is made: the status is `ACTIVE`.
    is_active: bool,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Shown for ProductModel {
    type Out = ModelOut;
    const PATH: &'static str = "/api/v1/product-models";

    fn shown(self, _: &App) -> ModelOut {
        let (is_active, spec) = (self.spec.is_active(), self.spec);
        ModelOut {
            id: self.id.0,
            model_code: spec.model_code,
            model_name: spec.model_name,
            version: spec.version,
            description: spec.description,
            category: spec.category,
            production_cycle_days: spec.production_cycle_days,
            bom_data: spec.bom_data,
            specifications: spec.specifications,
            status: spec.status,
            is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Which product models.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those that are made, or not.
    is_active: Option<bool>,
    /// Only those of this status.
    #[param(example = "ACTIVE")]
    status: Option<String>,
    /// Only those of this kind.
    category: Option<String>,
}

/// Product models, by number.
#[utoipa::path(
    get, path = "/api/v1/product-models",
    operation_id = "product_models_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The models.", body = Vec<ModelOut>,
         headers(("X-Total-Count" = i64, description = "Models that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let all = "ACTIVE, INACTIVE, DISCONTINUED";
    let status = which
        .status
        .as_deref()
        .map(|s| word("query", "status", s, ModelStatus::from_word, all))
        .transpose()?;
    let query = ProductModelQuery { is_active: which.is_active, status, category: which.category };
    entries::page::<ProductModel>(&app, &uri, query, part).await
}

/// Product models that are made.
#[utoipa::path(
    get, path = "/api/v1/product-models/active",
    operation_id = "product_models_active", tag = "production", params(Page),
    responses((status = 200, description = "The models.", body = Vec<ModelOut>), AnyError)
)]
pub(crate) async fn active(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<ProductModel>(
        &app,
        &uri,
        ProductModelQuery { is_active: Some(true), ..Default::default() },
        part,
    )
    .await
}

/// Product models of a kind.
#[utoipa::path(
    get, path = "/api/v1/product-models/category/{category}",
    operation_id = "product_models_by_category", tag = "production",
    params(("category" = String, Path, example = "WEARABLE"), Page),
    responses((status = 200, description = "The models.", body = Vec<ModelOut>), AnyError)
)]
pub(crate) async fn by_category(
    State(app): State<App>,
    uri: Uri,
    Path(category): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<ProductModel>(
        &app,
        &uri,
        ProductModelQuery { category: Some(category), ..Default::default() },
        part,
    )
    .await
}

/// Registers a product model.
#[utoipa::path(
    post, path = "/api/v1/product-models",
    operation_id = "product_models_create", tag = "production", request_body = ModelIn,
    responses(
        (status = 201, description = "Registered.", body = ModelOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    RowJson(given): RowJson<ModelIn>,
) -> Result<Response, Problem> {
    let status =
        ModelStatus::from_both(given.status, given.is_active).map_err(|fault| faulty(vec![fault]))?;
    let spec = ProductModelSpec {
        model_code: given.model_code,
        model_name: given.model_name,
        version: given.version,
        description: given.description,
        category: given.category,
        production_cycle_days: given.production_cycle_days,
        specifications: given.specifications.unwrap_or_default(),
        bom_data: given.bom_data.unwrap_or_default(),
        status,
    };
    entries::create::<ProductModel>(&app, &caller, spec).await
}

/// A product model by its code.
#[utoipa::path(
    get, path = "/api/v1/product-models/code/{model_code}",
    operation_id = "product_models_by_code", tag = "production",
    params(("model_code" = String, Path, example = "NH-1000")),
    responses((status = 200, description = "The model.", body = ModelOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_code(
    State(app): State<App>,
    Path(code): Path<String>,
) -> Result<JsonBody<ModelOut>, Problem> {
    entries::by_code::<ProductModel>(&app, &code).await
}

/// A product model.
#[utoipa::path(
    get, path = "/api/v1/product-models/{model_id}",
    operation_id = "product_models_show", tag = "production",
    params(("model_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The model.", body = ModelOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<ModelOut>, Problem> {
    entries::show::<ProductModel>(&app, ProductModelId(id("model_id", &text)?)).await
}

type ModelChange = AnyOf<ModelIn>;

/// Changes a product model. Lots keep the numbers that they have.
#[utoipa::path(
    put, path = "/api/v1/product-models/{model_id}",
    operation_id = "product_models_change", tag = "production",
    params(("model_id" = i64, Path, example = 1)), request_body = ModelChange,
    responses((status = 200, description = "Changed.", body = ModelOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    RowJson(mut change): RowJson<Fields>,
) -> Result<JsonBody<ModelOut>, Problem> {
    let id = ProductModelId(id("model_id", &text)?);
    // Clients switch a model on and off in either way; the status, which says more, has the last word.
    if let Some(is_active) = change.remove("is_active").and_then(|v| v.as_bool())
        && !change.contains_key("status")
    {
        change.insert("status".to_owned(), json!(if is_active { "ACTIVE" } else { "INACTIVE" }));
    }
    entries::change::<ProductModel>(&app, &caller, id, change).await
}

/// Removes a product model of which no lot was ever made.
#[utoipa::path(
    delete, path = "/api/v1/product-models/{model_id}",
    operation_id = "product_models_remove", tag = "production",
    params(("model_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    entries::remove::<ProductModel>(&app, &caller, ProductModelId(id("model_id", &text)?)).await
}
