//! Sessions, as their doctors start, see and stop them.

use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::diagnosis::{
    DiagnosisId, Kind, Level, NewSession, PatientId, Session, SessionCode, StateEvent,
};
use nightshift_store::StoreError;
use nightshift_store::diagnosis as store;
use nightshift_store::identity::user_find;

use super::follow::Follow;
use super::patients::own;
use super::session::SessionMessage;
use super::{Asker, Diagnosis, DiagnosisError};
use crate::identity::random_bytes;
use crate::once::Once;
use crate::setback::Setback;

/// How long a question to a session may take.
const ASK_DEADLINE: Duration = Duration::from_secs(12);

impl Diagnosis {
    /// Starts a session: the patient's headset is told once it is stored. `once` keeps the answer with it.
    ///
    /// # Errors
    /// In this order: `NotADoctor`, `DoctorNotFound`, `PatientNotFound`, `HeadsetAway`, `UnderWay`.
    pub async fn start(
        &self,
        asker: Asker,
        patient_id: PatientId,
        (kind, level): (Kind, Level),
        once: Option<Once<Session>>,
    ) -> Result<Session, DiagnosisError> {
        let doctor_id = asker.doctor()?;
        if user_find(&self.shared.db, doctor_id).await?.is_none() {
            return Err(DiagnosisError::DoctorNotFound);
        }
        self.patient(&asker, patient_id).await?;
        if !self.shared.headsets.has(patient_id) {
            return Err(DiagnosisError::HeadsetAway);
        }
        let now = self.shared.now();
        let random = random_bytes();
        let code = SessionCode::of(random.first_chunk().expect("32 bytes have six"));
        let new = NewSession { doctor_id, patient_id, kind, level, code, at: now };
        let made = self.shared.decide(move |tx| {
            Box::pin(async move {
                if let Err(error) = own(tx, patient_id, doctor_id).await? {
                    return Ok(Err(error));
                }
                let (session, event) = match store::session_insert(tx, &new).await {
                    Err(StoreError::Conflict { .. }) => return Ok(Err(DiagnosisError::UnderWay)),
                    made => made?,
                };
                let after = serde_json::json!({ "patient_id": patient_id, "type": kind, "level": level });
                let entry = asker.by.entry(now, Action::Create, "diagnosis").on(session.id).after(&after);
                tx.audit(entry.with_event(event.seq))?;
                if let Some(once) = once {
                    once.keep(tx, &session, now).await?;
                }
                Ok(Ok(session))
            })
        });
        let session = made.await?;
        metrics::counter!("nightshift_diagnosis_sessions_started_total").increment(1);
        // The actor tells the headset when it starts.
        self.seat(session.id, patient_id).map_err(Setback::failed)?;
        Ok(session)
    }

    /// The session of a doctor that is under way.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn live(&self, asker: &Asker) -> Result<Session, DiagnosisError> {
        let active = store::session_active(&self.shared.db, asker.user_id).await?;
        // One whose time is over is about to be ended by its actor, and is none any more.
        active.filter(|session| session.expires_at > self.shared.now()).ok_or(DiagnosisError::NotFound)
    }

    /// A session of a doctor with the states that it went through.
    ///
    /// # Errors
    /// `NotFound`, also for another doctor's.
    pub async fn session(
        &self,
        asker: &Asker,
        id: DiagnosisId,
    ) -> Result<(Session, Vec<StateEvent>), DiagnosisError> {
        let found = store::session_find(&self.shared.db, id).await?;
        let session = found.filter(|s| s.doctor_id == asker.user_id).ok_or(DiagnosisError::NotFound)?;
        Ok((session, store::session_states(&self.shared.db, id).await?))
    }

    /// Stops a session.
    ///
    /// # Errors
    /// `NotFound`, `NotYours`, `Over`.
    pub async fn cancel(&self, asker: Asker, id: DiagnosisId) -> Result<(), DiagnosisError> {
        let session = store::session_find(&self.shared.db, id).await?.ok_or(DiagnosisError::NotFound)?;
        if session.doctor_id != asker.user_id {
            return Err(DiagnosisError::NotYours);
        }
        let Some(seat) = self.shared.seats.get(id) else {
            return Err(DiagnosisError::Over(session.state.kind()));
        };
        if !session.state.is_active() {
            return Err(DiagnosisError::Over(session.state.kind()));
        }
        let by = asker.by;
        seat.address
            .ask(|reply| SessionMessage::Cancel { by, reply }, ASK_DEADLINE)
            .await
            .map_err(|error| Setback::of_ask(error, "the session"))?
    }

    /// The states of a session after the journal's `after`, and those to come.
    ///
    /// # Errors
    /// `NotFound`, also for another doctor's.
    pub async fn follow(
        &self,
        asker: &Asker,
        id: DiagnosisId,
        after: Option<i64>,
    ) -> Result<Follow, DiagnosisError> {
        // The seat is looked up before the states are read: what happens in between is told by one of the two.
        let seat = self.shared.seats.get(id);
        let (_, states) = self.session(asker, id).await?;
        Ok(Follow::new(self.shared.clone(), id, states, seat.map(|seat| seat.history.subscribe()), after))
    }
}
