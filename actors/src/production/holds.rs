//! Holds: equipment on which nothing is started until somebody has looked.

use nightshift_domain::NewEvent;
use nightshift_domain::audit::Action;
use nightshift_domain::production::{
    Equipment, EquipmentId, FieldFault, Hold, HoldId, NOTE_CHARS_MAX, Refusal, release,
};
use nightshift_store::production::{self as store, StoredSpan};
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::Production;
use super::error::ProductionError;
use super::serials::person;
use crate::identity::By;

/// Most abnormal spans that are shown of a piece of equipment.
const SPANS_MAX: u32 = 100;

/// What acknowledging a piece of equipment did.
#[derive(Debug, Clone, PartialEq)]
pub struct Acknowledged {
    /// The hold that was released, if it was held.
    pub hold: Option<Hold>,
    /// The abnormal span that ended.
    pub span: Option<StoredSpan>,
}

impl Production {
    /// Holds, newest first: on one piece of equipment or on all, active ones alone or not.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn holds(
        &self,
        equipment: Option<EquipmentId>,
        active_only: bool,
        slice: Slice,
    ) -> Result<Page<Hold>, ProductionError> {
        Ok(store::hold_list(&self.shared.db, equipment, active_only, slice).await?)
    }

    /// The newest spans in which a piece of equipment was abnormal.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn abnormal_spans(&self, equipment: EquipmentId) -> Result<Vec<StoredSpan>, ProductionError> {
        Ok(store::span_list(&self.shared.db, equipment, SPANS_MAX).await?)
    }

    /// As [`Self::acknowledge`], by the hold.
    ///
    /// # Errors
    /// `NotFound` when there is no such hold, `Refused` when it was released before, `NotAPerson`, or a part is away.
    pub async fn release_hold(
        &self,
        by: &By,
        id: HoldId,
        note: Option<String>,
    ) -> Result<Hold, ProductionError> {
        let missing = move || ProductionError::not_found("hold", id);
        let hold = self.shared.decide(move |tx| {
            Box::pin(async move { Ok(store::hold_read(tx, id).await?.ok_or_else(missing)) })
        });
        let hold = hold.await?;
        if !hold.is_active() {
            return Err(Refusal::InvalidTransition { what: "hold", from: "RELEASED", to: "RELEASED" }.into());
        }
        self.acknowledge(by, hold.equipment_id, note).await?.hold.ok_or_else(missing)
    }

    /// Somebody looked at the equipment and lets it go on: its hold is released and its abnormal span ends. Verdicts from
    /// before have no consequences any more.
    ///
    /// # Errors
    /// `NotFound` when there is nothing to acknowledge, `Invalid`, `NotAPerson`, or a part is away.
    pub async fn acknowledge(
        &self,
        by: &By,
        id: EquipmentId,
        note: Option<String>,
    ) -> Result<Acknowledged, ProductionError> {
        if note.as_deref().is_some_and(|note| note.chars().count() > NOTE_CHARS_MAX) {
            let message = format!("must be at most {NOTE_CHARS_MAX} characters");
            return Err(vec![FieldFault::new("note", message)].into());
        }
        let (who, by, now) = (person(by)?, by.clone(), self.shared.now());
        let equipment = self.get::<Equipment>(id).await?;
        let acknowledged = self.shared.decide(move |tx| {
            Box::pin(async move {
                let mut hold = None;
                if let Some(active) = store::holds_active_of(tx, &[id]).await?.into_iter().next() {
                    let (released, event) = match release(&active, who, note.clone(), now) {
                        Ok(released) => released,
                        Err(refusal) => return Ok(Err(refusal.into())),
                    };
                    store::hold_release(tx, active.id, who, note.as_deref(), now).await?;
                    tx.journal(event).await?;
                    hold = Some(released);
                }
                let span = store::span_end(tx, id, now).await?;
                if hold.is_none() && span.is_none() {
                    return Ok(Err(ProductionError::not_found("hold or abnormal span on equipment", id)));
                }
                let code = &equipment.spec.equipment_code;
                let event_id = hold.as_ref().map(|h| h.event_id.clone());
                let event_id = event_id.or_else(|| span.as_ref().map(|s| s.span.event_id.clone()));
                if let Some(span) = &span {
                    store::runs_mark(tx, id, &span.span.event_id, span.span.from, now).await?;
                }
                let data = json!({ "event_id": event_id, "equipment_id": id, "by": who, "note": note });
                let event = NewEvent::new(now, "production.equipment_acknowledged", code, data.clone());
                tx.journal(event).await?;
                tx.audit(by.entry(now, Action::Update, "equipment").on(id).after(&data))?;
                Ok(Ok(Acknowledged { hold, span }))
            })
        });
        acknowledged.await
    }
}
