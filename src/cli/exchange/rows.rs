//! Entries as rows of a file.

use std::collections::HashMap;

use nightshift_domain::production::{Equipment, LineId, ProcessId, Row};
use nightshift_store::production::{LotView, RunView, SerialView};
use serde::Serialize;
use serde_json::{Value, json};

/// What people call processes and lines.
pub(super) struct Names {
    pub(super) processes: HashMap<ProcessId, i64>,
    pub(super) lines: HashMap<LineId, String>,
}

fn row(value: Value) -> Row {
    match value {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Row::new(),
    }
}

/// A row of a catalogue whose fields are its columns.
pub(super) fn spec(spec: &impl Serialize) -> Row {
    row(serde_json::to_value(spec).unwrap_or_default())
}

pub(super) fn equipment(equipment: &Equipment, names: &Names) -> Row {
    let mut row = spec(&equipment.spec);
    row.remove("process_id");
    row.remove("production_line_id");
    let process = equipment.spec.process_id.and_then(|id| names.processes.get(&id));
    let line = equipment.spec.production_line_id.and_then(|id| names.lines.get(&id));
    row.extend(process.map(|number| ("process_number".to_owned(), json!(number))));
    row.extend(line.map(|code| ("line_code".to_owned(), json!(code))));
    row
}

pub(super) fn lot(view: &LotView) -> Row {
    let (lot, state) = (&view.lot, view.lot.state);
    row(json!({
        "lot_number": lot.lot_number, "model_code": view.product_model.model_code,
        "line_code": view.production_line.as_ref().map(|line| &line.line_code),
        "production_date": lot.production_date, "shift": lot.shift, "target_quantity": lot.target_quantity,
        "work_order": lot.work_order, "status": state.status(), "started_at": state.started_at(),
        "completed_at": state.completed_at(), "closed_at": state.closed_at(), "cancelled_at": state.cancelled_at(),
        "created_at": lot.created_at,
    }))
}

pub(super) fn serial(view: &SerialView) -> Row {
    let serial = &view.serial;
    row(json!({
        "serial_number": serial.serial_number, "lot_number": view.lot.lot_number,
        "sequence_in_lot": serial.sequence_in_lot, "status": serial.state.status(),
        "rework_count": serial.rework_count, "failure_reason": serial.state.failure_reason(),
        "scrapped": serial.state.is_scrapped(), "completed_at": serial.state.completed_at(),
        "created_at": serial.created_at,
    }))
}

pub(super) fn run(view: &RunView) -> Row {
    let (run, done) = (&view.run.run, view.run.run.done());
    let operator = view.operator.username.clone().unwrap_or_else(|| view.operator.id.to_string());
    let defects: Vec<_> = view.defects.iter().map(|defect| &defect.spec).collect();
    row(json!({
        "lot_number": view.lot_number, "serial_number": view.serial_number,
        "process_number": view.process.process_number, "operator": operator,
        "equipment_code": run.equipment_code, "result": done.map(|d| d.result),
        "measurements": done.map(|d| &d.data), "defects": (!defects.is_empty()).then_some(defects),
        "started_at": run.started_at, "completed_at": done.map(|d| d.completed_at),
        "notes": done.and_then(|d| d.notes.as_ref()), "override_reason": run.override_reason,
    }))
}
