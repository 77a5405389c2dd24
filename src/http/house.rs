//! `/api/v1/system/overview` and `/api/v1/system/tree/…`: how long nobody had to step in, and an administrator's commands.

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::StatusCode;
use nightshift_actors::{HouseError, HouseView};
use nightshift_domain::Timestamp;
use nightshift_kernel::{ControlError, TreeNode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::extract::Json;
use super::identity::types::Done;
use super::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};
use super::system::TreeNodeOut;

/// Seconds after which an audit that could not be written may be tried again, with the command.
const RETRY_AFTER_S: u64 = 5;

/// How the house stands.
#[derive(ToSchema)]
#[schema(as = House)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct HouseOut {
    /// Since when nobody had to step in.
    #[schema(value_type = String, format = DateTime)]
    unattended_since: Timestamp,
    /// How somebody last did: `started` the process after an ordered stop, `restarted` or `released` an actor.
    #[schema(example = "started")]
    unattended_why: String,
    /// What the plant did by itself.
    recoveries: RecoveriesOut,
}

/// What the plant did by itself: actors that run again after they failed, and starts of the process after it was cut off.
#[derive(ToSchema)]
#[schema(as = Recoveries)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct RecoveriesOut {
    /// Within 24 hours; 1,000 stands for that many or more.
    #[schema(example = 2)]
    last_24h: usize,
    /// Since the plant was first started.
    #[schema(example = 17)]
    total: u64,
    /// When the last one was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
    /// Which part came back.
    #[schema(example = "plant/sensing/sensor/7")]
    last_path: Option<String>,
}

/// A place in the tree.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TreePath)]
pub(crate) struct PathIn {
    /// From the root down.
    #[schema(example = "plant/sensing/schedule", max_length = 512)]
    path: String,
}

/// How long nobody had to step in, and what the plant did by itself.
#[utoipa::path(
    get, path = "/api/v1/system/overview",
    operation_id = "system_overview", tag = "system",
    responses((status = 200, description = "How it stands.", body = HouseOut), AnyError)
)]
pub(crate) async fn overview(State(app): State<App>) -> JsonBody<HouseView> {
    JsonBody(app.plant.house().view())
}

/// Restarts an actor, or a supervisor with all below: what waits is handled first. Audited.
#[utoipa::path(
    post, path = "/api/v1/system/tree/restart",
    operation_id = "system_restart", tag = "system", request_body = PathIn,
    responses((status = 200, description = "Restarted.", body = Done<TreeNodeOut>), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn restart(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<PathIn>,
) -> Result<JsonBody<Done<TreeNode>>, Problem> {
    app.plant.house().restart(&caller.by(), &given.path).await?;
    after(&app, "restarted", &given.path)
}

/// Takes an actor out of quarantine with a clean record. Audited.
#[utoipa::path(
    post, path = "/api/v1/system/tree/release",
    operation_id = "system_release", tag = "system", request_body = PathIn,
    responses((status = 200, description = "Released.", body = Done<TreeNodeOut>), NotFoundError, ConflictError, BodyError, AnyError)
)]
pub(crate) async fn release(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<PathIn>,
) -> Result<JsonBody<Done<TreeNode>>, Problem> {
    app.plant.house().release(&caller.by(), &given.path).await?;
    after(&app, "released", &given.path)
}

/// The place after the command, without what is below.
fn after(app: &App, done: &'static str, path: &str) -> Result<JsonBody<Done<TreeNode>>, Problem> {
    let node = app.plant.tree(Some(path), None, 0).ok_or_else(unknown)?;
    Ok(JsonBody(Done::new(done, node)))
}

fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "PATH_NOT_FOUND", "nothing lives at this path of the tree")
}

impl From<HouseError> for Problem {
    fn from(error: HouseError) -> Self {
        match error {
            HouseError::Control(ControlError::NotFound) => unknown(),
            HouseError::Control(ControlError::NotQuarantined) => {
                Self::new(StatusCode::CONFLICT, "NOT_QUARANTINED", "it is not in quarantine")
            }
            HouseError::Control(ControlError::Stopping) => {
                Self::new(StatusCode::CONFLICT, "STOPPING", "it is stopping already")
            }
            HouseError::Write(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "it was done, but the audit cannot be written at the moment",
            )
            .retry_after(RETRY_AFTER_S),
        }
    }
}
