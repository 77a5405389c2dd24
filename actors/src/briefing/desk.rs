//! What people ask of the domain: begin, listen, end, look back, wish.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::NewEvent;
use nightshift_domain::briefing::{
    AskerName, Carry, Composition, Custom, EndReason, EndTime, Interval, NewRequest, Observation, Request,
    RequestId, SUMMARY_LINES, Teller,
};
use nightshift_domain::production::PlantDate;
use nightshift_kernel::{AskError, Reply};
use nightshift_store::briefing::{self as store, Asker, Daily, Running, ToldText};
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::Briefing;
use super::error::BriefingError;
use super::running::{RunMessage, ended_event, texts_of};
use super::seats::Listening;
use super::shared::{Shared, WRITE_DEADLINE};
use super::start::seat;
use crate::setback::Setback;

/// How long a running request may take to answer.
const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// How long a summary may take, rewording included.
const SUMMARY_DEADLINE: Duration = Duration::from_secs(28);
/// Most people that are known.
const ASKERS_MAX: u64 = 100_000;
/// Most requests of a person that are listed.
const REQUESTS_MAX: u32 = 1_000;

/// What a person who comes back finds.
#[derive(Debug)]
pub struct Reloaded {
    /// The newest request, if there ever was one.
    pub request_id: Option<RequestId>,
    /// Its texts.
    pub texts: Vec<String>,
    /// What follows; nothing when it has ended.
    pub listening: Option<Listening>,
}

impl Briefing {
    /// Writes a person down; whether the name was never seen.
    ///
    /// # Errors
    /// `TooMany` when too many people are known, or a part is away.
    pub async fn enter(&self, name: &AskerName) -> Result<(Asker, bool), BriefingError> {
        if let Some(asker) = store::asker_find(&self.shared.db, name).await? {
            return Ok((asker, false));
        }
        if store::asker_count(&self.shared.db).await? >= ASKERS_MAX {
            return Err(BriefingError::too_many("people who are known"));
        }
        let (name, now) = (name.clone(), self.shared.now());
        let write = self
            .shared
            .writer
            .run(WRITE_DEADLINE, move |tx| Box::pin(async move { store::asker_enter(tx, &name, now).await }));
        Ok(write.await?)
    }

    /// Begins a briefing; the one of the same person that runs is ended.
    ///
    /// # Errors
    /// `TooMany` when too many run, or a part is away.
    pub async fn begin(
        &self,
        name: &AskerName,
        interval: Interval,
        end: &EndTime,
    ) -> Result<Listening, BriefingError> {
        let (asker, _) = self.enter(name).await?;
        if self.shared.seats.len() >= self.shared.config.running_max {
            return Err(BriefingError::too_many("running briefings"));
        }
        if !self.shared.book.wait_ready(ASK_DEADLINE).await {
            return Err(Setback::away("the record of what happened").into());
        }
        let now = self.shared.now();
        let new = NewRequest {
            asker_id: asker.id,
            interval,
            started_at: now,
            ends_at: end.after(now, &self.shared.calendar),
            end_text: end.as_str().to_owned(),
        };
        let beginning = self.shared.book.beginning();
        let write = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let (seq, carry): (i64, Carry) = (beginning.covered_seq, beginning.carry);
                let (request, ended) = store::request_start(tx, &new, seq, &carry).await?;
                if let Some(ended) = ended {
                    tx.journal(ended_event(ended, EndReason::Replaced, now)).await?;
                }
                let data = json!({
                    "request_id": request.id, "interval_s": new.interval.seconds(), "ends_at": new.ends_at,
                });
                tx.journal(NewEvent::new(now, "briefing.started", &request.id.to_string(), data)).await?;
                Ok((request, ended))
            })
        });
        let (request, ended) = write.await?;
        metrics::counter!("nightshift_briefing_started_total").increment(1);
        if let Some(ended) = ended {
            self.let_go(ended, EndReason::Replaced).await;
        }
        let listeners = seat(&self.shared, &self.running, request.id)?;
        Ok(Listening { request_id: request.id, told: listeners })
    }

    /// Ends the actor of a request that has ended in the store.
    async fn let_go(&self, id: RequestId, reason: EndReason) {
        let Some(address) = self.shared.seats.get(id) else { return };
        if let Err(error) = address.ask(|reply| RunMessage::End(reason, reply), ASK_DEADLINE).await {
            // It looks into the store with its next life, or its next text finds that it has ended.
            tracing::warn!(request = %id, error = %error, "the actor of a briefing that was replaced did not end in order");
        }
    }

    /// The texts of a person's newest request, and a place among its listeners while it runs.
    ///
    /// # Errors
    /// A part is away.
    pub async fn reload(&self, name: &AskerName) -> Result<Reloaded, BriefingError> {
        let Some(request) = self.latest(name).await? else {
            return Ok(Reloaded { request_id: None, texts: Vec::new(), listening: None });
        };
        if let Some(address) = self.shared.seats.get(request.id) {
            match address.ask(RunMessage::Join, ASK_DEADLINE).await {
                Ok(joined) => {
                    let (texts, listening) = joined?;
                    return Ok(Reloaded { request_id: Some(request.id), texts, listening: Some(listening) });
                }
                // It has just ended.
                Err(AskError::Stopped) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let texts = texts_of(&self.shared, request.id).await?;
        Ok(Reloaded { request_id: Some(request.id), texts, listening: None })
    }

    /// Ends a person's running request; whether one ran.
    ///
    /// # Errors
    /// A part is away.
    pub async fn end(&self, name: &AskerName) -> Result<bool, BriefingError> {
        let latest = self.latest(name).await?.filter(|request| request.state.is_running());
        let Some(request) = latest else { return Ok(false) };
        if let Some(address) = self.shared.seats.get(request.id) {
            match address.ask(|reply| RunMessage::End(EndReason::Asked, reply), ASK_DEADLINE).await {
                Ok(ended) => return ended.map(|()| true),
                Err(AskError::Stopped) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // Its actor is in quarantine or gone: the store is told, and a later life finds it there.
        let (id, now) = (request.id, self.shared.now());
        let write = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move { store::request_end(tx, id, now, EndReason::Asked).await })
        });
        Ok(write.await?)
    }

    /// A person's requests, the newest first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn requests(&self, name: &AskerName) -> Result<Vec<Request>, BriefingError> {
        match store::asker_find(&self.shared.db, name).await? {
            Some(asker) => Ok(store::request_list(&self.shared.db, asker.id, REQUESTS_MAX).await?),
            None => Ok(Vec::new()),
        }
    }

    async fn latest(&self, name: &AskerName) -> Result<Option<Request>, BriefingError> {
        match store::asker_find(&self.shared.db, name).await? {
            Some(asker) => Ok(store::request_latest(&self.shared.db, asker.id).await?),
            None => Ok(None),
        }
    }

    /// A request, if it is that person's; anybody's when no person is given.
    async fn owned(&self, owner: Option<&AskerName>, id: RequestId) -> Result<Running, BriefingError> {
        let found = store::request_find(&self.shared.db, id).await?;
        let found = found.ok_or_else(|| BriefingError::not_found(id))?;
        if let Some(owner) = owner {
            let asker = store::asker_find(&self.shared.db, owner).await?;
            if asker.is_none_or(|asker| asker.id != found.request.request.asker_id) {
                return Err(BriefingError::not_found(id));
            }
        }
        Ok(found)
    }

    /// The texts of a request.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is not the owner's; the database is away.
    pub async fn texts(
        &self,
        owner: Option<&AskerName>,
        id: RequestId,
    ) -> Result<Vec<String>, BriefingError> {
        let found = self.owned(owner, id).await?;
        Ok(texts_of(&self.shared, found.request.id).await?)
    }

    /// The texts of a request with what their numbers rest on, in their order.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is not the owner's; the database is away.
    pub async fn told(
        &self,
        owner: Option<&AskerName>,
        id: RequestId,
        slice: Slice,
    ) -> Result<Page<ToldText>, BriefingError> {
        let found = self.owned(owner, id).await?;
        Ok(store::text_page(&self.shared.db, found.request.id, slice).await?)
    }

    /// Three lines that sum a request up.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is not the owner's; a part is away.
    pub async fn summary(&self, owner: Option<&AskerName>, id: RequestId) -> Result<String, BriefingError> {
        let Running { request, progress } = self.owned(owner, id).await?;
        if let Some(address) = self.shared.seats.get(id) {
            match address.ask(RunMessage::Summary, SUMMARY_DEADLINE).await {
                Ok(summary) => return summary,
                Err(AskError::Stopped) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // It has ended: what it told is all there is.
        let until = progress.told_at.unwrap_or(request.request.ends_at.min(self.shared.now()));
        let began = request.request.started_at;
        let custom = store::custom_get(&self.shared.db, request.request.asker_id).await?;
        let watched = self.shared.book.watched();
        let teller = Teller::new(progress.carry, began);
        let composed = teller.summary(began, until, &watched, &self.shared.calendar, custom.style());
        Ok(reworded_summary(&self.shared, composed, &custom).await)
    }

    /// What a person wishes.
    ///
    /// # Errors
    /// The database is away.
    pub async fn custom(&self, name: &AskerName) -> Result<Custom, BriefingError> {
        match store::asker_find(&self.shared.db, name).await? {
            Some(asker) => Ok(store::custom_get(&self.shared.db, asker.id).await?),
            None => Ok(Custom::default()),
        }
    }

    /// Sets what a person wishes; a running briefing heeds it with its next text.
    ///
    /// # Errors
    /// `Invalid`, or a part is away.
    pub async fn set_custom(&self, name: &AskerName, wishes: Vec<String>) -> Result<(), BriefingError> {
        let custom = Custom::new(wishes).map_err(|fault| BriefingError::Invalid(vec![fault]))?;
        let (asker, _) = self.enter(name).await?;
        let write = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move { store::custom_set(tx, asker.id, &custom).await })
        });
        write.await?;
        let running = store::request_latest(&self.shared.db, asker.id).await?;
        if let Some(address) = running.and_then(|request| self.shared.seats.get(request.id)) {
            // One that is restarting reads the wishes by itself.
            let _ = address.send(RunMessage::Restyle, ASK_DEADLINE).await;
        }
        Ok(())
    }

    /// The plant's own briefings of each day, the newest first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn dailies(&self, day: Option<PlantDate>, slice: Slice) -> Result<Page<Daily>, BriefingError> {
        Ok(store::daily_list(&self.shared.db, day, slice).await?)
    }

    /// Takes in what an outside pipeline has seen. Gives its event, and whether it is new.
    ///
    /// # Errors
    /// `Invalid`, or a part is away.
    pub async fn observe(&self, seen: Observation) -> Result<(i64, bool), BriefingError> {
        let seen = seen.validated(self.shared.now())?;
        let write = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move { store::observation_insert(tx, &seen).await })
        });
        let (seq, new) = write.await?;
        let outcome = if new { "new" } else { "known" };
        metrics::counter!("nightshift_briefing_observations_total", "outcome" => outcome).increment(1);
        Ok((seq, new))
    }
}

/// Answers with a summary, in the model's words if they are good. The actor does not wait for it.
pub(super) fn reword_summary(
    shared: Arc<Shared>,
    composed: Result<Composition, BriefingError>,
    custom: Custom,
    reply: Reply<Result<String, BriefingError>>,
) {
    let composed = match composed {
        Ok(composed) if shared.wordsmith.is_some() => composed,
        other => return reply.send(other.map(|composed| composed.text())),
    };
    tokio::spawn(async move {
        let text = reworded_summary(&shared, composed, &custom).await;
        reply.send(Ok(text));
    });
}

/// The summary in the model's words, if there are three lines of them that say the same; the composer's otherwise.
async fn reworded_summary(shared: &Shared, composed: Composition, custom: &Custom) -> String {
    let Some(wordsmith) = &shared.wordsmith else { return composed.text() };
    let reworded = wordsmith.reword(&composed, custom, wordsmith.deadline()).await;
    reworded.filter(|text| text.lines().count() == SUMMARY_LINES).unwrap_or_else(|| composed.text())
}
