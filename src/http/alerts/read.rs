//! Alerts, read, with advice when to ask again.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use nightshift_actors::AlertReader;
use nightshift_domain::alerts::{AlertId, AlertStatus, AlertType, Severity};
use nightshift_domain::identity::AlertReach;
use nightshift_domain::production::{EquipmentId, LotId, ProcessId, SerialId};
use nightshift_store::alerts::AlertQuery;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::view::AlertOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::identity::forbidden;
use crate::http::paging::{Page, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};
use crate::http::production::bodies::word;
use crate::http::production::find::id;
use crate::http::production::spans::Span;

/// Which alerts.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `UNREAD`, `READ` or `ARCHIVED`.
    #[param(example = "UNREAD")]
    status: Option<String>,
    /// `HIGH`, `MEDIUM` or `LOW`.
    #[param(example = "HIGH")]
    severity: Option<String>,
    /// Only those of this type.
    #[param(example = "DEFECT_DETECTED")]
    alert_type: Option<String>,
    /// Only those about this lot.
    lot_id: Option<i64>,
    /// Only those about this unit.
    serial_id: Option<i64>,
    /// Only those about this process.
    process_id: Option<i64>,
    /// Only those about this equipment.
    equipment_id: Option<i64>,
    /// Only those that share this event.
    event_id: Option<String>,
}

/// A part of the alerts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// The alerts, those raised last first.
    alerts: Vec<AlertOut>,
    /// Alerts that match.
    total: u64,
    /// Unread ones among all that are the caller's.
    unread_count: u64,
    /// Alerts left out.
    skip: u32,
    /// Most alerts given.
    limit: u32,
    /// Seconds after which to ask again: 30 or 60, and 10 for five minutes after a HIGH alert.
    #[schema(example = 30)]
    poll_after_s: u32,
}

/// Unread alerts, for a badge.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnreadCount {
    /// How many.
    #[schema(example = 3)]
    unread_count: u64,
    /// Those of severity HIGH among them.
    #[schema(example = 1)]
    unread_high_count: u64,
    /// Seconds after which to ask again.
    #[schema(example = 30)]
    poll_after_s: u32,
}

const STATUSES: &str = "UNREAD, READ, ARCHIVED";
const SEVERITIES: &str = "HIGH, MEDIUM, LOW";
const TYPES: &str = "DEFECT_DETECTED, TARGET_NOT_MET, PROCESS_DELAYED, LOT_COMPLETED, FIRMWARE_UPDATE, \
                     EQUIPMENT_ABNORMAL, PRINTER_TROUBLE, STATION_TROUBLE, STORAGE_TROUBLE, MANUAL";

fn query(which: Which, span: &Span, app: &App) -> Result<AlertQuery, Problem> {
    let (from, to) = span.instants(app.plant.production().calendar())?;
    let status = |text: &str| word("query", "status", text, AlertStatus::from_word, STATUSES);
    let severity = |text: &str| word("query", "severity", text, Severity::from_word, SEVERITIES);
    let alert_type = |text: &str| word("query", "alert_type", text, AlertType::from_word, TYPES);
    Ok(AlertQuery {
        reach: AlertReach::default(),
        status: which.status.as_deref().map(status).transpose()?,
        severity: which.severity.as_deref().map(severity).transpose()?,
        alert_type: which.alert_type.as_deref().map(alert_type).transpose()?,
        lot_id: which.lot_id.map(LotId),
        serial_id: which.serial_id.map(SerialId),
        process_id: which.process_id.map(ProcessId),
        equipment_id: which.equipment_id.map(EquipmentId),
        event_id: which.event_id,
        from,
        to,
    })
}

/// What the caller looks after.
pub(super) fn reader(caller: &Caller) -> Result<AlertReader, Problem> {
    caller.principal().map(AlertReader::of).ok_or_else(forbidden)
}

/// Alerts, those raised last first. An OPERATOR is given those that his own work raised, and those that are about nobody's
/// work in particular.
#[utoipa::path(
    get, path = "/api/v1/alerts",
    operation_id = "alerts_list", tag = "alerts", params(Which, Span, Page),
    responses((status = 200, description = "The alerts.", body = AlertList), AnyError)
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(which): Query<Which>,
    Query(span): Query<Span>,
    Query(page): Query<Page>,
) -> Result<JsonBody<AlertList>, Problem> {
    let (skip, limit) = page.checked()?;
    let query = query(which, &span, &app)?;
    let found = app.plant.alerts().list(reader(&caller)?, query, slice((skip, limit))).await?;
    Ok(JsonBody(AlertList {
        alerts: found.alerts.into_iter().map(Into::into).collect(),
        total: found.counts.total,
        unread_count: found.counts.unread,
        skip,
        limit,
        poll_after_s: found.poll_after_s,
    }))
}

/// How many alerts are unread.
#[utoipa::path(
    get, path = "/api/v1/alerts/unread/count",
    operation_id = "alerts_unread_count", tag = "alerts",
    responses((status = 200, description = "The numbers.", body = UnreadCount), AnyError)
)]
pub(crate) async fn unread_count(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonBody<UnreadCount>, Problem> {
    let (counts, poll_after_s) = app.plant.alerts().counts(reader(&caller)?).await?;
    Ok(JsonBody(UnreadCount {
        unread_count: counts.unread,
        unread_high_count: counts.unread_high,
        poll_after_s,
    }))
}

/// An alert.
#[utoipa::path(
    get, path = "/api/v1/alerts/{alert_id}",
    operation_id = "alerts_show", tag = "alerts",
    params(("alert_id" = i64, Path, example = 1)),
    responses((status = 200, description = "The alert.", body = AlertOut), NotFoundError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<JsonBody<AlertOut>, Problem> {
    let alert = app.plant.alerts().get(reader(&caller)?, AlertId(id("alert_id", &text)?)).await?;
    Ok(JsonBody(alert.into()))
}
