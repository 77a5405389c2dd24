//! What the domain must know to decide about stations' commands: read for a whole batch in a handful of statements.

use std::collections::{HashMap, HashSet};

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Equipment, EquipmentId, Hold, Lot, LotId, ProcessId, ReworkId, Run, RunFacts, Serial, SerialId,
    SerialState,
};

use super::equipment::equipment_read_codes;
use super::hold::{holds_active_of, spans_open_of};
use super::lot_write::lots_read_numbers;
use super::run_row::{RunRow, run_columns};
use super::serial_write::serials_read_numbers;
use crate::listing::{self, Filter};
use crate::{StoreError, Tx};

/// What a command names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    /// The number of a lot.
    pub lot: &'a str,
    /// The number of a unit; absent when the command is about the lot as a whole.
    pub serial: Option<&'a str>,
    /// The code of a piece of equipment.
    pub equipment: Option<&'a str>,
}

/// What processes have done on a unit, or on a lot as a whole.
#[derive(Debug, Clone, Default)]
struct Past {
    passed: Vec<ProcessId>,
    open: Vec<Run>,
    last_completed_at: Option<Timestamp>,
}

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Serial(SerialId),
    Lot(LotId),
}

/// The facts about the commands of a batch. Lots are kept as the batch's own commands leave them.
#[derive(Debug)]
pub struct FactSheet {
    named: Vec<(String, Option<String>, Option<String>)>,
    lots: HashMap<String, Lot>,
    serials: HashMap<String, Serial>,
    equipment: HashMap<String, Equipment>,
    holds: HashMap<EquipmentId, Hold>,
    spans: HashMap<EquipmentId, String>,
    past: HashMap<Unit, Past>,
    reworks: HashMap<SerialId, ReworkId>,
    decided: HashSet<Unit>,
}

impl FactSheet {
    /// The facts about command `place` of the batch, without its worker, whom identity knows. `None` when an earlier
    /// command of the batch was about the same unit: it must wait for the next batch.
    #[must_use]
    pub fn facts(&self, place: usize) -> Option<RunFacts> {
        let (lot, serial, equipment) = self.named.get(place)?;
        let lot = self.lots.get(lot).cloned();
        let found = serial.as_ref().and_then(|number| self.serials.get(number)).cloned();
        let equipment = equipment.as_ref().and_then(|code| self.equipment.get(code)).cloned();
        let unit = match (serial, &found, &lot) {
            (Some(_), Some(serial), _) => Some(Unit::Serial(serial.id)),
            (None, _, Some(lot)) => Some(Unit::Lot(lot.id)),
            _ => None,
        };
        let whole = lot.as_ref().map(|lot| Unit::Lot(lot.id));
        if unit.into_iter().chain(whole).any(|unit| self.decided.contains(&unit)) {
            return None;
        }
        let past = unit.and_then(|unit| self.past.get(&unit)).cloned().unwrap_or_default();
        let lot_past = whole.and_then(|unit| self.past.get(&unit));
        let equipment_id = equipment.as_ref().map(|e| e.id);
        Some(RunFacts {
            worker: None,
            hold: equipment_id.and_then(|id| self.holds.get(&id)).cloned(),
            abnormal_event: equipment_id.and_then(|id| self.spans.get(&id)).cloned(),
            equipment,
            passed: past.passed,
            lot_passed: lot_past.map(|past| past.passed.clone()).unwrap_or_default(),
            open: past.open,
            last_completed_at: past.last_completed_at,
            waiting_rework: found.as_ref().and_then(|serial| self.reworks.get(&serial.id)).copied(),
            lot,
            serial: found,
        })
    }

    /// Takes in what a decided command makes of its lot, for the commands after it.
    pub fn decided(&mut self, lot: &Lot, serial: Option<&Serial>) {
        self.lots.insert(lot.lot_number.as_str().to_owned(), lot.clone());
        self.decided.insert(serial.map_or(Unit::Lot(lot.id), |serial| Unit::Serial(serial.id)));
    }
}

/// Reads the facts about a batch of commands, in at most eight statements however many commands there are.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn facts_read(tx: &mut Tx, named: &[Named<'_>]) -> Result<FactSheet, StoreError> {
    let distinct = |texts: Vec<&'_ str>| -> Vec<String> {
        let mut texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        texts.sort_unstable();
        texts.dedup();
        texts
    };
    let lots = distinct(named.iter().map(|n| n.lot).collect());
    let serials = distinct(named.iter().filter_map(|n| n.serial).collect());
    let codes = distinct(named.iter().filter_map(|n| n.equipment).collect());
    let lots = lots_read_numbers(tx, &borrowed(&lots)).await?;
    let serials =
        if serials.is_empty() { Vec::new() } else { serials_read_numbers(tx, &borrowed(&serials)).await? };
    let equipment =
        if codes.is_empty() { Vec::new() } else { equipment_read_codes(tx, &borrowed(&codes)).await? };
    let (mut holds, mut spans) = (HashMap::new(), HashMap::new());
    if !equipment.is_empty() {
        let ids: Vec<EquipmentId> = equipment.iter().map(|e| e.id).collect();
        holds = holds_active_of(tx, &ids).await?.into_iter().map(|h| (h.equipment_id, h)).collect();
        spans = spans_open_of(tx, &ids).await?.into_iter().collect();
    }
    let past = past_of(tx, &lots, &serials).await?;
    let reworks = waiting_reworks(tx, &serials).await?;
    Ok(FactSheet {
        named: named
            .iter()
            .map(|n| (n.lot.to_owned(), n.serial.map(str::to_owned), n.equipment.map(str::to_owned)))
            .collect(),
        lots: lots.into_iter().map(|lot| (lot.lot_number.as_str().to_owned(), lot)).collect(),
        serials: serials.into_iter().map(|s| (s.serial_number.as_str().to_owned(), s)).collect(),
        equipment: equipment.into_iter().map(|e| (e.spec.equipment_code.clone(), e)).collect(),
        holds,
        spans,
        past,
        reworks,
        decided: HashSet::new(),
    })
}

fn borrowed(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

const ENDED_SERIALS: &str = "SELECT r.serial_id, r.process_id, \
     max(CASE WHEN r.result = 'PASS' THEN 1 ELSE 0 END), max(r.completed_at) FROM process_run r";
const ENDED_LOTS: &str = "SELECT r.lot_id, r.process_id, \
     max(CASE WHEN r.result = 'PASS' THEN 1 ELSE 0 END), max(r.completed_at) FROM process_run r";
const OPEN: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM run_open o JOIN process_run r ON r.id = o.run_id LEFT JOIN run_data d ON d.run_id = r.id"
);

type EndedRow = (i64, i64, i32, Option<i64>);

async fn past_of(tx: &mut Tx, lots: &[Lot], serials: &[Serial]) -> Result<HashMap<Unit, Past>, StoreError> {
    let engine = tx.engine();
    let mut past: HashMap<Unit, Past> = HashMap::new();
    let ids = || serials.iter().map(|s| s.id.0);
    if !serials.is_empty() {
        let filter = Filter::default().among(engine, "r.serial_id", ids());
        let rest = "GROUP BY r.serial_id, r.process_id";
        let rows = listing::tx_rows::<EndedRow>(tx, "facts_read", ENDED_SERIALS, &filter, rest).await?;
        take_ended(&mut past, rows, |id| Unit::Serial(SerialId(id)));
        let filter = Filter::default().among(engine, "o.serial_id", ids());
        take_open(&mut past, listing::tx_rows(tx, "facts_read", OPEN, &filter, "").await?)?;
    }
    if !lots.is_empty() {
        let of_lots = |column| Filter::default().among(engine, column, lots.iter().map(|l| l.id.0));
        let filter = of_lots("r.lot_id").fixed("r.serial_id IS NULL");
        let rest = "GROUP BY r.lot_id, r.process_id";
        let rows = listing::tx_rows::<EndedRow>(tx, "facts_read", ENDED_LOTS, &filter, rest).await?;
        take_ended(&mut past, rows, |id| Unit::Lot(LotId(id)));
        let filter = of_lots("o.lot_id").fixed("o.serial_id IS NULL");
        take_open(&mut past, listing::tx_rows(tx, "facts_read", OPEN, &filter, "").await?)?;
    }
    Ok(past)
}

fn take_ended(past: &mut HashMap<Unit, Past>, rows: Vec<EndedRow>, unit: impl Fn(i64) -> Unit) {
    for (id, process, passed, last) in rows {
        let past = past.entry(unit(id)).or_default();
        if passed == 1 {
            past.passed.push(ProcessId(process));
        }
        past.last_completed_at = past.last_completed_at.max(last.map(Timestamp::from_us));
    }
}

fn take_open(past: &mut HashMap<Unit, Past>, rows: Vec<RunRow>) -> Result<(), StoreError> {
    for row in rows {
        let run = Run::try_from(row)?;
        let unit = run.run.serial_id.map_or(Unit::Lot(run.run.lot_id), Unit::Serial);
        past.entry(unit).or_default().open.push(run);
    }
    Ok(())
}

/// Only units whose rework waits have one: mostly there is nothing to ask.
async fn waiting_reworks(tx: &mut Tx, serials: &[Serial]) -> Result<HashMap<SerialId, ReworkId>, StoreError> {
    let waiting: Vec<i64> = serials
        .iter()
        .filter(|s| matches!(s.state, SerialState::InProgress { rework_waits: true }))
        .map(|s| s.id.0)
        .collect();
    if waiting.is_empty() {
        return Ok(HashMap::new());
    }
    let filter = Filter::default().among(tx.engine(), "serial_id", waiting).fixed("restarted_at IS NULL");
    let select = "SELECT serial_id, id FROM rework";
    let rows: Vec<(i64, i64)> =
        listing::tx_rows(tx, "facts_read", select, &filter, "ORDER BY number").await?;
    Ok(rows.into_iter().map(|(serial, id)| (SerialId(serial), ReworkId(id))).collect())
}
