//! Patients, written.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::DiagnosisId;
use nightshift_domain::diagnosis::{
    Patient, PatientCode, PatientId, PatientName, original_key, processed_key,
};
use nightshift_domain::identity::{SecretHash, UserId};

use super::orphan::orphan_add;
use super::patient::{PatientRow, select_patient};
use crate::{StoreError, Tx};

/// A doctor's patient as the transaction sees it; no removed one.
///
/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn patient_get(tx: &mut Tx, id: PatientId, doctor: UserId) -> Result<Patient, StoreError> {
    let sql = select_patient!("patient p WHERE p.id = $1 AND p.doctor_id = $2 AND p.removed_at IS NULL");
    let row = write_all!(tx, "patient_get", PatientRow, sql, id.0, doctor.0)?.into_iter().next();
    row.ok_or_else(|| missing(id)).and_then(Patient::try_from)
}

/// A doctor's patient as the transaction sees it, removed or not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn patient_get_any(
    tx: &mut Tx,
    id: PatientId,
    doctor: UserId,
) -> Result<Option<Patient>, StoreError> {
    let sql = select_patient!("patient p WHERE p.id = $1 AND p.doctor_id = $2");
    let row = write_all!(tx, "patient_get_any", PatientRow, sql, id.0, doctor.0)?.into_iter().next();
    row.map(Patient::try_from).transpose()
}

/// Whether a session of a patient is under way.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn patient_busy(tx: &mut Tx, id: PatientId) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM diagnosis WHERE patient_id = $1 AND state IN ('READY', 'STARTED')";
    let rows = write_all!(tx, "patient_busy", (i64,), sql, id.0)?;
    Ok(rows.iter().any(|(n,)| *n > 0))
}

fn missing(id: PatientId) -> StoreError {
    StoreError::Missing { what: format!("patient {id}") }
}

/// Every automatic code of a doctor that is taken, by whomever, removed and erased patients included.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn codes_taken(tx: &mut Tx, doctor: UserId) -> Result<Vec<PatientCode>, StoreError> {
    let prefix = PatientCode::prefix(doctor);
    let sql = "SELECT code FROM patient WHERE substr(code, 1, length($1)) = $1 \
               UNION SELECT code FROM patient_code_spent WHERE doctor_id = $2";
    let rows = write_all!(tx, "codes_taken", (String,), sql, prefix, doctor.0)?;
    // What is no code stands in nobody's way.
    Ok(rows.into_iter().filter_map(|(code,)| code.parse().ok()).collect())
}

/// Whether a code is taken, removed and erased patients included.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn patient_code_taken(tx: &mut Tx, code: &PatientCode) -> Result<bool, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM patient WHERE code = $1) \
               + (SELECT count(*) FROM patient_code_spent WHERE code = $1)";
    let rows = write_all!(tx, "patient_code_taken", (i64,), sql, code.as_str())?;
    Ok(rows.iter().any(|(n,)| *n > 0))
}

/// Makes a patient.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken; the transaction is then usable as before.
pub async fn patient_insert(
    tx: &mut Tx,
    doctor: UserId,
    code: &PatientCode,
    name: &PatientName,
    now: Timestamp,
) -> Result<Patient, StoreError> {
    if patient_code_taken(tx, code).await? {
        return Err(taken(code));
    }
    let sql = "INSERT INTO patient (doctor_id, code, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4) \
               ON CONFLICT (code) DO NOTHING RETURNING id";
    let rows =
        write_all!(tx, "patient_insert", (i64,), sql, doctor.0, code.as_str(), name.reveal(), now.us())?;
    let (id,) = rows.first().ok_or_else(|| taken(code))?;
    Ok(Patient {
        id: PatientId(*id),
        doctor_id: doctor,
        code: code.clone(),
        name: name.clone(),
        has_device_token: false,
        created_at: now,
        updated_at: now,
        removed_at: None,
    })
}

fn taken(code: &PatientCode) -> StoreError {
    StoreError::Conflict { what: format!("patient code {code}") }
}

/// Changes name and code of a patient to those given.
///
/// # Errors
/// [`StoreError::Conflict`] when the code is taken; the transaction is then usable as before. [`StoreError::Missing`].
pub async fn patient_update(tx: &mut Tx, patient: &Patient, now: Timestamp) -> Result<Patient, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM patient WHERE code = $1 AND id <> $2) \
               + (SELECT count(*) FROM patient_code_spent WHERE code = $1)";
    let code = patient.code.as_str();
    let others = write_all!(tx, "patient_update", (i64,), sql, code, patient.id.0)?;
    if others.iter().any(|(n,)| *n > 0) {
        return Err(taken(&patient.code));
    }
    let sql = "UPDATE patient SET code = $2, name = $3, updated_at = $4 WHERE id = $1 AND removed_at IS NULL";
    match write_exec!(tx, "patient_update", sql, patient.id.0, code, patient.name.reveal(), now.us())? {
        0 => Err(missing(patient.id)),
        _ => Ok(Patient { updated_at: now, ..patient.clone() }),
    }
}

/// Sets the device token of a patient, or takes it away.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn patient_token_set(
    tx: &mut Tx,
    id: PatientId,
    hash: Option<&SecretHash>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE patient SET token_hash = $2, updated_at = $3 WHERE id = $1 AND removed_at IS NULL";
    match write_exec!(tx, "patient_token_set", sql, id.0, hash.map(SecretHash::as_bytes), now.us())? {
        0 => Err(missing(id)),
        _ => Ok(()),
    }
}

/// Takes a patient off the doctor's list. Records stay, and the code stays taken.
///
/// # Errors
/// [`StoreError::Missing`].
pub async fn patient_remove(tx: &mut Tx, id: PatientId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE patient SET removed_at = $2, updated_at = $2, token_hash = NULL \
               WHERE id = $1 AND removed_at IS NULL";
    match write_exec!(tx, "patient_remove", sql, id.0, now.us())? {
        0 => Err(missing(id)),
        _ => Ok(()),
    }
}

/// What an erasure took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Sessions.
    pub sessions: u64,
    /// Records.
    pub records: u64,
    /// Files, which are to be removed from the object store from now on.
    pub files: u64,
}

/// Erases a patient with all sessions, states and records; the files are noted as orphans. An automatic code stays spent.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such patient.
pub async fn patient_erase(tx: &mut Tx, patient: &Patient, now: Timestamp) -> Result<Erased, StoreError> {
    let id = patient.id;
    let sql = "SELECT diagnosis_id, filename FROM diagnosis_record WHERE patient_id = $1";
    let files = write_all!(tx, "patient_erase", (i64, String), sql, id.0)?;
    for (diagnosis, name) in &files {
        let diagnosis = DiagnosisId(*diagnosis);
        orphan_add(tx, &original_key(diagnosis, name), now).await?;
        orphan_add(tx, &processed_key(diagnosis, name), now).await?;
    }
    write_exec!(tx, "patient_erase", "DELETE FROM diagnosis_record WHERE patient_id = $1", id.0)?;
    let sql =
        "DELETE FROM diagnosis_state WHERE diagnosis_id IN (SELECT id FROM diagnosis WHERE patient_id = $1)";
    write_exec!(tx, "patient_erase", sql, id.0)?;
    let sessions = write_exec!(tx, "patient_erase", "DELETE FROM diagnosis WHERE patient_id = $1", id.0)?;
    // Of a patient that was handed over it is the first doctor's. A code that only looks like one of somebody unknown is free.
    if let Some(doctor) = patient.code.doctor() {
        let sql = "INSERT INTO patient_code_spent (code, doctor_id) SELECT $1, u.id FROM app_user u WHERE u.id = $2 \
                   ON CONFLICT (code) DO NOTHING";
        write_exec!(tx, "patient_erase", sql, patient.code.as_str(), doctor.0)?;
    }
    if write_exec!(tx, "patient_erase", "DELETE FROM patient WHERE id = $1", id.0)? == 0 {
        return Err(missing(id));
    }
    let records = files.len() as u64;
    Ok(Erased { sessions, records, files: records * 2 })
}
