//! The rules of completing a process: data, defects, and what becomes of the unit and its lot.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::fault::{CODE_CHARS_MAX, Faults, NAME_CHARS_MAX, NOTE_CHARS_MAX, is_text};
use super::start::{Subject, not_ahead, subject};
use super::{
    CompleteCommand, CompleteEffects, DEFECTS_MAX, DefectSpec, FieldFault, LineUp, Lot, LotState, ProcessId,
    REWORKS_MAX, Refusal, Run, RunDone, RunFacts, RunResult, Serial, Step, Strictness,
};
use crate::alerts::{Raise, defect_detected, lot_completed};
use crate::{NewEvent, Timestamp};

/// Ends an open run of a process.
///
/// # Errors
/// The first rule that it breaks; of its data, every fault at once.
pub fn decide_complete(
    line: &LineUp,
    facts: &RunFacts,
    command: &CompleteCommand,
    now: Timestamp,
) -> Result<CompleteEffects, Refusal> {
    let subject = subject(line, facts, &command.lot, command.serial.as_deref(), command.process)?;
    let run = open_run(facts, subject.step)?;
    let completed_at = completion_time(run, command, now)?;
    let CheckedCompletion { result, data, defects } = check_completion(subject.step, command)?;
    let (serial, lot) = settle(line, facts, &subject, result, &defects, completed_at, now)?;
    let components = subject.step.schema.components(&data);
    let whole = Value::Object(data);
    let measurements = subject.step.schema.measurements(&whole);
    let Value::Object(data) = whole else { unreachable!("it was made of an object") };
    let done = RunDone { completed_at, result, data, notes: command.notes.clone() };
    let (events, alerts) = told(&subject, run, &done, &defects, serial.as_ref(), &lot, now);
    Ok(CompleteEffects {
        run: run.clone(),
        done,
        defects,
        components,
        measurements,
        serial,
        lot,
        events,
        alerts,
    })
}

/// What a completion says, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCompletion {
    /// How it ended: said, or derived from the data.
    pub result: RunResult,
    /// What is stored of the data: all of it, unknown fields too.
    pub data: Map<String, Value>,
    /// What was wrong: said, or shown by the data.
    pub defects: Vec<DefectSpec>,
}

/// Checks what a completion of `step` says by itself, whatever the unit and its lot are like: its data against the
/// schema, its result against its defects.
///
/// # Errors
/// Every fault at once, of the data or else of the defects.
pub fn check_completion(step: &Step, command: &CompleteCommand) -> Result<CheckedCompletion, Refusal> {
    let (result, data) = checked_data(step, command)?;
    let defects = checked_defects(step, command, result)?;
    Ok(CheckedCompletion { result, data, defects })
}

fn open_run<'a>(facts: &'a RunFacts, step: &Step) -> Result<&'a Run, Refusal> {
    let process = step.number();
    facts.open.iter().find(|open| open.run.process_id == step.id()).ok_or_else(|| {
        if facts.passed.contains(&step.id()) {
            Refusal::DuplicatePassComplete { process }
        } else {
            Refusal::ProcessNotStarted { process }
        }
    })
}

fn completion_time(run: &Run, command: &CompleteCommand, now: Timestamp) -> Result<Timestamp, Refusal> {
    let started_at = run.run.started_at;
    let Some(given) = command.completed_at else {
        return Ok(now.max(started_at));
    };
    not_ahead("completed_at", given, now)?;
    if given < started_at {
        let field = "completed_at";
        return Err(Refusal::InvalidTime { field, given, problem: "before", bound: started_at });
    }
    Ok(given)
}

/// The result, said or derived, and what is stored of the data: all of it, unknown fields too.
fn checked_data(step: &Step, command: &CompleteCommand) -> Result<(RunResult, Map<String, Value>), Refusal> {
    let invalid = |faults| Refusal::InvalidProcessData(faults);
    if command.notes.as_deref().is_some_and(|notes| !is_text(notes, NOTE_CHARS_MAX)) {
        let message = format!("must be at most {NOTE_CHARS_MAX} characters without control characters");
        return Err(invalid(vec![FieldFault::new("notes", message)]));
    }
    let process_data = command.process_data.clone().map(Value::Object);
    let result = match (command.result, &process_data) {
        (Some(result), _) => Some(result),
        (None, Some(data)) => step.schema.judge(data),
        (None, None) => None,
    };
    let result = result
        .ok_or_else(|| invalid(vec![FieldFault::new("result", "is required: PASS, FAIL or REWORK")]))?;
    let mut faults = Vec::new();
    let mut stored = Map::new();
    let measured = command.measurement_data.clone().map(Value::Object);
    for (data, strictness) in [(measured, Strictness::Known), (process_data, Strictness::Whole)] {
        let Some(data) = data else { continue };
        faults.extend(step.schema.check(&data, result, strictness).err().into_iter().flatten());
        if let Value::Object(fields) = data {
            stored.extend(fields);
        }
    }
    if faults.is_empty() { Ok((result, stored)) } else { Err(invalid(faults)) }
}

/// FAIL requires defects, said or shown by the data; PASS forbids them.
fn checked_defects(
    step: &Step,
    command: &CompleteCommand,
    result: RunResult,
) -> Result<Vec<DefectSpec>, Refusal> {
    let mut defects = command.defects.clone();
    let mut faults = Faults::default();
    if result.is_pass() {
        faults.unless(defects.is_empty(), "defects", "must be empty when the result is PASS");
        return faults.done(Vec::new()).map_err(Refusal::InvalidProcessData);
    }
    if defects.is_empty() {
        let data = command.process_data.as_ref().or(command.measurement_data.as_ref());
        defects = data.map(|d| step.schema.defects(&Value::Object(d.clone()))).unwrap_or_default();
    }
    let word = result.as_str();
    faults.unless(
        !defects.is_empty(),
        "defects",
        format!("must name at least one when the result is {word}"),
    );
    faults.unless(defects.len() <= DEFECTS_MAX, "defects", format!("must be at most {DEFECTS_MAX}"));
    defects.truncate(DEFECTS_MAX);
    for (i, defect) in defects.iter_mut().enumerate() {
        complete_defect(step, defect, i, &mut faults);
    }
    faults.done(defects).map_err(Refusal::InvalidProcessData)
}

fn complete_defect(step: &Step, defect: &mut DefectSpec, i: usize, faults: &mut Faults) {
    let kinds = &step.process.spec.defect_kinds;
    let field = format!("defects[{i}].code");
    match step.process.spec.defect_kind(&defect.code) {
        Some(kind) => {
            defect.name.get_or_insert_with(|| kind.name_ko.clone());
        }
        None if kinds.is_empty() => {
            let ok = (1..=CODE_CHARS_MAX).contains(&defect.code.len())
                && defect.code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            faults.unless(ok, &field, "must be 1 to 50 characters of A-Z, 0-9 and '_'");
        }
        None => {
            let known: Vec<&str> = kinds.iter().map(|k| k.code.as_str()).collect();
            faults.unless(false, &field, format!("must be one of {}", known.join(", ")));
        }
    }
    faults.text(&format!("defects[{i}].name"), defect.name.as_deref(), NAME_CHARS_MAX);
    faults.text(&format!("defects[{i}].expected_range"), defect.expected_range.as_deref(), NAME_CHARS_MAX);
    faults.text(&format!("defects[{i}].cause"), defect.cause.as_deref(), NOTE_CHARS_MAX);
    faults.text(&format!("defects[{i}].analysis"), defect.analysis.as_deref(), NOTE_CHARS_MAX);
    let plain = match &defect.measured_value {
        None | Some(Value::Number(_) | Value::Bool(_)) => true,
        Some(Value::String(text)) => is_text(text, NAME_CHARS_MAX),
        Some(_) => false,
    };
    faults.unless(
        plain,
        &format!("defects[{i}].measured_value"),
        "must be a number or at most 100 characters",
    );
}

/// The unit and the lot after the run.
fn settle(
    line: &LineUp,
    facts: &RunFacts,
    subject: &Subject<'_>,
    result: RunResult,
    defects: &[DefectSpec],
    at: Timestamp,
    now: Timestamp,
) -> Result<(Option<Serial>, Lot), Refusal> {
    let mut lot = Lot { updated_at: now, ..subject.lot.clone() };
    let mut passed: HashSet<ProcessId> = facts.passed.iter().chain(&facts.lot_passed).copied().collect();
    passed.insert(subject.step.id());
    let all_passed = result.is_pass() && line.active().all(|s| passed.contains(&s.id()));
    let Some(serial) = subject.serial else {
        // A lot without units is done when the lot itself has passed everything.
        if all_passed && lot.counts.actual == 0 {
            lot.state = lot.state.complete(lot.counts, at)?;
        }
        return Ok((None, lot));
    };
    let mut serial = Serial { updated_at: now, ..serial.clone() };
    if all_passed {
        serial.state = serial.state.pass(at)?;
        lot.counts.passed += 1;
    } else if !result.is_pass() {
        let scrapped = !subject.step.process.spec.rework_allowed || serial.rework_count >= REWORKS_MAX;
        let reason = failure_reason(subject.step, result, defects);
        serial.state = serial.state.fail(at, &reason, Some(subject.step.id()), scrapped)?;
        lot.counts.failed += 1;
        lot.counts.scrapped += i64::from(scrapped);
    }
    lot.state = after_unit(&lot, at)?;
    Ok((Some(serial), lot))
}

/// A lot is completed by itself when it has all its units and every one passed or was scrapped.
pub(super) fn after_unit(lot: &Lot, at: Timestamp) -> Result<LotState, Refusal> {
    let full = lot.counts.actual >= i64::from(lot.target_quantity);
    if full && lot.counts.settled() && lot.state.is_open() {
        return lot.state.complete(lot.counts, at);
    }
    Ok(lot.state)
}

fn failure_reason(step: &Step, result: RunResult, defects: &[DefectSpec]) -> String {
    let codes: Vec<&str> = defects.iter().map(|d| d.code.as_str()).collect();
    let reason = format!("process {} {}: {}", step.number(), result.as_str(), codes.join(", "));
    reason.chars().take(NOTE_CHARS_MAX).collect()
}

fn told(
    subject: &Subject<'_>,
    run: &Run,
    done: &RunDone,
    defects: &[DefectSpec],
    serial: Option<&Serial>,
    lot: &Lot,
    now: Timestamp,
) -> (Vec<NewEvent>, Vec<Raise>) {
    let number = subject.number();
    let review = run.run.review.as_ref().map(|r| &r.event_id);
    let completed = json!({
        "lot_number": lot.lot_number, "serial_number": serial.map(|s| &s.serial_number), "run_id": run.id,
        "process": subject.step.number(), "result": done.result, "completed_at": done.completed_at,
        "defects": defects.iter().map(|d| &d.code).collect::<Vec<_>>(), "event_id": review,
        "serial_status": serial.map(|s| s.state.status()), "defect_status": serial.and_then(Serial::defect_status),
    });
    let mut events = vec![NewEvent::new(now, "production.completed", number, completed)];
    let mut alerts = Vec::new();
    if !done.result.is_pass() {
        alerts.push(defect_detected(lot, serial, &subject.step.process, run, defects, now));
    }
    if lot.state.completed_at().is_some() && subject.lot.state.is_open() {
        let data = json!({ "counts": lot.counts });
        events.push(NewEvent::new(now, "production.lot_completed", lot.lot_number.as_str(), data));
        alerts.push(lot_completed(lot, now));
    }
    (events, alerts)
}
