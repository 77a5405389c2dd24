//! `/api/v1/system/…`: the supervision tree and the inference pool as they are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use nightshift_actors::InferenceView;
use nightshift_kernel::{TREE_CHILDREN_MAX, TreeNode};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::Query;
use super::problem::{AnyError, NotFoundError, Problem};

/// Children shown per supervisor when the request does not say.
const LIMIT_DEFAULT: usize = 100;
/// Longest path, bytes.
const PATH_BYTES_MAX: usize = 512;

/// Which part of the tree.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Where to start; the whole plant when absent.
    #[param(example = "plant/sensing")]
    path: Option<String>,
    /// Where to go on: the `next_after` of the page before, with the same `path`.
    after: Option<u64>,
    /// Most children shown per supervisor.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// One place in the tree.
#[derive(ToSchema)]
#[schema(as = TreeNode)]
#[expect(dead_code, reason = "describes a type of the kernel")]
pub(crate) struct TreeNodeOut {
    /// From the root down.
    #[schema(example = "plant/store-writer")]
    path: String,
    /// `supervisor` or `actor`.
    kind: String,
    /// `starting`, `running`, `frozen`, `restarting`, `quarantined`, `stopping` or `stopped`.
    #[schema(example = "running")]
    state: String,
    /// Why, where the state has a reason.
    reason: Option<String>,
    /// Times it was started again.
    restarts: u32,
    /// Its last failure: `{at_us, reason}`.
    last_fault: Option<serde_json::Value>,
    /// Its mailbox: `{depth, high_water, capacity}`; supervisors have none.
    mailbox: Option<serde_json::Value>,
    /// Microseconds until it is started again.
    next_retry_in_us: Option<u64>,
    /// Actors set apart because they block a thread.
    set_apart: usize,
    /// Children it has, shown or not.
    children_total: usize,
    /// Where to go on when not all children are shown.
    next_after: Option<u64>,
    /// Its children.
    #[schema(no_recursion)]
    children: Vec<TreeNodeOut>,
}

/// The inference pool.
#[derive(ToSchema)]
#[schema(as = Inference)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct InferenceOut {
    /// Why these devices were chosen.
    selection: String,
    /// The devices, best first: `{label, state, batches, windows, failures, last_failure, canary_difference, warm_up_s}`.
    devices: Vec<serde_json::Value>,
    /// The models: `{id, kind, version, digest, parameters, threshold}`.
    models: Vec<serde_json::Value>,
    /// Windows waiting for a device.
    queued: usize,
}

/// Everything that lives, in what state, and why.
#[utoipa::path(
    get, path = "/api/v1/system/tree",
    operation_id = "system_tree", tag = "system", params(Part),
    responses((status = 200, description = "The tree.", body = TreeNodeOut), NotFoundError, AnyError)
)]
pub(crate) async fn tree(
    State(app): State<App>,
    Query(part): Query<Part>,
) -> Result<Json<TreeNode>, Problem> {
    let limit = part.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=TREE_CHILDREN_MAX).contains(&limit) {
        let loc = vec!["query".into(), "limit".into()];
        return Err(Problem::field(loc, format!("must be 1 to {TREE_CHILDREN_MAX}"), "value_error"));
    }
    let path = part.path.as_deref().filter(|p| !p.is_empty());
    if path.is_some_and(|p| p.len() > PATH_BYTES_MAX) {
        let loc = vec!["query".into(), "path".into()];
        return Err(Problem::field(loc, format!("at most {PATH_BYTES_MAX} bytes"), "value_error"));
    }
    app.plant.tree(path, part.after, limit).map(Json).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "PATH_NOT_FOUND", "nothing lives at this path of the tree")
    })
}

/// The devices and models that score windows.
#[utoipa::path(
    get, path = "/api/v1/system/inference",
    operation_id = "system_inference", tag = "system",
    responses((status = 200, description = "The pool.", body = InferenceOut), AnyError)
)]
pub(crate) async fn inference(State(app): State<App>) -> Json<InferenceView> {
    Json(app.plant.inference().view())
}
