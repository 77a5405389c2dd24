//! Runs, written: the statements of [`super::effects`].

use std::collections::HashMap;
use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, Component, DefectSpec, Measurement, NewRun, Run, RunDone, RunId, RunResult,
};
use sqlx::types::Json;

use super::tally::{Place, Tally};
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{StoreError, Tx, text};

/// A run that has ended, with what it said.
pub(super) struct Ended<'a> {
    pub(super) run: &'a Run,
    pub(super) done: &'a RunDone,
    pub(super) place: Place,
    pub(super) defects: &'a [DefectSpec],
    pub(super) parts: &'a [Component],
    pub(super) measures: &'a [Measurement],
}

static RUNS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO process_run (lot_id, serial_id, process_id, operator_id, equipment_id, equipment_code, \
         started_at, completed_at, result, override_reason, review_event, created_at, updated_at, attempt) \
         SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, v.column7, v.column8, v.column9, \
         v.column10, v.column11, v.column12, v.column12, 1 + CASE WHEN v.column2 IS NULL \
         THEN COALESCE((SELECT max(r.attempt) FROM process_run r \
         WHERE r.serial_id IS NULL AND r.lot_id = v.column1 AND r.process_id = v.column3), 0) \
         ELSE COALESCE((SELECT max(r.attempt) FROM process_run r \
         WHERE r.serial_id = v.column2 AND r.process_id = v.column3), 0) END FROM (VALUES",
        12,
        ") AS v RETURNING id, attempt",
    )
});

static OPEN_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO run_open (run_id, lot_id, serial_id, process_id, started_at) VALUES",
        5,
        "RETURNING run_id",
    )
});

/// Inserts runs and notes which are open. Gives their ids and attempts, in their order.
pub(super) async fn insert(
    tx: &mut Tx,
    runs: &[&NewRun],
    now: Timestamp,
) -> Result<Vec<(i64, i64)>, StoreError> {
    for run in runs {
        text::check("process_run.equipment_code", run.equipment_code.as_deref().unwrap_or(""))?;
        text::check("process_run.override_reason", run.override_reason.as_deref().unwrap_or(""))?;
    }
    let mut rows = write_rows!(
        tx,
        "runs_insert",
        (i64, i64),
        RUNS_INSERT,
        runs,
        |r| r.lot_id.0,
        r.serial_id.map(|id| id.0),
        r.process_id.0,
        r.operator_id.0,
        r.equipment_id.map(|id| id.0),
        r.equipment_code.as_deref(),
        r.started_at.us(),
        r.done().map(|d| d.completed_at.us()),
        r.done().map(|d| d.result.as_str()),
        r.override_reason.as_deref(),
        r.review.as_ref().map(|review| review.event_id.as_str()),
        now.us()
    )?;
    // Ids are given in the order of the rows, but not every engine promises to return them in it.
    rows.sort_unstable_by_key(|(id, _)| *id);
    let open: Vec<(&NewRun, i64)> = runs
        .iter()
        .zip(&rows)
        .filter(|(run, _)| run.done().is_none())
        .map(|(run, (id, _))| (*run, *id))
        .collect();
    write_rows!(
        tx,
        "runs_insert",
        (i64,),
        OPEN_INSERT,
        &open,
        |o| o.1,
        o.0.lot_id.0,
        o.0.serial_id.map(|id| id.0),
        o.0.process_id.0,
        o.0.started_at.us()
    )?;
    Ok(rows)
}

static RUNS_COMPLETE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "UPDATE process_run SET completed_at = v.column2, result = v.column3, updated_at = v.column4 FROM (VALUES",
        4,
        ") AS v WHERE process_run.id = v.column1 AND process_run.completed_at IS NULL \
         RETURNING process_run.id, process_run.attempt",
    )
});

/// Ends open runs. Gives the attempt of each that was open.
pub(super) async fn complete(
    tx: &mut Tx,
    runs: &[(RunId, &RunDone)],
    now: Timestamp,
) -> Result<HashMap<RunId, i64>, StoreError> {
    if runs.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = write_rows!(
        tx,
        "runs_complete",
        (i64, i64),
        RUNS_COMPLETE,
        runs,
        |r| r.0.0,
        r.1.completed_at.us(),
        r.1.result.as_str(),
        now.us()
    )?;
    let filter = Filter::default().among(tx.engine(), "run_id", runs.iter().map(|(id, _)| id.0));
    let _: Vec<(i64,)> =
        listing::tx_rows(tx, "runs_complete", "DELETE FROM run_open", &filter, "RETURNING run_id").await?;
    Ok(rows.into_iter().map(|(id, attempt)| (RunId(id), attempt)).collect())
}

static DATA_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new("INSERT INTO run_data (run_id, measurements, notes) VALUES", 3, "RETURNING run_id")
});
static FAILED_INSERT: LazyLadder =
    LazyLock::new(|| Ladder::new("INSERT INTO run_failed (run_id, result) VALUES", 2, "RETURNING run_id"));
static PARTS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO component (run_id, kind, component_lot, serial_id, lot_id, at) VALUES",
        6,
        "ON CONFLICT DO NOTHING RETURNING run_id",
    )
});
static DEFECTS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO defect (run_id, lot_id, serial_id, process_id, operator_id, equipment_id, code, name, severity, \
         measured_value, expected_range, cause, analysis, created_at, updated_at) VALUES",
        15,
        "RETURNING id",
    )
});

/// Writes what ended runs said: data, failures, parts and defects, and counts them.
pub(super) async fn write_data(
    tx: &mut Tx,
    calendar: &Calendar,
    ended: &[Ended<'_>],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut data = Vec::with_capacity(ended.len());
    for end in ended {
        let done = end.done;
        text::check("run_data.notes", done.notes.as_deref().unwrap_or(""))?;
        let json = text::to_json("run_data.measurements", &done.data)?.to_string();
        data.push((end.run.id.0, json, done.notes.as_deref()));
    }
    write_rows!(tx, "runs_complete", (i64,), DATA_INSERT, &data, |d| d.0, d.1.as_str(), d.2)?;
    let failed: Vec<(i64, RunResult)> = ended
        .iter()
        .map(|end| (end.run.id.0, end.done.result))
        .filter(|(_, result)| !result.is_pass())
        .collect();
    write_rows!(tx, "runs_complete", (i64,), FAILED_INSERT, &failed, |f| f.0, f.1.as_str())?;
    write_parts(tx, calendar, ended, tally).await?;
    write_defects(tx, calendar, ended, tally).await?;
    for end in ended {
        for measured in end.measures {
            tally.measured(calendar, end.place, &end.run.run, end.done.completed_at, measured);
        }
    }
    Ok(())
}

async fn write_parts(
    tx: &mut Tx,
    calendar: &Calendar,
    ended: &[Ended<'_>],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut parts: Vec<(&Run, &Component, Timestamp)> = Vec::new();
    for end in ended {
        let at = end.done.completed_at;
        for part in end.parts {
            text::check_all("component", part)?;
            tally.component(calendar, at, part).used += 1;
            parts.push((end.run, part, at));
        }
    }
    write_rows!(
        tx,
        "parts_insert",
        (i64,),
        PARTS_INSERT,
        &parts,
        |p| p.0.id.0,
        p.1.kind.as_str(),
        p.1.lot_number.as_str(),
        p.0.run.serial_id.map(|id| id.0),
        p.0.run.lot_id.0,
        p.2.us()
    )
    .map(|_| ())
}

async fn write_defects(
    tx: &mut Tx,
    calendar: &Calendar,
    ended: &[Ended<'_>],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut defects: Vec<(&Run, &DefectSpec, Timestamp)> = Vec::new();
    for end in ended {
        let at = end.done.completed_at;
        for defect in end.defects {
            text::check_all("defect", defect)?;
            tally.defect(calendar, end.place, &end.run.run, at, defect);
            defects.push((end.run, defect, at));
        }
    }
    if defects.is_empty() {
        return Ok(());
    }
    blame_parts(tx, calendar, &defects, tally).await?;
    write_rows!(
        tx,
        "defects_insert",
        (i64,),
        DEFECTS_INSERT,
        &defects,
        |d| d.0.id.0,
        d.0.run.lot_id.0,
        d.0.run.serial_id.map(|id| id.0),
        d.0.run.process_id.0,
        d.0.run.operator_id.0,
        d.0.run.equipment_id.map(|id| id.0),
        d.1.code.as_str(),
        d.1.name.as_deref(),
        d.1.severity.as_str(),
        d.1.measured_value.as_ref().map(Json),
        d.1.expected_range.as_deref(),
        d.1.cause.as_deref(),
        d.1.analysis.as_deref(),
        d.2.us(),
        d.2.us()
    )
    .map(|_| ())
}

/// Counts each defect against every lot of parts that its unit held by then.
async fn blame_parts(
    tx: &mut Tx,
    calendar: &Calendar,
    defects: &[(&Run, &DefectSpec, Timestamp)],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let units = defects.iter().filter_map(|(run, _, _)| run.run.serial_id.map(|id| id.0));
    let filter = Filter::default().among(tx.engine(), "serial_id", units);
    let select = "SELECT serial_id, kind, component_lot, min(at) FROM component";
    let rest = "GROUP BY serial_id, kind, component_lot";
    let rows: Vec<(i64, String, String, i64)> =
        listing::tx_rows(tx, "defects_insert", select, &filter, rest).await?;
    let mut held: HashMap<i64, Vec<(Component, Timestamp)>> = HashMap::new();
    for (serial, kind, lot_number, since) in rows {
        let part = Component { kind, lot_number };
        held.entry(serial).or_default().push((part, Timestamp::from_us(since)));
    }
    for (run, _, at) in defects {
        let parts = run.run.serial_id.and_then(|id| held.get(&id.0));
        for (part, _) in parts.into_iter().flatten().filter(|(_, since)| since <= at) {
            tally.component(calendar, *at, part).defects += 1;
        }
    }
    Ok(())
}
