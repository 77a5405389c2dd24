//! `/api/v1/processes…`: the steps of the line.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{DefectKind, Process, ProcessNumber, ProcessRef, ProcessSpec};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bodies::{AnyOf, Fields, RowJson};
use super::entries::{self, Shown};
use super::find::{self, id, stored};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::paging::Page;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// A process about to be added to the line.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewProcess)]
pub(crate) struct ProcessIn {
    /// Its place in the line, unique.
    #[schema(example = 9, minimum = 1, maximum = 999)]
    process_number: i64,
    /// Unique.
    #[schema(example = "BURN_IN", max_length = 50)]
    process_code: String,
    /// Korean name.
    #[schema(example = "에이징", max_length = 100)]
    process_name_ko: String,
    /// English name.
    #[schema(example = "Burn-in", max_length = 100)]
    process_name_en: String,
    /// A description.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// Planned time of one run, seconds.
    #[schema(example = 300, minimum = 1, maximum = 86400)]
    estimated_duration_seconds: Option<i64>,
    /// Free document.
    #[schema(value_type = Option<Object>)]
    quality_criteria: Option<Fields>,
    /// Whether it is part of the line now.
    #[schema(default = true)]
    is_active: Option<bool>,
    /// Its place in lists; the number when absent.
    sort_order: Option<i64>,
    /// JSON Schema of `process_data`.
    #[schema(value_type = Option<Object>)]
    data_schema: Option<Fields>,
    /// Whether a unit that failed here may be reworked; otherwise it is scrapped.
    #[schema(default = true)]
    rework_allowed: Option<bool>,
    /// Whether every process before it must be PASS, whoever asks.
    #[schema(default = false)]
    needs_all_before: Option<bool>,
    /// The defects it knows: `{code, name_ko, name_en}`; any code is taken when there are none.
    #[schema(value_type = Option<Vec<Object>>)]
    defect_kinds: Option<Vec<DefectKind>>,
}

/// A process.
#[derive(Serialize, ToSchema)]
#[schema(as = Process)]
pub(crate) struct ProcessOut {
    /// Its number as a row.
    #[schema(example = 1)]
    id: i64,
    /// Its place in the line; bodies may also write it as `PROC-001`.
    #[schema(example = 1)]
    process_number: i64,
    /// Unique.
    #[schema(example = "LASER_MARKING")]
    process_code: String,
    /// Korean name.
    #[schema(example = "레이저 마킹")]
    process_name_ko: String,
    /// English name.
    #[schema(example = "Laser marking")]
    process_name_en: String,
    /// A description.
    description: Option<String>,
    /// Planned time of one run, seconds.
    #[schema(example = 60)]
    estimated_duration_seconds: Option<i64>,
    /// Free document.
    #[schema(value_type = Object)]
    quality_criteria: Fields,
    /// Whether it is part of the line now.
    is_active: bool,
    /// Its place in lists.
    sort_order: i64,
    /// JSON Schema of `process_data`.
    #[schema(value_type = Object)]
    data_schema: Fields,
    /// Whether a unit that failed here may be reworked.
    rework_allowed: bool,
    /// Whether every process before it must be PASS.
    needs_all_before: bool,
    /// The defects it knows.
    #[schema(value_type = Vec<Object>)]
    defect_kinds: Vec<DefectKind>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl Shown for Process {
    type Out = ProcessOut;
    const PATH: &'static str = "/api/v1/processes";

    fn shown(self, _: &App) -> ProcessOut {
        let (sort_order, spec) = (self.spec.list_order(), self.spec);
        ProcessOut {
            id: self.id.0,
            process_number: spec.process_number.0,
            process_code: spec.process_code,
            process_name_ko: spec.process_name_ko,
            process_name_en: spec.process_name_en,
            description: spec.description,
            estimated_duration_seconds: spec.estimated_duration_seconds,
            quality_criteria: spec.quality_criteria,
            is_active: spec.is_active,
            sort_order,
            data_schema: spec.data_schema,
            rework_allowed: spec.rework_allowed,
            needs_all_before: spec.needs_all_before,
            defect_kinds: spec.defect_kinds,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Which processes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those that are part of the line now, or not.
    is_active: Option<bool>,
}

/// Processes, in the order of lists.
#[utoipa::path(
    get, path = "/api/v1/processes",
    operation_id = "processes_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The processes.", body = Vec<ProcessOut>,
         headers(("X-Total-Count" = i64, description = "Processes that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<Process>(&app, &uri, which.is_active, part).await
}

/// Processes that are part of the line now.
#[utoipa::path(
    get, path = "/api/v1/processes/active",
    operation_id = "processes_active", tag = "production", params(Page),
    responses((status = 200, description = "The processes.", body = Vec<ProcessOut>), AnyError)
)]
pub(crate) async fn active(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    entries::page::<Process>(&app, &uri, Some(true), part).await
}

/// The line: active processes in the order in which a unit goes through them.
#[utoipa::path(
    get, path = "/api/v1/processes/sequence",
    operation_id = "processes_sequence", tag = "production",
    responses((status = 200, description = "The processes.", body = Vec<ProcessOut>), AnyError)
)]
pub(crate) async fn sequence(State(app): State<App>) -> Result<JsonBody<Vec<ProcessOut>>, Problem> {
    let mut found = stored(nightshift_store::production::process_all(&app.db).await)?;
    found.retain(|process| process.spec.is_active);
    found.sort_by_key(Process::number);
    Ok(JsonBody(found.into_iter().map(|process| process.shown(&app)).collect()))
}

/// Adds a process to the line.
#[utoipa::path(
    post, path = "/api/v1/processes",
    operation_id = "processes_create", tag = "production", request_body = ProcessIn,
    responses(
        (status = 201, description = "Added.", body = ProcessOut, headers(("Location" = String, description = "Where it is"))),
        ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    RowJson(given): RowJson<ProcessIn>,
) -> Result<Response, Problem> {
    let spec = ProcessSpec {
        process_number: ProcessNumber(given.process_number),
        process_code: given.process_code,
        process_name_ko: given.process_name_ko,
        process_name_en: given.process_name_en,
        description: given.description,
        estimated_duration_seconds: given.estimated_duration_seconds,
        quality_criteria: given.quality_criteria.unwrap_or_default(),
        is_active: given.is_active.unwrap_or(true),
        sort_order: given.sort_order,
        data_schema: given.data_schema.unwrap_or_default(),
        rework_allowed: given.rework_allowed.unwrap_or(true),
        needs_all_before: given.needs_all_before.unwrap_or(false),
        defect_kinds: given.defect_kinds.unwrap_or_default(),
    };
    entries::create::<Process>(&app, &caller, spec).await
}

/// A process by its place in the line.
#[utoipa::path(
    get, path = "/api/v1/processes/number/{process_number}",
    operation_id = "processes_by_number", tag = "production",
    params(("process_number" = i64, Path, example = 1)),
    responses((status = 200, description = "The process.", body = ProcessOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_number(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<ProcessOut>, Problem> {
    let number = ProcessRef::Number(ProcessNumber(id("process_number", &text)?));
    Ok(JsonBody(find::process_of(&app, number).await?.shown(&app)))
}

/// A process by its code.
#[utoipa::path(
    get, path = "/api/v1/processes/code/{process_code}",
    operation_id = "processes_by_code", tag = "production",
    params(("process_code" = String, Path, example = "LASER_MARKING")),
    responses((status = 200, description = "The process.", body = ProcessOut), NotFoundError, AnyError)
)]
pub(crate) async fn by_code(
    State(app): State<App>,
    Path(code): Path<String>,
) -> Result<JsonBody<ProcessOut>, Problem> {
    entries::by_code::<Process>(&app, &code).await
}

/// A process, by its number as a row or as `PROC-00n`.
#[utoipa::path(
    get, path = "/api/v1/processes/{process_id}",
    operation_id = "processes_show", tag = "production",
    params(("process_id" = String, Path, example = "1")),
    responses((status = 200, description = "The process.", body = ProcessOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<ProcessOut>, Problem> {
    Ok(JsonBody(find::process(&app, &text).await?.shown(&app)))
}

type ProcessChange = AnyOf<ProcessIn>;

/// Changes a process: also the schema by which its data are judged from now on.
#[utoipa::path(
    put, path = "/api/v1/processes/{process_id}",
    operation_id = "processes_change", tag = "production",
    params(("process_id" = String, Path, example = "1")), request_body = ProcessChange,
    responses((status = 200, description = "Changed.", body = ProcessOut), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    RowJson(change): RowJson<Fields>,
) -> Result<JsonBody<ProcessOut>, Problem> {
    let id = find::process(&app, &text).await?.id;
    entries::change::<Process>(&app, &caller, id, change).await
}

/// Removes a process that no run, equipment or lot ever named.
#[utoipa::path(
    delete, path = "/api/v1/processes/{process_id}",
    operation_id = "processes_remove", tag = "production",
    params(("process_id" = String, Path, example = "9")),
    responses((status = 204, description = "Removed."), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = find::process(&app, &text).await?.id;
    entries::remove::<Process>(&app, &caller, id).await
}
