//! `GET /api/v1/fleet/plans`.

use axum::Json as JsonBody;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::PlanOut;
use crate::http::App;
use crate::http::problem::{AnyError, Problem};

/// Roadblocks.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanList {
    /// By runner.
    plans: Vec<PlanOut>,
}

/// The roadblocks that stand: for each runner at large which car goes where, and which exits stay open.
#[utoipa::path(
    get, path = "/api/v1/fleet/plans",
    operation_id = "fleet_plans", tag = "fleet",
    responses((status = 200, description = "The roadblocks.", body = PlanList), AnyError)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<JsonBody<PlanList>, Problem> {
    let plans = app.plant.fleet().plans()?;
    Ok(JsonBody(PlanList { plans: plans.iter().map(|view| PlanOut::from(&**view)).collect() }))
}
