//! Records, read: each read is in the audit before anything is answered.

use bytes::Bytes;
use nightshift_domain::audit::Action;
use nightshift_domain::diagnosis::{
    Comparison, DiagnosisId, Kind, Level, Patient, PatientId, Record, Series, compare, processed_key,
};
use nightshift_store::blobs::BlobKey;
use nightshift_store::diagnosis as store;
use nightshift_store::{Page, Slice};

use super::{Asker, Diagnosis, DiagnosisError, RecordQuery};

use crate::setback::Setback;

/// Largest processed file that is read: more than the largest upload becomes.
const PROCESSED_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// Most records in one comparison.
const COMPARED_MAX: u32 = 1_000;

/// A record with its processed file.
#[derive(Debug, Clone)]
pub struct RecordFile {
    /// The record.
    pub record: Record,
    /// The file.
    pub file: Bytes,
}

impl Diagnosis {
    /// Records of a doctor's patients, the newest first.
    ///
    /// # Errors
    /// `PatientNotFound` when one patient's are asked for and there is no such patient.
    pub async fn records(
        &self,
        asker: &Asker,
        query: RecordQuery,
        slice: Slice,
    ) -> Result<Page<Record>, DiagnosisError> {
        if let Some(patient) = query.patient_id {
            self.patient_for(asker, patient, "list").await?;
        }
        let query = RecordQuery { doctor_id: asker.user_id, ..query };
        let page = store::record_list(&self.shared.db, &query, slice).await?;
        let ids: Vec<i64> = page.items.iter().map(|record| record.id.0).collect();
        self.note_read(asker, "list", query.patient_id.map(|id| id.0), &ids).await?;
        Ok(page)
    }

    /// A record.
    ///
    /// # Errors
    /// `RecordNotFound`, also for another doctor's patient's.
    pub async fn record(&self, asker: &Asker, id: DiagnosisId) -> Result<Record, DiagnosisError> {
        let record = self.find_record(asker, id, "metadata").await?;
        self.note_read(asker, "metadata", Some(id.0), &[id.0]).await?;
        Ok(record)
    }

    /// A record with its processed file.
    ///
    /// # Errors
    /// `RecordNotFound`, `FileNotFound`, or the object store is away.
    pub async fn record_file(&self, asker: &Asker, id: DiagnosisId) -> Result<RecordFile, DiagnosisError> {
        let record = self.find_record(asker, id, "file").await?;
        self.note_read(asker, "file", Some(id.0), &[id.0]).await?;
        let file = self.processed(&record).await?;
        Ok(RecordFile { record, file })
    }

    /// A record for plotting: at most `points` points of each line.
    ///
    /// # Errors
    /// As [`Self::record_file`].
    pub async fn record_series(
        &self,
        asker: &Asker,
        id: DiagnosisId,
        points: usize,
    ) -> Result<(Record, Vec<Series>), DiagnosisError> {
        let record = self.find_record(asker, id, "series").await?;
        self.note_read(asker, "series", Some(id.0), &[id.0]).await?;
        let file = self.processed(&record).await?;
        let reading = tokio::task::spawn_blocking(move || {
            let text = std::str::from_utf8(&file).map_err(|e| e.to_string())?;
            Series::of_file(text, points).map_err(|e| e.to_string())
        });
        let read = reading.await.map_err(Setback::failed)?;
        Ok((record, read.map_err(Setback::Failed)?))
    }

    /// A patient's records of one kind and level beside each other.
    ///
    /// # Errors
    /// `PatientNotFound`.
    pub async fn compared(
        &self,
        asker: &Asker,
        patient: PatientId,
        (kind, level): (Kind, Level),
        (from, to): (Option<nightshift_domain::Timestamp>, Option<nightshift_domain::Timestamp>),
    ) -> Result<Vec<Comparison>, DiagnosisError> {
        self.patient_for(asker, patient, "compare").await?;
        let query = RecordQuery {
            doctor_id: asker.user_id,
            patient_id: Some(patient),
            kind: Some(kind),
            level: Some(level),
            from,
            to,
        };
        let page = store::record_list(&self.shared.db, &query, Slice::first(COMPARED_MAX)).await?;
        let ids: Vec<i64> = page.items.iter().map(|record| record.id.0).collect();
        self.note_read(asker, "compare", Some(patient.0), &ids).await?;
        Ok(compare(&page.items))
    }

    /// A record of the asker's. Who looks at another's is told that there is none, and the audit who looked.
    async fn find_record(
        &self,
        asker: &Asker,
        id: DiagnosisId,
        how: &'static str,
    ) -> Result<Record, DiagnosisError> {
        if let Some(record) = store::record_find(&self.shared.db, id, asker.user_id).await? {
            return Ok(record);
        }
        if store::record_is(&self.shared.db, id).await? {
            self.note_refused(asker, "diagnosis_record", id.0, how).await?;
        }
        Err(DiagnosisError::RecordNotFound)
    }

    /// A patient of the asker's, whose records are asked for.
    async fn patient_for(
        &self,
        asker: &Asker,
        id: PatientId,
        how: &'static str,
    ) -> Result<Patient, DiagnosisError> {
        let found = self.patient(asker, id).await;
        if matches!(found, Err(DiagnosisError::PatientNotFound)) {
            self.note_stranger(asker, id, how).await?;
        }
        found
    }

    /// Writes into the audit who asked for what is kept of another doctor's patient.
    pub(super) async fn note_stranger(
        &self,
        asker: &Asker,
        id: PatientId,
        how: &'static str,
    ) -> Result<(), DiagnosisError> {
        let found = store::patient_find(&self.shared.db, id).await?;
        if found.is_some_and(|patient| patient.doctor_id != asker.user_id) {
            self.note_refused(asker, "patient", id.0, how).await?;
        }
        Ok(())
    }

    async fn note_refused(
        &self,
        asker: &Asker,
        what: &'static str,
        id: i64,
        how: &'static str,
    ) -> Result<(), DiagnosisError> {
        let entry = asker.by.entry(self.shared.now(), Action::Refused, what).on(id);
        self.shared.note(entry.after(&serde_json::json!({ "read": how }))).await?;
        metrics::counter!("nightshift_diagnosis_refused_reads_total", "what" => how).increment(1);
        Ok(())
    }

    async fn processed(&self, record: &Record) -> Result<Bytes, DiagnosisError> {
        let key = BlobKey::new(&processed_key(record.id, &record.filename)).map_err(Setback::failed)?;
        let got = tokio::time::timeout(
            self.shared.config.storage_deadline,
            self.shared.blobs.get(&key, PROCESSED_BYTES_MAX),
        );
        Ok(got.await.map_err(|_| Setback::Deadline)??)
    }

    /// Writes into the audit who read what.
    async fn note_read(
        &self,
        asker: &Asker,
        how: &'static str,
        on: Option<i64>,
        records: &[i64],
    ) -> Result<(), DiagnosisError> {
        let entry = asker.by.entry(self.shared.now(), Action::Read, "diagnosis_record");
        let entry = match on {
            Some(id) => entry.on(id),
            None => entry,
        };
        self.shared.note(entry.after(&serde_json::json!({ "read": how, "records": records }))).await?;
        metrics::counter!("nightshift_diagnosis_record_reads_total", "what" => how).increment(1);
        Ok(())
    }
}
