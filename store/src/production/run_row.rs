//! A run's row, alone and with what it names.

use std::collections::HashMap;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Defect, EquipmentId, LotId, NewRun, OperatorId, ProcessId, Review, Run, RunDone, RunId, RunResult,
    RunState, SerialId,
};

use crate::{StoreError, text};

pub(super) const TABLE: &str = "process_run";

/// The columns of a [`RunRow`], of a run called `r` and its data called `d`.
macro_rules! run_columns {
    () => {
        "r.id, r.lot_id, r.serial_id, r.process_id, r.operator_id, r.equipment_id, r.equipment_code, r.attempt, \
         r.started_at, r.completed_at, r.result, r.override_reason, r.review_event, r.reviewed_by, r.reviewed_at, \
         r.created_at, r.updated_at, d.measurements, d.notes"
    };
}
pub(super) use run_columns;

#[derive(sqlx::FromRow)]
pub(super) struct RunRow {
    pub(super) id: i64,
    pub(super) lot_id: i64,
    pub(super) serial_id: Option<i64>,
    process_id: i64,
    operator_id: i64,
    equipment_id: Option<i64>,
    equipment_code: Option<String>,
    pub(super) attempt: i64,
    started_at: i64,
    completed_at: Option<i64>,
    result: Option<String>,
    override_reason: Option<String>,
    review_event: Option<String>,
    reviewed_by: Option<i64>,
    reviewed_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    measurements: Option<String>,
    notes: Option<String>,
}

impl RunRow {
    fn state(&mut self) -> Result<RunState, StoreError> {
        let Some(completed_at) = self.completed_at else { return Ok(RunState::Open) };
        let word = self.result.as_deref().unwrap_or("");
        let result = RunResult::from_word(word)
            .ok_or_else(|| StoreError::row(TABLE, "result", self.id, format!("`{word}` is not known")))?;
        let data = self.measurements.as_deref().unwrap_or("{}");
        Ok(RunState::Done(RunDone {
            completed_at: Timestamp::from_us(completed_at),
            result,
            data: text::from_json("run_data", "measurements", self.id, data)?,
            notes: self.notes.take(),
        }))
    }
}

impl TryFrom<RunRow> for Run {
    type Error = StoreError;

    fn try_from(mut row: RunRow) -> Result<Self, StoreError> {
        let state = row.state()?;
        let reviewed = row.reviewed_by.zip(row.reviewed_at);
        let reviewed = reviewed.map(|(by, at)| (OperatorId(by), Timestamp::from_us(at)));
        Ok(Self {
            id: RunId(row.id),
            run: NewRun {
                lot_id: LotId(row.lot_id),
                serial_id: row.serial_id.map(SerialId),
                process_id: ProcessId(row.process_id),
                operator_id: OperatorId(row.operator_id),
                equipment_id: row.equipment_id.map(EquipmentId),
                equipment_code: row.equipment_code,
                started_at: Timestamp::from_us(row.started_at),
                override_reason: row.override_reason,
                review: row.review_event.map(|event_id| Review { event_id, reviewed }),
                state,
            },
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A process, as runs show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessBrief {
    /// Its id.
    pub id: ProcessId,
    /// Its place in the line.
    pub process_number: i64,
    /// Its code.
    pub process_code: String,
    /// Korean name.
    pub process_name_ko: String,
    /// English name.
    pub process_name_en: String,
}

/// A worker, as runs show them. The names are absent when the user is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorBrief {
    /// Their number.
    pub id: OperatorId,
    /// Their user name.
    pub username: Option<String>,
    /// Their full name.
    pub full_name: Option<String>,
}

/// Equipment, as runs show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EquipmentBrief {
    /// Its id.
    pub id: EquipmentId,
    /// Its code.
    pub equipment_code: String,
    /// Its name.
    pub equipment_name: String,
}

/// A run with what it names and what it found.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    /// The run.
    pub run: Run,
    /// Which attempt of the process on its unit or lot it is, from 1.
    pub attempt: i64,
    /// The number of its lot.
    pub lot_number: String,
    /// The number of its unit.
    pub serial_number: Option<String>,
    /// The process.
    pub process: ProcessBrief,
    /// Who worked.
    pub operator: OperatorBrief,
    /// The equipment, if it is registered.
    pub equipment: Option<EquipmentBrief>,
    /// What it found wrong.
    pub defects: Vec<Defect>,
}

/// A statement of [`RunViewRow`]s; `{page}` stands for the runs.
pub(super) const SELECT_VIEW: &str = concat!(
    "SELECT ",
    run_columns!(),
    ", l.lot_number, s.serial_number, p.process_number, p.process_code, p.process_name_ko, p.process_name_en, \
     u.username, u.full_name, e.equipment_code AS known_code, e.equipment_name FROM ({page}) r \
     LEFT JOIN run_data d ON d.run_id = r.id JOIN lot l ON l.id = r.lot_id \
     LEFT JOIN serial s ON s.id = r.serial_id JOIN process p ON p.id = r.process_id \
     LEFT JOIN app_user u ON u.id = r.operator_id LEFT JOIN equipment e ON e.id = r.equipment_id"
);

#[derive(sqlx::FromRow)]
pub(super) struct RunViewRow {
    #[sqlx(flatten)]
    pub(super) run: RunRow,
    lot_number: String,
    serial_number: Option<String>,
    process_number: i64,
    process_code: String,
    process_name_ko: String,
    process_name_en: String,
    username: Option<String>,
    full_name: Option<String>,
    known_code: Option<String>,
    equipment_name: Option<String>,
}

impl RunViewRow {
    /// The view, with its run's defects taken from `defects`.
    pub(super) fn view(self, defects: &mut HashMap<RunId, Vec<Defect>>) -> Result<RunView, StoreError> {
        let attempt = self.run.attempt;
        let run = Run::try_from(self.run)?;
        let equipment = run.run.equipment_id.zip(self.known_code.zip(self.equipment_name));
        Ok(RunView {
            attempt,
            lot_number: self.lot_number,
            serial_number: self.serial_number,
            process: ProcessBrief {
                id: run.run.process_id,
                process_number: self.process_number,
                process_code: self.process_code,
                process_name_ko: self.process_name_ko,
                process_name_en: self.process_name_en,
            },
            operator: OperatorBrief {
                id: run.run.operator_id,
                username: self.username,
                full_name: self.full_name,
            },
            equipment: equipment.map(|(id, (equipment_code, equipment_name))| EquipmentBrief {
                id,
                equipment_code,
                equipment_name,
            }),
            defects: defects.remove(&run.id).unwrap_or_default(),
            run,
        })
    }
}
