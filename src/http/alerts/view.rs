//! An alert as answers show it.

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::{Alert, AlertState, AlertStatus, AlertType, Severity};
use serde::Serialize;
use utoipa::ToSchema;

/// An alert.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertOut {
    /// Its number.
    #[schema(example = 1)]
    pub(super) id: i64,
    /// `DEFECT_DETECTED`, `TARGET_NOT_MET`, `PROCESS_DELAYED`, `LOT_COMPLETED`, `FIRMWARE_UPDATE`,
    /// `EQUIPMENT_ABNORMAL`, `PRINTER_TROUBLE`, `STATION_TROUBLE`, `STORAGE_TROUBLE` or `MANUAL`.
    #[schema(value_type = String, example = "DEFECT_DETECTED")]
    alert_type: AlertType,
    /// `HIGH`, `MEDIUM` or `LOW`.
    #[schema(value_type = String, example = "HIGH")]
    severity: Severity,
    /// One line.
    #[schema(example = "불량 발생 / defect detected: WF-KR-251110D-001-0001")]
    title: String,
    /// The rest.
    message: String,
    /// The lot it is about.
    lot_id: Option<i64>,
    /// The unit.
    serial_id: Option<i64>,
    /// The process.
    process_id: Option<i64>,
    /// The equipment.
    equipment_id: Option<i64>,
    /// Whose work raised it; absent when it is about nobody's in particular.
    operator_id: Option<i64>,
    /// The event that it shares with what else follows from the same cause.
    event_id: Option<String>,
    /// `UNREAD`, `READ` or `ARCHIVED`.
    #[schema(value_type = String, example = "UNREAD")]
    status: AlertStatus,
    /// How often it was raised: repeats of the same thing are one alert.
    #[schema(example = 1)]
    count: i64,
    /// When it was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
    /// Who read it.
    read_by: Option<i64>,
    /// When it was put away.
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    /// Who put it away; the plant itself when absent.
    archived_by: Option<i64>,
    /// When it was first raised.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last raised.
    #[schema(value_type = String, format = DateTime)]
    last_raised_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Alert> for AlertOut {
    fn from(stored: Alert) -> Self {
        let (alert, raise) = (&stored.alert, stored.alert.raise.clone());
        let (read, archived) = match alert.state {
            AlertState::Unread => (None, None),
            AlertState::Read { at, by } => (Some((at, by)), None),
            AlertState::Archived { at, by } => (None, Some((at, by))),
        };
        Self {
            id: stored.id.0,
            alert_type: raise.alert_type,
            severity: raise.severity,
            title: raise.title,
            message: raise.message,
            lot_id: raise.lot_id.map(|id| id.0),
            serial_id: raise.serial_id.map(|id| id.0),
            process_id: raise.process_id.map(|id| id.0),
            equipment_id: raise.equipment_id.map(|id| id.0),
            operator_id: raise.operator_id.map(|id| id.0),
            event_id: raise.event_id,
            status: alert.state.status(),
            count: alert.count,
            read_at: read.map(|(at, _)| at),
            read_by: read.map(|(_, by)| by.0),
            archived_at: archived.map(|(at, _)| at),
            archived_by: archived.and_then(|(_, by)| by).map(|id| id.0),
            created_at: alert.first_at,
            last_raised_at: raise.at,
            updated_at: stored.updated_at,
        }
    }
}
