//! Alerts, made by hand, read and put away.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_actors::AlertDraft;
use nightshift_domain::alerts::{AlertId, AlertType, Severity};
use nightshift_domain::production::{EquipmentId, LotId, ProcessId, SerialId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::read::reader;
use super::view::AlertOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, invalid_body};
use crate::http::identity::types::Done;
use crate::http::identity::users::created;
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};
use crate::http::production::find::id;

/// An alert that a person writes.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewAlert)]
pub(crate) struct AlertIn {
    /// `MANUAL`, or absent: the others are raised by the plant itself.
    #[schema(value_type = Option<String>, example = "MANUAL")]
    alert_type: Option<AlertType>,
    /// `HIGH`, `MEDIUM` or `LOW`; `MEDIUM` when absent.
    #[schema(value_type = Option<String>, example = "MEDIUM")]
    severity: Option<Severity>,
    /// One line.
    #[schema(example = "부품 부족 / parts run out", min_length = 1, max_length = 200)]
    title: String,
    /// The rest.
    #[serde(default)]
    #[schema(max_length = 1000)]
    message: String,
    /// The lot it is about.
    lot_id: Option<i64>,
    /// The unit.
    serial_id: Option<i64>,
    /// The process.
    process_id: Option<i64>,
    /// The equipment.
    equipment_id: Option<i64>,
}

/// Alerts that were read.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BulkRead {
    /// Their numbers, at most 1,000; every unread one when absent.
    #[serde(alias = "ids")]
    #[schema(example = json!([1, 2, 3]))]
    alert_ids: Option<Vec<i64>>,
}

/// How many alerts were read.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkReadDone {
    /// Alerts that were unread before.
    #[schema(example = 3)]
    updated: u64,
}

/// Writes an alert by hand.
#[utoipa::path(
    post, path = "/api/v1/alerts",
    operation_id = "alerts_create", tag = "alerts", request_body = AlertIn,
    responses(
        (status = 201, description = "Raised.", body = AlertOut, headers(("Location" = String, description = "Where it is"))),
        BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<AlertIn>,
) -> Result<Response, Problem> {
    if given.alert_type.is_some_and(|kind| kind != AlertType::Manual) {
        return Err(invalid_body(&["alert_type"], "people may raise MANUAL alerts alone"));
    }
    let draft = AlertDraft {
        title: given.title,
        message: given.message,
        severity: given.severity,
        lot_id: given.lot_id.map(LotId),
        serial_id: given.serial_id.map(SerialId),
        process_id: given.process_id.map(ProcessId),
        equipment_id: given.equipment_id.map(EquipmentId),
    };
    let alert = AlertOut::from(app.plant.alerts().create(&caller.by(), draft).await?);
    Ok(created(format!("/api/v1/alerts/{}", alert.id), alert))
}

/// Marks the caller's alerts as read: those named, or all.
#[utoipa::path(
    put, path = "/api/v1/alerts/bulk-read",
    operation_id = "alerts_bulk_read", tag = "alerts", request_body = BulkRead,
    responses((status = 200, description = "Marked.", body = Done<BulkReadDone>), BodyError, AnyError)
)]
pub(crate) async fn bulk_read(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<BulkRead>,
) -> Result<JsonBody<Done<BulkReadDone>>, Problem> {
    let ids = given.alert_ids.map(|ids| ids.into_iter().map(AlertId).collect());
    let updated = app.plant.alerts().read_many(&caller.by(), reader(&caller)?, ids).await?;
    Ok(JsonBody(Done::new("read", BulkReadDone { updated })))
}

/// Marks an alert as read. Reading twice is no mistake.
#[utoipa::path(
    put, path = "/api/v1/alerts/{alert_id}/read",
    operation_id = "alerts_read", tag = "alerts",
    params(("alert_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Marked.", body = Done<AlertOut>), NotFoundError, AnyError)
)]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<AlertOut>>, Problem> {
    let alert =
        app.plant.alerts().read(&caller.by(), reader(&caller)?, AlertId(id("alert_id", &text)?)).await?;
    Ok(JsonBody(Done::new("read", alert.into())))
}

/// Puts an alert away: the next of its kind is a new one.
#[utoipa::path(
    put, path = "/api/v1/alerts/{alert_id}/archive",
    operation_id = "alerts_archive", tag = "alerts",
    params(("alert_id" = i64, Path, example = 1)),
    responses((status = 200, description = "Put away.", body = Done<AlertOut>), NotFoundError, AnyError)
)]
pub(crate) async fn archive(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<Done<AlertOut>>, Problem> {
    let alert =
        app.plant.alerts().archive(&caller.by(), reader(&caller)?, AlertId(id("alert_id", &text)?)).await?;
    Ok(JsonBody(Done::new("archived", alert.into())))
}

/// Removes an alert.
#[utoipa::path(
    delete, path = "/api/v1/alerts/{alert_id}",
    operation_id = "alerts_remove", tag = "alerts",
    params(("alert_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    app.plant.alerts().remove(&caller.by(), reader(&caller)?, AlertId(id("alert_id", &text)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
