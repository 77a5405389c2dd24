//! Rework: a failed unit goes back into the line, at most three times, with a reason.

use super::serial::checked_reason;
use super::{Lot, LotState, OperatorId, ProcessId, Refusal, ReworkId, Serial, SerialId, SerialState};
use crate::{NewEvent, Timestamp};

/// A rework about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRework {
    /// The unit.
    pub serial_id: SerialId,
    /// Which rework of the unit it is, from 1.
    pub number: u8,
    /// The process that failed, when one did.
    pub process_id: Option<ProcessId>,
    /// Why the unit had failed.
    pub failure_reason: String,
    /// Why it goes back.
    pub reason: String,
    /// Who approved it.
    pub approved_by: OperatorId,
    /// When.
    pub approved_at: Timestamp,
    /// When a process was started again.
    pub restarted_at: Option<Timestamp>,
}

/// A stored rework.
#[derive(Debug, Clone, PartialEq)]
pub struct Rework {
    /// Its id.
    pub id: ReworkId,
    /// What it is.
    pub rework: NewRework,
}

/// What an approval changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ReworkEffects {
    /// The row to insert.
    pub rework: NewRework,
    /// The unit after it.
    pub serial: Serial,
    /// The lot after it.
    pub lot: Lot,
    /// What is journalled.
    pub events: Vec<NewEvent>,
}

/// FAILED → IN_PROGRESS.
///
/// # Errors
/// When the unit has not failed, was reworked three times, failed where rework is not allowed, or its lot is done; or
/// without a reason.
pub fn approve_rework(
    lot: &Lot,
    serial: &Serial,
    reason: &str,
    by: OperatorId,
    now: Timestamp,
) -> Result<ReworkEffects, Refusal> {
    if !lot.state.is_open() {
        return Err(Refusal::LotClosed { status: lot.state.status() });
    }
    serial.can_rework()?;
    let SerialState::Failed { reason: failure_reason, process_id, .. } = &serial.state else {
        return Err(Refusal::SerialNotFailed { status: serial.state.status() });
    };
    let reason = checked_reason(reason).ok_or(Refusal::ReasonRequired { field: "reason" })?;
    let rework = NewRework {
        serial_id: serial.id,
        number: serial.rework_count + 1,
        process_id: *process_id,
        failure_reason: failure_reason.clone(),
        reason,
        approved_by: by,
        approved_at: now,
        restarted_at: None,
    };
    let serial = Serial {
        state: SerialState::InProgress { rework_waits: true },
        rework_count: rework.number,
        updated_at: now,
        ..serial.clone()
    };
    let mut lot = Lot { updated_at: now, ..lot.clone() };
    lot.counts.failed -= 1;
    debug_assert!(matches!(lot.state, LotState::InProgress { .. }), "a lot with a failed unit has begun");
    let event = NewEvent::new(
        now,
        "production.rework_approved",
        serial.serial_number.as_str(),
        serde_json::json!({ "number": rework.number, "reason": rework.reason, "by": by }),
    );
    Ok(ReworkEffects { rework, serial, lot, events: vec![event] })
}
