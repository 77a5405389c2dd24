//! Figures per day, counted again from the rows: to check that they are right, and to set them right.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, Component, DataLevel, DefectSeverity, DefectSpec, LotId, Measurement, Run, Serial, SerialState,
    SerialStatus,
};

use super::defect::defects_after_id;
use super::run_row::{RunRow, run_columns};
use super::serial_row::{SerialRow, serial_columns};
use super::tally::{ComponentSums, DefectKey, Place, RunKey, RunSums, SerialSums, Tally};
use crate::listing::{self, Filter};
use crate::{Db, Slice, StoreError, Tx};

/// Rows read at once.
const PAGE_ROWS: u32 = 5_000;
/// Most differences that are told.
const DIFFERENCES_MAX: usize = 100;

/// Where the stored figures per day are not what the rows come to, at most a hundred lines; none when all is right.
/// Measured values are left out: they are rounded differently when they are added in another order. Nothing may be
/// written meanwhile.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn figures_check(db: &Db, calendar: &Calendar) -> Result<Vec<String>, StoreError> {
    let counted = count_all(db, calendar, &|_| Vec::new()).await?;
    let stored = stored(db).await?;
    let mut found = Vec::new();
    compare("run_day", &stored.runs, &counted.runs, &mut found);
    compare("serial_day", &stored.serials, &counted.serials, &mut found);
    compare("defect_day", &stored.defects, &counted.defects, &mut found);
    compare("component_day", &stored.components, &counted.components, &mut found);
    found.truncate(DIFFERENCES_MAX);
    Ok(found)
}

/// Counts all figures per day again and puts them in place of the stored ones: after an import, or when the plant's time
/// zone changed. `measure` finds the measured values of a run. What `db` reads must be what `tx` sees: nothing may be
/// written meanwhile.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn figures_rebuild(
    db: &Db,
    tx: &mut Tx,
    calendar: &Calendar,
    measure: &(dyn Fn(&Run) -> Vec<Measurement> + Sync),
) -> Result<(), StoreError> {
    let counted = count_all(db, calendar, measure).await?;
    write_exec!(tx, "figures_rebuild", "DELETE FROM run_day")?;
    write_exec!(tx, "figures_rebuild", "DELETE FROM serial_day")?;
    write_exec!(tx, "figures_rebuild", "DELETE FROM defect_day")?;
    write_exec!(tx, "figures_rebuild", "DELETE FROM component_day")?;
    write_exec!(tx, "figures_rebuild", "DELETE FROM measure_day")?;
    counted.write(tx).await
}

fn compare<K: Ord + Debug, V: PartialEq + Debug + Default>(
    table: &str,
    stored: &BTreeMap<K, V>,
    counted: &BTreeMap<K, V>,
    found: &mut Vec<String>,
) {
    let nothing = V::default();
    let keys: std::collections::BTreeSet<&K> = stored.keys().chain(counted.keys()).collect();
    for key in keys {
        let (is, must) = (stored.get(key).unwrap_or(&nothing), counted.get(key).unwrap_or(&nothing));
        if is != must && found.len() < DIFFERENCES_MAX {
            found.push(format!("{table} {key:?}: is {is:?}, must be {must:?}"));
        }
    }
}

async fn count_all(
    db: &Db,
    calendar: &Calendar,
    measure: &(dyn Fn(&Run) -> Vec<Measurement> + Sync),
) -> Result<Tally, StoreError> {
    let rows = read_all!(
        db,
        "figures_count",
        (i64, i64, i64),
        "SELECT id, product_model_id, COALESCE(production_line_id, 0) FROM lot"
    )?;
    let places: HashMap<LotId, Place> =
        rows.into_iter().map(|(id, model, line)| (LotId(id), Place { model, line })).collect();
    let place = |lot: LotId| places.get(&lot).copied().unwrap_or(Place { model: 0, line: 0 });
    let mut tally = Tally::default();
    count_runs(db, calendar, &place, measure, &mut tally).await?;
    count_serials(db, calendar, &place, &mut tally).await?;
    count_defects(db, calendar, &place, &mut tally).await?;
    Ok(tally)
}

async fn count_runs(
    db: &Db,
    calendar: &Calendar,
    place: &(dyn Fn(LotId) -> Place + Sync),
    measure: &(dyn Fn(&Run) -> Vec<Measurement> + Sync),
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let select =
        concat!("SELECT ", run_columns!(), " FROM process_run r LEFT JOIN run_data d ON d.run_id = r.id");
    let mut after = 0;
    loop {
        let filter = Filter::default().and("r.id > ?", after);
        let rows: Vec<RunRow> =
            listing::slice_rows(db, "figures_count", select, &filter, "r.id", Slice::first(PAGE_ROWS))
                .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in rows {
            let attempt = row.attempt;
            let run = Run::try_from(row)?;
            let place = place(run.run.lot_id);
            tally.started(calendar, place, &run.run);
            if let Some(done) = run.run.done() {
                tally.ended(calendar, place, &run.run, done, attempt);
                for measured in measure(&run) {
                    tally.measured(calendar, place, &run.run, done.completed_at, &measured);
                }
            }
        }
    }
}

#[derive(sqlx::FromRow)]
struct SerialStart {
    #[sqlx(flatten)]
    serial: SerialRow,
    started_at: Option<i64>,
}

async fn count_serials(
    db: &Db,
    calendar: &Calendar,
    place: &(dyn Fn(LotId) -> Place + Sync),
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let select = concat!("SELECT ", serial_columns!(), ", s.started_at FROM serial s");
    let mut after = 0;
    loop {
        let filter = Filter::default().and("s.id > ?", after);
        let rows: Vec<SerialStart> =
            listing::slice_rows(db, "figures_count", select, &filter, "s.id", Slice::first(PAGE_ROWS))
                .await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let started_at = row.started_at.map(Timestamp::from_us);
            let serial = Serial::try_from(row.serial)?;
            after = serial.id.0;
            let place = place(serial.lot_id);
            tally.created(calendar, place, serial.created_at);
            if let Some(at) = started_at {
                let begun = Serial {
                    state: SerialState::InProgress { rework_waits: false },
                    updated_at: at,
                    ..serial.clone()
                };
                tally.moved(calendar, place, SerialStatus::Created, &begun);
            }
            if !matches!(serial.state, SerialState::Created | SerialState::InProgress { .. }) {
                tally.moved(calendar, place, SerialStatus::InProgress, &serial);
            }
        }
    }
    count_reworks(db, calendar, place, tally).await
}

/// Failures that were answered by a rework are not the state of their serial any more.
async fn count_reworks(
    db: &Db,
    calendar: &Calendar,
    place: &(dyn Fn(LotId) -> Place + Sync),
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let sql = "SELECT s.lot_id, r.failed_at, r.approved_at FROM rework r JOIN serial s ON s.id = r.serial_id";
    for (lot, failed_at, approved_at) in read_all!(db, "figures_count", (i64, i64, i64), sql)? {
        let place = place(LotId(lot));
        tally.serial(calendar, place, Timestamp::from_us(failed_at)).failed += 1;
        tally.serial(calendar, place, Timestamp::from_us(approved_at)).reworked += 1;
    }
    Ok(())
}

async fn count_defects(
    db: &Db,
    calendar: &Calendar,
    place: &(dyn Fn(LotId) -> Place + Sync),
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let sql = "SELECT run_id, kind, component_lot, serial_id, at FROM component";
    let mut held: HashMap<i64, BTreeMap<Component, Timestamp>> = HashMap::new();
    for (_, kind, lot_number, serial, at) in
        read_all!(db, "figures_count", (i64, String, String, Option<i64>, i64), sql)?
    {
        let (part, at) = (Component { kind, lot_number }, Timestamp::from_us(at));
        tally.component(calendar, at, &part).used += 1;
        if let Some(serial) = serial {
            let since = held.entry(serial).or_default().entry(part).or_insert(at);
            *since = at.min(*since);
        }
    }
    let mut after = nightshift_domain::production::DefectId(0);
    loop {
        let defects = defects_after_id(db, after, PAGE_ROWS).await?;
        let Some(last) = defects.last() else { return Ok(()) };
        after = last.defect.id;
        for view in defects {
            let at = view.defect.created_at;
            tally.defect_of(calendar, place(view.lot_id), &view, at);
            let parts = view.serial_id.and_then(|id| held.get(&id.0));
            for (part, _) in parts.into_iter().flatten().filter(|(_, since)| **since <= at) {
                tally.component(calendar, at, part).defects += 1;
            }
        }
    }
}

#[derive(sqlx::FromRow)]
struct RunDayRow {
    day: String,
    process_id: i64,
    product_model_id: i64,
    production_line_id: i64,
    operator_id: i64,
    equipment_id: i64,
    data_level: String,
    started: i64,
    passed: i64,
    failed: i64,
    reworked: i64,
    first_completed: i64,
    first_passed: i64,
    duration_us: i64,
    duration_us_min: Option<i64>,
    duration_us_max: Option<i64>,
}

type SerialDayRow = (String, i64, i64, i64, i64, i64, i64, i64, i64, i64);
type DefectDayRow = (String, i64, String, String, i64, i64, i64, i64, i64);

async fn stored(db: &Db) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for row in read_all!(db, "figures_stored", RunDayRow, "SELECT * FROM run_day")? {
        let level = DataLevel::from_word(&row.data_level).unwrap_or(DataLevel::Serial);
        let key = RunKey {
            day: row.day,
            process: row.process_id,
            model: row.product_model_id,
            line: row.production_line_id,
            operator: row.operator_id,
            equipment: row.equipment_id,
            level: level.as_str(),
        };
        let sums = RunSums {
            started: row.started,
            passed: row.passed,
            failed: row.failed,
            reworked: row.reworked,
            first_completed: row.first_completed,
            first_passed: row.first_passed,
            duration_us: row.duration_us,
            duration_us_min: row.duration_us_min,
            duration_us_max: row.duration_us_max,
        };
        tally.runs.insert(key, sums);
    }
    let sql = "SELECT day, product_model_id, production_line_id, created, started, passed, failed, scrapped, reworked, \
               first_passed FROM serial_day";
    for row in read_all!(db, "figures_stored", SerialDayRow, sql)? {
        let (day, model, line, created, started, passed, failed, scrapped, reworked, first_passed) = row;
        let sums = SerialSums { created, started, passed, failed, scrapped, reworked, first_passed };
        tally.serials.insert((day, model, line), sums);
    }
    let sql = "SELECT day, process_id, code, severity, product_model_id, production_line_id, operator_id, \
               equipment_id, defects FROM defect_day";
    for row in read_all!(db, "figures_stored", DefectDayRow, sql)? {
        let (day, process, code, severity, model, line, operator, equipment, defects) = row;
        let severity = DefectSeverity::from_word(&severity).unwrap_or_default().as_str();
        let key = DefectKey { day, process, code, severity, model, line, operator, equipment };
        tally.defects.insert(key, defects);
    }
    let sql = "SELECT day, kind, component_lot, used, defects FROM component_day";
    for (day, kind, lot_number, used, defects) in
        read_all!(db, "figures_stored", (String, String, String, i64, i64), sql)?
    {
        tally.components.insert((day, Component { kind, lot_number }), ComponentSums { used, defects });
    }
    Ok(tally)
}

impl Tally {
    fn defect_of(
        &mut self,
        calendar: &Calendar,
        place: Place,
        view: &super::defect::DefectView,
        at: Timestamp,
    ) {
        let spec: &DefectSpec = &view.defect.spec;
        let key = DefectKey {
            day: calendar.production_date(at).to_string(),
            process: view.process_id.0,
            code: spec.code.clone(),
            severity: spec.severity.as_str(),
            model: place.model,
            line: place.line,
            operator: view.operator_id.0,
            equipment: view.equipment_id.map_or(0, |id| id.0),
        };
        *self.defects.entry(key).or_default() += 1;
    }
}
