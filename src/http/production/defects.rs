//! `/api/v1/defects…`: what runs found wrong, and what was found out about it.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::production::{DefectId, DefectSeverity, LotId, OperatorId, SerialId};
use nightshift_store::production::{DefectQuery, DefectView, defect_find, defect_list};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bodies;
use super::find::{self, id, missing, stored};
use super::run_view::DefectOut;
use super::spans::Span;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query};
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// A defect with where it was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundDefect {
    /// The defect.
    #[serde(flatten)]
    defect: DefectOut,
    /// The lot.
    lot_id: i64,
    /// The unit.
    serial_id: Option<i64>,
    /// The process that found it.
    process_id: i64,
    /// Who worked.
    operator_id: i64,
    /// The equipment, if it is registered.
    equipment_id: Option<i64>,
}

impl From<DefectView> for FoundDefect {
    fn from(view: DefectView) -> Self {
        Self {
            defect: view.defect.into(),
            lot_id: view.lot_id.0,
            serial_id: view.serial_id.map(|id| id.0),
            process_id: view.process_id.0,
            operator_id: view.operator_id.0,
            equipment_id: view.equipment_id.map(|id| id.0),
        }
    }
}

/// Which defects.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those of this lot.
    lot_id: Option<i64>,
    /// Only those of this unit.
    serial_id: Option<i64>,
    /// Only those that this process found: its id, or `PROC-003`.
    process_id: Option<String>,
    /// Only those that this worker found.
    operator_id: Option<i64>,
    /// Only those of this code.
    #[param(example = "SENSOR_TEMP_FAIL")]
    code: Option<String>,
    /// `minor`, `major` or `critical`.
    #[param(value_type = Option<String>, example = "critical")]
    severity: Option<DefectSeverity>,
}

/// What was found out about a defect. An absent field stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Findings {
    /// What caused it.
    #[schema(example = "loose connector", max_length = 1000)]
    cause: Option<String>,
    /// What was found out about it.
    #[schema(example = "crimp of lot BB-17 too wide", max_length = 1000)]
    analysis: Option<String>,
}

/// Defects, the newest first.
#[utoipa::path(
    get, path = "/api/v1/defects",
    operation_id = "defects_list", tag = "production", params(Which, Span, Page),
    responses(
        (status = 200, description = "The defects.", body = Vec<FoundDefect>,
         headers(("X-Total-Count" = i64, description = "Defects that match"), ("Link" = String, description = "`next` and `prev`"))),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(span): Query<Span>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let process_id = match which.process_id.as_deref() {
        Some(text) => Some(find::process(&app, text).await?.id),
        None => None,
    };
    let (from, to) = span.instants(app.plant.production().calendar())?;
    let query = DefectQuery {
        lot_id: which.lot_id.map(LotId),
        serial_id: which.serial_id.map(SerialId),
        process_id,
        operator_id: which.operator_id.map(OperatorId),
        code: which.code,
        severity: which.severity,
        from,
        to,
    };
    let part = page.checked()?;
    let found = stored(defect_list(&app.db, &query, slice(part)).await)?;
    let defects: Vec<FoundDefect> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &defects, found.total, part))
}

/// A defect.
#[utoipa::path(
    get, path = "/api/v1/defects/{defect_id}",
    operation_id = "defects_show", tag = "production",
    params(("defect_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The defect.", body = FoundDefect), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<JsonBody<FoundDefect>, Problem> {
    Ok(JsonBody(one(&app, DefectId(id("defect_id", &text)?)).await?.into()))
}

/// Keeps what was found out about a defect: its cause, its analysis.
#[utoipa::path(
    put, path = "/api/v1/defects/{defect_id}",
    operation_id = "defects_analyse", tag = "production",
    params(("defect_id" = i64, Path, example = 1)), request_body = Findings,
    responses((status = 200, description = "Kept.", body = FoundDefect), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn analyse(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    Json(found): Json<Findings>,
) -> Result<JsonBody<FoundDefect>, Problem> {
    let id = DefectId(id("defect_id", &text)?);
    let known = one(&app, id).await?.defect.spec;
    let cause = bodies::note("cause", found.cause)?.or(known.cause);
    let analysis = bodies::note("analysis", found.analysis)?.or(known.analysis);
    let defect = app.plant.production().analyse_defect(&caller.by(), id, cause, analysis).await?;
    Ok(JsonBody(defect.into()))
}

async fn one(app: &App, id: DefectId) -> Result<DefectView, Problem> {
    let found = stored(defect_find(&app.db, id).await)?;
    found.ok_or_else(|| missing("defect", "DEFECT_NOT_FOUND", id))
}
