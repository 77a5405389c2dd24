//! `/api/v1/printers…`: label printers.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::labels::{PRINTER_PORT_DEFAULT, PrinterId, PrinterSpec};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::PrinterOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::identity::users::created;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use crate::http::production::bodies::{AnyOf, Fields, field};

/// A printer about to be registered.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewPrinter)]
pub(crate) struct PrinterIn {
    /// What people call it; it never changes.
    #[schema(example = "ZEBRA-01", max_length = 50)]
    printer_id: String,
    /// Its name; its id when absent.
    #[schema(example = "Line A, packing", max_length = 100)]
    name: Option<String>,
    /// Its host name or address.
    #[schema(example = "10.0.0.7")]
    host: String,
    /// Its port.
    #[schema(default = 9100)]
    port: Option<u16>,
    /// Whether it prints.
    #[schema(default = true)]
    enabled: Option<bool>,
}

type PrinterChange = AnyOf<PrinterIn>;

/// Printers, as they were last seen.
#[utoipa::path(
    get, path = "/api/v1/printers",
    operation_id = "printers_list", tag = "labels", params(Page),
    responses(
        (status = 200, description = "The printers.", body = Vec<PrinterOut>,
         headers(("X-Total-Count" = i64, description = "Printers"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(State(app): State<App>, uri: Uri, page: Query) -> Result<Response, Problem> {
    let part = page.0.checked()?;
    let found = app.plant.labels().printer_list(slice(part)).await?;
    Ok(page_of::<PrinterOut, _>(&uri, found, part))
}

type Query = crate::http::extract::Query<Page>;

/// Registers a printer.
#[utoipa::path(
    post, path = "/api/v1/printers",
    operation_id = "printers_create", tag = "labels", request_body = PrinterIn,
    responses(
        (status = 201, description = "Registered.", body = PrinterOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<PrinterIn>,
) -> Result<Response, Problem> {
    let printer_id: PrinterId = field("printer_id", given.printer_id.trim())?;
    let spec = PrinterSpec {
        name: given.name.unwrap_or_else(|| printer_id.to_string()),
        printer_id,
        host: given.host.trim().to_owned(),
        port: given.port.unwrap_or(PRINTER_PORT_DEFAULT),
        enabled: given.enabled.unwrap_or(true),
    };
    let printer = PrinterOut::from(app.plant.labels().create_printer(&caller.by(), spec.clone()).await?);
    Ok(created(format!("/api/v1/printers/{}", spec.printer_id), printer))
}

/// A printer, looked at now.
#[utoipa::path(
    get, path = "/api/v1/printers/{printer_id}",
    operation_id = "printers_show", tag = "labels", params(("printer_id" = String, Path, example = "ZEBRA-01")),
    responses((status = 200, description = "The printer.", body = PrinterOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<PrinterOut>, Problem> {
    Ok(JsonBody(app.plant.labels().look_at_printer(&named(&text)?).await?.into()))
}

/// Changes a printer.
#[utoipa::path(
    patch, path = "/api/v1/printers/{printer_id}",
    operation_id = "printers_change", tag = "labels", params(("printer_id" = String, Path, example = "ZEBRA-01")),
    request_body = PrinterChange,
    responses((status = 200, description = "Changed.", body = PrinterOut), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(change): Json<Fields>,
) -> Result<JsonBody<PrinterOut>, Problem> {
    Ok(JsonBody(app.plant.labels().change_printer(&caller.by(), &named(&text)?, change).await?.into()))
}

/// Removes a printer for which nothing waits.
#[utoipa::path(
    delete, path = "/api/v1/printers/{printer_id}",
    operation_id = "printers_remove", tag = "labels", params(("printer_id" = String, Path, example = "ZEBRA-01")),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.labels().remove_printer(&caller.by(), &named(&text)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The printer of a path. One that cannot be named is not there.
fn named(text: &str) -> Result<PrinterId, Problem> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        Problem::new(StatusCode::NOT_FOUND, "PRINTER_NOT_FOUND", format!("printer {shown} not found"))
    })
}
