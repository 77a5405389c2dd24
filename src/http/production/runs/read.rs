//! Runs, read.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::production::{DataLevel, EquipmentId, LotId, OperatorId, RunId, RunResult, SerialId};
use nightshift_store::production::{RunOutcome, RunQuery, run_list};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::bodies::word;
use super::super::find::{self, id, stored};
use super::super::run_view::RunOut;
use super::super::spans::Span;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Which runs.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this lot.
    lot_id: Option<i64>,
    /// Only those of this unit.
    serial_id: Option<i64>,
    /// Only those of this process: its id, or `PROC-003`.
    process_id: Option<String>,
    /// Only those of this worker.
    operator_id: Option<i64>,
    /// Only those on this equipment.
    equipment_id: Option<i64>,
    /// `LOT` or `SERIAL`.
    #[param(example = "SERIAL")]
    data_level: Option<String>,
    /// `PASS`, `FAIL` or `REWORK`.
    result: Option<String>,
    /// Only those that are marked for review with this event.
    review_event: Option<String>,
}

fn result(place: &str, text: &str) -> Result<RunResult, Problem> {
    word(place, "result", text, RunResult::from_word, "PASS, FAIL, REWORK")
}

async fn page(app: &App, uri: &Uri, query: RunQuery, page: Page) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = stored(run_list(&app.db, &query, slice(part)).await)?;
    let runs: Vec<RunOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(uri, &runs, found.total, part))
}

/// Runs, the newest first.
#[utoipa::path(
    get, path = "/api/v1/process-data",
    operation_id = "process_data_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The runs.", body = Vec<RunOut>,
         headers(("X-Total-Count" = i64, description = "Runs that match"), ("Link" = String, description = "`next` and `prev`"))),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let process_id = match which.process_id.as_deref() {
        Some(text) => Some(find::process(&app, text).await?.id),
        None => None,
    };
    let level = |text: &str| word("query", "data_level", text, DataLevel::from_word, "LOT, SERIAL");
    let ended = which.result.as_deref().map(|text| result("query", text)).transpose()?;
    let query = RunQuery {
        lot_id: which.lot_id.map(LotId),
        serial_id: which.serial_id.map(SerialId),
        process_id,
        operator_id: which.operator_id.map(OperatorId),
        equipment_id: which.equipment_id.map(EquipmentId),
        data_level: which.data_level.as_deref().map(level).transpose()?,
        outcome: ended.map(RunOutcome::Ended),
        review_event: which.review_event,
        ..RunQuery::default()
    };
    page(&app, &uri, query, part).await
}

/// Runs that failed, the newest first.
#[utoipa::path(
    get, path = "/api/v1/process-data/failures",
    operation_id = "process_data_failures", tag = "production", params(Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), AnyError)
)]
pub(crate) async fn failures(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let outcome = Some(RunOutcome::Ended(RunResult::Fail));
    page(&app, &uri, RunQuery { outcome, ..RunQuery::default() }, part).await
}

/// Runs that were started and not completed.
#[utoipa::path(
    get, path = "/api/v1/process-data/incomplete",
    operation_id = "process_data_incomplete", tag = "production", params(Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), AnyError)
)]
pub(crate) async fn incomplete(
    State(app): State<App>,
    uri: Uri,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    page(&app, &uri, RunQuery { outcome: Some(RunOutcome::Open), ..RunQuery::default() }, part).await
}

/// Runs that were started in a span of time: instants, or plant days with both ends included.
#[utoipa::path(
    get, path = "/api/v1/process-data/date-range",
    operation_id = "process_data_by_dates", tag = "production", params(Span, Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), AnyError)
)]
pub(crate) async fn by_dates(
    State(app): State<App>,
    uri: Uri,
    Query(span): Query<Span>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let (from, to) = span.instants(app.plant.production().calendar())?;
    page(&app, &uri, RunQuery { from, to, ..RunQuery::default() }, part).await
}

/// Runs on a unit.
#[utoipa::path(
    get, path = "/api/v1/process-data/serial/{serial_id}",
    operation_id = "process_data_by_serial", tag = "production",
    params(("serial_id" = String, Path, description = "Its id, or its number.", example = "1"), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), NotFoundError, AnyError)
)]
pub(crate) async fn by_serial(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let serial_id = Some(find::serial(&app, &text).await?.serial.id);
    page(&app, &uri, RunQuery { serial_id, ..RunQuery::default() }, part).await
}

/// Runs of a process on a unit.
#[utoipa::path(
    get, path = "/api/v1/process-data/serial/{serial_id}/process/{process_id}",
    operation_id = "process_data_by_serial_and_process", tag = "production",
    params(("serial_id" = String, Path, example = "1"), ("process_id" = String, Path, example = "3"), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), NotFoundError, AnyError)
)]
pub(crate) async fn by_serial_and_process(
    State(app): State<App>,
    uri: Uri,
    Path((serial, process)): Path<(String, String)>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let serial_id = Some(find::serial(&app, &serial).await?.serial.id);
    let process_id = Some(find::process(&app, &process).await?.id);
    page(&app, &uri, RunQuery { serial_id, process_id, ..RunQuery::default() }, part).await
}

/// Runs of a lot: on its units and on the whole.
#[utoipa::path(
    get, path = "/api/v1/process-data/lot/{lot_id}",
    operation_id = "process_data_by_lot", tag = "production",
    params(("lot_id" = String, Path, description = "Its id, or its number.", example = "1"), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), NotFoundError, AnyError)
)]
pub(crate) async fn by_lot(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let lot_id = Some(find::lot(&app, &text).await?.lot.id);
    page(&app, &uri, RunQuery { lot_id, ..RunQuery::default() }, part).await
}

/// Runs of a process.
#[utoipa::path(
    get, path = "/api/v1/process-data/process/{process_id}",
    operation_id = "process_data_by_process", tag = "production",
    params(("process_id" = String, Path, description = "Its id, or `PROC-003`.", example = "3"), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), NotFoundError, AnyError)
)]
pub(crate) async fn by_process(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let process_id = Some(find::process(&app, &text).await?.id);
    page(&app, &uri, RunQuery { process_id, ..RunQuery::default() }, part).await
}

/// Runs that ended in a certain way.
#[utoipa::path(
    get, path = "/api/v1/process-data/result/{result}",
    operation_id = "process_data_by_result", tag = "production",
    params(("result" = String, Path, example = "FAIL"), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), AnyError)
)]
pub(crate) async fn by_result(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let outcome = Some(RunOutcome::Ended(result("path", &text)?));
    page(&app, &uri, RunQuery { outcome, ..RunQuery::default() }, part).await
}

/// Runs of a worker.
#[utoipa::path(
    get, path = "/api/v1/process-data/operator/{operator_id}",
    operation_id = "process_data_by_operator", tag = "production",
    params(("operator_id" = i64, Path, example = 1), Page),
    responses((status = 200, description = "The runs.", body = Vec<RunOut>), AnyError)
)]
pub(crate) async fn by_operator(
    State(app): State<App>,
    uri: Uri,
    Path(text): Path<String>,
    Query(part): Query<Page>,
) -> Result<Response, Problem> {
    let operator_id = Some(OperatorId(id("operator_id", &text)?));
    page(&app, &uri, RunQuery { operator_id, ..RunQuery::default() }, part).await
}

/// A run.
#[utoipa::path(
    get, path = "/api/v1/process-data/{run_id}",
    operation_id = "process_data_show", tag = "production",
    params(("run_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The run.", body = RunOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<RunOut>, Problem> {
    Ok(JsonBody(find::run(&app, RunId(id("run_id", &text)?)).await?.into()))
}
