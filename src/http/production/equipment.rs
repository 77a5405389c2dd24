//! `/api/v1/equipment…`: machines of the lines, and when they are to be maintained.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Equipment, EquipmentId, EquipmentSpec, LineId, MAINTENANCE_NOTICE_DAYS, PlantDate, ProcessId,
};
use nightshift_store::production::EquipmentQuery;
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

/// A piece of equipment about to be registered.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewEquipment)]
pub(crate) struct EquipmentIn {
    /// Unique; stations send it as `equipment_id`, sensors name it as their `equipment`.
    #[schema(example = "EQ-001", max_length = 50)]
    equipment_code: String,
    /// Its name.
    #[schema(example = "Laser marker 1", max_length = 100)]
    equipment_name: String,
    /// Its kind.
    #[schema(example = "LASER", max_length = 100)]
    equipment_type: Option<String>,
    /// The process it serves.
    #[schema(example = 1)]
    process_id: Option<i64>,
    /// The line it stands in.
    #[schema(example = 1)]
    production_line_id: Option<i64>,
    /// Who made it.
    #[schema(max_length = 100)]
    manufacturer: Option<String>,
    /// Its maker's model.
    #[schema(max_length = 100)]
    model_number: Option<String>,
    /// Its maker's serial number.
    #[schema(max_length = 100)]
    serial_number: Option<String>,
    /// Last maintenance.
    #[schema(value_type = Option<String>, format = Date)]
    last_maintenance_date: Option<PlantDate>,
    /// Next maintenance; reckoned from the last one and the interval when absent.
    #[schema(value_type = Option<String>, format = Date)]
    next_maintenance_date: Option<PlantDate>,
    /// Days between two maintenances.
    #[schema(minimum = 1, maximum = 3650)]
    maintenance_interval_days: Option<i64>,
    /// Whether it may be used.
    #[schema(default = true)]
    is_active: Option<bool>,
}

/// A piece of equipment.
#[derive(Serialize, ToSchema)]
#[schema(as = Equipment)]
pub(crate) struct EquipmentOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// Unique.
    #[schema(example = "EQ-001")]
    equipment_code: String,
    /// Its name.
    equipment_name: String,
    /// Its kind.
    equipment_type: Option<String>,
    /// The process it serves.
    process_id: Option<i64>,
    /// The line it stands in.
    production_line_id: Option<i64>,
    /// Who made it.
    manufacturer: Option<String>,
    /// Its maker's model.
    model_number: Option<String>,
    /// Its maker's serial number.
    serial_number: Option<String>,
    /// Last maintenance.
    #[schema(value_type = Option<String>, format = Date)]
    last_maintenance_date: Option<PlantDate>,
    /// Next maintenance, as it was said.
    #[schema(value_type = Option<String>, format = Date)]
    next_maintenance_date: Option<PlantDate>,
    /// Days between two maintenances.
    maintenance_interval_days: Option<i64>,
    /// When it is to be maintained next: said, or reckoned.
    #[schema(value_type = Option<String>, format = Date)]
    maintenance_due: Option<PlantDate>,
    /// Whether that is today, was, or is within 7 days.
    needs_maintenance: bool,
    /// Whether it may be used.
    is_active: bool,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Shown for Equipment {
    type Out = EquipmentOut;
    const PATH: &'static str = "/api/v1/equipment";

    fn shown(self, app: &App) -> EquipmentOut {
        let spec = self.spec;
        EquipmentOut {
            id: self.id.0,
            maintenance_due: spec.maintenance_due(),
            needs_maintenance: spec.needs_maintenance(today(app)),
            equipment_code: spec.equipment_code,
            equipment_name: spec.equipment_name,
            equipment_type: spec.equipment_type,
            process_id: spec.process_id.map(|id| id.0),
            production_line_id: spec.production_line_id.map(|id| id.0),
            manufacturer: spec.manufacturer,
            model_number: spec.model_number,
            serial_number: spec.serial_number,
            last_maintenance_date: spec.last_maintenance_date,
            next_maintenance_date: spec.next_maintenance_date,
            maintenance_interval_days: spec.maintenance_interval_days,
            is_active: spec.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Which equipment.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only what may be used, or not.
    is_active: Option<bool>,
    /// Only what is of this kind.
    equipment_type: Option<String>,
    /// Only what serves this process.
    process_id: Option<i64>,
    /// Only what stands in this line.
    production_line_id: Option<i64>,
}

fn today(app: &App) -> PlantDate {
    app.plant.production().calendar().date(app.now())
}

/// Equipment, by number.
#[utoipa::path(
    get, path = "/api/v1/equipment",
    operation_id = "equipment_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The equipment.", body = Vec<EquipmentOut>,
         headers(("X-Total-Count" = i64, description = "Pieces that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let query = EquipmentQuery {
        is_active: which.is_active,
        equipment_type: which.equipment_type,
        process_id: which.process_id.map(ProcessId),
        production_line_id: which.production_line_id.map(LineId),
        due_by: None,
    };
    entries::page::<Equipment>(&app, &uri, query, part).await
}

/// Equipment that may be used.
#[utoipa::path(
    get, path = "/api/v1/equipment/active",
    operation_id = "equipment_active", tag = "production", params(Page),
    responses((status = 200, description = "The equipment.", body = Vec<EquipmentOut>), AnyError)
)]
pub(crate) async fn active(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<Equipment>(
        &app,
        &uri,
        EquipmentQuery { is_active: Some(true), ..Default::default() },
        part,
    )
    .await
}

/// Equipment whose maintenance is due, or will be within 7 days; the most urgent first.
#[utoipa::path(
    get, path = "/api/v1/equipment/needs-maintenance",
    operation_id = "equipment_needs_maintenance", tag = "production", params(Page),
    responses((status = 200, description = "The equipment.", body = Vec<EquipmentOut>), AnyError)
)]
pub(crate) async fn needs_maintenance(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let due_by = (0..MAINTENANCE_NOTICE_DAYS).try_fold(today(&app), |day, _| day.tomorrow().ok());
    entries::page::<Equipment>(
        &app,
        &uri,
        EquipmentQuery { is_active: Some(true), due_by, ..Default::default() },
        part,
    )
    .await
}

/// Registers a piece of equipment.
#[utoipa::path(
    post, path = "/api/v1/equipment",
    operation_id = "equipment_create", tag = "production", request_body = EquipmentIn,
    responses(
        (status = 201, description = "Registered.", body = EquipmentOut, headers(("Location" = String, description = "Where it is"))),
        NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<EquipmentIn>,
) -> Result<Response, Problem> {
    let spec = EquipmentSpec {
        equipment_code: given.equipment_code,
        equipment_name: given.equipment_name,
        equipment_type: given.equipment_type,
        process_id: given.process_id.map(ProcessId),
        production_line_id: given.production_line_id.map(LineId),
        manufacturer: given.manufacturer,
        model_number: given.model_number,
        serial_number: given.serial_number,
        last_maintenance_date: given.last_maintenance_date,
        next_maintenance_date: given.next_maintenance_date,
        maintenance_interval_days: given.maintenance_interval_days,
        is_active: given.is_active.unwrap_or(true),
    };
    entries::create::<Equipment>(&app, &caller, spec).await
}

/// A piece of equipment by its code.
#[utoipa::path(
    get, path = "/api/v1/equipment/code/{equipment_code}",
    operation_id = "equipment_by_code", tag = "production",
    params(("equipment_code" = String, Path, example = "EQ-001")),
    responses((status = 200, description = "The equipment.", body = EquipmentOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_code(
    State(app): State<App>,
    Path(code): Path<String>,
) -> Result<JsonBody<EquipmentOut>, Problem> {
    entries::by_code::<Equipment>(&app, &code).await
}

/// A piece of equipment.
#[utoipa::path(
    get, path = "/api/v1/equipment/{equipment_id}",
    operation_id = "equipment_show", tag = "production",
    params(("equipment_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The equipment.", body = EquipmentOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<EquipmentOut>, Problem> {
    entries::show::<Equipment>(&app, EquipmentId(id("equipment_id", &text)?)).await
}

type EquipmentChange = AnyOf<EquipmentIn>;

/// Changes a piece of equipment.
#[utoipa::path(
    put, path = "/api/v1/equipment/{equipment_id}",
    operation_id = "equipment_change", tag = "production",
    params(("equipment_id" = i64, Path, example = 1)), request_body = EquipmentChange,
    responses((status = 200, description = "Changed.", body = EquipmentOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(change): Json<Fields>,
) -> Result<JsonBody<EquipmentOut>, Problem> {
    entries::change::<Equipment>(&app, &caller, EquipmentId(id("equipment_id", &text)?), change).await
}

/// Removes a piece of equipment on which nothing was ever made.
#[utoipa::path(
    delete, path = "/api/v1/equipment/{equipment_id}",
    operation_id = "equipment_remove", tag = "production",
    params(("equipment_id" = i64, Path, example = 1)),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    entries::remove::<Equipment>(&app, &caller, EquipmentId(id("equipment_id", &text)?)).await
}
