//! A doctor's patients.

use nightshift_domain::audit::Action;
use nightshift_domain::diagnosis::{NewPatient, Patient, PatientChange, PatientCode, PatientId};
use nightshift_domain::identity::{SecretHash, UserId};
use nightshift_store::diagnosis as store;
use nightshift_store::system::idempotency_forget;
use nightshift_store::{Page, Slice, StoreError, Tx};

use super::keeper::KeeperMessage;
use super::session::SessionMessage;
use super::shared::Decided;
use super::{Asker, Diagnosis, DiagnosisError, Erased};
use crate::identity::random_text;
use crate::once::Once;

/// What every device token begins with.
const TOKEN_PREFIX: &str = "nsv_";

impl Diagnosis {
    /// A doctor's patients, by number. Who is no doctor has none.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn patients(&self, asker: &Asker, slice: Slice) -> Result<Page<Patient>, DiagnosisError> {
        Ok(store::patient_list(&self.shared.db, asker.user_id, slice).await?)
    }

    /// A patient.
    ///
    /// # Errors
    /// `PatientNotFound`, or the database is away.
    pub async fn patient(&self, asker: &Asker, id: PatientId) -> Result<Patient, DiagnosisError> {
        let found = store::patient_find_own(&self.shared.db, id, asker.user_id).await?;
        found.filter(|patient| patient.removed_at.is_none()).ok_or(DiagnosisError::PatientNotFound)
    }

    /// Makes a patient; `once` keeps the answer with it.
    ///
    /// # Errors
    /// `NotADoctor`, `CodeTaken`, `CodesSpent`.
    pub async fn create_patient(
        &self,
        asker: Asker,
        new: NewPatient,
        once: Option<Once<Patient>>,
    ) -> Result<Patient, DiagnosisError> {
        let (doctor, now) = (asker.doctor()?, self.shared.now());
        self.shared
            .decide(move |tx| {
                Box::pin(async move {
                    let code = match new.code {
                        Some(code) => code,
                        None => match free_code(tx, doctor).await? {
                            Some(code) => code,
                            None => return Ok(Err(DiagnosisError::CodesSpent)),
                        },
                    };
                    let patient = match store::patient_insert(tx, doctor, &code, &new.name, now).await {
                        Err(StoreError::Conflict { .. }) => return Ok(Err(DiagnosisError::CodeTaken)),
                        made => made?,
                    };
                    tx.audit(asker.by.entry(now, Action::Create, "patient").on(patient.id).after(&patient))?;
                    if let Some(once) = once {
                        once.keep(tx, &patient, now).await?;
                    }
                    Ok(Ok(patient))
                })
            })
            .await
    }

    /// Changes a patient. A headset that is connected under an older code stays.
    ///
    /// # Errors
    /// `PatientNotFound`, `CodeTaken`.
    pub async fn change_patient(
        &self,
        asker: Asker,
        id: PatientId,
        change: PatientChange,
    ) -> Result<Patient, DiagnosisError> {
        let now = self.shared.now();
        self.shared
            .decide(move |tx| {
                Box::pin(async move {
                    let before = match own(tx, id, asker.user_id).await? {
                        Ok(before) => before,
                        Err(error) => return Ok(Err(error)),
                    };
                    let wanted = Patient {
                        name: change.name.unwrap_or_else(|| before.name.clone()),
                        code: change.code.unwrap_or_else(|| before.code.clone()),
                        ..before.clone()
                    };
                    if wanted == before {
                        return Ok(Ok(before));
                    }
                    let after = match store::patient_update(tx, &wanted, now).await {
                        Err(StoreError::Conflict { .. }) => return Ok(Err(DiagnosisError::CodeTaken)),
                        changed => changed?,
                    };
                    let entry = asker.by.entry(now, Action::Update, "patient").on(id);
                    tx.audit(entry.before(&before).after(&after))?;
                    Ok(Ok(after))
                })
            })
            .await
    }

    /// Takes a patient off the doctor's list. Its records stay until they are erased.
    ///
    /// # Errors
    /// `PatientNotFound`; `PatientBusy` while a session is under way.
    pub async fn remove_patient(&self, asker: Asker, id: PatientId) -> Result<(), DiagnosisError> {
        let now = self.shared.now();
        self.shared
            .decide(move |tx| {
                Box::pin(async move {
                    let before = match own(tx, id, asker.user_id).await? {
                        Ok(before) => before,
                        Err(error) => return Ok(Err(error)),
                    };
                    if store::patient_busy(tx, id).await? {
                        return Ok(Err(DiagnosisError::PatientBusy));
                    }
                    store::patient_remove(tx, id, now).await?;
                    tx.audit(asker.by.entry(now, Action::Delete, "patient").on(id).before(&before))?;
                    Ok(Ok(()))
                })
            })
            .await
    }

    /// Makes a new device token for a patient's headset; an older one ends. Its text is in this answer alone.
    ///
    /// # Errors
    /// `PatientNotFound`.
    pub async fn make_device_token(&self, asker: Asker, id: PatientId) -> Result<String, DiagnosisError> {
        let text = format!("{TOKEN_PREFIX}{}", random_text());
        self.set_device_token(asker, id, Some(SecretHash::of(&text))).await?;
        Ok(text)
    }

    /// Takes the device token of a patient's headset away.
    ///
    /// # Errors
    /// `PatientNotFound`.
    pub async fn revoke_device_token(&self, asker: Asker, id: PatientId) -> Result<(), DiagnosisError> {
        self.set_device_token(asker, id, None).await
    }

    async fn set_device_token(
        &self,
        asker: Asker,
        id: PatientId,
        hash: Option<SecretHash>,
    ) -> Result<(), DiagnosisError> {
        let now = self.shared.now();
        self.shared
            .decide(move |tx| {
                Box::pin(async move {
                    if let Err(error) = own(tx, id, asker.user_id).await? {
                        return Ok(Err(error));
                    }
                    store::patient_token_set(tx, id, hash.as_ref(), now).await?;
                    let after = serde_json::json!({ "has_device_token": hash.is_some() });
                    tx.audit(asker.by.entry(now, Action::Update, "patient").on(id).after(&after))?;
                    Ok(Ok(()))
                })
            })
            .await
    }

    /// Erases a patient, removed or not: sessions, states, records and files are gone for good. The audit keeps that it was
    /// done, by number. `kept_answers` are the scopes of answers for repeated requests that may show the name.
    ///
    /// # Errors
    /// `PatientNotFound`; `PatientBusy` while a session is under way.
    pub async fn erase_patient(
        &self,
        asker: Asker,
        id: PatientId,
        kept_answers: Vec<String>,
    ) -> Result<Erased, DiagnosisError> {
        let now = self.shared.now();
        let erased = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(patient) = store::patient_get_any(tx, id, asker.user_id).await? else {
                    return Ok(Err(DiagnosisError::PatientNotFound));
                };
                if store::patient_busy(tx, id).await? {
                    return Ok(Err(DiagnosisError::PatientBusy));
                }
                let erased = store::patient_erase(tx, &patient, now).await?;
                for scope in &kept_answers {
                    idempotency_forget(tx, scope).await?;
                }
                let after = serde_json::json!({
                    "erased": true, "sessions": erased.sessions, "records": erased.records, "files": erased.files,
                });
                tx.audit(asker.by.entry(now, Action::Delete, "patient").on(id).after(&after))?;
                Ok(Ok(erased))
            })
        });
        let erased = erased.await?;
        for (_, seat) in self.shared.seats.of_patient(id) {
            // One that does not hear it finds out when it next wants to store something.
            let _ = seat.address.try_send(SessionMessage::Erased);
        }
        // The keeper looks once a minute anyway.
        let _ = self.keeper.try_send(KeeperMessage::Look);
        metrics::counter!("nightshift_diagnosis_patients_erased_total").increment(1);
        Ok(erased)
    }
}

async fn free_code(tx: &mut Tx, doctor: UserId) -> Result<Option<PatientCode>, StoreError> {
    let taken = store::codes_taken(tx, doctor).await?;
    Ok(PatientCode::next(doctor, &taken))
}

/// A doctor's patient as the unit sees it.
pub(super) async fn own(tx: &mut Tx, id: PatientId, doctor: UserId) -> Decided<Patient> {
    match store::patient_get(tx, id, doctor).await {
        Ok(patient) => Ok(Ok(patient)),
        Err(StoreError::Missing { .. }) => Ok(Err(DiagnosisError::PatientNotFound)),
        Err(error) => Err(error),
    }
}
