//! The rules of starting a process.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::serial::checked_reason;
use super::{
    LineUp, Lot, LotStatus, NewRun, ProcessId, Refusal, Review, RunFacts, RunState, STATION_AHEAD_S_MAX,
    STATIONS_APART_S_MAX, Serial, StartCommand, StartEffects, Step,
};
use crate::{NewEvent, Timestamp};

/// What a command is about, once everything it names has been found.
pub(super) struct Subject<'a> {
    pub(super) lot: &'a Lot,
    pub(super) serial: Option<&'a Serial>,
    pub(super) step: &'a Step,
}

impl Subject<'_> {
    /// The number that events and messages name.
    pub(super) fn number(&self) -> &str {
        self.serial.map_or(self.lot.lot_number.as_str(), |s| s.serial_number.as_str())
    }
}

/// Finds what a command names, and refuses lots that are done for good.
pub(super) fn subject<'a>(
    line: &'a LineUp,
    facts: &'a RunFacts,
    lot: &str,
    serial: Option<&str>,
    process: super::ProcessRef,
) -> Result<Subject<'a>, Refusal> {
    let found = facts.lot.as_ref().ok_or_else(|| Refusal::LotNotFound { number: lot.to_owned() })?;
    let serial = match serial {
        None => None,
        Some(number) => {
            let missing = || Refusal::SerialNotFound { number: number.to_owned() };
            let serial = facts.serial.as_ref().ok_or_else(missing)?;
            if serial.lot_id != found.id {
                let lot = found.lot_number.to_string();
                return Err(Refusal::SerialNotInLot { serial: serial.serial_number.to_string(), lot });
            }
            Some(serial)
        }
    };
    let missing = || Refusal::ProcessNotFound { process: process.to_string() };
    let step = line.find(process).ok_or_else(missing)?;
    match found.state.status() {
        status @ (LotStatus::Closed | LotStatus::Cancelled) => Err(Refusal::LotClosed { status }),
        LotStatus::Created | LotStatus::InProgress | LotStatus::Completed => {
            Ok(Subject { lot: found, serial, step })
        }
    }
}

/// Begins a process on a unit, or on a whole lot.
///
/// # Errors
/// The first rule that it breaks.
pub fn decide_start(
    line: &LineUp,
    facts: &RunFacts,
    command: &StartCommand,
    now: Timestamp,
) -> Result<StartEffects, Refusal> {
    let subject = subject(line, facts, &command.lot, command.serial.as_deref(), command.process)?;
    let Subject { lot, serial, step } = subject;
    let process = step.number();
    if !step.process.spec.is_active {
        return Err(Refusal::Inactive { what: "process", name: process.to_string() });
    }
    if let Some(open) = facts.open.iter().find(|open| open.run.process_id == step.id()) {
        return Err(Refusal::DuplicateStart { process, since: open.run.started_at });
    }
    if facts.passed.contains(&step.id()) {
        return Err(Refusal::ProcessAlreadyPassed { process });
    }
    let serial_state = serial.map(|s| s.state.clone().begin()).transpose()?;
    if !lot.state.is_open() {
        return Err(Refusal::LotClosed { status: lot.state.status() });
    }
    let override_reason = check_order(line, facts, step, command)?;
    // A unit is in one place at a time.
    if let Some(elsewhere) = facts.open.iter().find_map(|open| line.get(open.run.process_id)) {
        return Err(Refusal::ProcessRunning { process: elsewhere.number() });
    }
    check_station(facts, command)?;
    let worker = facts.worker.as_ref();
    let worker = worker.ok_or_else(|| Refusal::WorkerNotFound { worker: command.worker.clone() })?;
    let started_at = start_time(facts, command, now)?;
    let event = NewEvent::new(
        now,
        "production.started",
        subject.number(),
        json!({
            "lot_number": lot.lot_number, "serial_number": serial.map(|s| &s.serial_number), "process": process,
            "operator_id": worker.id, "equipment": command.equipment, "started_at": started_at,
            "overridden": override_reason.is_some(), "event_id": facts.abnormal_event,
        }),
    );
    Ok(StartEffects {
        overridden: override_reason.is_some(),
        run: NewRun {
            lot_id: lot.id,
            serial_id: serial.map(|s| s.id),
            process_id: step.id(),
            operator_id: worker.id,
            equipment_id: facts.equipment.as_ref().map(|e| e.id),
            equipment_code: command.equipment.clone(),
            started_at,
            override_reason,
            review: facts.abnormal_event.clone().map(|event_id| Review { event_id, reviewed: None }),
            state: RunState::Open,
        },
        serial: serial.zip(serial_state).map(|(serial, state)| Serial {
            state,
            updated_at: now,
            ..serial.clone()
        }),
        lot: Lot { state: lot.state.begin(started_at)?, updated_at: now, ..lot.clone() },
        restarted: facts.waiting_rework.map(|id| (id, started_at)),
        events: vec![event],
    })
}

/// The worker, and the equipment if it is registered: stations may name equipment that nobody registered.
fn check_station(facts: &RunFacts, command: &StartCommand) -> Result<(), Refusal> {
    if let Some(worker) = facts.worker.as_ref().filter(|w| !w.is_active) {
        return Err(Refusal::Inactive { what: "worker", name: worker.username.clone() });
    }
    if let Some(equipment) = facts.equipment.as_ref().filter(|e| !e.spec.is_active) {
        return Err(Refusal::Inactive { what: "equipment", name: equipment.spec.equipment_code.clone() });
    }
    match facts.hold.as_ref().filter(|h| h.is_active()) {
        None => Ok(()),
        Some(hold) => Err(Refusal::EquipmentOnHold {
            equipment: command.equipment.clone().unwrap_or_default(),
            reason: hold.reason.clone(),
            since: hold.since,
            event_id: hold.event_id.clone(),
        }),
    }
}

/// The reason when the order had to be overridden.
fn check_order(
    line: &LineUp,
    facts: &RunFacts,
    step: &Step,
    command: &StartCommand,
) -> Result<Option<String>, Refusal> {
    let passed: HashSet<ProcessId> = facts.passed.iter().chain(&facts.lot_passed).copied().collect();
    let process = step.number();
    let before: Vec<&Step> = line.active().filter(|s| s.number() < process).collect();
    if step.process.spec.needs_all_before {
        let count = before.iter().filter(|s| passed.contains(&s.id())).count();
        return match (before.first(), before.last()) {
            (Some(first), Some(last)) if count < before.len() => Err(Refusal::PassesMissing {
                process,
                first: first.number(),
                last: last.number(),
                passed: count,
            }),
            _ => Ok(None),
        };
    }
    // Places are counted among active processes: a process that is switched off leaves no hole.
    let highest = line.active().rfind(|s| passed.contains(&s.id()));
    let allowed = highest.map_or(0, |h| line.active().filter(|s| s.number() <= h.number()).count());
    if before.len() <= allowed {
        return Ok(None);
    }
    let reason = command.override_reason.as_deref().filter(|r| !r.trim().is_empty());
    if let Some(reason) = reason {
        if !command.may_override {
            return Err(Refusal::OverrideNotAllowed);
        }
        let reason = checked_reason(reason).ok_or(Refusal::ReasonRequired { field: "override_reason" })?;
        return Ok(Some(reason));
    }
    let (next, previous) = (before[allowed].number(), before[before.len() - 1].number());
    if before.len() == allowed + 1 {
        Err(Refusal::PreviousProcessNotCompleted { process, previous })
    } else {
        Err(Refusal::InvalidProcessSequence { process, next })
    }
}

/// A station's own time must be neither in the future nor before the end of the process before.
fn start_time(facts: &RunFacts, command: &StartCommand, now: Timestamp) -> Result<Timestamp, Refusal> {
    let Some(given) = command.started_at else {
        return Ok(facts.last_completed_at.map_or(now, |last| last.max(now)));
    };
    not_ahead("started_at", given, now)?;
    if let Some(last) = facts.last_completed_at {
        let bound = last - Duration::from_secs(STATIONS_APART_S_MAX);
        if given < bound {
            return Err(Refusal::InvalidTime { field: "started_at", given, problem: "before", bound: last });
        }
    }
    Ok(given)
}

pub(super) fn not_ahead(field: &'static str, given: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    let bound = now + Duration::from_secs(STATION_AHEAD_S_MAX);
    if given > bound {
        return Err(Refusal::InvalidTime { field, given, problem: "after", bound: now });
    }
    if given < Timestamp::Y2000 {
        return Err(Refusal::InvalidTime { field, given, problem: "before", bound: Timestamp::Y2000 });
    }
    Ok(())
}
