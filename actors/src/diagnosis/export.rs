//! All that is kept of a patient, as an archive that goes out piece by piece.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, stream};
use nightshift_domain::audit::Action;
use nightshift_domain::diagnosis::{
    DiagnosisId, Patient, PatientId, Record, Session, StateEvent, original_key, processed_key, tar_end,
    tar_header, tar_padding,
};
use nightshift_store::blobs::{BlobError, BlobKey};
use nightshift_store::diagnosis as store;
use serde_json::{Value, json};

use super::shared::Shared;
use super::{Asker, Diagnosis, DiagnosisError};

use crate::setback::Setback;

/// Rows read from the store at once.
const PAGE: u32 = 500;
/// Most sessions in an archive.
const SESSIONS_MAX: usize = 100_000;
/// Largest file in an archive.
const FILE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;

/// An archive on its way out.
pub struct Export {
    shared: Arc<Shared>,
    modified_s: i64,
    /// What goes out next, ready.
    ready: VecDeque<(String, Bytes)>,
    /// Files that are read when their turn comes.
    files: VecDeque<String>,
    ended: bool,
}

impl Diagnosis {
    /// All that is kept of a patient, removed or not. The audit says that it left the plant.
    ///
    /// # Errors
    /// `PatientNotFound`, or the database is away. An object store that is away ends the archive early, without its end mark.
    pub async fn export_patient(
        &self,
        asker: &Asker,
        id: PatientId,
    ) -> Result<(Patient, Export), DiagnosisError> {
        let db = &self.shared.db;
        let Some(patient) = store::patient_find_own(db, id, asker.user_id).await? else {
            self.note_stranger(asker, id, "export").await?;
            return Err(DiagnosisError::PatientNotFound);
        };
        let (sessions, records) = (self.all_sessions(id).await?, self.all_records(id).await?);
        let now = self.shared.now();
        let entry = asker.by.entry(now, Action::Export, "patient").on(id);
        let after = json!({ "sessions": sessions.len(), "records": records.len() });
        self.shared.note(entry.after(&after)).await?;
        let mut ready = VecDeque::new();
        let mut add = |name: &str, value: Value| {
            let text = serde_json::to_vec_pretty(&value).unwrap_or_default();
            ready.push_back((name.to_owned(), Bytes::from(text)));
        };
        add("patient.json", patient_json(&patient));
        add("diagnoses.json", sessions.iter().map(session_json).collect());
        add("records.json", records.iter().map(record_json).collect());
        let files = records.iter().flat_map(|record| {
            [original_key(record.id, &record.filename), processed_key(record.id, &record.filename)]
        });
        let shared = Arc::clone(&self.shared);
        let modified_s = now.us() / nightshift_domain::time::US_PER_S;
        Ok((patient, Export { shared, modified_s, ready, files: files.collect(), ended: false }))
    }

    async fn all_sessions(&self, id: PatientId) -> Result<Vec<(Session, Vec<StateEvent>)>, DiagnosisError> {
        let mut all: Vec<(Session, Vec<StateEvent>)> = Vec::new();
        while all.len() < SESSIONS_MAX {
            let after = all.last().map_or(DiagnosisId(0), |(session, _)| session.id);
            let page = store::sessions_of_patient(&self.shared.db, id, after, PAGE).await?;
            if page.is_empty() {
                break;
            }
            all.extend(page.into_iter().map(|session| (session, Vec::new())));
        }
        let mut after = 0;
        loop {
            let page = store::states_of_patient(&self.shared.db, id, after, PAGE).await?;
            let Some((_, last)) = page.last() else { return Ok(all) };
            after = last.seq;
            for (session, state) in page {
                if let Ok(at) = all.binary_search_by_key(&session, |(s, _)| s.id) {
                    all[at].1.push(state);
                }
            }
        }
    }

    async fn all_records(&self, id: PatientId) -> Result<Vec<Record>, DiagnosisError> {
        let mut all: Vec<Record> = Vec::new();
        while all.len() < SESSIONS_MAX {
            let after = all.last().map_or(DiagnosisId(0), |record| record.id);
            let page = store::records_of_patient(&self.shared.db, id, after, PAGE).await?;
            if page.is_empty() {
                break;
            }
            all.extend(page);
        }
        Ok(all)
    }
}

impl Export {
    /// The archive's pieces. One that cannot be read ends it with an error, so that nobody takes a part for the whole.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, DiagnosisError>> + Send {
        stream::try_unfold(self, |mut export| async move {
            Ok(export.piece().await?.map(|piece| (piece, export)))
        })
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, DiagnosisError> {
        let (name, content) = match self.ready.pop_front() {
            Some(ready) => ready,
            None => match self.files.pop_front() {
                Some(key) => {
                    let content = self.file(&key).await?;
                    (key, content)
                }
                None if self.ended => return Ok(None),
                None => {
                    self.ended = true;
                    return Ok(Some(Bytes::copy_from_slice(&tar_end())));
                }
            },
        };
        let size = content.len() as u64;
        let head = tar_header(&name, size, self.modified_s)
            .ok_or_else(|| Setback::Failed(format!("{name} is no name in an archive")))?;
        let mut piece = Vec::with_capacity(head.len() + content.len() + head.len());
        piece.extend_from_slice(&head);
        piece.extend_from_slice(&content);
        piece.resize(piece.len() + tar_padding(size), 0);
        Ok(Some(piece.into()))
    }

    async fn file(&self, key: &str) -> Result<Bytes, DiagnosisError> {
        let key = BlobKey::new(key).map_err(Setback::failed)?;
        match self.shared.blobs.get(&key, FILE_BYTES_MAX).await {
            // One that somebody has taken away is shown as what it is: nothing.
            Err(BlobError::NotFound { .. }) => Ok(Bytes::new()),
            read => Ok(read?),
        }
    }
}

fn patient_json(patient: &Patient) -> Value {
    json!({
        "id": patient.id, "code": patient.code, "name": patient.name.reveal(),
        "created_at": patient.created_at, "updated_at": patient.updated_at, "removed_at": patient.removed_at,
    })
}

fn session_json((session, states): &(Session, Vec<StateEvent>)) -> Value {
    let states: Vec<Value> =
        states.iter().map(|s| json!({ "state": s.state, "at": s.at, "reason": s.reason })).collect();
    json!({
        "id": session.id, "type": session.kind, "level": session.level, "code": session.code,
        "created_at": session.created_at, "expires_at": session.expires_at, "states": states,
    })
}

fn record_json(record: &Record) -> Value {
    json!({
        "id": record.id, "type": record.kind, "level": record.level, "created_at": record.created_at,
        "filename": record.filename, "original_bytes": record.original_bytes,
        "processed_bytes": record.processed_bytes, "processed_sha256": record.processed_sha256,
        "figures": record.summary,
    })
}
