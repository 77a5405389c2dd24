//! Units of lots: made, moved on, reworked, taken away.

use nightshift_domain::audit::{Action, Actor};
use nightshift_domain::production::{
    Lot, LotId, NewSerial, OperatorId, Refusal, Rework, RunFacts, Serial, SerialId, SerialStatus,
    approve_rework, plan_serial, remove_serial, step_serial,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_store::production::{self as store, Named, SerialQuery, SerialView};
use nightshift_store::{Page, Slice, StoreError, Tx};
use serde_json::json;

use super::Production;
use super::error::ProductionError;
use super::lots::{lot_missing, one_lot};
use super::shared::{Change, Decided, Shared};
use crate::identity::By;
use crate::once::Once;
use crate::setback::Setback;

/// A unit as a caller asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialDraft {
    /// Its lot.
    pub lot_id: LotId,
    /// Its number; made of the lot's when absent.
    pub serial_number: Option<String>,
    /// Its place in the lot; the next one when absent.
    pub sequence_in_lot: Option<i64>,
}

/// A unit as the audit shows it.
fn shown(serial: &Serial) -> serde_json::Value {
    json!({
        "serial_number": serial.serial_number, "lot_id": serial.lot_id, "sequence_in_lot": serial.sequence_in_lot,
        "status": serial.state.status(), "defect_status": serial.defect_status(),
        "rework_count": serial.rework_count, "failure_reason": serial.state.failure_reason(),
    })
}

/// The user who signs for what only a person may do.
pub(crate) fn person(by: &By) -> Result<OperatorId, ProductionError> {
    match &by.actor {
        Actor::User { id, .. } => Ok(OperatorId(id.0)),
        Actor::Machine { .. } | Actor::System | Actor::Anonymous => Err(ProductionError::NotAPerson),
    }
}

impl Production {
    /// Makes a unit of a lot; `once` keeps the answer with it.
    ///
    /// # Errors
    /// `Refused`, `Exists` when its number is taken, or a part is away.
    pub async fn create_serial(
        &self,
        by: &By,
        draft: SerialDraft,
        once: Option<Once<SerialView>>,
    ) -> Result<SerialView, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let made = self.shared.decide(move |tx| {
            Box::pin(async move {
                let made = match insert_drafts(&shared, tx, &by, &[draft], now).await? {
                    Ok(made) => made,
                    Err(error) => return Ok(Err(error)),
                };
                let view = match made.first() {
                    Some(serial) => store::serial_view_read(tx, serial.id).await?,
                    None => None,
                };
                let Some(view) = view else { return Ok(Err(Setback::failed("nothing was made").into())) };
                if let Some(once) = once {
                    once.keep(tx, &view, now).await?;
                }
                Ok(Ok(view))
            })
        });
        let made = made.await?;
        self.shared.desk.ring(self.shared.desk.config.auto_serial_printer.as_ref());
        Ok(made)
    }

    /// Makes units of lots: all of them, or none.
    ///
    /// # Errors
    /// As [`Self::create_serial`].
    pub async fn create_serials(
        &self,
        by: &By,
        drafts: Vec<SerialDraft>,
    ) -> Result<Vec<Serial>, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let made = self
            .shared
            .decide(move |tx| Box::pin(async move { insert_drafts(&shared, tx, &by, &drafts, now).await }));
        let made = made.await?;
        self.shared.desk.ring(self.shared.desk.config.auto_serial_printer.as_ref());
        Ok(made)
    }

    /// The unit with `id`.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn serial(&self, id: SerialId) -> Result<SerialView, ProductionError> {
        store::serial_find(&self.shared.db, id).await?.ok_or_else(|| serial_missing(&id))
    }

    /// The unit with that number.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn serial_by_number(&self, number: &str) -> Result<SerialView, ProductionError> {
        store::serial_find_number(&self.shared.db, number).await?.ok_or_else(|| serial_missing(&number))
    }

    /// A part of the units that `query` lets through.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn serials(
        &self,
        query: &SerialQuery,
        slice: Slice,
    ) -> Result<Page<SerialView>, ProductionError> {
        Ok(store::serial_list(&self.shared.db, query, slice).await?)
    }

    /// Moves a unit on, as a person asks. FAILED → IN_PROGRESS is [`Self::rework`].
    ///
    /// # Errors
    /// `Refused`, or a part is away.
    pub async fn step_serial(
        &self,
        by: &By,
        id: SerialId,
        to: SerialStatus,
        failure_reason: Option<String>,
    ) -> Result<SerialView, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let stepped = self.shared.decide(move |tx| {
            Box::pin(async move {
                let (lot, old, facts) = match unit_facts(tx, id).await? {
                    Ok(found) => found,
                    Err(error) => return Ok(Err(error)),
                };
                let line = shared.line_up_in(tx).await?;
                let passed: Vec<_> = facts.passed.iter().chain(&facts.lot_passed).copied().collect();
                let reason = failure_reason.as_deref();
                let effects = match step_serial(&line, &lot, &old, &passed, &facts.open, to, reason, now) {
                    Ok(effects) => effects,
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                let raised = store::step_store(tx, &shared.rules.calendar, &effects).await?;
                crate::alerts::tell(tx, &raised, now).await?;
                serial_audit(tx, &by, now, Action::Update, Some(&old), effects.serial.as_ref())?;
                Ok(Ok(()))
            })
        });
        stepped.await?;
        self.serial(id).await
    }

    /// Approves a rework of a failed unit.
    ///
    /// # Errors
    /// `Refused`, `NotAPerson`, or a part is away.
    pub async fn rework(
        &self,
        by: &By,
        id: SerialId,
        reason: String,
    ) -> Result<(SerialView, Rework), ProductionError> {
        let (shared, who, by, now) = (self.shared.clone(), person(by)?, by.clone(), self.shared.now());
        let approved = self.shared.decide(move |tx| {
            Box::pin(async move {
                let (lot, old) = match unit(tx, id).await? {
                    Ok(found) => found,
                    Err(error) => return Ok(Err(error)),
                };
                let effects = match approve_rework(&lot, &old, &reason, who, now) {
                    Ok(effects) => effects,
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                let rework = store::rework_store(tx, &shared.rules.calendar, &old, &effects).await?;
                serial_audit(tx, &by, now, Action::Update, Some(&old), Some(&effects.serial))?;
                Ok(Ok(rework))
            })
        });
        let rework = approved.await?;
        metrics::counter!("nightshift_production_reworks_total").increment(1);
        Ok((self.serial(id).await?, rework))
    }

    /// Whether a rework of the unit may be approved now; the inner error says why not.
    ///
    /// # Errors
    /// `Refused` when there is no such unit, or the database is away.
    pub async fn can_rework(
        &self,
        id: SerialId,
    ) -> Result<(SerialView, Result<(), Refusal>), ProductionError> {
        let view = self.serial(id).await?;
        let may = view.serial.can_rework();
        Ok((view, may))
    }

    /// Reworks, those approved last first: of one unit, or of all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reworks(
        &self,
        serial: Option<SerialId>,
        slice: Slice,
    ) -> Result<Page<Rework>, ProductionError> {
        Ok(store::rework_list(&self.shared.db, serial, slice).await?)
    }

    /// Removes a unit that nothing was done with.
    ///
    /// # Errors
    /// `Refused`, `InUse`, or a part is away.
    pub async fn remove_serial(&self, by: &By, id: SerialId) -> Result<(), ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let removed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let (lot, old) = match unit(tx, id).await? {
                    Ok(found) => found,
                    Err(error) => return Ok(Err(error)),
                };
                // Runs and reworks are the store's to look for, where it deletes.
                let lot = match remove_serial(&lot, &old, 0, now) {
                    Ok(lot) => lot,
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                store::serial_delete(tx, &shared.rules.calendar, &lot, &old).await?;
                store::lots_save(tx, std::slice::from_ref(&lot)).await?;
                serial_audit(tx, &by, now, Action::Delete, Some(&old), None)?;
                let number = old.serial_number.as_str();
                tx.journal(NewEvent::new(now, "production.serial_removed", number, json!({}))).await?;
                Ok(Ok(()))
            })
        });
        removed.await
    }
}

fn serial_missing(number: &impl ToString) -> ProductionError {
    Refusal::SerialNotFound { number: number.to_string() }.into()
}

/// A unit and its lot.
async fn unit(tx: &mut Tx, id: SerialId) -> Decided<(Lot, Serial)> {
    let Some(serial) = store::serials_read(tx, &[id]).await?.into_iter().next() else {
        return Ok(Err(serial_missing(&id)));
    };
    let lot = one_lot(tx, serial.lot_id).await?;
    Ok(lot.map(|lot| (lot, serial)).ok_or_else(|| serial_missing(&id)))
}

/// A unit, its lot, and what was done with it.
async fn unit_facts(tx: &mut Tx, id: SerialId) -> Decided<(Lot, Serial, RunFacts)> {
    let (lot, serial) = match unit(tx, id).await? {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let number = Some(serial.serial_number.as_str());
    let named = Named { lot: lot.lot_number.as_str(), serial: number, equipment: None };
    let facts = store::facts_read(tx, &[named]).await?.facts(0).unwrap_or_default();
    Ok(Ok((lot, serial, facts)))
}

fn serial_audit(
    tx: &mut Tx,
    by: &By,
    at: Timestamp,
    action: Action,
    before: Option<&Serial>,
    after: Option<&Serial>,
) -> Result<(), StoreError> {
    let Some(serial) = after.or(before) else { return Ok(()) };
    let (old, new) = (before.map(shown), after.map(shown));
    let (before, after) = (old.as_ref(), new.as_ref());
    let name = serial.serial_number.as_str();
    Change { by, at, action, kind: "serial", id: serial.id.0, name, before, after }.audit(tx)
}

type Units = (Lot, Vec<NewSerial>);

/// The units to make of each lot, and the lots after it.
async fn plan_units(
    tx: &mut Tx,
    drafts: &[SerialDraft],
    now: Timestamp,
) -> Result<Vec<Result<Units, ProductionError>>, StoreError> {
    let mut lots: Vec<LotId> = drafts.iter().map(|draft| draft.lot_id).collect();
    lots.sort_unstable();
    lots.dedup();
    let mut plans = Vec::with_capacity(lots.len());
    for id in lots {
        let Some(lot) = one_lot(tx, id).await? else { return Ok(vec![Err(lot_missing(&id))]) };
        let mut used = store::serial_sequences(tx, id).await?;
        let (mut lot, mut units) = (lot, Vec::new());
        for draft in drafts.iter().filter(|draft| draft.lot_id == id) {
            let number = draft.serial_number.as_deref();
            match plan_serial(&lot, number, draft.sequence_in_lot, &used, now) {
                Ok((new, after)) => {
                    used.push(new.sequence_in_lot);
                    units.push(new);
                    lot = after;
                }
                Err(refusal) => return Ok(vec![Err(refusal.into())]),
            }
        }
        plans.push(Ok((lot, units)));
    }
    Ok(plans)
}

/// Plans and stores units in a unit of work.
async fn insert_drafts(
    shared: &Shared,
    tx: &mut Tx,
    by: &By,
    drafts: &[SerialDraft],
    now: Timestamp,
) -> Decided<Vec<Serial>> {
    let mut made = Vec::with_capacity(drafts.len());
    // Decided before anything is written: each draft is planned on the lot as those before it leave it.
    for plan in plan_units(tx, drafts, now).await? {
        let (lot, units) = match plan {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error)),
        };
        made.extend(insert_units(shared, tx, by, &lot, &units, now).await?);
    }
    Ok(Ok(made))
}

async fn insert_units(
    shared: &Shared,
    tx: &mut Tx,
    by: &By,
    lot: &Lot,
    units: &[NewSerial],
    now: Timestamp,
) -> Result<Vec<Serial>, StoreError> {
    let made = store::serials_insert(tx, &shared.rules.calendar, lot, units, now).await?;
    store::lots_save(tx, std::slice::from_ref(lot)).await?;
    let events = made.iter().map(|serial| {
        let data = json!({ "lot_number": lot.lot_number, "sequence_in_lot": serial.sequence_in_lot });
        NewEvent::new(now, "production.serial_created", serial.serial_number.as_str(), data)
    });
    tx.journal_many(events.collect()).await?;
    for serial in &made {
        serial_audit(tx, by, now, Action::Create, None, Some(serial))?;
    }
    crate::labels::queue_for_serials(&shared.desk, tx, lot, &made, now).await?;
    Ok(made)
}
