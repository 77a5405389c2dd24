//! Patients, read.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::{Patient, PatientCode, PatientId};
use nightshift_domain::identity::{SecretHash, UserId};

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError};

const TABLE: &str = "patient";

/// The statement that gives [`PatientRow`]s, with what follows `FROM`.
macro_rules! select_patient {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.doctor_id, p.code, p.name, p.token_hash, p.created_at, p.updated_at, p.removed_at FROM ",
            $rest
        )
    };
}
pub(super) use select_patient;

#[derive(sqlx::FromRow)]
pub(super) struct PatientRow {
    id: i64,
    doctor_id: i64,
    code: String,
    name: String,
    token_hash: Option<Vec<u8>>,
    created_at: i64,
    updated_at: i64,
    removed_at: Option<i64>,
}

impl TryFrom<PatientRow> for Patient {
    type Error = StoreError;

    fn try_from(row: PatientRow) -> Result<Self, StoreError> {
        let id = row.id;
        let fault = |column| move |e| StoreError::row(TABLE, column, id, e);
        Ok(Self {
            id: PatientId(id),
            doctor_id: UserId(row.doctor_id),
            code: row.code.parse().map_err(fault("code"))?,
            name: row.name.parse().map_err(fault("name"))?,
            has_device_token: row.token_hash.is_some(),
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
            removed_at: row.removed_at.map(Timestamp::from_us),
        })
    }
}

/// A doctor's patients, by number; removed ones are not among them.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn patient_list(db: &Db, doctor: UserId, slice: Slice) -> Result<Page<Patient>, StoreError> {
    let filter = Filter::default().and("p.doctor_id = ?", doctor.0).fixed("p.removed_at IS NULL");
    let sql = (select_patient!("patient p"), "patient p");
    listing::page::<PatientRow, _>(db, "patient_list", sql, &filter, "p.id", slice).await
}

/// A patient, whoever's and removed or not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn patient_find(db: &Db, id: PatientId) -> Result<Option<Patient>, StoreError> {
    let sql = select_patient!("patient p WHERE p.id = $1");
    read_one!(db, "patient_find", PatientRow, sql, id.0)?.map(Patient::try_from).transpose()
}

/// A patient of a doctor, removed or not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn patient_find_own(db: &Db, id: PatientId, doctor: UserId) -> Result<Option<Patient>, StoreError> {
    let sql = select_patient!("patient p WHERE p.id = $1 AND p.doctor_id = $2");
    read_one!(db, "patient_find_own", PatientRow, sql, id.0, doctor.0)?.map(Patient::try_from).transpose()
}

/// The patient whose headset connects under `code`; no removed one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn patient_find_by_code(db: &Db, code: &PatientCode) -> Result<Option<Patient>, StoreError> {
    let sql = select_patient!("patient p WHERE p.code = $1 AND p.removed_at IS NULL");
    read_one!(db, "patient_find_by_code", PatientRow, sql, code.as_str())?.map(Patient::try_from).transpose()
}

/// The hash of a patient's device token, if one was made.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn patient_token_hash(db: &Db, id: PatientId) -> Result<Option<SecretHash>, StoreError> {
    let sql = "SELECT token_hash FROM patient WHERE id = $1";
    let row = read_one!(db, "patient_token_hash", (Option<Vec<u8>>,), sql, id.0)?;
    let Some(bytes) = row.and_then(|(bytes,)| bytes) else { return Ok(None) };
    let hash = SecretHash::from_bytes(&bytes);
    hash.map(Some).ok_or_else(|| StoreError::row(TABLE, "token_hash", id, "has not 32 bytes"))
}
