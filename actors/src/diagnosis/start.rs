//! Starting the domain: sessions that were under way are taken up as they were.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::diagnosis::{DiagnosisId, PatientId};
use nightshift_kernel::{ChildSpec, Clock, Mailbox, Policy, Restart, SpawnError, StopOrder, Supervisor};
use nightshift_store::Db;
use nightshift_store::blobs::Blobs;
use nightshift_store::diagnosis::sessions_open;

use super::Diagnosis;
use super::keeper::Keeper;
use super::session::SessionActor;
use super::shared::{Seat, Shared};
use crate::config::DiagnosisConfig;
use crate::plant::StartError;
use crate::writer::Writer;

/// Messages that may wait for a session: its headset's, its doctor's and its own.
const SESSION_MAILBOX: u32 = 16;
/// How long a session's handler may take: one write, and looking at what became of it.
const SESSION_BUDGET: Duration = Duration::from_secs(30);
/// How long one removal of a file may take without progress.
const KEEPER_BUDGET: Duration = Duration::from_secs(60);
/// Sessions read from the store at once at the start.
const OPEN_PAGE: u32 = 1_000;

/// Declares the domain under `plant`.
pub(crate) async fn spawn(
    plant: &Supervisor,
    config: DiagnosisConfig,
    blobs: Blobs,
    (db, writer, clock): (Db, Writer, Clock),
) -> Result<Diagnosis, StartError> {
    let shared = Arc::new(Shared::new(db, writer, clock, blobs, config));
    let domain = plant.supervisor("diagnosis", Policy::default())?;
    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let sessions = domain.supervisor("session", together)?;
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("keeper").mailbox(Mailbox::wait(4)).budget(KEEPER_BUDGET);
    let keeper = domain.spawn(spec, move || Keeper::new(Arc::clone(&own)))?;
    let diagnosis = Diagnosis { shared, sessions, keeper };
    diagnosis.take_up().await?;
    Ok(diagnosis)
}

impl Diagnosis {
    /// Seats every session that a plant before this one left open.
    async fn take_up(&self) -> Result<(), StartError> {
        let mut after = DiagnosisId(0);
        loop {
            let open = sessions_open(&self.shared.db, self.shared.now(), after, OPEN_PAGE).await?;
            let Some(last) = open.last() else { return Ok(()) };
            after = last.id;
            for session in open {
                self.seat(session.id, session.patient_id)?;
            }
        }
    }

    /// Starts a session's actor and gives it a seat.
    pub(super) fn seat(&self, id: DiagnosisId, patient: PatientId) -> Result<(), SpawnError> {
        let history = Arc::new(tokio::sync::watch::Sender::new(Arc::from([])));
        let spec = ChildSpec::new(id.to_string())
            .restart(Restart::Transient)
            .mailbox(Mailbox::wait(SESSION_MAILBOX))
            .budget(SESSION_BUDGET);
        let (shared, told) = (Arc::clone(&self.shared), Arc::clone(&history));
        let make = move || SessionActor::new(Arc::clone(&shared), id, Arc::clone(&told));
        let address = self.sessions.spawn(spec, make)?;
        self.shared.seats.put(id, Seat { patient, address, history });
        Ok(())
    }
}
