//! Serials, written: their states, where they are in the line, and the figures of their days.

use std::collections::HashMap;
use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::Alert;
use nightshift_domain::production::{
    Calendar, Lot, LotId, NewSerial, ProcessId, Serial, SerialId, SerialState, SerialStatus, StepEffects,
};

use super::catalog;
use super::lot_write::lots_save;
use super::serial_row::{SerialRow, TABLE, serial_columns};
use super::tally::{Place, Tally};
use crate::alerts::alerts_raise;
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{StoreError, Tx, text};

const SELECT: &str = concat!("SELECT ", serial_columns!(), " FROM serial s");

static SERIALS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO serial (serial_number, lot_id, sequence_in_lot, status, created_at, updated_at) VALUES",
        6,
        "ON CONFLICT DO NOTHING RETURNING id, serial_number",
    )
});

/// Stores units of a lot, CREATED, each with its number and its place. All of them, or none.
///
/// # Errors
/// [`StoreError::Conflict`] when a number or a place is taken; the unit of work must then be undone.
pub async fn serials_insert(
    tx: &mut Tx,
    calendar: &Calendar,
    lot: &Lot,
    units: &[NewSerial],
    now: Timestamp,
) -> Result<Vec<Serial>, StoreError> {
    let rows = write_rows!(
        tx,
        "serials_insert",
        (i64, String),
        SERIALS_INSERT,
        units,
        |u| u.serial_number.as_str(),
        lot.id.0,
        i64::from(u.sequence_in_lot),
        SerialStatus::Created.as_str(),
        now.us(),
        now.us()
    )?;
    let ids: HashMap<String, i64> = rows.into_iter().map(|(id, number)| (number, id)).collect();
    let mut tally = Tally::default();
    let mut serials = Vec::with_capacity(units.len());
    for NewSerial { sequence_in_lot, serial_number: number } in units {
        let Some(id) = ids.get(number.as_str()) else {
            return Err(StoreError::Conflict {
                what: format!("serial {number}, or unit {sequence_in_lot} of lot {}", lot.lot_number),
            });
        };
        tally.created(calendar, Place::from(lot), now);
        serials.push(Serial {
            id: SerialId(*id),
            serial_number: number.clone(),
            lot_id: lot.id,
            sequence_in_lot: *sequence_in_lot,
            state: SerialState::Created,
            rework_count: 0,
            created_at: now,
            updated_at: now,
        });
    }
    tally.write(tx).await?;
    Ok(serials)
}

/// The places of a lot that units have.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn serial_sequences(tx: &mut Tx, lot_id: LotId) -> Result<Vec<u16>, StoreError> {
    let sql = "SELECT sequence_in_lot FROM serial WHERE lot_id = $1 ORDER BY sequence_in_lot";
    let rows = write_all!(tx, "serial_sequences", (i64,), sql, lot_id.0)?;
    rows.into_iter()
        .map(|(n,)| u16::try_from(n).map_err(|e| StoreError::row(TABLE, "sequence_in_lot", lot_id, e)))
        .collect()
}

static SERIALS_SAVE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "UPDATE serial SET status = v.column2, rework_count = v.column3, rework_waits = v.column4, \
         scrapped = v.column5, failure_reason = v.column6, failed_process_id = v.column7, settled_at = v.column8, \
         started_at = COALESCE(serial.started_at, v.column9), updated_at = v.column10, \
         position = CASE WHEN v.column11 > serial.position THEN v.column11 ELSE serial.position END FROM (VALUES",
        11,
        ") AS v WHERE serial.id = v.column1 RETURNING serial.id",
    )
});

/// A serial after a step, and the number of the process that it passed with that step, 0 if none.
pub(super) type Step<'a> = (&'a Serial, i64);

/// Keeps the states of serials, in the order of their steps: the last one of a serial is what it is then, and each is
/// counted.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn serials_save(tx: &mut Tx, calendar: &Calendar, serials: &[Serial]) -> Result<(), StoreError> {
    let steps: Vec<Step<'_>> = serials.iter().map(|s| (s, 0)).collect();
    let mut tally = Tally::default();
    save_steps(tx, calendar, &steps, &mut tally).await?;
    tally.write(tx).await
}

/// Writes what a person's step of a lot or unit comes to: the unit, the lot, the figures of the day, events and alerts.
/// Gives the alerts that are new or were raised again.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn step_store(
    tx: &mut Tx,
    calendar: &Calendar,
    effects: &StepEffects,
) -> Result<Vec<Alert>, StoreError> {
    if let Some(serial) = &effects.serial {
        text::check("serial.failure_reason", serial.state.failure_reason().unwrap_or(""))?;
        serials_save(tx, calendar, std::slice::from_ref(serial)).await?;
    }
    lots_save(tx, std::slice::from_ref(&effects.lot)).await?;
    tx.journal_many(effects.events.clone()).await?;
    alerts_raise(tx, effects.alerts.clone()).await
}

/// As [`serials_save`], with the places in the line, and the figures left in `tally`.
pub(super) async fn save_steps(
    tx: &mut Tx,
    calendar: &Calendar,
    steps: &[Step<'_>],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    if steps.is_empty() {
        return Ok(());
    }
    let mut known = known_states(tx, steps).await?;
    let mut last: HashMap<SerialId, (&Serial, i64, Option<i64>)> = HashMap::new();
    for (serial, position) in steps {
        let Some((before, place)) = known.get_mut(&serial.id) else {
            return Err(StoreError::Missing { what: format!("serial {}", serial.serial_number) });
        };
        tally.moved(calendar, *place, *before, serial);
        let began = *before == SerialStatus::Created && serial.state != SerialState::Created;
        let began = began.then(|| serial.updated_at.us());
        *before = serial.state.status();
        let (_, highest, started) = last.get(&serial.id).copied().unwrap_or((serial, 0, None));
        last.insert(serial.id, (serial, highest.max(*position), started.or(began)));
    }
    let mut rows: Vec<_> = last.into_values().collect();
    rows.sort_unstable_by_key(|(serial, _, _)| serial.id);
    write_rows!(
        tx,
        "serials_save",
        (i64,),
        SERIALS_SAVE,
        &rows,
        |r| r.0.id.0,
        r.0.state.status().as_str(),
        i64::from(r.0.rework_count),
        matches!(r.0.state, SerialState::InProgress { rework_waits: true }),
        r.0.state.is_scrapped(),
        r.0.state.failure_reason(),
        failed_process(r.0).map(|id| id.0),
        r.0.state.completed_at().map(Timestamp::us),
        r.2,
        r.0.updated_at.us(),
        r.1
    )
    .map(|_| ())
}

fn failed_process(serial: &Serial) -> Option<ProcessId> {
    if let SerialState::Failed { process_id, .. } = serial.state { process_id } else { None }
}

/// What the store knows about the serials before the steps.
async fn known_states(
    tx: &mut Tx,
    steps: &[Step<'_>],
) -> Result<HashMap<SerialId, (SerialStatus, Place)>, StoreError> {
    let mut ids: Vec<i64> = steps.iter().map(|(s, _)| s.id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let filter = Filter::default().among(tx.engine(), "s.id", ids);
    let select = "SELECT s.id, s.status, l.product_model_id, COALESCE(l.production_line_id, 0) \
                  FROM serial s JOIN lot l ON l.id = s.lot_id";
    let rows: Vec<(i64, String, i64, i64)> =
        listing::tx_rows(tx, "serials_save", select, &filter, "").await?;
    rows.into_iter()
        .map(|(id, word, model, line)| {
            let status = SerialStatus::from_word(&word)
                .ok_or_else(|| StoreError::row(TABLE, "status", id, format!("`{word}` is not known")))?;
            Ok((SerialId(id), (status, Place { model, line })))
        })
        .collect()
}

/// Removes a serial that nothing was done with. The figures of its day forget it.
///
/// # Errors
/// [`StoreError::InUse`] when it has process runs or reworks, [`StoreError::Missing`] when there is none.
pub async fn serial_delete(
    tx: &mut Tx,
    calendar: &Calendar,
    lot: &Lot,
    serial: &Serial,
) -> Result<(), StoreError> {
    let id = serial.id;
    let sql = "SELECT CASE WHEN EXISTS (SELECT 1 FROM process_run WHERE serial_id = $1) THEN 'process runs' \
               WHEN EXISTS (SELECT 1 FROM rework WHERE serial_id = $1) THEN 'reworks' \
               WHEN EXISTS (SELECT 1 FROM serial WHERE id = $1 AND status <> 'CREATED') THEN 'its lot''s counts' END";
    let used = write_all!(tx, "serial_delete", (Option<String>,), sql, id.0)?;
    catalog::unused(used, || format!("serial {}", serial.serial_number))?;
    let changed = write_exec!(tx, "serial_delete", "DELETE FROM serial WHERE id = $1", id.0)?;
    catalog::present(changed, || format!("serial {}", serial.serial_number))?;
    let mut tally = Tally::default();
    tally.uncreated(calendar, Place::from(lot), serial.created_at);
    tally.write(tx).await
}

/// Serials as the unit sees them, by number; those that do not exist are left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn serials_read_numbers(tx: &mut Tx, numbers: &[&str]) -> Result<Vec<Serial>, StoreError> {
    let filter = Filter::default().among_texts(tx.engine(), "s.serial_number", numbers.iter().copied());
    catalog::all(listing::tx_rows::<SerialRow>(tx, "serials_read_numbers", SELECT, &filter, "").await?)
}

/// Serials as the unit sees them; those that do not exist are left out.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn serials_read(tx: &mut Tx, ids: &[SerialId]) -> Result<Vec<Serial>, StoreError> {
    let filter = Filter::default().among(tx.engine(), "s.id", ids.iter().map(|id| id.0));
    catalog::all(listing::tx_rows::<SerialRow>(tx, "serials_read", SELECT, &filter, "").await?)
}
