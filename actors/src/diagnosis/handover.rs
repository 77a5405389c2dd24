//! Patients whose doctor is gone, given to another one: the one thing in the clinic that an administrator does.

use nightshift_domain::audit::Action;
use nightshift_domain::identity::{Role, User, UserId};
use nightshift_store::diagnosis as store;
use nightshift_store::diagnosis::Forsaken;
use nightshift_store::identity::user_get;
use nightshift_store::system::idempotency_forget;
use nightshift_store::{StoreError, Tx};

use super::{Diagnosis, DiagnosisError};
use crate::identity::By;

impl Diagnosis {
    /// Doctors who have patients and are none any more: removed, disabled, or with another role.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forsaken(&self) -> Result<Vec<Forsaken>, DiagnosisError> {
        Ok(store::patients_forsaken(&self.shared.db).await?)
    }

    /// Gives all patients of a doctor who is gone, removed ones included, to another doctor; how many there were. The audit
    /// says which. `kept_answers` are the scopes of the old doctor's answers that may show names.
    ///
    /// # Errors
    /// In this order: `DoctorNotFound` when `to` is no active doctor, `DoctorActive` when `from` is one, `PatientBusy` while a
    /// session of one of the patients is under way.
    pub async fn hand_over(
        &self,
        by: By,
        (from, to): (UserId, UserId),
        kept_answers: Vec<String>,
    ) -> Result<u64, DiagnosisError> {
        let now = self.shared.now();
        let handed = self.shared.decide(move |tx| {
            Box::pin(async move {
                if !active_doctor(tx, to).await? {
                    return Ok(Err(DiagnosisError::DoctorNotFound));
                }
                if active_doctor(tx, from).await? {
                    return Ok(Err(DiagnosisError::DoctorActive));
                }
                if store::doctor_busy(tx, from).await? {
                    return Ok(Err(DiagnosisError::PatientBusy));
                }
                let patients = store::patients_hand_over(tx, from, to, now).await?;
                if patients.is_empty() {
                    return Ok(Ok(0));
                }
                for scope in &kept_answers {
                    idempotency_forget(tx, scope).await?;
                }
                let before = serde_json::json!({ "doctor_id": from });
                let after = serde_json::json!({ "doctor_id": to, "patients": patients });
                let entry = by.entry(now, Action::Update, "patients_of_doctor").on(from);
                tx.audit(entry.before(&before).after(&after))?;
                Ok(Ok(patients.len() as u64))
            })
        });
        let handed = handed.await?;
        metrics::counter!("nightshift_diagnosis_patients_handed_over_total").increment(handed);
        Ok(handed)
    }
}

async fn active_doctor(tx: &mut Tx, id: UserId) -> Result<bool, StoreError> {
    match user_get(tx, id).await {
        Ok(User { is_active, role, .. }) => Ok(is_active && role == Role::Doctor),
        Err(StoreError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
