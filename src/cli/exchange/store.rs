//! Rows become entries, in one transaction.

use std::collections::HashMap;

use indicatif::ProgressBar;
use nightshift_domain::audit::{Action, Actor, AuditEntry};
use nightshift_domain::production::{
    Calendar, CheckedCompletion, CompleteCommand, EquipmentSpec, FILE_FAULTS_MAX, FieldFault, LineSpec,
    LineUp, Lot, LotCounts, LotId, LotNumber, LotState, LotStatus, NewRun, ProcessNumber, ProcessRef,
    ProcessSpec, ProductModelSpec, Refusal, Resource, Row, RowFault, RunDone, RunState, Serial, SerialId,
    SerialNumber, SerialState, SerialStatus, Step, check_completion,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::Clock;
use nightshift_store::production as store;
use nightshift_store::{Db, StoreError, Tx};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::CHUNK_ROWS;
use super::import::Rows;
use crate::cli::CommandError;
use crate::serve::chain;

/// What a row comes to: stored, or told why not.
type Taken<T> = Result<T, RowFault>;

/// Stores all rows, or none and says why.
pub(super) async fn store_rows(
    db: &Db,
    resource: Resource,
    rows: Rows,
    dry_run: bool,
    calendar: Calendar,
    bar: &ProgressBar,
) -> Result<Result<(), Vec<RowFault>>, CommandError> {
    let now = Timestamp::from_us(Clock::system().now_us());
    let mut tx = db.begin().await.map_err(failed)?;
    let mut import = Import { now, calendar, faults: Vec::new() };
    for chunk in rows.chunks(CHUNK_ROWS) {
        import.chunk(&mut tx, db, resource, chunk).await?;
        bar.inc(chunk.len() as u64);
        if import.faults.len() >= FILE_FAULTS_MAX {
            break;
        }
    }
    if !import.faults.is_empty() || dry_run {
        tx.rollback().await.map_err(failed)?;
        return Ok(if import.faults.is_empty() { Ok(()) } else { Err(import.faults) });
    }
    let told = json!({ "resource": resource.as_str(), "rows": rows.len() });
    let entry = AuditEntry::new(now, Actor::System, Action::Create, "import").on(resource.as_str());
    tx.audit(entry.after(&told)).map_err(failed)?;
    let event = NewEvent::new(now, "production.imported", resource.as_str(), told);
    tx.journal(event).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(Ok(()))
}

fn failed(error: StoreError) -> CommandError {
    CommandError::Failed(chain(&error))
}

fn fault(line: u64, column: &str, message: impl Into<String>) -> RowFault {
    RowFault { line, column: column.to_owned(), message: message.into() }
}

/// A row's own checks failed: the first of its faults.
fn first(line: u64, faults: Vec<FieldFault>) -> RowFault {
    let told = faults.into_iter().next();
    told.map_or_else(|| fault(line, "row", "is refused"), |f| fault(line, &f.field, f.message))
}

/// The row as a type of the domain.
fn typed<T: DeserializeOwned>(line: u64, row: Row) -> Taken<T> {
    serde_json::from_value(Value::Object(row)).map_err(|e| fault(line, "row", e.to_string()))
}

fn text<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    row.get(column).and_then(Value::as_str)
}

fn time(row: &Row, column: &str) -> Option<Timestamp> {
    text(row, column).and_then(|text| text.parse().ok())
}

/// An import under way.
struct Import {
    now: Timestamp,
    calendar: Calendar,
    faults: Vec<RowFault>,
}

impl Import {
    async fn chunk(
        &mut self,
        tx: &mut Tx,
        db: &Db,
        resource: Resource,
        rows: &[(u64, Row)],
    ) -> Result<(), CommandError> {
        match resource {
            Resource::Lots => self.lots(tx, db, rows).await,
            Resource::Serials => self.serials(tx, rows).await,
            Resource::ProcessData => self.runs(tx, rows).await,
            Resource::ProductModels
            | Resource::ProductionLines
            | Resource::Processes
            | Resource::Equipment => {
                for (line, row) in rows {
                    self.entry(tx, db, resource, *line, row.clone()).await?;
                }
                Ok(())
            }
        }
    }

    /// A row of a catalogue.
    async fn entry(
        &mut self,
        tx: &mut Tx,
        db: &Db,
        resource: Resource,
        line: u64,
        row: Row,
    ) -> Result<(), CommandError> {
        let now = self.now;
        let stored = match resource {
            Resource::ProductModels => match checked(line, row, ProductModelSpec::validated) {
                Ok(spec) => store::product_model_insert(tx, &spec, now).await.map(|_| ()),
                Err(fault) => return self.told(fault),
            },
            Resource::ProductionLines => match checked(line, row, LineSpec::validated) {
                Ok(spec) => store::line_insert(tx, &spec, now).await.map(|_| ()),
                Err(fault) => return self.told(fault),
            },
            Resource::Processes => match checked(line, row, ProcessSpec::validated) {
                Ok(spec) => store::process_insert(tx, &spec, now).await.map(|_| ()),
                Err(fault) => return self.told(fault),
            },
            _ => match equipment(tx, db, line, row).await? {
                Ok(spec) => store::equipment_insert(tx, &spec, now).await.map(|_| ()),
                Err(fault) => return self.told(fault),
            },
        };
        self.kept(line, stored)
    }

    async fn lots(&mut self, tx: &mut Tx, db: &Db, rows: &[(u64, Row)]) -> Result<(), CommandError> {
        let mut lots = Vec::new();
        for (line, row) in rows {
            match self.lot(db, *line, row).await? {
                Ok(lot) => lots.push(lot),
                Err(fault) => self.told(fault)?,
            }
        }
        if !self.faults.is_empty() {
            return Ok(());
        }
        let stored = store::lots_import(tx, &lots).await.map(|_| ());
        self.kept(rows[0].0, stored)
    }

    async fn lot(&self, db: &Db, line: u64, row: &Row) -> Result<Taken<Lot>, CommandError> {
        let code = text(row, "model_code").unwrap_or_default();
        let Some(model) = store::product_model_find_code(db, code).await.map_err(failed)? else {
            return Ok(Err(fault(line, "model_code", format!("{code} is no product model"))));
        };
        let line_id = match text(row, "line_code") {
            None => None,
            Some(code) => match store::line_find_code(db, code).await.map_err(failed)? {
                Some(found) => Some(found.id),
                None => return Ok(Err(fault(line, "line_code", format!("{code} is no production line")))),
            },
        };
        Ok(self.lot_of(line, row, model.id, line_id))
    }

    fn lot_of(
        &self,
        line: u64,
        row: &Row,
        product_model_id: nightshift_domain::production::ProductModelId,
        production_line_id: Option<nightshift_domain::production::LineId>,
    ) -> Taken<Lot> {
        let word = text(row, "status").unwrap_or_default();
        let status =
            LotStatus::from_word(word).ok_or_else(|| fault(line, "status", "is no status of a lot"))?;
        let created_at = time(row, "created_at").unwrap_or(self.now);
        let times =
            ["started_at", "completed_at", "closed_at", "cancelled_at"].map(|column| time(row, column));
        let state = LotState::from_parts(status, times[0], times[1], times[2], times[3])
            .ok_or_else(|| fault(line, "status", format!("{word} needs the times of its steps")))?;
        let number = text(row, "lot_number").unwrap_or_default();
        let target = row.get("target_quantity").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        Ok(Lot {
            id: LotId(0),
            lot_number: LotNumber::parse(number).map_err(|f| fault(line, "lot_number", f.message))?,
            product_model_id,
            production_line_id,
            production_date: typed_field(line, row, "production_date")?,
            shift: typed_field(line, row, "shift")?,
            target_quantity: target
                .filter(|n| *n > 0)
                .ok_or_else(|| fault(line, "target_quantity", "must be 1 to 65535"))?,
            work_order: text(row, "work_order").map(str::to_owned),
            state,
            counts: LotCounts::default(),
            created_at,
            updated_at: self.now,
        })
    }

    async fn serials(&mut self, tx: &mut Tx, rows: &[(u64, Row)]) -> Result<(), CommandError> {
        let lots = self.lots_named(tx, rows).await?;
        let mut serials = Vec::new();
        for (line, row) in rows {
            match self.serial(*line, row, &lots) {
                Ok(serial) => serials.push(serial),
                Err(fault) => self.told(fault)?,
            }
        }
        if !self.faults.is_empty() {
            return Ok(());
        }
        let lots: Vec<Lot> = lots.into_values().collect();
        let stored = store::serials_import(tx, &self.calendar, &lots, &serials).await.map(|_| ());
        self.kept(rows[0].0, stored)?;
        if !self.faults.is_empty() {
            return Ok(());
        }
        let ids: Vec<LotId> = lots.iter().map(|lot| lot.id).collect();
        store::lots_recount(tx, &ids).await.map_err(failed)
    }

    fn serial(&self, line: u64, row: &Row, lots: &HashMap<String, Lot>) -> Taken<Serial> {
        let number = text(row, "lot_number").unwrap_or_default();
        let lot = lots.get(number).ok_or_else(|| fault(line, "lot_number", format!("{number} is no lot")))?;
        let status = text(row, "status").and_then(SerialStatus::from_word);
        let status = status.ok_or_else(|| fault(line, "status", "is no status of a unit"))?;
        let at = time(row, "completed_at").unwrap_or(self.now);
        let scrapped = row.get("scrapped").and_then(Value::as_bool).unwrap_or(false);
        let reason = text(row, "failure_reason").unwrap_or_default().to_owned();
        let state = match status {
            SerialStatus::Created => SerialState::Created,
            SerialStatus::InProgress => SerialState::InProgress { rework_waits: false },
            SerialStatus::Passed => SerialState::Passed { at },
            SerialStatus::Failed if reason.is_empty() => {
                return Err(fault(line, "failure_reason", "must say why the unit FAILED"));
            }
            SerialStatus::Failed => SerialState::Failed { at, reason, process_id: None, scrapped },
        };
        let serial_number = text(row, "serial_number").unwrap_or_default();
        let place = row.get("sequence_in_lot").and_then(Value::as_u64).and_then(|n| u16::try_from(n).ok());
        let reworks = row.get("rework_count").and_then(Value::as_u64).unwrap_or(0);
        Ok(Serial {
            id: SerialId(0),
            serial_number: SerialNumber::parse(serial_number)
                .map_err(|f| fault(line, "serial_number", f.message))?,
            lot_id: lot.id,
            sequence_in_lot: place
                .filter(|n| *n > 0)
                .ok_or_else(|| fault(line, "sequence_in_lot", "must be 1 to 65535"))?,
            state,
            rework_count: u8::try_from(reworks)
                .ok()
                .filter(|n| *n <= nightshift_domain::production::REWORKS_MAX)
                .ok_or_else(|| fault(line, "rework_count", "must be 0 to 3"))?,
            created_at: time(row, "created_at").unwrap_or(self.now),
            updated_at: self.now,
        })
    }

    async fn runs(&mut self, tx: &mut Tx, rows: &[(u64, Row)]) -> Result<(), CommandError> {
        let lots = self.lots_named(tx, rows).await?;
        let named = |column: &'static str| -> Vec<&str> {
            rows.iter().filter_map(|(_, row)| text(row, column)).collect()
        };
        let serials = store::serials_read_numbers(tx, &named("serial_number")).await.map_err(failed)?;
        let serials: HashMap<String, Serial> =
            serials.into_iter().map(|serial| (serial.serial_number.to_string(), serial)).collect();
        let workers = store::workers_read(tx, &named("operator")).await.map_err(failed)?;
        let equipment = store::equipment_read_codes(tx, &named("equipment_code")).await.map_err(failed)?;
        let processes = store::process_read_all(tx).await.map_err(failed)?;
        let line_up = LineUp::new(processes).map_err(|(_, e)| CommandError::Failed(e.to_string()))?;
        let mut runs = Vec::new();
        for (line, row) in rows {
            let facts = Facts { lots: &lots, serials: &serials, line_up: &line_up };
            let operator = text(row, "operator").and_then(|name| workers.get(name)).map(|worker| worker.id);
            let made = operator.ok_or_else(|| fault(*line, "operator", "is no user")).and_then(|operator| {
                let code = text(row, "equipment_code");
                let known = equipment.iter().find(|e| Some(e.spec.equipment_code.as_str()) == code);
                run(*line, row, &facts, operator, known.map(|e| e.id))
            });
            match made {
                Ok(run) => runs.push(run),
                Err(fault) => self.told(fault)?,
            }
        }
        if !self.faults.is_empty() {
            return Ok(());
        }
        let stored = store::runs_import(tx, &self.calendar, &runs, self.now).await.map(|_| ());
        self.kept(rows[0].0, stored)
    }

    async fn lots_named(
        &self,
        tx: &mut Tx,
        rows: &[(u64, Row)],
    ) -> Result<HashMap<String, Lot>, CommandError> {
        let numbers: Vec<&str> = rows.iter().filter_map(|(_, row)| text(row, "lot_number")).collect();
        let lots = store::lots_read_numbers(tx, &numbers).await.map_err(failed)?;
        Ok(lots.into_iter().map(|lot| (lot.lot_number.to_string(), lot)).collect())
    }

    /// A refusal of the store is a fault of the row; anything else ends the import.
    fn kept(&mut self, line: u64, stored: Result<(), StoreError>) -> Result<(), CommandError> {
        match stored {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict { what }) => {
                self.told(fault(line, "row", format!("{what} is there already")))
            }
            Err(StoreError::Missing { what }) => {
                self.told(fault(line, "row", format!("{what} is not there")))
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn told(&mut self, fault: RowFault) -> Result<(), CommandError> {
        if self.faults.len() < FILE_FAULTS_MAX {
            self.faults.push(fault);
        }
        Ok(())
    }
}

fn checked<T: DeserializeOwned>(
    line: u64,
    row: Row,
    check: impl FnOnce(T) -> Result<T, Vec<FieldFault>>,
) -> Taken<T> {
    check(typed(line, row)?).map_err(|faults| first(line, faults))
}

fn typed_field<T: DeserializeOwned>(line: u64, row: &Row, column: &str) -> Taken<T> {
    let value = row.get(column).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|e| fault(line, column, e.to_string()))
}

async fn equipment(
    tx: &mut Tx,
    db: &Db,
    line: u64,
    mut row: Row,
) -> Result<Taken<EquipmentSpec>, CommandError> {
    if let Some(number) = row.remove("process_number").and_then(|n| n.as_i64()) {
        let processes = store::process_read_all(tx).await.map_err(failed)?;
        let Some(process) = processes.iter().find(|process| process.spec.process_number.0 == number) else {
            return Ok(Err(fault(line, "process_number", format!("{number} is no process"))));
        };
        row.insert("process_id".to_owned(), json!(process.id));
    }
    if let Some(code) = row.remove("line_code") {
        let code = code.as_str().unwrap_or_default();
        let Some(found) = store::line_find_code(db, code).await.map_err(failed)? else {
            return Ok(Err(fault(line, "line_code", format!("{code} is no production line"))));
        };
        row.insert("production_line_id".to_owned(), json!(found.id));
    }
    Ok(checked(line, row, EquipmentSpec::validated))
}

/// What runs of a chunk name.
struct Facts<'a> {
    lots: &'a HashMap<String, Lot>,
    serials: &'a HashMap<String, Serial>,
    line_up: &'a LineUp,
}

fn run<'a>(
    line: u64,
    row: &Row,
    facts: &Facts<'a>,
    operator_id: nightshift_domain::production::OperatorId,
    equipment_id: Option<nightshift_domain::production::EquipmentId>,
) -> Taken<store::RunImport<'a>> {
    let number = text(row, "lot_number").unwrap_or_default();
    let lot =
        facts.lots.get(number).ok_or_else(|| fault(line, "lot_number", format!("{number} is no lot")))?;
    let serial = match text(row, "serial_number") {
        None => None,
        Some(number) => {
            let found = facts.serials.get(number).filter(|serial| serial.lot_id == lot.id);
            Some(
                found
                    .ok_or_else(|| fault(line, "serial_number", format!("{number} is no unit of the lot")))?,
            )
        }
    };
    let number = row.get("process_number").and_then(Value::as_i64).unwrap_or_default();
    let step = facts.line_up.find(ProcessRef::Number(ProcessNumber(number)));
    let step = step.ok_or_else(|| fault(line, "process_number", format!("{number} is no process")))?;
    let started_at = time(row, "started_at").ok_or_else(|| fault(line, "started_at", "is missing"))?;
    let (state, data, defects) = match (row.get("result"), time(row, "completed_at")) {
        (None, None) => (RunState::Open, Map::new(), Vec::new()),
        (Some(_), Some(completed_at)) if completed_at >= started_at => {
            let CheckedCompletion { result, data, defects } = ended(line, row, step)?;
            let notes = text(row, "notes").map(str::to_owned);
            (RunState::Done(RunDone { completed_at, result, data: data.clone(), notes }), data, defects)
        }
        (Some(_), Some(_)) => return Err(fault(line, "completed_at", "must not be before started_at")),
        _ => return Err(fault(line, "completed_at", "and result must both be there, or neither")),
    };
    let parts = step.schema.components(&data);
    let measures = step.schema.measurements(&Value::Object(data));
    Ok(store::RunImport {
        run: NewRun {
            lot_id: lot.id,
            serial_id: serial.map(|serial| serial.id),
            process_id: step.id(),
            operator_id,
            equipment_id,
            equipment_code: text(row, "equipment_code").map(str::to_owned),
            started_at,
            override_reason: text(row, "override_reason").map(str::to_owned),
            review: None,
            state,
        },
        lot,
        defects,
        parts,
        measures,
    })
}

/// What an ended run says, by the rules of a completion: fields that the schema knows must be in their ranges, and the
/// defects must fit the result. What a schema asks for besides may have been unknown when the run was made.
fn ended(line: u64, row: &Row, step: &Step) -> Taken<CheckedCompletion> {
    let measured = match row.get("measurements") {
        Some(Value::Object(fields)) => fields.clone(),
        Some(_) => return Err(fault(line, "measurements", "must be a JSON object")),
        None => Map::new(),
    };
    let command = CompleteCommand {
        lot: String::new(),
        serial: None,
        process: ProcessRef::Id(step.id()),
        result: Some(typed_field(line, row, "result")?),
        process_data: None,
        measurement_data: Some(measured),
        defects: row.get("defects").map_or(Ok(Vec::new()), |_| typed_field(line, row, "defects"))?,
        completed_at: None,
        notes: text(row, "notes").map(str::to_owned),
    };
    check_completion(step, &command).map_err(|refusal| match refusal {
        Refusal::InvalidProcessData(faults) => {
            let first = faults.into_iter().next();
            let (field, message) = first.map_or_else(Default::default, |fault| (fault.field, fault.message));
            match field.split(['[', '.']).next() {
                Some("defects" | "notes" | "result") => fault(line, &field, message),
                _ => fault(line, "measurements", format!("{field} {message}")),
            }
        }
        refusal => fault(line, "row", refusal.to_string()),
    })
}
