//! Starting the briefing domain: the book, the scribe, and every request that was running when the last process ended.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::briefing::{Channel, RequestId};
use nightshift_kernel::{
    Backoff, BreakerView, ChildSpec, Clock, Mailbox, Policy, Restart, StopOrder, Supervisor,
};
use nightshift_store::{Db, briefing as store};
use tokio::sync::broadcast;

use super::Briefing;
use super::book::{Book, Chronicle};
use super::courier::{self, Courier, Way, Ways};
use super::daily::{self, DailyActor};
use super::error::BriefingError;
use super::mail::Mailer;
use super::running::{self, RunActor};
use super::scribe::{self, Scribe};
use super::seats::{Seat, Seats, Told};
use super::shared::Shared;
use super::webhook::Webhook;
use super::wordsmith::{self, WordsmithError};
use crate::config::BriefingConfig;
use crate::hub::Hub;
use crate::plant::StartError;
use crate::writer::Writer;

/// Requests read from the store at once at the start.
const PAGE: u32 = 1_000;
/// First pause before a crashed briefing lives again: its text is due soon.
const RESTART_FIRST: Duration = Duration::from_millis(5);
/// How long the chronicle may take for a page of the journal.
const CHRONICLE_BUDGET: Duration = Duration::from_secs(60);

/// Declares the domain under `plant`.
pub(crate) async fn spawn(
    plant: &Supervisor,
    config: BriefingConfig,
    time_zone: &str,
    (db, writer, hub, clock): (Db, Writer, Hub, Clock),
) -> Result<Briefing, StartError> {
    let domain = plant.supervisor("briefing", Policy::default())?;
    let book = Arc::new(Book::new());
    let (for_db, for_hub, for_book) = (db.clone(), hub, Arc::clone(&book));
    let spec = ChildSpec::new("chronicle").mailbox(Mailbox::wait(8)).budget(CHRONICLE_BUDGET);
    domain.spawn(spec, move || Chronicle::new(for_db.clone(), for_hub.clone(), Arc::clone(&for_book)))?;
    let for_scribe = writer.clone();
    let spec = ChildSpec::new("scribe").mailbox(Mailbox::wait(scribe::MAILBOX)).budget(scribe::BUDGET);
    let scribe = domain.spawn(spec, move || Scribe::new(for_scribe.clone()))?;

    let mut outside: Vec<BreakerView> = Vec::new();
    let wordsmith = match &config.llm {
        Some(llm) => {
            let (wordsmith, views) = wordsmith::spawn(&domain, llm, &clock).map_err(StartError::from)?;
            outside.extend(views);
            Some(wordsmith)
        }
        None => None,
    };
    let ways = ways(&config, &clock).map_err(StartError::Briefing)?;
    for breaker in [ways.webhook.as_ref().map(|way| &way.breaker), ways.mail.as_ref().map(|way| &way.breaker)]
        .into_iter()
        .flatten()
    {
        outside.push(breaker.lock().await.view());
    }
    let calendar = time_zone.parse().map_err(|e| StartError::Briefing(format!("{e}")))?;
    let running_max = config.running_max;
    let shared = Arc::new(Shared {
        db,
        writer,
        clock,
        config,
        calendar,
        book,
        seats: Seats::default(),
        scribe,
        wordsmith,
    });
    let together = Policy {
        stop_order: StopOrder::Together,
        children_max: running_max.saturating_mul(2),
        ..Policy::default()
    };
    let running = domain.supervisor("running", together)?;
    resume(&shared, &running).await?;
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("daily").mailbox(Mailbox::wait(4)).budget(daily::BUDGET);
    domain.spawn(spec, move || DailyActor::new(Arc::clone(&own)))?;
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("courier").mailbox(Mailbox::wait(4)).budget(courier::BUDGET);
    domain.spawn(spec, move || Courier::new(Arc::clone(&own), ways.clone()))?;
    Ok(Briefing { shared, running, outside })
}

impl From<WordsmithError> for StartError {
    fn from(error: WordsmithError) -> Self {
        match error {
            WordsmithError::Config(text) => Self::Briefing(text),
            WordsmithError::Spawn(error) => Self::Spawn(error),
        }
    }
}

fn ways(config: &BriefingConfig, clock: &Clock) -> Result<Ways, String> {
    let webhook = config.webhook.as_ref().map(Webhook::new).transpose()?;
    let language = config.daily_custom.style().language;
    let mail = config.mail.as_ref().map(|mail| Mailer::new(mail, language)).transpose()?;
    Ok(Ways {
        webhook: webhook.map(|sender| Way::new(sender, Channel::Webhook, clock.clone())),
        mail: mail.map(|sender| Way::new(sender, Channel::Mail, clock.clone())),
    })
}

/// Gives every request that runs its actor.
async fn resume(shared: &Arc<Shared>, running: &Supervisor) -> Result<(), StartError> {
    let mut after = RequestId(0);
    loop {
        let page = store::requests_running(&shared.db, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        for request in page {
            seat(shared, running, request.id).map_err(|error| StartError::Briefing(error.to_string()))?;
        }
    }
}

/// Starts the actor of a request and gives a place among its listeners.
pub(super) fn seat(
    shared: &Arc<Shared>,
    running: &Supervisor,
    id: RequestId,
) -> Result<broadcast::Receiver<Told>, BriefingError> {
    let seat = Seat::new();
    let listeners = seat.listen();
    let spec = ChildSpec::new(id.to_string())
        .mailbox(Mailbox::wait(running::MAILBOX))
        .budget(running::BUDGET)
        .restart(Restart::Transient)
        .backoff(Backoff { first: RESTART_FIRST, max: Duration::from_secs(30) });
    let (own, place) = (Arc::clone(shared), Arc::clone(&seat));
    let address = running.spawn(spec, move || RunActor::new(Arc::clone(&own), Arc::clone(&place), id))?;
    shared.seats.put(id, address, seat);
    Ok(listeners)
}
