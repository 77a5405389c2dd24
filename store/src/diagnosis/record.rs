//! Records of completed sessions.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::{DiagnosisId, Kind, Level, PatientId, Record, Summary};
use nightshift_domain::identity::UserId;

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx};

const TABLE: &str = "diagnosis_record";
const SELECT: &str = "SELECT r.diagnosis_id, r.patient_id, r.kind, r.level, r.created_at, r.filename, r.original_bytes, \
     r.processed_bytes, r.processed_sha256, r.row_count, r.score, r.time_spent, r.fps, r.successes, r.fails \
     FROM diagnosis_record r JOIN patient p ON p.id = r.patient_id";
const FROM: &str = "diagnosis_record r JOIN patient p ON p.id = r.patient_id";

#[derive(sqlx::FromRow)]
struct Row {
    diagnosis_id: i64,
    patient_id: i64,
    kind: String,
    level: i64,
    created_at: i64,
    filename: String,
    original_bytes: i64,
    processed_bytes: i64,
    processed_sha256: String,
    row_count: i64,
    score: f64,
    time_spent: f64,
    fps: f64,
    successes: i64,
    fails: i64,
}

impl TryFrom<Row> for Record {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.diagnosis_id;
        let fault = |column| move |e| StoreError::row(TABLE, column, id, e);
        let count = |column, n: i64| {
            u64::try_from(n).map_err(|_| StoreError::row(TABLE, column, id, format!("{n} is no count")))
        };
        Ok(Self {
            id: DiagnosisId(id),
            patient_id: PatientId(row.patient_id),
            kind: row.kind.parse().map_err(fault("kind"))?,
            level: row.level.try_into().map_err(fault("level"))?,
            created_at: Timestamp::from_us(row.created_at),
            filename: row.filename,
            original_bytes: count("original_bytes", row.original_bytes)?,
            processed_bytes: count("processed_bytes", row.processed_bytes)?,
            processed_sha256: row.processed_sha256,
            summary: Summary {
                rows: count("row_count", row.row_count)?,
                score: row.score,
                time_spent: row.time_spent,
                fps: row.fps,
                successes: count("successes", row.successes)?,
                fails: count("fails", row.fails)?,
            },
        })
    }
}

/// Which records of a doctor's patients are wanted; of each field all when it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordQuery {
    /// Whose patients.
    pub doctor_id: UserId,
    /// One patient's.
    pub patient_id: Option<PatientId>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this level.
    pub level: Option<Level>,
    /// Completed at or after.
    pub from: Option<Timestamp>,
    /// Completed before.
    pub to: Option<Timestamp>,
}

impl RecordQuery {
    fn filter(&self) -> Filter {
        Filter::default()
            .and("p.doctor_id = ?", self.doctor_id.0)
            .fixed("p.removed_at IS NULL")
            .maybe("r.patient_id = ?", self.patient_id.map(|id| id.0))
            .maybe("r.kind = ?", self.kind.map(Kind::as_str))
            .maybe("r.level = ?", self.level.map(i64::from))
            .maybe("r.created_at >= ?", self.from.map(Timestamp::us))
            .maybe("r.created_at < ?", self.to.map(Timestamp::us))
    }
}

/// Keeps a record.
///
/// # Errors
/// [`StoreError::Conflict`] when the session has one; the transaction is then usable as before.
pub async fn record_insert(tx: &mut Tx, record: &Record) -> Result<(), StoreError> {
    let sql = "INSERT INTO diagnosis_record (diagnosis_id, patient_id, kind, level, created_at, filename, original_bytes, \
               processed_bytes, processed_sha256, row_count, score, time_spent, fps, successes, fails) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING";
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let summary = &record.summary;
    let done = write_exec!(
        tx,
        "record_insert",
        sql,
        record.id.0,
        record.patient_id.0,
        record.kind.as_str(),
        i64::from(record.level),
        record.created_at.us(),
        record.filename.as_str(),
        count(record.original_bytes),
        count(record.processed_bytes),
        record.processed_sha256.as_str(),
        count(summary.rows),
        summary.score,
        summary.time_spent,
        summary.fps,
        count(summary.successes),
        count(summary.fails),
    )?;
    if done == 0 {
        return Err(StoreError::Conflict { what: format!("record {}", record.id) });
    }
    Ok(())
}

/// A record of a doctor's patient; none of a removed one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn record_find(db: &Db, id: DiagnosisId, doctor: UserId) -> Result<Option<Record>, StoreError> {
    let filter = Filter::default()
        .and("r.diagnosis_id = ?", id.0)
        .and("p.doctor_id = ?", doctor.0)
        .fixed("p.removed_at IS NULL");
    let rows: Vec<Row> = listing::rows(db, "record_find", SELECT, &filter, "").await?;
    rows.into_iter().next().map(Record::try_from).transpose()
}

/// Whether there is a record, whoever's patient's.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn record_is(db: &Db, id: DiagnosisId) -> Result<bool, StoreError> {
    let sql = "SELECT count(*) FROM diagnosis_record WHERE diagnosis_id = $1";
    Ok(read_one!(db, "record_is", (i64,), sql, id.0)?.is_some_and(|(n,)| n > 0))
}

/// Records of a doctor's patients, the newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn record_list(db: &Db, query: &RecordQuery, slice: Slice) -> Result<Page<Record>, StoreError> {
    let order = "r.created_at DESC, r.diagnosis_id DESC";
    listing::page::<Row, _>(db, "record_list", (SELECT, FROM), &query.filter(), order, slice).await
}

/// All records of a patient, removed or not, the oldest first: at most `limit` after `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn records_of_patient(
    db: &Db,
    patient: PatientId,
    after: DiagnosisId,
    limit: u32,
) -> Result<Vec<Record>, StoreError> {
    let filter = Filter::default().and("r.patient_id = ?", patient.0).and("r.diagnosis_id > ?", after.0);
    let rest = format!("ORDER BY r.diagnosis_id LIMIT {limit}");
    let rows: Vec<Row> = listing::rows(db, "records_of_patient", SELECT, &filter, &rest).await?;
    rows.into_iter().map(Record::try_from).collect()
}
