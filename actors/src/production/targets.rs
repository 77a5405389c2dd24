//! What days are to bring.

use nightshift_domain::NewEvent;
use nightshift_domain::alerts::TargetProgress;
use nightshift_domain::audit::Action;
use nightshift_domain::production::{PlantDate, Target, TargetId, TargetSpec};
use nightshift_store::production as store;
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::Production;
use super::error::ProductionError;
use crate::identity::By;

impl Production {
    /// Sets what a day is to bring; a target of the same day, line and model is replaced.
    ///
    /// # Errors
    /// `Invalid`, `NotFound` for a line or model, or a part is away.
    pub async fn set_target(&self, by: &By, spec: TargetSpec) -> Result<Target, ProductionError> {
        let (spec, by, now) = (spec.validated()?, by.clone(), self.shared.now());
        let set = self.shared.decide(move |tx| {
            Box::pin(async move {
                let target = store::target_set(tx, &spec, now).await?;
                tx.audit(by.entry(now, Action::Update, "target").on(target.id).after(&spec))?;
                let data = json!({ "target_id": target.id, "quantity": spec.quantity });
                let day = spec.date.to_string();
                tx.journal(NewEvent::new(now, "production.target_set", &day, data)).await?;
                Ok(Ok(target))
            })
        });
        set.await
    }

    /// Removes a target.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn remove_target(&self, by: &By, id: TargetId) -> Result<(), ProductionError> {
        let (by, now) = (by.clone(), self.shared.now());
        let removed = self.shared.decide(move |tx| {
            Box::pin(async move {
                store::target_delete(tx, id).await?;
                tx.audit(by.entry(now, Action::Delete, "target").on(id))?;
                Ok(Ok(()))
            })
        });
        removed.await
    }

    /// The targets of a day, or of all days.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn targets(
        &self,
        day: Option<PlantDate>,
        slice: Slice,
    ) -> Result<Page<Target>, ProductionError> {
        Ok(store::target_list(&self.shared.db, day, slice).await?)
    }

    /// The targets of a day with what was made of them so far.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn target_progress(&self, day: PlantDate) -> Result<Vec<TargetProgress>, ProductionError> {
        Ok(store::target_progress(&self.shared.db, day).await?)
    }
}
