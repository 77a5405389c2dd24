//! `/api/health` and `/api/v1/health…`: whether the plant works, what is degraded, and what to do.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nightshift_actors::{Component, ComponentState, Health};
use nightshift_kernel::BreakerSnapshot;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// The plant's health in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct Summary {
    /// `ok`, `warning` (memory or disk run out), `degraded` or `down`.
    #[schema(value_type = String, example = "ok")]
    status: ComponentState,
    /// The parts that are not well; absent when all are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ComponentOut>)]
    degraded: Vec<Component>,
}

/// The plant's health in full.
#[derive(Serialize, ToSchema)]
pub(crate) struct Full {
    /// `ok`, `warning` (memory or disk run out), `degraded` or `down`.
    #[schema(value_type = String, example = "ok")]
    status: ComponentState,
    /// This program's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Seconds since it started.
    uptime_s: u64,
    /// Every part.
    #[schema(value_type = Vec<ComponentOut>)]
    components: Vec<Component>,
}

/// A part of the plant.
#[derive(ToSchema)]
#[schema(as = Component)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ComponentOut {
    /// Its name.
    #[schema(example = "database")]
    name: String,
    /// `ok`, `warning` (memory or disk run out), `degraded` or `down`.
    #[schema(example = "ok")]
    state: String,
    /// Why, and what to do; empty when it is well.
    detail: String,
}

/// Whether the process lives, or takes requests.
#[derive(Serialize, ToSchema)]
pub(crate) struct Probe {
    /// `alive`; `ready`, `starting`, `stopping` or `down`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// A circuit breaker.
#[derive(ToSchema)]
#[schema(as = CircuitBreaker)]
#[expect(dead_code, reason = "describes a type of the kernel")]
pub(crate) struct BreakerOut {
    /// What it guards.
    #[schema(example = "vendor-oden")]
    name: String,
    /// `closed`, `open` or `half_open`.
    #[schema(example = "closed")]
    state: String,
    /// Failures within its window.
    failures: u32,
    /// When it last opened, microseconds since 1970.
    opened_at_us: Option<i64>,
    /// Microseconds until the next call may go through.
    retry_after_us: Option<u64>,
    /// Times it opened.
    trips: u64,
}

fn status_of(health: &Health) -> StatusCode {
    if health.state == ComponentState::Down { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

/// Whether the plant works: `{"status": "ok"}`, and what is degraded. 503 only when a part is down that it cannot do without.
#[utoipa::path(
    get, path = "/api/health",
    operation_id = "health_summary", tag = "system",
    responses((status = 200, description = "It works.", body = Summary), (status = 503, description = "It does not.", body = Summary))
)]
pub(crate) async fn summary(State(app): State<App>) -> Response {
    let health = app.plant.health().await;
    let code = status_of(&health);
    let degraded = health.components.into_iter().filter(|c| c.state != ComponentState::Ok).collect();
    (code, Json(Summary { status: health.state, degraded })).into_response()
}

/// Every part of the plant with its state.
#[utoipa::path(
    get, path = "/api/v1/health",
    operation_id = "health_full", tag = "system",
    responses((status = 200, description = "It works.", body = Full), (status = 503, description = "It does not.", body = Full))
)]
pub(crate) async fn full(State(app): State<App>) -> Response {
    let health = app.plant.health().await;
    let code = status_of(&health);
    let body = Full {
        status: health.state,
        version: crate::VERSION,
        uptime_s: app.clock.monotonic().as_secs(),
        components: health.components,
    };
    (code, Json(body)).into_response()
}

/// Whether the process answers at all. Touches nothing else.
#[utoipa::path(
    get, path = "/api/v1/health/liveness",
    operation_id = "health_liveness", tag = "system",
    responses((status = 200, description = "It lives.", body = Probe))
)]
pub(crate) async fn liveness() -> Json<Probe> {
    Json(Probe { status: "alive" })
}

/// Whether requests should be sent here.
#[utoipa::path(
    get, path = "/api/v1/health/readiness",
    operation_id = "health_readiness", tag = "system",
    responses((status = 200, description = "Ready.", body = Probe), (status = 503, description = "Not yet, or not any more.", body = Probe))
)]
pub(crate) async fn readiness(State(app): State<App>) -> Response {
    let status = if app.stopping.is_cancelled() {
        "stopping"
    } else if !app.has_warmed_up() {
        "starting"
    } else if app.plant.health().await.state == ComponentState::Down {
        "down"
    } else {
        "ready"
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Probe { status })).into_response()
}

/// The circuit breakers.
#[utoipa::path(
    get, path = "/api/v1/health/circuit-breakers",
    operation_id = "health_circuit_breakers", tag = "system",
    responses((status = 200, description = "The breakers.", body = Vec<BreakerOut>))
)]
pub(crate) async fn circuit_breakers(State(app): State<App>) -> Json<Vec<BreakerSnapshot>> {
    Json(app.plant.breakers())
}
