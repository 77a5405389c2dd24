//! Lots: made with a number of their shift, moved on step by step.

use nightshift_domain::audit::Action;
use nightshift_domain::production::{
    LineId, Lot, LotCounts, LotDraft, LotId, LotStatus, Refusal, plan_lot, step_lot,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_store::production::{self as store, LotQuery, LotView};
use nightshift_store::{Page, Slice, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Production;
use super::error::ProductionError;
use super::shared::{Change, Decided, Shared};
use crate::identity::By;
use crate::once::Once;

/// What of a lot may be changed while it is open. Absent fields stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotChange {
    /// Units that are to be made; never fewer than there are.
    pub target_quantity: Option<i64>,
    /// Where; the inner `None` takes the line away.
    pub production_line_id: Option<Option<LineId>>,
    /// The order it is made for.
    pub work_order: Option<Option<String>>,
}

/// A lot as the audit shows it.
pub(super) fn shown(lot: &Lot) -> serde_json::Value {
    json!({
        "lot_number": lot.lot_number, "product_model_id": lot.product_model_id,
        "production_line_id": lot.production_line_id, "production_date": lot.production_date, "shift": lot.shift,
        "target_quantity": lot.target_quantity, "work_order": lot.work_order, "status": lot.state.status(),
        "counts": lot.counts,
    })
}

impl Production {
    /// Makes a lot; `once` keeps the answer with it.
    ///
    /// # Errors
    /// `Refused`, `Exists` when a given number is taken, or a part is away.
    pub async fn create_lot(
        &self,
        by: &By,
        draft: LotDraft,
        once: Option<Once<LotView>>,
    ) -> Result<LotView, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let made = self.shared.decide(move |tx| {
            Box::pin(async move {
                let lot = match insert_lot(&shared, tx, &by, &draft, now).await? {
                    Ok(lot) => lot,
                    Err(error) => return Ok(Err(error)),
                };
                let Some(view) = store::lot_view_read(tx, lot.id).await? else {
                    return Ok(Err(lot_missing(&lot.id)));
                };
                if let Some(once) = once {
                    once.keep(tx, &view, now).await?;
                }
                Ok(Ok(view))
            })
        });
        let made = made.await?;
        self.shared.desk.ring(self.shared.desk.config.auto_lot_printer.as_ref());
        Ok(made)
    }

    /// The lot with `id`.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn lot(&self, id: LotId) -> Result<LotView, ProductionError> {
        store::lot_find(&self.shared.db, id).await?.ok_or_else(|| lot_missing(&id))
    }

    /// The lot with that number.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn lot_by_number(&self, number: &str) -> Result<LotView, ProductionError> {
        store::lot_find_number(&self.shared.db, number).await?.ok_or_else(|| lot_missing(&number))
    }

    /// A part of the lots that `query` lets through.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lots(&self, query: &LotQuery, slice: Slice) -> Result<Page<LotView>, ProductionError> {
        Ok(store::lot_list(&self.shared.db, query, slice).await?)
    }

    /// Changes what a lot is.
    ///
    /// # Errors
    /// `NotFound`, `Refused` when it is done, `Invalid`, or a part is away.
    pub async fn change_lot(
        &self,
        by: &By,
        id: LotId,
        change: LotChange,
    ) -> Result<LotView, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let changed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = one_lot(tx, id).await? else { return Ok(Err(lot_missing(&id))) };
                let new = match changed_lot(&shared, &old, &change, now) {
                    Ok(new) => new,
                    Err(error) => return Ok(Err(error)),
                };
                store::lot_update(tx, &new).await?;
                lot_audit(tx, &by, now, Action::Update, Some(&old), Some(&new))?;
                let event = json!({ "status": new.state.status(), "counts": new.counts });
                tx.journal(NewEvent::new(now, "production.lot_changed", new.lot_number.as_str(), event))
                    .await?;
                Ok(Ok(()))
            })
        });
        changed.await?;
        self.lot(id).await
    }

    /// Moves a lot one step on.
    ///
    /// # Errors
    /// `NotFound`, `Refused` when there is no such step, or a part is away.
    pub async fn step_lot(&self, by: &By, id: LotId, to: LotStatus) -> Result<LotView, ProductionError> {
        let (shared, by, now) = (self.shared.clone(), by.clone(), self.shared.now());
        let stepped = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = one_lot(tx, id).await? else { return Ok(Err(lot_missing(&id))) };
                let effects = match step_lot(&old, to, now) {
                    Ok(effects) => effects,
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                let raised = store::step_store(tx, &shared.rules.calendar, &effects).await?;
                crate::alerts::tell(tx, &raised, now).await?;
                lot_audit(tx, &by, now, Action::Update, Some(&old), Some(&effects.lot))?;
                Ok(Ok(()))
            })
        });
        stepped.await?;
        self.lot(id).await
    }

    /// Counts a lot's units again.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn recount_lot(&self, by: &By, id: LotId) -> Result<LotView, ProductionError> {
        let (by, now) = (by.clone(), self.shared.now());
        let recounted = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = one_lot(tx, id).await? else { return Ok(Err(lot_missing(&id))) };
                let counts: LotCounts = store::lot_count(tx, id).await?;
                if counts != old.counts {
                    tracing::warn!(lot = %old.lot_number, "the counts of a lot were wrong and are put right");
                    let new = Lot { counts, updated_at: now, ..old.clone() };
                    store::lots_save(tx, std::slice::from_ref(&new)).await?;
                    lot_audit(tx, &by, now, Action::Update, Some(&old), Some(&new))?;
                }
                Ok(Ok(()))
            })
        });
        recounted.await?;
        self.lot(id).await
    }

    /// Removes a lot that has neither units nor runs. Its number is not given again.
    ///
    /// # Errors
    /// `NotFound`, `InUse`, or a part is away.
    pub async fn remove_lot(&self, by: &By, id: LotId) -> Result<(), ProductionError> {
        let (by, now) = (by.clone(), self.shared.now());
        let removed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = one_lot(tx, id).await? else { return Ok(Err(lot_missing(&id))) };
                store::lot_delete(tx, id).await?;
                lot_audit(tx, &by, now, Action::Delete, Some(&old), None)?;
                let event = NewEvent::new(now, "production.lot_removed", old.lot_number.as_str(), json!({}));
                tx.journal(event).await?;
                Ok(Ok(()))
            })
        });
        removed.await
    }
}

pub(super) fn lot_missing(number: &impl ToString) -> ProductionError {
    Refusal::LotNotFound { number: number.to_string() }.into()
}

/// A lot as the unit sees it.
pub(super) async fn one_lot(tx: &mut Tx, id: LotId) -> Result<Option<Lot>, StoreError> {
    Ok(store::lots_read(tx, &[id]).await?.into_iter().next())
}

fn lot_audit(
    tx: &mut Tx,
    by: &By,
    at: Timestamp,
    action: Action,
    before: Option<&Lot>,
    after: Option<&Lot>,
) -> Result<(), StoreError> {
    let Some(lot) = after.or(before) else { return Ok(()) };
    let (old, new) = (before.map(shown), after.map(shown));
    let (before, after) = (old.as_ref(), new.as_ref());
    Change { by, at, action, kind: "lot", id: lot.id.0, name: lot.lot_number.as_str(), before, after }
        .audit(tx)
}

/// Plans and stores a lot in a unit of work.
pub(super) async fn insert_lot(
    shared: &Shared,
    tx: &mut Tx,
    by: &By,
    draft: &LotDraft,
    now: Timestamp,
) -> Decided<Lot> {
    let model = store::product_model_read(tx, draft.product_model_id).await?;
    let line = match draft.production_line_id {
        Some(id) => store::line_read(tx, id).await?,
        None => None,
    };
    let plan = match plan_lot(draft, model.as_ref(), line.as_ref(), &shared.rules, now) {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let lot = match store::lot_insert(tx, &plan, now).await? {
        Ok(lot) => lot,
        Err(refusal) => return Ok(Err(refusal.into())),
    };
    let event = NewEvent::new(now, "production.lot_created", lot.lot_number.as_str(), shown(&lot));
    tx.journal(event).await?;
    lot_audit(tx, by, now, Action::Create, None, Some(&lot))?;
    crate::labels::queue_for_lot(&shared.desk, tx, &lot, model.as_ref(), now).await?;
    Ok(Ok(lot))
}

fn changed_lot(
    shared: &Shared,
    old: &Lot,
    change: &LotChange,
    now: Timestamp,
) -> Result<Lot, ProductionError> {
    old.state.may_change()?;
    let mut new = Lot { updated_at: now, ..old.clone() };
    if let Some(target) = change.target_quantity {
        let (min, max) = (old.counts.actual.max(1), i64::from(shared.rules.target_quantity_max));
        let fits = u16::try_from(target).ok().filter(|_| (min..=max).contains(&target));
        new.target_quantity = fits.ok_or_else(|| {
            let message = format!("must be {min} to {max}");
            vec![nightshift_domain::production::FieldFault::new("target_quantity", message)]
        })?;
    }
    if let Some(line) = change.production_line_id {
        new.production_line_id = line;
    }
    if let Some(order) = &change.work_order {
        new.work_order.clone_from(order);
    }
    Ok(new)
}
