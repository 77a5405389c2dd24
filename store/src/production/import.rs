//! Import: rows that exist elsewhere, stored as they are and counted as if they had been made here.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, Component, DefectSpec, Lot, LotId, Measurement, NewRun, Run, RunId, Serial, SerialId,
    SerialStatus,
};

use super::lot_write::lots_save;
use super::run_write::{self, Ended};
use super::serial_write::{Step, save_steps};
use super::tally::{Place, Tally};
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{StoreError, Tx, text};

static LOTS_IMPORT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO lot (lot_number, product_model_id, production_line_id, production_date, shift, target_quantity, \
         status, work_order, created_at, updated_at) VALUES",
        10,
        "ON CONFLICT (lot_number) DO NOTHING RETURNING id, lot_number",
    )
});

/// Stores lots with their states; their ids are given anew, their counts come from their serials ([`lots_recount`]).
///
/// # Errors
/// [`StoreError::Conflict`] when a number is taken: the unit must then be undone. [`StoreError::Query`] when a model or
/// line does not exist.
pub async fn lots_import(tx: &mut Tx, lots: &[Lot]) -> Result<Vec<Lot>, StoreError> {
    for lot in lots {
        text::check("lot.work_order", lot.work_order.as_deref().unwrap_or(""))?;
    }
    let rows = write_rows!(
        tx,
        "lots_import",
        (i64, String),
        LOTS_IMPORT,
        lots,
        |l| l.lot_number.as_str(),
        l.product_model_id.0,
        l.production_line_id.map(|id| id.0),
        l.production_date.to_string(),
        l.shift.as_str(),
        i64::from(l.target_quantity),
        l.state.status().as_str(),
        l.work_order.as_deref(),
        l.created_at.us(),
        l.updated_at.us()
    )?;
    let ids: HashMap<String, i64> = rows.into_iter().map(|(id, number)| (number, id)).collect();
    let stored = lots
        .iter()
        .map(|lot| match ids.get(lot.lot_number.as_str()) {
            Some(id) => Ok(Lot { id: LotId(*id), ..lot.clone() }),
            None => Err(StoreError::Conflict { what: format!("lot {}", lot.lot_number) }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    lots_save(tx, &stored).await?;
    Ok(stored)
}

static SERIALS_IMPORT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO serial (serial_number, lot_id, sequence_in_lot, status, created_at, updated_at) VALUES",
        6,
        "ON CONFLICT DO NOTHING RETURNING id, serial_number",
    )
});

/// Stores serials with their states; their ids are given anew. `lots` are those that they name.
///
/// # Errors
/// [`StoreError::Conflict`] when a number or a place in a lot is taken, [`StoreError::Missing`] when a lot is not among
/// `lots`: the unit must then be undone.
pub async fn serials_import(
    tx: &mut Tx,
    calendar: &Calendar,
    lots: &[Lot],
    serials: &[Serial],
) -> Result<Vec<Serial>, StoreError> {
    let places: HashMap<LotId, Place> = lots.iter().map(|lot| (lot.id, Place::from(lot))).collect();
    let mut tally = Tally::default();
    for serial in serials {
        text::check("serial.failure_reason", serial.state.failure_reason().unwrap_or(""))?;
        let place = places.get(&serial.lot_id);
        let place = place.ok_or_else(|| StoreError::Missing { what: format!("lot {}", serial.lot_id) })?;
        tally.created(calendar, *place, serial.created_at);
    }
    let rows = write_rows!(
        tx,
        "serials_import",
        (i64, String),
        SERIALS_IMPORT,
        serials,
        |s| s.serial_number.as_str(),
        s.lot_id.0,
        i64::from(s.sequence_in_lot),
        SerialStatus::Created.as_str(),
        s.created_at.us(),
        s.updated_at.us()
    )?;
    let ids: HashMap<String, i64> = rows.into_iter().map(|(id, number)| (number, id)).collect();
    let stored = serials
        .iter()
        .map(|serial| match ids.get(serial.serial_number.as_str()) {
            Some(id) => Ok(Serial { id: SerialId(*id), ..serial.clone() }),
            None => Err(StoreError::Conflict { what: format!("serial {}", serial.serial_number) }),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let steps: Vec<Step<'_>> = stored.iter().map(|serial| (serial, 0)).collect();
    save_steps(tx, calendar, &steps, &mut tally).await?;
    tally.write(tx).await?;
    Ok(stored)
}

/// A run as it was elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct RunImport<'a> {
    /// The run; open, or done with its data.
    pub run: NewRun,
    /// Its lot.
    pub lot: &'a Lot,
    /// What it found wrong.
    pub defects: Vec<DefectSpec>,
    /// The parts that went into the unit.
    pub parts: Vec<Component>,
    /// What was measured.
    pub measures: Vec<Measurement>,
}

/// Stores runs in the order in which they were started; attempts are counted in that order. Serials, lots, events and
/// alerts stay as they are, but for the places of serials in the line.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`] (a second open run of a process on a unit among the reasons),
/// [`StoreError::Aborted`].
pub async fn runs_import(
    tx: &mut Tx,
    calendar: &Calendar,
    runs: &[RunImport<'_>],
    now: Timestamp,
) -> Result<Vec<RunId>, StoreError> {
    // One statement must not hold two runs of one process on one unit: the attempt of the second would not be known.
    let mut seen: HashMap<(i64, Option<i64>, i64), usize> = HashMap::new();
    let mut rounds: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, import) in runs.iter().enumerate() {
        let run = &import.run;
        let round = seen.entry((run.lot_id.0, run.serial_id.map(|id| id.0), run.process_id.0)).or_default();
        rounds.entry(*round).or_default().push(place);
        *round += 1;
    }
    let mut ids = vec![RunId(0); runs.len()];
    let mut tally = Tally::default();
    for places in rounds.into_values() {
        let round: Vec<&RunImport<'_>> = places.iter().map(|place| &runs[*place]).collect();
        let stored = import_round(tx, calendar, &round, now, &mut tally).await?;
        for (place, id) in places.into_iter().zip(stored) {
            ids[place] = id;
        }
    }
    tally.write(tx).await?;
    positions_recount(tx, runs).await?;
    Ok(ids)
}

async fn import_round(
    tx: &mut Tx,
    calendar: &Calendar,
    round: &[&RunImport<'_>],
    now: Timestamp,
    tally: &mut Tally,
) -> Result<Vec<RunId>, StoreError> {
    let news: Vec<&NewRun> = round.iter().map(|import| &import.run).collect();
    let stored = run_write::insert(tx, &news, now).await?;
    let runs: Vec<Run> = news
        .iter()
        .zip(&stored)
        .map(|(run, (id, _))| Run { id: RunId(*id), run: (*run).clone(), created_at: now, updated_at: now })
        .collect();
    let mut ended = Vec::new();
    for ((import, run), (_, attempt)) in round.iter().zip(&runs).zip(&stored) {
        let place = Place::from(import.lot);
        tally.started(calendar, place, &run.run);
        if let Some(done) = run.run.done() {
            tally.ended(calendar, place, &run.run, done, *attempt);
            ended.push(Ended {
                run,
                done,
                place,
                defects: &import.defects,
                parts: &import.parts,
                measures: &import.measures,
            });
        }
    }
    run_write::write_data(tx, calendar, &ended, tally).await?;
    Ok(runs.iter().map(|run| run.id).collect())
}

/// Sets the places in the line of the serials that the runs are about, from all their runs.
async fn positions_recount(tx: &mut Tx, runs: &[RunImport<'_>]) -> Result<(), StoreError> {
    let mut serials: Vec<i64> = runs.iter().filter_map(|r| r.run.serial_id.map(|id| id.0)).collect();
    serials.sort_unstable();
    serials.dedup();
    let filter = Filter::default().among(tx.engine(), "id", serials);
    let set = "UPDATE serial SET position = COALESCE((SELECT max(p.process_number) FROM process_run r \
               JOIN process p ON p.id = r.process_id WHERE r.serial_id = serial.id AND r.result = 'PASS'), 0)";
    let _: Vec<(i64,)> = listing::tx_rows(tx, "runs_import", set, &filter, "RETURNING id").await?;
    Ok(())
}

/// Counts the units of lots from their serials.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn lots_recount(tx: &mut Tx, lots: &[LotId]) -> Result<(), StoreError> {
    let filter = Filter::default().among(tx.engine(), "id", lots.iter().map(|id| id.0));
    let set = "UPDATE lot SET \
         actual_quantity = (SELECT count(*) FROM serial s WHERE s.lot_id = lot.id), \
         passed_quantity = (SELECT count(*) FROM serial s WHERE s.lot_id = lot.id AND s.status = 'PASSED'), \
         failed_quantity = (SELECT count(*) FROM serial s WHERE s.lot_id = lot.id AND s.status = 'FAILED'), \
         scrapped_quantity = (SELECT count(*) FROM serial s WHERE s.lot_id = lot.id AND s.status = 'FAILED' \
         AND s.scrapped)";
    let _: Vec<(i64,)> = listing::tx_rows(tx, "lots_recount", set, &filter, "RETURNING id").await?;
    Ok(())
}
