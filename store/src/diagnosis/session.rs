//! Sessions and their states, read.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::{
    DiagnosisId, FailCause, Failure, PatientId, Session, SessionCode, State, StateEvent, StateKind,
};
use nightshift_domain::identity::UserId;

use crate::{Db, StoreError};

const TABLE: &str = "diagnosis";

/// The statement that gives [`SessionRow`]s, with what follows `FROM`.
macro_rules! select_session {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.doctor_id, d.patient_id, d.kind, d.level, d.code, d.state, d.state_at, d.fail_cause, \
             d.reason, d.created_at, d.expires_at FROM ",
            $rest
        )
    };
}
pub(super) use select_session;

#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    id: i64,
    doctor_id: i64,
    patient_id: i64,
    kind: String,
    level: i64,
    code: String,
    state: String,
    state_at: i64,
    fail_cause: Option<String>,
    reason: Option<String>,
    created_at: i64,
    expires_at: i64,
}

impl SessionRow {
    fn state(&self) -> Result<State, StoreError> {
        let at = Timestamp::from_us(self.state_at);
        Ok(match state_kind(TABLE, self.id, &self.state)? {
            StateKind::Ready => State::Ready,
            StateKind::Started => State::Started { at },
            StateKind::Completed => State::Completed { at },
            StateKind::Cancelled => State::Cancelled { at },
            StateKind::Expired => State::Expired { at },
            StateKind::Failed => {
                let cause = self.fail_cause.as_deref().and_then(FailCause::from_word);
                let cause =
                    cause.ok_or_else(|| StoreError::row(TABLE, "fail_cause", self.id, "is no cause"))?;
                State::Failed { at, failure: Failure::new(cause, self.reason.as_deref().unwrap_or_default()) }
            }
        })
    }
}

fn state_kind(table: &'static str, id: i64, word: &str) -> Result<StateKind, StoreError> {
    word.parse().map_err(|()| StoreError::row(table, "state", id, format!("`{word}` is no state")))
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        let id = row.id;
        let fault = |column| move |e| StoreError::row(TABLE, column, id, e);
        Ok(Self {
            id: DiagnosisId(id),
            doctor_id: UserId(row.doctor_id),
            patient_id: PatientId(row.patient_id),
            kind: row.kind.parse().map_err(fault("kind"))?,
            level: row.level.try_into().map_err(fault("level"))?,
            code: SessionCode::stored(&row.code)
                .ok_or_else(|| StoreError::row(TABLE, "code", id, "is no code"))?,
            state: row.state()?,
            created_at: Timestamp::from_us(row.created_at),
            expires_at: Timestamp::from_us(row.expires_at),
        })
    }
}

/// A session.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn session_find(db: &Db, id: DiagnosisId) -> Result<Option<Session>, StoreError> {
    let sql = select_session!("diagnosis d WHERE d.id = $1");
    read_one!(db, "session_find", SessionRow, sql, id.0)?.map(Session::try_from).transpose()
}

/// The session of a doctor that is under way, if there is one.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn session_active(db: &Db, doctor: UserId) -> Result<Option<Session>, StoreError> {
    let sql = select_session!("diagnosis d WHERE d.doctor_id = $1 AND d.state IN ('READY', 'STARTED')");
    read_one!(db, "session_active", SessionRow, sql, doctor.0)?.map(Session::try_from).transpose()
}

/// Sessions that a plant must take up when it starts: those under way, and at `now` those whose file may still be sent
/// again. By number, at most `limit` after `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sessions_open(
    db: &Db,
    now: Timestamp,
    after: DiagnosisId,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    let sql = select_session!(
        "diagnosis d WHERE d.id > $2 AND (d.state IN ('READY', 'STARTED') \
         OR (d.expires_at > $1 AND d.state = 'FAILED' AND d.fail_cause = 'storage')) ORDER BY d.id LIMIT $3"
    );
    let rows = read_all!(db, "sessions_open", SessionRow, sql, now.us(), after.0, i64::from(limit))?;
    rows.into_iter().map(Session::try_from).collect()
}

/// The sessions of a patient, the oldest first: at most `limit` after `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn sessions_of_patient(
    db: &Db,
    patient: PatientId,
    after: DiagnosisId,
    limit: u32,
) -> Result<Vec<Session>, StoreError> {
    let sql = select_session!("diagnosis d WHERE d.patient_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3");
    let rows = read_all!(db, "sessions_of_patient", SessionRow, sql, patient.0, after.0, i64::from(limit))?;
    rows.into_iter().map(Session::try_from).collect()
}

type StateRow = (i64, i64, String, i64, Option<String>);

fn state_event((seq, _, state, at, reason): StateRow) -> Result<StateEvent, StoreError> {
    let state = state_kind("diagnosis_state", seq, &state)?;
    Ok(StateEvent { seq, state, at: Timestamp::from_us(at), reason })
}

/// The states that a session went through, in their order.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn session_states(db: &Db, id: DiagnosisId) -> Result<Vec<StateEvent>, StoreError> {
    let sql = "SELECT seq, diagnosis_id, state, at, reason FROM diagnosis_state WHERE diagnosis_id = $1 ORDER BY seq";
    let rows = read_all!(db, "session_states", StateRow, sql, id.0)?;
    rows.into_iter().map(state_event).collect()
}

/// The states that a patient's sessions went through, in their order: at most `limit` after the journal's `after`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn states_of_patient(
    db: &Db,
    patient: PatientId,
    after: i64,
    limit: u32,
) -> Result<Vec<(DiagnosisId, StateEvent)>, StoreError> {
    let sql = "SELECT s.seq, s.diagnosis_id, s.state, s.at, s.reason FROM diagnosis d \
               JOIN diagnosis_state s ON s.diagnosis_id = d.id \
               WHERE d.patient_id = $1 AND s.seq > $2 ORDER BY s.seq LIMIT $3";
    let rows = read_all!(db, "states_of_patient", StateRow, sql, patient.0, after, i64::from(limit))?;
    rows.into_iter().map(|row| Ok((DiagnosisId(row.1), state_event(row)?))).collect()
}
