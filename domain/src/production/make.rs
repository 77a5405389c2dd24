//! Making lots and units, and the steps that people ask of them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::complete::after_unit;
use super::fault::is_text;
use super::{
    Calendar, FieldFault, Line, LineId, LineUp, Lot, LotCounts, LotNumber, LotSeries, LotState, LotStatus,
    PlantDate, ProcessId, ProductModel, ProductModelId, REWORKS_MAX, Refusal, Run, Serial, SerialNumber,
    SerialState, SerialStatus, Shift, ShiftDay, next_sequence,
};
use crate::alerts::{Raise, lot_completed};
use crate::{NewEvent, Timestamp};

/// Longest work order, characters.
const WORK_ORDER_CHARS_MAX: usize = 50;

/// A lot as a caller asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotDraft {
    /// Its number; the next of the shift's series when absent.
    #[serde(default)]
    pub lot_number: Option<String>,
    /// What is made.
    pub product_model_id: ProductModelId,
    /// Where.
    #[serde(default)]
    pub production_line_id: Option<LineId>,
    /// The production day; today's when absent.
    #[serde(default)]
    pub production_date: Option<PlantDate>,
    /// The shift; the one that works now when absent.
    #[serde(default)]
    pub shift: Option<Shift>,
    /// Units that are to be made.
    pub target_quantity: i64,
    /// The order it is made for.
    #[serde(default)]
    pub work_order: Option<String>,
}

/// How a lot comes to its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbering {
    /// The caller brings it; it must be free. Where it is of a series, the series passes over it.
    Given(LotNumber),
    /// The next of a series ([`LotSeries::next`]).
    Next(LotSeries),
}

/// A lot about to be stored, but for its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotPlan {
    /// How it comes to its number.
    pub numbering: Numbering,
    /// What is made.
    pub product_model_id: ProductModelId,
    /// Where.
    pub production_line_id: Option<LineId>,
    /// The production day.
    pub production_date: PlantDate,
    /// The shift.
    pub shift: Shift,
    /// Units that are to be made.
    pub target_quantity: u16,
    /// The order it is made for.
    pub work_order: Option<String>,
}

/// The plant's rules for new lots.
#[derive(Debug, Clone)]
pub struct LotRules {
    /// Dates and shifts.
    pub calendar: Calendar,
    /// Country in lot numbers.
    pub country: String,
    /// Most units of a lot.
    pub target_quantity_max: u16,
}

/// A unit about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSerial {
    /// Its number.
    pub serial_number: SerialNumber,
    /// Its place in the lot.
    pub sequence_in_lot: u16,
}

/// What a change of a lot or unit comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEffects {
    /// The unit after it, where it was about one.
    pub serial: Option<Serial>,
    /// The lot after it.
    pub lot: Lot,
    /// What is journalled.
    pub events: Vec<NewEvent>,
    /// Alerts to raise.
    pub alerts: Vec<Raise>,
}

/// Plans a lot.
///
/// # Errors
/// A model or line that does not exist or is not active, and every field that is out of its range.
pub fn plan_lot(
    draft: &LotDraft,
    model: Option<&ProductModel>,
    line: Option<&Line>,
    rules: &LotRules,
    now: Timestamp,
) -> Result<LotPlan, Refusal> {
    let missing = || Refusal::ProductModelNotFound { model: draft.product_model_id.to_string() };
    let model = model.ok_or_else(missing)?;
    if !model.spec.is_active() {
        return Err(Refusal::Inactive { what: "product model", name: model.spec.model_code.clone() });
    }
    if let Some(id) = draft.production_line_id {
        let line = line.ok_or_else(|| Refusal::LineNotFound { line: id.to_string() })?;
        if !line.spec.is_active {
            return Err(Refusal::Inactive { what: "production line", name: line.spec.line_code.clone() });
        }
    }
    let max = rules.target_quantity_max;
    let target = u16::try_from(draft.target_quantity).ok().filter(|n| (1..=max).contains(n));
    let target_quantity = target.ok_or_else(|| {
        Refusal::InvalidNumber(FieldFault::new("target_quantity", format!("must be 1 to {max}")))
    })?;
    if !draft.work_order.as_deref().is_none_or(|text| is_text(text, WORK_ORDER_CHARS_MAX)) {
        let message = format!("must be at most {WORK_ORDER_CHARS_MAX} characters without control characters");
        return Err(Refusal::InvalidNumber(FieldFault::new("work_order", message)));
    }
    let today = rules.calendar.shift(now);
    let day = ShiftDay {
        date: draft.production_date.unwrap_or(today.date),
        shift: draft.shift.unwrap_or(today.shift),
    };
    let numbering = match &draft.lot_number {
        Some(text) => Numbering::Given(LotNumber::given(text).map_err(Refusal::InvalidNumber)?),
        None => Numbering::Next(
            LotSeries::new(&model.spec.model_code, &rules.country, day).map_err(Refusal::InvalidNumber)?,
        ),
    };
    Ok(LotPlan {
        numbering,
        product_model_id: model.id,
        production_line_id: draft.production_line_id,
        production_date: day.date,
        shift: day.shift,
        target_quantity,
        work_order: draft.work_order.clone(),
    })
}

/// Plans a unit of a lot. `used` are the places that its units have.
///
/// # Errors
/// When the lot takes no more, the place is taken or beyond the lot's target, or the number names another lot or place.
pub fn plan_serial(
    lot: &Lot,
    number: Option<&str>,
    sequence: Option<i64>,
    used: &[u16],
    now: Timestamp,
) -> Result<(NewSerial, Lot), Refusal> {
    if !lot.state.is_open() {
        return Err(Refusal::LotClosed { status: lot.state.status() });
    }
    let target = lot.target_quantity;
    if used.len() >= usize::from(target) {
        return Err(Refusal::LotFull { target });
    }
    let given = number.map(SerialNumber::given).transpose().map_err(Refusal::InvalidNumber)?;
    let own = given.as_ref().and_then(|n| serial_place(lot, n)).transpose()?;
    let sequence_in_lot = match sequence {
        None => own.unwrap_or_else(|| next_sequence(used)),
        Some(n) => u16::try_from(n).unwrap_or(0),
    };
    let refuse = |message: String| Refusal::InvalidNumber(FieldFault::new("sequence_in_lot", message));
    if !(1..=target).contains(&sequence_in_lot) {
        return Err(refuse(format!("must be 1 to {target}")));
    }
    if own.is_some_and(|own| own != sequence_in_lot) {
        return Err(refuse("must be the one that serial_number ends with".to_owned()));
    }
    if used.contains(&sequence_in_lot) {
        return Err(Refusal::DuplicateNumber {
            field: "sequence_in_lot",
            number: sequence_in_lot.to_string(),
        });
    }
    let serial_number = match given {
        Some(number) => number,
        None => lot.lot_number.serial(sequence_in_lot).map_err(Refusal::InvalidNumber)?,
    };
    let mut lot = Lot { state: lot.state.begin(now)?, updated_at: now, ..lot.clone() };
    lot.counts.actual += 1;
    Ok((NewSerial { serial_number, sequence_in_lot }, lot))
}

/// The place that a brought number claims in this lot; a number of another lot is refused.
fn serial_place(lot: &Lot, number: &SerialNumber) -> Option<Result<u16, Refusal>> {
    let (of, place) = number.parts()?;
    if of == lot.lot_number {
        return Some(Ok(place));
    }
    let serial = number.to_string();
    Some(Err(Refusal::SerialNotInLot { serial, lot: lot.lot_number.to_string() }))
}

/// The step of a lot that a person asks for.
///
/// # Errors
/// When there is no such step from here, or units are not settled.
pub fn step_lot(lot: &Lot, to: LotStatus, now: Timestamp) -> Result<StepEffects, Refusal> {
    let state = lot.state.step(to, lot.counts, now)?;
    let lot = Lot { state, updated_at: now, ..lot.clone() };
    let data = json!({ "status": to, "counts": lot.counts });
    let kind = match to {
        LotStatus::Completed => "production.lot_completed",
        _ => "production.lot_changed",
    };
    let events = vec![NewEvent::new(now, kind, lot.lot_number.as_str(), data)];
    let alerts = if to == LotStatus::Completed { vec![lot_completed(&lot, now)] } else { Vec::new() };
    Ok(StepEffects { serial: None, lot, events, alerts })
}

/// The step of a unit that a person asks for. FAILED → IN_PROGRESS is [`super::approve_rework`].
///
/// `passed` are the processes that passed on the unit or on its whole lot, `open` its open runs.
///
/// # Errors
/// When there is no such step from here, a process is missing for PASSED, a run is open, or FAILED has no reason.
#[expect(clippy::too_many_arguments, reason = "each is a fact of its own, read separately")]
pub fn step_serial(
    line: &LineUp,
    lot: &Lot,
    serial: &Serial,
    passed: &[ProcessId],
    open: &[Run],
    to: SerialStatus,
    failure_reason: Option<&str>,
    now: Timestamp,
) -> Result<StepEffects, Refusal> {
    if !lot.state.is_open() {
        return Err(Refusal::LotClosed { status: lot.state.status() });
    }
    if let Some(running) = open.iter().find_map(|run| line.get(run.run.process_id)) {
        return Err(Refusal::ProcessRunning { process: running.number() });
    }
    let (from, mut lot) = (serial.state.status(), Lot { updated_at: now, ..lot.clone() });
    let mut serial = Serial { updated_at: now, ..serial.clone() };
    let state = serial.state.clone();
    serial.state = match to {
        SerialStatus::InProgress if from == SerialStatus::Created => state.begin()?,
        SerialStatus::InProgress if from == SerialStatus::Failed => {
            serial.can_rework()?;
            return Err(Refusal::ReworkRequired);
        }
        SerialStatus::Passed => {
            let state = state.pass(now)?;
            let passed: HashSet<ProcessId> = passed.iter().copied().collect();
            all_passed(line, &passed)?;
            lot.counts.passed += 1;
            state
        }
        SerialStatus::Failed => {
            let scrapped = serial.rework_count >= REWORKS_MAX;
            let state = state.fail(now, failure_reason.unwrap_or_default(), None, scrapped)?;
            lot.counts.failed += 1;
            lot.counts.scrapped += i64::from(scrapped);
            state
        }
        SerialStatus::Created | SerialStatus::InProgress => {
            let (from, to) = (from.as_str(), to.as_str());
            return Err(Refusal::InvalidTransition { what: "serial", from, to });
        }
    };
    let before = lot.state;
    lot.state = after_unit(&lot, now)?;
    let data = json!({ "status": to, "reason": serial.state.failure_reason() });
    let mut events =
        vec![NewEvent::new(now, "production.serial_changed", serial.serial_number.as_str(), data)];
    let mut alerts = Vec::new();
    if lot.state != before {
        let data = json!({ "counts": lot.counts });
        events.push(NewEvent::new(now, "production.lot_completed", lot.lot_number.as_str(), data));
        alerts.push(lot_completed(&lot, now));
    }
    Ok(StepEffects { serial: Some(serial), lot, events, alerts })
}

fn all_passed(line: &LineUp, passed: &HashSet<ProcessId>) -> Result<(), Refusal> {
    let of = line.active().count();
    let count = line.active().filter(|s| passed.contains(&s.id())).count();
    if count < of { Err(Refusal::NotAllPassed { passed: count, of }) } else { Ok(()) }
}

/// Takes a unit away that nothing was done with.
///
/// # Errors
/// When it is not CREATED, or its lot takes no more changes.
pub fn remove_serial(lot: &Lot, serial: &Serial, runs: u64, now: Timestamp) -> Result<Lot, Refusal> {
    if !lot.state.is_open() {
        return Err(Refusal::LotClosed { status: lot.state.status() });
    }
    if serial.state != SerialState::Created || runs > 0 {
        let what = format!("serial {}", serial.serial_number);
        return Err(Refusal::InUse { what, by: format!("{runs} process runs") });
    }
    let mut lot = Lot { updated_at: now, ..lot.clone() };
    lot.counts.actual -= 1;
    Ok(lot)
}

/// Counts a lot's units again, from the units.
#[must_use]
pub fn recount<'a>(serials: impl IntoIterator<Item = &'a SerialState>) -> LotCounts {
    let mut counts = LotCounts::default();
    for state in serials {
        counts.actual += 1;
        match state {
            SerialState::Passed { .. } => counts.passed += 1,
            SerialState::Failed { scrapped, .. } => {
                counts.failed += 1;
                counts.scrapped += i64::from(*scrapped);
            }
            SerialState::Created | SerialState::InProgress { .. } => {}
        }
    }
    counts
}

impl LotState {
    /// Whether its target, line or work order may still be changed.
    ///
    /// # Errors
    /// When the lot is done.
    pub fn may_change(&self) -> Result<(), Refusal> {
        if self.is_open() { Ok(()) } else { Err(Refusal::LotClosed { status: self.status() }) }
    }
}
