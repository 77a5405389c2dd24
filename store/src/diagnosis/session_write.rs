//! Sessions, written: every state with its event in the journal, under one number.

use nightshift_domain::diagnosis::{
    DiagnosisId, NewSession, SESSION_LASTS, Session, State, StateEvent, StateKind,
};
use nightshift_domain::{NewEvent, Timestamp};

use super::session::{SessionRow, select_session};
use crate::{StoreError, Tx, text};

/// A session as the transaction sees it.
///
/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn session_get(tx: &mut Tx, id: DiagnosisId) -> Result<Session, StoreError> {
    let sql = select_session!("diagnosis d WHERE d.id = $1");
    let row = write_all!(tx, "session_get", SessionRow, sql, id.0)?.into_iter().next();
    let missing = || StoreError::Missing { what: format!("diagnosis {id}") };
    row.ok_or_else(missing).and_then(Session::try_from)
}

/// Makes a session.
///
/// # Errors
/// [`StoreError::Conflict`] when the doctor has one under way; the transaction is then usable as before.
pub async fn session_insert(tx: &mut Tx, new: &NewSession) -> Result<(Session, StateEvent), StoreError> {
    let expires_at = new.at + SESSION_LASTS;
    let sql = "INSERT INTO diagnosis (doctor_id, patient_id, kind, level, code, state, state_at, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, 'READY', $6, $6, $7) \
               ON CONFLICT (doctor_id) WHERE state IN ('READY', 'STARTED') DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "session_insert",
        (i64,),
        sql,
        new.doctor_id.0,
        new.patient_id.0,
        new.kind.as_str(),
        i64::from(new.level),
        new.code.as_str(),
        new.at.us(),
        expires_at.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: "a session of this doctor that is under way".to_owned() });
    };
    let session = Session {
        id: DiagnosisId(*id),
        doctor_id: new.doctor_id,
        patient_id: new.patient_id,
        kind: new.kind,
        level: new.level,
        code: new.code.clone(),
        state: State::Ready,
        created_at: new.at,
        expires_at,
    };
    let event = note_state(tx, &session, new.at).await?;
    Ok((session, event))
}

/// Moves a session from the state `from` to the one it has now.
///
/// # Errors
/// [`StoreError::Missing`] when it is not in `from` any more; the transaction is then usable as before.
pub async fn session_move(tx: &mut Tx, session: &Session, from: StateKind) -> Result<StateEvent, StoreError> {
    let at = session.state.since().unwrap_or(session.created_at);
    let failure = match &session.state {
        State::Failed { failure, .. } => Some(failure),
        _ => None,
    };
    let (cause, reason) = (failure.map(|f| f.cause.as_str()), failure.map(|f| f.reason.as_str()));
    text::check("diagnosis.reason", reason.unwrap_or_default())?;
    let sql = "UPDATE diagnosis SET state = $3, state_at = $4, fail_cause = $5, reason = $6 \
               WHERE id = $1 AND state = $2";
    let state = session.state.kind().as_str();
    match write_exec!(tx, "session_move", sql, session.id.0, from.as_str(), state, at.us(), cause, reason)? {
        0 => Err(StoreError::Missing { what: format!("diagnosis {} in the state {from}", session.id) }),
        _ => note_state(tx, session, at).await,
    }
}

/// The state in the journal, which says no more than everybody may know, and among the session's own.
async fn note_state(tx: &mut Tx, session: &Session, at: Timestamp) -> Result<StateEvent, StoreError> {
    let (id, state) = (session.id, session.state.kind());
    let data = serde_json::json!({ "id": id, "state": state });
    let seq = tx.journal(NewEvent::new(at, "diagnosis.state", &id.to_string(), data)).await?;
    let reason = match &session.state {
        State::Failed { failure, .. } => Some(failure.reason.clone()),
        _ => None,
    };
    let sql =
        "INSERT INTO diagnosis_state (seq, diagnosis_id, state, at, reason) VALUES ($1, $2, $3, $4, $5)";
    write_exec!(tx, "session_state", sql, seq, id.0, state.as_str(), at.us(), reason.as_deref())?;
    Ok(StateEvent { seq, state, at, reason })
}
