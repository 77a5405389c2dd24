//! A running request: tells its text when it is due, until its end time, whether anybody listens or not.
//!
//! Owned by `briefing/running`, one for each request that runs, named by its number. What it must know is in the store: a new
//! life reads the request and how far it was told, and tells listeners what the last life stored without telling. A text is
//! told after it was stored; one that cannot be stored is offered again. With a language model the rewording happens beside
//! the actor, and no later than half an interval after the text was due.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Carry, Composition, Custom, EndReason, Request, RequestId, Style, Teller};
use nightshift_domain::{NewEvent, briefing};
use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_store::StoreError;
use nightshift_store::briefing::{self as store, NewText, Progress, Running, TextSource};

use super::error::BriefingError;
use super::fold::catch_up;
use super::scribe::ScribeMessage;
use super::seats::{Listening, Seat};
use super::shared::{BACKGROUND_WRITE, Shared};

/// Messages that may wait for one request.
pub(super) const MAILBOX: u32 = 64;
/// How long a handler may take without progress.
pub(super) const BUDGET: Duration = Duration::from_secs(120);
/// Longest pause between two looks: a wall clock may jump, and what happened is taken in a little at a time.
const LOOK_MAX: Duration = Duration::from_secs(15);
/// Pause before a text that could not be stored is offered again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long the scribe may take.
const STORE_DEADLINE: Duration = Duration::from_secs(20);
/// How long the end of a rewording may wait for room in the mailbox.
const NOTICE_DEADLINE: Duration = Duration::from_secs(30);
/// Texts read from the store at once.
pub(super) const TEXTS_PAGE: u32 = 5_000;

type Answer<T> = Reply<Result<T, BriefingError>>;

/// What a running request takes.
pub(super) enum RunMessage {
    /// Look at the clock.
    Look,
    /// The rewording of text number `n` has ended.
    Worded { n: i64, text: Option<String> },
    /// Give all texts so far, and a place among the listeners.
    Join(Answer<(Vec<String>, Listening)>),
    /// Sum up.
    Summary(Answer<String>),
    /// End.
    End(EndReason, Answer<()>),
    /// The wishes of its person have changed.
    Restyle,
    /// Crash, to show that it comes back.
    #[cfg(test)]
    Drill,
}

/// A text that is made and not told yet.
struct Draft {
    n: i64,
    due: Timestamp,
    composed: Composition,
    progress: Progress,
    /// What is told; none while the language model is asked.
    words: Option<(String, TextSource)>,
    /// When it is told in the composer's words, whatever the model does.
    at_latest: Timestamp,
}

/// What a life knows.
struct Life {
    request: Request,
    teller: Teller,
    /// The last event that the teller knows.
    folded_seq: i64,
    /// When the last text was due.
    told_at: Option<Timestamp>,
    /// Texts so far, with the draft.
    texts: i64,
    custom: Custom,
    style: Style,
    draft: Option<Draft>,
}

/// The actor.
pub(super) struct RunActor {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    id: RequestId,
    life: Option<Life>,
}

impl RunActor {
    pub(super) fn new(shared: Arc<Shared>, seat: Arc<Seat>, id: RequestId) -> Self {
        Self { shared, seat, id, life: None }
    }

    /// Reads what the last life left. Gives nothing when the request has ended.
    async fn begin(&self) -> Result<Option<Life>, StoreError> {
        let found = store::request_find(&self.shared.db, self.id).await?;
        let Some(Running { request, progress }) = found.filter(|found| found.request.state.is_running())
        else {
            return Ok(None);
        };
        let texts = i64::try_from(progress.carry.texts).unwrap_or(i64::MAX);
        if let Some(told) = self.seat.known(texts) {
            for (n, text) in store::text_list(&self.shared.db, self.id, told, TEXTS_PAGE).await? {
                self.seat.tell(n, &text);
            }
        }
        let custom = store::custom_get(&self.shared.db, request.request.asker_id).await?;
        let from = progress.told_at.unwrap_or(request.request.started_at);
        Ok(Some(Life {
            teller: Teller::new(progress.carry, from),
            folded_seq: progress.covered_seq,
            told_at: progress.told_at,
            texts,
            style: custom.style(),
            custom,
            draft: None,
            request,
        }))
    }

    /// Takes in what happened; tells what is due; ends what is over. Gives the pause until there is something to do again, and
    /// nothing at the end.
    async fn look(
        &mut self,
        ctx: &Context<RunMessage>,
        now: Timestamp,
    ) -> Result<Option<Duration>, BriefingError> {
        let shared = Arc::clone(&self.shared);
        let Some(life) = &mut self.life else { return Ok(None) };
        if !shared.book.is_ready() {
            return Ok(Some(RETRY_PAUSE / 4));
        }
        life.folded_seq = catch_up(&shared, life.folded_seq, &mut life.teller, || ctx.progress()).await?;
        if life.draft.is_none()
            && let Some(due) = life.request.request.owed(life.told_at, now)
        {
            life.compose(&shared, due, now);
            self.ask_wordsmith(ctx);
        }
        if !self.tell(now).await? {
            // The model is still asked.
            let latest =
                self.life.as_ref().and_then(|life| life.draft.as_ref()).map_or(now, |draft| draft.at_latest);
            return Ok(Some(latest.since(now).clamp(Duration::from_millis(10), LOOK_MAX)));
        }
        let Some(life) = &self.life else { return Ok(None) };
        if life.request.request.is_over(now) {
            self.end(life.request.request.ends_at, EndReason::Time).await?;
            return Ok(None);
        }
        let next = life.request.request.next_look(now);
        Ok(Some(next.since(now).clamp(Duration::from_millis(1), LOOK_MAX)))
    }

    /// Has the draft reworded beside the actor, if there is a language model.
    fn ask_wordsmith(&self, ctx: &Context<RunMessage>) {
        let Some(draft) = self.life.as_ref().and_then(|life| life.draft.as_ref()) else { return };
        let (Some(_), Some(life), None) = (&self.shared.wordsmith, &self.life, &draft.words) else { return };
        let (shared, own, n) = (Arc::clone(&self.shared), ctx.address(), draft.n);
        let (composed, custom) = (draft.composed.clone(), life.custom.clone());
        let deadline = draft.at_latest.since(self.shared.now());
        tokio::spawn(async move {
            let text = match &shared.wordsmith {
                Some(wordsmith) => wordsmith.reword(&composed, &custom, deadline).await,
                None => None,
            };
            let _ = own.send(RunMessage::Worded { n, text }, NOTICE_DEADLINE).await;
        });
    }

    fn worded(&mut self, n: i64, text: Option<String>) {
        let draft = self.life.as_mut().and_then(|life| life.draft.as_mut());
        // A rewording that comes too late finds another draft, or none.
        if let Some(draft) = draft.filter(|draft| draft.n == n && draft.words.is_none()) {
            draft.words = Some(match text {
                Some(text) => (text, TextSource::Reworded),
                None => (draft.composed.text(), TextSource::Composed),
            });
        }
    }

    /// Stores the draft and tells it. Gives whether nothing is left to tell.
    async fn tell(&mut self, now: Timestamp) -> Result<bool, BriefingError> {
        let Some(life) = &mut self.life else { return Ok(true) };
        let Some(draft) = &mut life.draft else { return Ok(true) };
        if draft.words.is_none() && now >= draft.at_latest {
            draft.words = Some((draft.composed.text(), TextSource::Composed));
        }
        let Some((text, source)) = draft.words.clone() else { return Ok(false) };
        let new = NewText {
            request_id: self.id,
            n: draft.n,
            due_at: draft.due,
            text: text.clone(),
            source,
            evidence: draft.composed.evidence.clone(),
            progress: draft.progress.clone(),
        };
        let stored =
            self.shared.scribe.ask(|reply| ScribeMessage::Store(Box::new(new), reply), STORE_DEADLINE);
        stored.await??;
        self.seat.tell(draft.n, &text);
        let late = self.shared.now().since(draft.due);
        metrics::histogram!("nightshift_briefing_lateness_seconds").record(late.as_secs_f64());
        metrics::counter!("nightshift_briefing_texts_total", "source" => source.as_str()).increment(1);
        life.draft = None;
        Ok(true)
    }

    async fn join(&mut self) -> Result<(Vec<String>, Listening), BriefingError> {
        let listening = Listening { request_id: self.id, told: self.seat.listen() };
        Ok((texts_of(&self.shared, self.id).await?, listening))
    }

    async fn summary(
        &mut self,
        ctx: &Context<RunMessage>,
        now: Timestamp,
    ) -> Result<Composition, BriefingError> {
        let shared = Arc::clone(&self.shared);
        let life = self.life.as_mut().ok_or_else(|| BriefingError::not_found(self.id))?;
        life.folded_seq = catch_up(&shared, life.folded_seq, &mut life.teller, || ctx.progress()).await?;
        let began = life.request.request.started_at;
        Ok(life.teller.summary(began, now, &shared.book.watched(), &shared.calendar, life.style))
    }

    /// Ends the request in the store, then tells listeners.
    async fn end(&self, at: Timestamp, reason: EndReason) -> Result<(), BriefingError> {
        let (id, now) = (self.id, self.shared.now());
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move {
                if store::request_end(tx, id, at, reason).await? {
                    tx.journal(ended_event(id, reason, now)).await?;
                }
                Ok(())
            })
        });
        write.await?;
        metrics::counter!("nightshift_briefing_ended_total", "reason" => reason.as_str()).increment(1);
        Ok(())
    }

    /// The last of this actor: nobody finds it any more.
    fn leave(&mut self, ctx: &Context<RunMessage>) {
        self.life = None;
        self.shared.seats.take(self.id);
        self.seat.end();
        ctx.finish();
    }

    async fn on_look(&mut self, ctx: &Context<RunMessage>, now: Timestamp) -> Result<(), Fault> {
        if self.life.is_none() {
            return Ok(());
        }
        match self.look(ctx, now).await {
            Ok(Some(pause)) => ctx.send_after(pause, RunMessage::Look),
            Ok(None) => {
                self.leave(ctx);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(request = %self.id, error = %error, "a briefing is late; it is tried again");
                ctx.send_after(RETRY_PAUSE, RunMessage::Look)
            }
        }
    }
}

/// All texts of a request, in their order.
pub(super) async fn texts_of(shared: &Shared, id: RequestId) -> Result<Vec<String>, StoreError> {
    let mut texts = Vec::new();
    let mut after = 0;
    // A day has no more seconds than a request has texts.
    while texts.len() <= briefing::INTERVAL_S_MAX as usize {
        let page = store::text_list(&shared.db, id, after, TEXTS_PAGE).await?;
        let full = page.len() == TEXTS_PAGE as usize;
        after = page.last().map_or(after, |(n, _)| *n);
        texts.extend(page.into_iter().map(|(_, text)| text));
        if !full {
            break;
        }
    }
    Ok(texts)
}

/// The event that says that a request has ended.
pub(super) fn ended_event(id: RequestId, reason: EndReason, now: Timestamp) -> NewEvent {
    let data = serde_json::json!({ "request_id": id, "reason": reason });
    NewEvent::new(now, "briefing.ended", &id.to_string(), data)
}

impl Life {
    /// Makes the text that is due, and begins the next one behind it.
    fn compose(&mut self, shared: &Shared, due: Timestamp, now: Timestamp) {
        let composed = self.teller.text(due, &shared.book.watched(), &shared.calendar, self.style);
        let carry: Carry = self.teller.next();
        let progress = Progress { covered_seq: self.folded_seq, told_at: Some(due), carry: carry.clone() };
        self.texts += 1;
        let words = shared.wordsmith.is_none().then(|| (composed.text(), TextSource::Composed));
        // A listener of a short interval gets its text in time, in whoever's words.
        let patience = shared.wordsmith.as_ref().map_or(Duration::ZERO, |wordsmith| {
            wordsmith
                .deadline()
                .min((self.request.request.interval.duration() / 2).max(Duration::from_millis(500)))
        });
        self.draft = Some(Draft { n: self.texts, due, composed, progress, words, at_latest: now + patience });
        self.teller = Teller::new(carry, due);
        self.told_at = Some(due);
    }
}

impl Actor for RunActor {
    type Message = RunMessage;

    async fn start(&mut self, ctx: &Context<RunMessage>) -> Result<(), Fault> {
        self.life = self.begin().await.map_err(Fault::from)?;
        if self.life.is_none() {
            self.leave(ctx);
            return Ok(());
        }
        ctx.send_after(Duration::ZERO, RunMessage::Look)
    }

    async fn handle(&mut self, ctx: &Context<RunMessage>, message: RunMessage) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        match message {
            RunMessage::Look => self.on_look(ctx, now).await?,
            RunMessage::Worded { n, text } => {
                self.worded(n, text);
                if let Err(error) = self.tell(now).await {
                    tracing::warn!(request = %self.id, error = %error, "a briefing is late; it is tried again");
                }
            }
            RunMessage::Join(reply) => reply.send(self.join().await),
            RunMessage::Summary(reply) => {
                let composed = self.summary(ctx, now).await;
                let custom = self.life.as_ref().map(|life| life.custom.clone()).unwrap_or_default();
                super::desk::reword_summary(Arc::clone(&self.shared), composed, custom, reply);
            }
            RunMessage::End(reason, reply) => {
                let ended = self.end(now, reason).await;
                let done = ended.is_ok();
                reply.send(ended);
                if done {
                    self.leave(ctx);
                }
            }
            RunMessage::Restyle => {
                if let Some(life) = &mut self.life {
                    let custom = store::custom_get(&self.shared.db, life.request.request.asker_id).await;
                    life.custom = custom.map_err(Fault::from)?;
                    life.style = life.custom.style();
                }
            }
            #[cfg(test)]
            RunMessage::Drill => return Err(Fault::new("crashed on purpose")),
        }
        Ok(())
    }
}
