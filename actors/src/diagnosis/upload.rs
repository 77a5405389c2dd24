//! From an upload's last byte to two files in the object store: beside the session's actor, so that it stays able to be
//! cancelled.
//!
//! Both keys are noted as orphans before the first byte is written, and struck off with the record: whatever happens in
//! between, no file stays that nobody knows of.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::{
    DiagnosisId, FailCause, Failure, Kind, Processed, Record, ResultFault, Session, file_folders, file_name,
    original_key, process, processed_key,
};
use nightshift_kernel::Address;
use nightshift_store::blobs::{BlobError, BlobKey};
use nightshift_store::diagnosis::orphan_add;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use super::session::SessionMessage;
use super::shared::Shared;

/// How long a file that never became a record is left alone: longer than any upload is worked on.
const ORPHAN_GRACE: Duration = Duration::from_secs(3_600);
/// Pauses before the object store is tried once more.
const STORAGE_PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1_500)];
/// How long the session may take to hear what became of its upload.
const TELL_DEADLINE: Duration = Duration::from_secs(600);

/// A result as it came.
pub(super) struct Upload {
    /// The CSV text.
    pub(super) text: String,
    /// When its last byte came, on the plant's monotonic clock.
    pub(super) received: Duration,
}

/// What became of an upload.
pub(super) struct Outcome {
    /// The record that is to be kept, with both files in the object store; or why there is none.
    pub(super) kept: Result<Record, Failure>,
    /// When the upload's last byte came.
    pub(super) received: Duration,
}

/// The folders of a session's files, on their way.
pub(super) struct Room {
    folders: Vec<BlobKey>,
    /// Whether they are there, of whoever makes them ahead; `None` once that was asked.
    made: Option<JoinHandle<bool>>,
}

impl Room {
    /// Makes the folders of a session's files in the object store, ahead of the files.
    pub(super) fn make(shared: &Arc<Shared>, id: DiagnosisId) -> Self {
        let folders: Vec<BlobKey> = file_folders(id).iter().filter_map(|f| BlobKey::new(f).ok()).collect();
        let (shared, ahead) = (Arc::clone(shared), folders.clone());
        let made = tokio::spawn(async move {
            let made = shared.blobs.make_room(&ahead).await;
            made.inspect_err(|error| tracing::debug!(diagnosis = id.0, error = %error, "no folders yet"))
                .is_ok()
        });
        Self { folders, made: Some(made) }
    }

    /// Waits until nobody makes them any more, as long as the object store may take; whether they are there.
    async fn made(&mut self, shared: &Shared) -> bool {
        let Some(made) = self.made.take() else { return false };
        matches!(tokio::time::timeout(shared.config.storage_deadline, made).await, Ok(Ok(true)))
    }

    /// Waits until they are there. What could not be made ahead is made now.
    async fn ready(&mut self, shared: &Shared) -> Result<(), Failure> {
        if self.made(shared).await {
            return Ok(());
        }
        stored(shared, "folders", || shared.blobs.make_room(&self.folders)).await
    }

    /// Removes them as far as no file has come. Nobody waits for that.
    pub(super) fn give_back(mut self, shared: Arc<Shared>) {
        tokio::spawn(async move {
            self.made(&shared).await;
            shared.blobs.give_room_back(&self.folders).await;
        });
    }
}

/// Works on an upload and tells the session.
pub(super) fn begin(
    shared: Arc<Shared>,
    session: Session,
    upload: Upload,
    mut room: Room,
    told: Address<SessionMessage>,
) {
    tokio::spawn(async move {
        let (received, id) = (upload.received, session.id);
        let working = tokio::spawn(async move {
            let kept = keep(&shared, &session, upload.text, &mut room).await;
            if kept.is_err() {
                room.give_back(shared);
            }
            kept
        });
        let kept = working.await.unwrap_or_else(|ended| {
            tracing::error!(diagnosis = id.0, error = %ended, "the work on a result ended");
            Err(failed_here())
        });
        let message = SessionMessage::Kept(Box::new(Outcome { kept, received }), 0);
        // A session that is over does not need to know.
        let _ = told.send(message, TELL_DEADLINE).await;
    });
}

fn failed_here() -> Failure {
    let reason = "결과를 처리하지 못했습니다. 다시 보낼 수 있습니다. / the result could not be handled; it may be sent again";
    Failure::new(FailCause::Storage, reason)
}

async fn keep(shared: &Shared, session: &Session, text: String, room: &mut Room) -> Result<Record, Failure> {
    let _held = shared.room_for(text.len()).await.ok_or_else(failed_here)?;
    let now = shared.now();
    let filename = file_name(session.kind, session.level, now);
    let keys = [original_key(session.id, &filename), processed_key(session.id, &filename)];
    // The commit of the keys takes its time while the file is processed.
    let (noted, worked) = tokio::join!(note(shared, keys.clone(), now), work(shared, session.kind, text));
    let Worked { text, processed: Processed { file, summary }, sha256 } = worked?;
    noted?;
    room.ready(shared).await?;
    let (original_bytes, processed_bytes) = (text.len() as u64, file.len() as u64);
    let [original, processed] = keys;
    tokio::try_join!(put(shared, &original, Bytes::from(text)), put(shared, &processed, Bytes::from(file)))?;
    Ok(Record {
        id: session.id,
        patient_id: session.patient_id,
        kind: session.kind,
        level: session.level,
        created_at: now,
        filename,
        original_bytes,
        processed_bytes,
        processed_sha256: sha256,
        summary,
    })
}

/// A file and what it was made into.
struct Worked {
    text: String,
    processed: Processed,
    /// Of the processed file, in hex.
    sha256: String,
}

/// Processes a file, when a core is free for it.
async fn work(shared: &Shared, kind: Kind, text: String) -> Result<Worked, Failure> {
    let _place = shared.processing.acquire().await.map_err(|_| failed_here())?;
    let clock = shared.clock.clone();
    let worked = tokio::task::spawn_blocking(move || {
        let before = clock.monotonic();
        let done = process(kind, &text);
        let took = clock.monotonic().saturating_sub(before);
        metrics::histogram!("nightshift_diagnosis_process_seconds").record(took.as_secs_f64());
        done.map(|processed| {
            let sha256 = Sha256::digest(&processed.file).iter().map(|b| format!("{b:02x}")).collect();
            Worked { text, processed, sha256 }
        })
    });
    worked.await.map_err(|_| failed_here())?.map_err(|fault| bad_file(&fault))
}

fn bad_file(fault: &ResultFault) -> Failure {
    Failure::new(FailCause::File, fault)
}

/// Notes both keys as orphans. Of a file that turns out to be none they name nothing, and are struck off when they are due.
async fn note(shared: &Shared, keys: [String; 2], now: Timestamp) -> Result<(), Failure> {
    let noting = shared.decide(move |tx| {
        Box::pin(async move {
            for key in &keys {
                orphan_add(tx, key, now + ORPHAN_GRACE).await?;
            }
            Ok(Ok(()))
        })
    });
    noting.await.map_err(|error| away(&error))
}

async fn put(shared: &Shared, key: &str, bytes: Bytes) -> Result<(), Failure> {
    let place = BlobKey::new(key).map_err(|error| away(&error))?;
    stored(shared, key, || shared.blobs.put(&place, bytes.clone())).await
}

/// Takes a step in the object store, again when that only blinked.
async fn stored<F>(shared: &Shared, what: &str, step: impl Fn() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), BlobError>>,
{
    let mut pauses = STORAGE_PAUSES.iter();
    loop {
        let error = match tokio::time::timeout(shared.config.storage_deadline, step()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "not in time".to_owned(),
        };
        let Some(pause) = pauses.next() else {
            metrics::counter!("nightshift_diagnosis_storage_failures_total").increment(1);
            tracing::error!(what, error, "a result could not be put into the object store");
            return Err(away(&"the object store"));
        };
        shared.clock.sleep(*pause).await;
    }
}

fn away(error: &dyn std::fmt::Display) -> Failure {
    tracing::debug!(error = %error, "a result was not kept");
    let reason = "저장소에 저장하지 못했습니다. 저장소가 돌아오면 VR에서 다시 보내십시오. / the result could not be stored; \
                  send it again from the headset when the storage is back";
    Failure::new(FailCause::Storage, reason)
}
