//! Patients whose doctor is gone.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::PatientId;
use nightshift_domain::identity::UserId;

use crate::{Db, StoreError, Tx};

/// A doctor who is none any more and still has patients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forsaken {
    /// The doctor.
    pub doctor_id: UserId,
    /// The name to sign in with, as it was.
    pub username: String,
    /// How many patients, those that were taken off the list included.
    pub patients: u64,
}

/// Most of them that are listed.
const FORSAKEN_MAX: u32 = 1_000;

/// Doctors who have patients and are none any more: removed, disabled, or with another role; by number.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn patients_forsaken(db: &Db) -> Result<Vec<Forsaken>, StoreError> {
    let sql = "SELECT p.doctor_id, u.username, count(*) FROM patient p JOIN app_user u ON u.id = p.doctor_id \
               WHERE u.removed_at IS NOT NULL OR NOT u.is_active OR u.role <> 'DOCTOR' \
               GROUP BY p.doctor_id, u.username ORDER BY p.doctor_id LIMIT $1";
    let rows = read_all!(db, "patients_forsaken", (i64, String, i64), sql, i64::from(FORSAKEN_MAX))?;
    let forsaken = |(doctor, username, patients): (i64, String, i64)| Forsaken {
        doctor_id: UserId(doctor),
        username,
        patients: u64::try_from(patients).unwrap_or(0),
    };
    Ok(rows.into_iter().map(forsaken).collect())
}

/// Whether a session of a patient of the doctor is under way.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn doctor_busy(tx: &mut Tx, doctor: UserId) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM diagnosis d JOIN patient p ON p.id = d.patient_id \
               WHERE p.doctor_id = $1 AND d.state IN ('READY', 'STARTED')";
    let rows = write_all!(tx, "doctor_busy", (i64,), sql, doctor.0)?;
    Ok(rows.iter().any(|(n,)| *n > 0))
}

/// Gives all patients of a doctor to another one, removed ones too; which, by number. Sessions stay with who held them, and an
/// automatic code stays what it is.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn patients_hand_over(
    tx: &mut Tx,
    from: UserId,
    to: UserId,
    now: Timestamp,
) -> Result<Vec<PatientId>, StoreError> {
    let sql = "UPDATE patient SET doctor_id = $2, updated_at = $3 WHERE doctor_id = $1 RETURNING id";
    let rows = write_all!(tx, "patients_hand_over", (i64,), sql, from.0, to.0, now.us())?;
    let mut patients: Vec<PatientId> = rows.into_iter().map(|(id,)| PatientId(id)).collect();
    patients.sort_unstable();
    Ok(patients)
}
