//! `/api/v1/holds…`: equipment on which nothing may be started, and runs to be reviewed.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{EquipmentId, Hold, HoldState};
use nightshift_store::production::hold_list;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::find::{id, stored};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{OptionalJson, Query};
use crate::http::identity::types::Done;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// A hold on a piece of equipment.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldOut {
    /// Its number.
    id: i64,
    /// What is held.
    equipment_id: i64,
    /// Why.
    #[schema(example = "sensor wando01 was abnormal in 3 of 5 verdicts")]
    reason: String,
    /// The event that verdict, alert, hold and runs have in common.
    event_id: String,
    /// Whether starts are refused.
    is_active: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When somebody let the equipment go on.
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<Timestamp>,
    /// Who.
    released_by: Option<i64>,
    /// What was found.
    release_note: Option<String>,
}

impl From<Hold> for HoldOut {
    fn from(hold: Hold) -> Self {
        let is_active = hold.is_active();
        let (released_at, released_by, release_note) = match hold.state {
            HoldState::Active => (None, None, None),
            HoldState::Released { at, by, note } => (Some(at), Some(by.0), note),
        };
        Self {
            id: hold.id.0,
            equipment_id: hold.equipment_id.0,
            reason: hold.reason,
            event_id: hold.event_id,
            is_active,
            since: hold.since,
            released_at,
            released_by,
            release_note,
        }
    }
}

/// Which holds.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only those on this equipment.
    equipment_id: Option<i64>,
    /// Only those that are active.
    #[serde(default)]
    active: bool,
}

/// What was found at the equipment.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct ReleaseIn {
    /// The finding.
    #[schema(example = "bearing greased", max_length = 1000)]
    note: Option<String>,
}

/// What was let go on.
#[derive(Serialize, ToSchema)]
#[schema(as = Acknowledged)]
pub(crate) struct AcknowledgedOut {
    /// The hold that was released; absent when the equipment was abnormal and not held.
    hold: Option<HoldOut>,
}

/// Runs that somebody looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reviewed {
    /// How many.
    #[schema(example = 12)]
    runs: u64,
}

/// Holds, the newest first.
#[utoipa::path(
    get, path = "/api/v1/holds",
    operation_id = "holds_list", tag = "production", params(Which, Page),
    responses(
        (status = 200, description = "The holds.", body = Vec<HoldOut>,
         headers(("X-Total-Count" = i64, description = "Holds that match"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let equipment = which.equipment_id.map(EquipmentId);
    let found = stored(hold_list(&app.db, equipment, which.active, slice(part)).await)?;
    let holds: Vec<HoldOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &holds, found.total, part))
}

/// Acknowledges that a piece of equipment was abnormal: its hold is released and starts are taken again.
#[utoipa::path(
    post, path = "/api/v1/equipment/{equipment_id}/acknowledge",
    operation_id = "equipment_acknowledge", tag = "production",
    params(("equipment_id" = i64, Path, example = 1)), request_body = Option<ReleaseIn>,
    responses((status = 200, description = "Acknowledged.", body = Done<AcknowledgedOut>), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn acknowledge(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
    OptionalJson(given): OptionalJson<ReleaseIn>,
) -> Result<JsonBody<Done<AcknowledgedOut>>, Problem> {
    let id = EquipmentId(id("equipment_id", &text)?);
    let note = given.unwrap_or_default().note;
    let done = app.plant.production().acknowledge(&caller.by(), id, note).await?;
    Ok(JsonBody(Done::new("acknowledged", AcknowledgedOut { hold: done.hold.map(Into::into) })))
}

/// Notes that somebody looked at the runs that an event marked.
#[utoipa::path(
    post, path = "/api/v1/holds/reviews/{event_id}",
    operation_id = "holds_review", tag = "production",
    params(("event_id" = String, Path, description = "The event of a hold, an alert or a run's `review`.")),
    responses((status = 200, description = "Noted.", body = Done<Reviewed>), AnyError)
)]
pub(crate) async fn review(
    State(app): State<App>,
    caller: Caller,
    Path(event_id): Path<String>,
) -> Result<JsonBody<Done<Reviewed>>, Problem> {
    let runs = app.plant.production().review_runs(&caller.by(), event_id).await?;
    Ok(JsonBody(Done::new("reviewed", Reviewed { runs })))
}
