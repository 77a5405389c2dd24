//! `session/<id>`: one VR session, which owns its state, its expiry and what its headset says.
//!
//! Kept by the domain's supervisor from its start until it is over (or, when its file could not be kept, until its time is
//! up). Every state is committed before anybody hears of it. A life that crashed loses nothing that was committed: the next
//! one reads the session, and the headset's data is still with the headset.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::diagnosis::{
    DiagnosisId, FailCause, Failure, Record, Session, State, StateEvent, StateKind, ToHeadset, WrongState,
    original_key, processed_key,
};
use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_store::StoreError;
use nightshift_store::diagnosis::{
    orphan_done, record_insert, session_find, session_get, session_move, session_states,
};
use tokio::sync::watch;

use super::error::DiagnosisError;
use super::shared::{Decided, History, Shared};
use super::upload::{self, Outcome, Room, Upload};
use crate::identity::By;

const HEADSET_FAILED: &str = "VR 기기가 진단 실패를 알렸습니다. / the headset reported that it failed";
const TOO_LONG: &str = "결과가 너무 큽니다. 최대 10 MiB입니다. / the result is too large: at most 10 MiB";
/// Pause before something that could not be committed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How often that is done: ten minutes of a database that is away.
const RETRIES_MAX: u32 = 300;

/// What a session takes.
pub(super) enum SessionMessage {
    /// A headset of the patient has connected.
    Connected,
    /// The headset has begun.
    Started,
    /// The headset cannot go on.
    Failed,
    /// The headset is done.
    Uploaded(Upload),
    /// The headset sent more than any result may have.
    TooLong,
    /// What became of an upload, and how often it was tried to commit that.
    Kept(Box<Outcome>, u32),
    /// The doctor stops it.
    Cancel {
        /// Who.
        by: By,
        /// Told when it is stopped.
        reply: Reply<Result<(), DiagnosisError>>,
    },
    /// Its time is over.
    Expire,
    /// Its patient was erased.
    Erased,
}

/// The actor.
pub(super) struct SessionActor {
    shared: Arc<Shared>,
    id: DiagnosisId,
    /// Told of every state.
    history: Arc<watch::Sender<History>>,
    /// As it is stored; known from the start on.
    session: Option<Session>,
    /// The headset that was told to begin: it is not told twice.
    told: Option<u64>,
    /// Whether an upload is being worked on: a second one is ignored.
    working: bool,
    /// Where its files will lie, made once its headset has begun.
    room: Option<Room>,
}

impl Actor for SessionActor {
    type Message = SessionMessage;

    async fn start(&mut self, ctx: &Context<SessionMessage>) -> Result<(), Fault> {
        let found = session_find(&self.shared.db, self.id).await.map_err(|e| Fault::new(e.to_string()))?;
        let states = session_states(&self.shared.db, self.id).await.map_err(|e| Fault::new(e.to_string()))?;
        self.history.send_replace(states.into());
        let Some(session) = found.filter(|session| session.state.takes_upload()) else {
            self.leave(ctx);
            return Ok(());
        };
        ctx.send_after(session.expires_at.since(self.shared.now()), SessionMessage::Expire)?;
        self.session = Some(session);
        self.order();
        Ok(())
    }

    async fn handle(&mut self, ctx: &Context<SessionMessage>, message: SessionMessage) -> Result<(), Fault> {
        match message {
            SessionMessage::Connected => self.order(),
            SessionMessage::Started => self.on_started(ctx).await?,
            SessionMessage::Failed => self.on_failed(ctx, FailCause::Headset, HEADSET_FAILED).await?,
            SessionMessage::TooLong => self.on_too_long(ctx).await?,
            SessionMessage::Uploaded(upload) => self.on_upload(ctx, upload),
            SessionMessage::Kept(outcome, tries) => self.on_kept(ctx, outcome, tries).await?,
            SessionMessage::Cancel { by, reply } => reply.send(self.cancel(ctx, by).await),
            SessionMessage::Expire => self.on_expire(ctx).await?,
            SessionMessage::Erased => self.leave(ctx),
        }
        Ok(())
    }
}

impl SessionActor {
    pub(super) fn new(shared: Arc<Shared>, id: DiagnosisId, history: Arc<watch::Sender<History>>) -> Self {
        Self { shared, id, history, session: None, told: None, working: false, room: None }
    }

    /// Tells the patient's headset to begin, if it has not been told and has not begun.
    fn order(&mut self) {
        let Some(session) = self.session.as_ref().filter(|s| s.state == State::Ready) else { return };
        let headsets = &self.shared.headsets;
        if self.told.is_none() || self.told != headsets.number(session.patient_id) {
            self.told = headsets.tell(session.patient_id, &ToHeadset::start(session));
        }
    }

    async fn on_started(&mut self, ctx: &Context<SessionMessage>) -> Result<(), Fault> {
        let now = self.shared.now();
        match self.enter(|state| state.start(now), None).await {
            Ok(()) => {
                self.room = Some(Room::make(&self.shared, self.id));
                Ok(())
            }
            // A headset that says it again, or too late, changes nothing.
            Err(DiagnosisError::Over(_) | DiagnosisError::NotFound) => self.ignored(ctx, "late_start"),
            Err(error) => self.again(ctx, &error, SessionMessage::Started),
        }
    }

    /// Of a session that has begun: one that has not waits for its headset, which may have meant another one.
    async fn on_too_long(&mut self, ctx: &Context<SessionMessage>) -> Result<(), Fault> {
        let has_begun = self.session.as_ref().is_some_and(|s| matches!(s.state, State::Started { .. }));
        if !has_begun || self.working {
            return Ok(());
        }
        self.on_failed(ctx, FailCause::File, TOO_LONG).await
    }

    async fn on_failed(
        &mut self,
        ctx: &Context<SessionMessage>,
        cause: FailCause,
        reason: &'static str,
    ) -> Result<(), Fault> {
        let now = self.shared.now();
        let failure = Failure::new(cause, reason);
        match self.enter(|state| state.fail(now, failure), None).await {
            Ok(()) => {
                self.leave(ctx);
                Ok(())
            }
            Err(DiagnosisError::Over(_) | DiagnosisError::NotFound) => self.ignored(ctx, "late_failure"),
            Err(error) if cause == FailCause::Headset => self.again(ctx, &error, SessionMessage::Failed),
            Err(error) => self.again(ctx, &error, SessionMessage::TooLong),
        }
    }

    fn on_upload(&mut self, ctx: &Context<SessionMessage>, upload: Upload) {
        let session = self.session.clone().filter(|s| s.state.takes_upload() && !self.working);
        let Some(session) = session else {
            metrics::counter!("nightshift_diagnosis_frames_ignored_total", "reason" => "second_upload")
                .increment(1);
            return;
        };
        self.working = true;
        metrics::counter!("nightshift_diagnosis_uploads_total").increment(1);
        metrics::counter!("nightshift_diagnosis_upload_bytes_total").increment(upload.text.len() as u64);
        let room = self.room.take().unwrap_or_else(|| Room::make(&self.shared, self.id));
        upload::begin(Arc::clone(&self.shared), session, upload, room, ctx.address());
    }

    async fn on_kept(
        &mut self,
        ctx: &Context<SessionMessage>,
        outcome: Box<Outcome>,
        tries: u32,
    ) -> Result<(), Fault> {
        let (received, now) = (outcome.received, self.shared.now());
        let entered = match &outcome.kept {
            Ok(record) => {
                let record = Record { created_at: now, ..record.clone() };
                self.enter(|state| state.complete(now), Some(record)).await
            }
            Err(failure) => {
                let failure = failure.clone();
                self.enter(|state| state.fail(now, failure), None).await
            }
        };
        match entered {
            Ok(()) => {
                let waits = self.session.as_ref().is_some_and(|s| s.state.takes_upload());
                self.working = false;
                if outcome.kept.is_ok() {
                    let took = self.shared.clock.monotonic().saturating_sub(received);
                    metrics::histogram!("nightshift_diagnosis_upload_seconds").record(took.as_secs_f64());
                }
                if !waits {
                    self.leave(ctx);
                }
                Ok(())
            }
            // Cancelled, expired or erased meanwhile: its files are orphans already. Or it failed once more to be kept.
            Err(DiagnosisError::Over(_) | DiagnosisError::NotFound) => {
                self.working = false;
                self.ignored(ctx, "upload_of_ended_session")
            }
            Err(error) if tries < RETRIES_MAX => {
                tracing::warn!(diagnosis = self.id.0, error = %error, "a result could not be committed; trying again");
                ctx.send_after(RETRY_PAUSE, SessionMessage::Kept(outcome, tries + 1))
            }
            Err(error) => {
                self.working = false;
                tracing::error!(diagnosis = self.id.0, error = %error, "a result was not committed; it may be sent again");
                Ok(())
            }
        }
    }

    async fn cancel(&mut self, ctx: &Context<SessionMessage>, by: By) -> Result<(), DiagnosisError> {
        let now = self.shared.now();
        self.enter_by(|state| state.cancel(now), None, Some(by)).await?;
        self.stop_headset();
        self.leave(ctx);
        Ok(())
    }

    async fn on_expire(&mut self, ctx: &Context<SessionMessage>) -> Result<(), Fault> {
        if self.working {
            // The file came in time: what becomes of it decides.
            return ctx.send_after(RETRY_PAUSE, SessionMessage::Expire);
        }
        let now = self.shared.now();
        match self.enter(|state| state.expire(now), None).await {
            Ok(()) => self.stop_headset(),
            // The time to send a file again is over as well.
            Err(DiagnosisError::Over(_) | DiagnosisError::NotFound) => {}
            Err(error) => return self.again(ctx, &error, SessionMessage::Expire),
        }
        self.leave(ctx);
        Ok(())
    }

    fn stop_headset(&self) {
        if let Some(session) = &self.session {
            self.shared.headsets.tell(session.patient_id, &ToHeadset::stop());
        }
    }

    async fn enter(
        &mut self,
        next: impl FnOnce(State) -> Result<State, WrongState> + Send,
        record: Option<Record>,
    ) -> Result<(), DiagnosisError> {
        self.enter_by(next, record, None).await
    }

    /// Enters the state that `next` leads to, with the record that belongs to it, in one transaction. Whoever follows the
    /// session hears of it after the commit.
    async fn enter_by(
        &mut self,
        next: impl FnOnce(State) -> Result<State, WrongState> + Send,
        record: Option<Record>,
        by: Option<By>,
    ) -> Result<(), DiagnosisError> {
        let session = self.session.clone().ok_or(DiagnosisError::NotFound)?;
        let from = session.state.kind();
        let moved = Session { state: next(session.state.clone())?, ..session };
        let (after, at) = (moved.clone(), self.shared.now());
        let decided = self.shared.decide(move |tx| Box::pin(store_state(tx, moved, from, record, by, at)));
        match decided.await {
            Ok(event) => {
                self.told_all(event);
                self.session = Some(after);
                Ok(())
            }
            Err(error @ (DiagnosisError::Over(_) | DiagnosisError::NotFound)) => {
                self.reread().await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    fn told_all(&self, event: StateEvent) {
        if event.state.is_final() {
            metrics::counter!("nightshift_diagnosis_sessions_ended_total", "state" => event.state.as_str())
                .increment(1);
        }
        self.history.send_modify(|history| {
            let known = history.iter().cloned().chain(std::iter::once(event));
            *history = known.collect::<Vec<_>>().into();
        });
    }

    /// Another process, or a commit whose answer was lost, has moved the session: it is as it is stored.
    async fn reread(&mut self) {
        if let (Ok(session), Ok(states)) =
            (session_find(&self.shared.db, self.id).await, session_states(&self.shared.db, self.id).await)
        {
            self.session = session;
            self.history.send_replace(states.into());
        }
    }

    /// What the headset said has no effect; a session that is found to be over has nothing more to wait for.
    fn ignored(&mut self, ctx: &Context<SessionMessage>, reason: &'static str) -> Result<(), Fault> {
        metrics::counter!("nightshift_diagnosis_frames_ignored_total", "reason" => reason).increment(1);
        if !self.session.as_ref().is_some_and(|session| session.state.takes_upload()) {
            self.leave(ctx);
        }
        Ok(())
    }

    /// Tries again what the database did not take.
    fn again(
        &self,
        ctx: &Context<SessionMessage>,
        error: &DiagnosisError,
        message: SessionMessage,
    ) -> Result<(), Fault> {
        tracing::warn!(diagnosis = self.id.0, error = %error, "a state could not be committed; trying again");
        ctx.send_after(RETRY_PAUSE, message)
    }

    /// The session is over.
    fn leave(&mut self, ctx: &Context<SessionMessage>) {
        if let Some(room) = self.room.take() {
            room.give_back(Arc::clone(&self.shared));
        }
        self.shared.seats.take(self.id);
        ctx.finish();
    }
}

/// The unit of work behind a state. Only what the session is now decides, whatever its actor thought.
async fn store_state(
    tx: &mut nightshift_store::Tx,
    moved: Session,
    from: StateKind,
    record: Option<Record>,
    by: Option<By>,
    at: nightshift_domain::Timestamp,
) -> Decided<StateEvent> {
    let stored = match session_get(tx, moved.id).await {
        Err(StoreError::Missing { .. }) => return Ok(Err(DiagnosisError::NotFound)),
        stored => stored?,
    };
    if stored.state.kind() != from {
        return Ok(Err(DiagnosisError::Over(stored.state.kind())));
    }
    let event = session_move(tx, &moved, from).await?;
    if let Some(record) = &record {
        record_insert(tx, record).await?;
        orphan_done(tx, &original_key(record.id, &record.filename)).await?;
        orphan_done(tx, &processed_key(record.id, &record.filename)).await?;
    }
    let by = by.unwrap_or_else(By::system);
    let entry = by
        .entry(at, Action::Update, "diagnosis")
        .on(moved.id)
        .before(&serde_json::json!({ "state": from }))
        .after(&serde_json::json!({ "state": moved.state.kind(), "reason": event.reason }))
        .with_event(event.seq);
    tx.audit(entry)?;
    Ok(Ok(event))
}
