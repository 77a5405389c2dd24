//! Alerts: what people must hear of, once each, until they have read it.

mod alert;
mod conditions;
mod poll;

pub use alert::{
    ARCHIVE_DAYS_DEFAULT, Alert, AlertCounts, AlertId, AlertState, AlertStatus, AlertType, MESSAGE_CHARS_MAX,
    NewAlert, Outcome, Raise, Repeat, Severity, TITLE_CHARS_MAX,
};
pub use conditions::{
    DELAYED_PERCENT, OpenWork, TARGET_PERCENT, TargetProgress, defect_detected, equipment_abnormal,
    firmware_update, lot_completed, manual, printer_trouble, process_delayed, station_trouble,
    storage_trouble, target_not_met,
};
pub use poll::{FAST_FOR_S, POLL_FAST_S, POLL_MANAGER_S, POLL_OPERATOR_S, poll_after_s};
