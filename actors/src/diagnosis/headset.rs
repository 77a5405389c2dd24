//! A headset's conversation: who may connect, and what is made of what it says.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::diagnosis::{FrameFault, FromHeadset, PatientCode, PatientId, read_frame};
use nightshift_domain::identity::SecretHash;
use nightshift_store::diagnosis as store;

use super::headsets::Place;
use super::session::SessionMessage;
use super::shared::Shared;
use super::upload::Upload;
use super::{Diagnosis, DiagnosisError};
use crate::outlet::Outlet;

/// How long a session may take to take what its headset says.
const SAY_DEADLINE: Duration = Duration::from_secs(30);
/// How long a large frame waits until there is room to work on it, before it is passed on to wait there.
const ROOM_PATIENCE: Duration = Duration::from_secs(2);
/// Frames above this are parsed apart from the threads that everybody shares, bytes.
const PARSE_APART_BYTES: usize = 128 * 1_024;

/// Why a headset may not connect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadsetRefusal {
    /// No patient has the code.
    #[error("no patient has this code")]
    UnknownCode,
    /// A token is asked for, and this is not the patient's.
    #[error("the device token is missing or wrong")]
    Token,
    /// It cannot be looked up now.
    #[error(transparent)]
    Away(#[from] DiagnosisError),
}

/// What was made of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It reached the session.
    Taken,
    /// It was counted and ignored.
    Ignored(&'static str),
}

/// A connected headset, until it is dropped.
pub struct Headset {
    shared: Arc<Shared>,
    patient: PatientId,
    place: Place,
}

impl Diagnosis {
    /// Whose headset connects under `code`.
    ///
    /// # Errors
    /// [`HeadsetRefusal`].
    pub async fn admit_headset(&self, code: &str, token: Option<&str>) -> Result<PatientId, HeadsetRefusal> {
        let guarded = self.shared.config.device_tokens;
        // With tokens asked for, nobody learns which codes there are.
        let unknown = || if guarded { HeadsetRefusal::Token } else { HeadsetRefusal::UnknownCode };
        let code: PatientCode = code.parse().map_err(|_| unknown())?;
        let found =
            store::patient_find_by_code(&self.shared.db, &code).await.map_err(DiagnosisError::from)?;
        let patient = found.ok_or_else(unknown)?.id;
        if guarded {
            let hash =
                store::patient_token_hash(&self.shared.db, patient).await.map_err(DiagnosisError::from)?;
            if hash.is_none() || hash != token.map(SecretHash::of) {
                return Err(HeadsetRefusal::Token);
            }
        }
        Ok(patient)
    }

    /// Gives a headset its place; one that had it is told to leave. Sessions that wait for the headset tell it to begin.
    pub async fn connect_headset(&self, patient: PatientId, outlet: Outlet) -> Headset {
        let place = self.shared.headsets.connect(patient, outlet);
        for (_, seat) in self.shared.seats.of_patient(patient) {
            // A session that is restarting looks for its headset by itself.
            let _ = seat.address.send(SessionMessage::Connected, SAY_DEADLINE).await;
        }
        Headset { shared: Arc::clone(&self.shared), patient, place }
    }
}

impl Headset {
    /// Returns when another headset of the patient has taken this one's place.
    pub async fn replaced(&mut self) {
        self.place.replaced().await;
    }

    /// A frame of bytes is none that headsets send.
    pub fn hear_bytes(&self) -> Said {
        ignored("binary")
    }

    /// A frame was longer than any that can be taken: it was not read, so the session that is under way is meant.
    pub async fn sent_too_much(&self) {
        ignored("too_long");
        if self.place.is_replaced() {
            return;
        }
        for (id, seat) in self.shared.seats.of_patient(self.patient) {
            if let Err(error) = seat.address.send(SessionMessage::TooLong, SAY_DEADLINE).await {
                tracing::warn!(diagnosis = id.0, error = %error, "a session did not hear that its result is too long");
            }
        }
    }

    /// Takes a frame. What cannot be understood, or means no session of this patient, is counted and ignored.
    pub async fn hear(&self, text: Arc<str>) -> Said {
        let received = self.shared.clock.monotonic();
        if self.place.is_replaced() {
            return ignored("replaced");
        }
        let parsed = if text.len() > PARSE_APART_BYTES {
            // Until then its sender is not read from again, and what waits has not been sent yet.
            let _ = tokio::time::timeout(ROOM_PATIENCE, self.shared.room_for(text.len())).await;
            let Ok(_place) = self.shared.parsing.acquire().await else { return ignored("session_away") };
            let parsing = tokio::task::spawn_blocking(move || owned(&text));
            parsing.await.unwrap_or(Err(FrameFault::Malformed))
        } else {
            owned(&text)
        };
        let said = match parsed {
            Ok(said) => said,
            Err(fault) => return ignored(fault.as_str()),
        };
        let id = said.diagnosis_id();
        let seat = self.shared.seats.get(id).filter(|seat| seat.patient == self.patient);
        let Some(seat) = seat else { return ignored("other_session") };
        let message = match said {
            FromHeadset::Started(_) => SessionMessage::Started,
            FromHeadset::Failed(_) => SessionMessage::Failed,
            FromHeadset::Upload(_, text) => {
                SessionMessage::Uploaded(Upload { text: text.into_owned(), received })
            }
        };
        match seat.address.send(message, SAY_DEADLINE).await {
            Ok(()) => Said::Taken,
            Err(error) => {
                tracing::warn!(diagnosis = id.0, error = %error, "a session did not take what its headset said");
                ignored("session_away")
            }
        }
    }
}

/// What a frame says, apart from the frame.
fn owned(text: &str) -> Result<FromHeadset<'static>, FrameFault> {
    Ok(match read_frame(text)? {
        FromHeadset::Started(id) => FromHeadset::Started(id),
        FromHeadset::Failed(id) => FromHeadset::Failed(id),
        FromHeadset::Upload(id, file) => FromHeadset::Upload(id, file.into_owned().into()),
    })
}

fn ignored(reason: &'static str) -> Said {
    metrics::counter!("nightshift_diagnosis_frames_ignored_total", "reason" => reason).increment(1);
    Said::Ignored(reason)
}
