//! What every part of diagnosis works with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use nightshift_domain::Timestamp;
use nightshift_domain::audit::AuditEntry;
use nightshift_domain::diagnosis::{DiagnosisId, PatientId, StateEvent};
use nightshift_kernel::{Address, Clock};
use nightshift_store::blobs::Blobs;
use nightshift_store::{Db, StoreError, Tx};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::error::DiagnosisError;
use super::headsets::Headsets;
use super::session::SessionMessage;
use crate::config::DiagnosisConfig;
use crate::writer::Writer;

/// What results that are worked on at once may hold, KiB; others wait as they came. Small ones go many at a time, of the largest a
/// few: memory stays below it, and the object store's pauses are shared.
const KEEPING_KIB: u32 = 48 * 1_024;
/// A result is held as it came, and processed: at most twice as long.
const HELD_TIMES: usize = 3;
const BYTES_PER_KIB: usize = 1_024;
/// How long a write may take.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// What a unit of work comes to: done, or decided against before anything was written.
pub(super) type Decided<T> = Result<Result<T, DiagnosisError>, StoreError>;

/// The states that a session went through so far.
pub(super) type History = Arc<[StateEvent]>;

/// The domain's surroundings.
pub(crate) struct Shared {
    pub(super) db: Db,
    pub(super) writer: Writer,
    pub(super) clock: Clock,
    pub(super) blobs: Blobs,
    pub(super) config: DiagnosisConfig,
    pub(super) headsets: Arc<Headsets>,
    pub(super) seats: Seats,
    /// Files that are processed at once: as many as there are cores.
    pub(super) processing: Semaphore,
    /// Frames that are parsed at once, likewise: each is held twice over meanwhile.
    pub(super) parsing: Semaphore,
    /// What results that are worked on at once may hold, KiB.
    pub(super) keeping: Semaphore,
}

/// A live session's place.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) patient: PatientId,
    pub(super) address: Address<SessionMessage>,
    /// Told of every state after its commit. It outlives the actor's lives.
    pub(super) history: Arc<watch::Sender<History>>,
}

/// The sessions that live in this process.
#[derive(Default)]
pub(super) struct Seats(Mutex<HashMap<DiagnosisId, Seat>>);

impl Seats {
    fn lock(&self) -> MutexGuard<'_, HashMap<DiagnosisId, Seat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: DiagnosisId) -> Option<Seat> {
        self.lock().get(&id).cloned()
    }

    pub(super) fn put(&self, id: DiagnosisId, seat: Seat) {
        self.lock().insert(id, seat);
    }

    pub(super) fn take(&self, id: DiagnosisId) {
        self.lock().remove(&id);
    }

    /// The sessions of a patient. There are few sessions at a time: a walk finds them.
    pub(super) fn of_patient(&self, patient: PatientId) -> Vec<(DiagnosisId, Seat)> {
        let seats = self.lock();
        let own = seats.iter().filter(|(_, seat)| seat.patient == patient);
        own.map(|(id, seat)| (*id, seat.clone())).collect()
    }
}

impl Shared {
    pub(super) fn new(db: Db, writer: Writer, clock: Clock, blobs: Blobs, config: DiagnosisConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (headsets, seats) = (Arc::default(), Seats::default());
        let (processing, parsing) = (Semaphore::new(cores), Semaphore::new(cores));
        let keeping = Semaphore::new(KEEPING_KIB as usize);
        Self { db, writer, clock, blobs, config, headsets, seats, processing, parsing, keeping }
    }

    /// Waits until there is room for what a result of so many bytes is held in.
    pub(super) async fn room_for(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let kib = bytes.saturating_mul(HELD_TIMES).div_ceil(BYTES_PER_KIB);
        let kib = u32::try_from(kib).unwrap_or(KEEPING_KIB).min(KEEPING_KIB);
        self.keeping.acquire_many(kib).await.ok()
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// Runs a unit of work that may decide against it; answers after the commit.
    pub(super) async fn decide<T: Send + 'static>(
        &self,
        step: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Decided<T>> + Send + 'static,
    ) -> Result<T, DiagnosisError> {
        self.writer.run(WRITE_DEADLINE, step).await?
    }

    /// Writes a line of the audit for something that changes nothing. What cannot be audited is not answered.
    pub(super) async fn note(&self, entry: AuditEntry) -> Result<(), DiagnosisError> {
        self.decide(move |tx| {
            Box::pin(async move {
                tx.audit(entry)?;
                Ok(Ok(()))
            })
        })
        .await
    }
}
