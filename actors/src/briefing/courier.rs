//! The courier: brings the days' briefings to the webhook and by mail.
//!
//! Owned by `briefing`. The queue is in the store. Each delivery is tried until it arrives or was tried for too long; what
//! became of a try is stored before the next one begins. A crash between a try and its note means one more try: both kinds
//! carry an id by which a receiver knows a second copy. Each channel has its breaker.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Channel, DeliveryState};
use nightshift_kernel::{Actor, Breaker, BreakerConfig, BreakerError, Clock, Context, Fault};
use nightshift_store::briefing::{self as store, Daily, Delivery};
use tokio::sync::Mutex;

use super::error::BriefingError;
use super::mail::Mailer;
use super::shared::{BACKGROUND_WRITE, Shared};
use super::webhook::Webhook;

/// How long one try may take.
pub(super) const TRY_MAX: Duration = Duration::from_secs(15);
/// Time between two looks at the queue.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Deliveries tried in one look.
const TRIES_PER_LOOK: u32 = 10;
/// Failures in a row after which a channel is left alone for a while.
const BREAKER_FAILURES: u32 = 5;
/// How long it is left alone.
const BREAKER_OPEN: Duration = Duration::from_secs(60);
/// How long a look may take without progress.
pub(super) const BUDGET: Duration = Duration::from_secs(120);

/// What the courier takes.
pub(super) enum CourierMessage {
    Look,
}

/// A channel with its breaker, which outlives the actor.
#[derive(Clone)]
pub(super) struct Way<T> {
    pub(super) sender: T,
    pub(super) breaker: Arc<Mutex<Breaker>>,
}

impl<T> Way<T> {
    pub(super) fn new(sender: T, channel: Channel, clock: Clock) -> Self {
        let config =
            BreakerConfig { failures: BREAKER_FAILURES, open_for: BREAKER_OPEN, ..BreakerConfig::default() };
        let breaker = Breaker::new(format!("briefing-{}", channel.as_str()), config, clock);
        Self { sender, breaker: Arc::new(Mutex::new(breaker)) }
    }
}

/// The ways out of the plant that are configured.
#[derive(Clone, Default)]
pub(super) struct Ways {
    pub(super) webhook: Option<Way<Webhook>>,
    pub(super) mail: Option<Way<Mailer>>,
}

/// The actor.
pub(super) struct Courier {
    shared: Arc<Shared>,
    ways: Ways,
}

impl Courier {
    pub(super) fn new(shared: Arc<Shared>, ways: Ways) -> Self {
        Self { shared, ways }
    }

    async fn look(&self, ctx: &Context<CourierMessage>) -> Result<(), BriefingError> {
        let due = store::deliveries_due(&self.shared.db, self.shared.now(), TRIES_PER_LOOK).await?;
        if due.is_empty() {
            return Ok(());
        }
        for delivery in due {
            ctx.progress();
            let Some(daily) = store::daily_find(&self.shared.db, delivery.daily_id).await? else { continue };
            let outcome = self.bring(&delivery, &daily).await;
            self.settle(delivery, outcome).await?;
        }
        let waiting = store::deliveries_waiting(&self.shared.db).await?;
        metrics::gauge!("nightshift_briefing_deliveries_waiting").set(waiting as f64);
        Ok(())
    }

    async fn bring(&self, delivery: &Delivery, daily: &Daily) -> Result<(), String> {
        let now = self.shared.now();
        match delivery.channel {
            Channel::Webhook => match &self.ways.webhook {
                Some(way) => through(&way.breaker, way.sender.send(delivery.id, daily, now)).await,
                None => Err("no webhook is configured any more".to_owned()),
            },
            Channel::Mail => match &self.ways.mail {
                Some(way) => through(&way.breaker, way.sender.send(delivery.id, daily)).await,
                None => Err("no mail is configured any more".to_owned()),
            },
        }
    }

    async fn settle(&self, delivery: Delivery, outcome: Result<(), String>) -> Result<(), BriefingError> {
        let Delivery { id, channel, state, .. } = delivery;
        let now: Timestamp = self.shared.now();
        let (next, word) = match &outcome {
            Ok(()) => (state.delivered(now), "delivered"),
            Err(reason) => (state.failed(now, reason), "failed"),
        };
        let Ok(next) = next else { return Ok(()) };
        let channel = channel.as_str();
        let word = if matches!(next, DeliveryState::GivenUp { .. }) { "given_up" } else { word };
        metrics::counter!("nightshift_briefing_deliveries_total", "channel" => channel, "outcome" => word)
            .increment(1);
        match (&outcome, word) {
            (Err(reason), "given_up") => {
                tracing::error!(
                    channel,
                    delivery = id,
                    reason,
                    "a day's briefing could not be brought, and is given up"
                );
            }
            (Err(reason), _) => {
                tracing::warn!(
                    channel,
                    delivery = id,
                    reason,
                    "a day's briefing was not brought; it is tried again"
                );
            }
            (Ok(()), _) => tracing::info!(channel, delivery = id, "a day's briefing was brought"),
        }
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { store::delivery_save(tx, id, &next).await })
        });
        Ok(write.await?)
    }
}

async fn through<E: std::error::Error>(
    breaker: &Mutex<Breaker>,
    call: impl Future<Output = Result<(), E>>,
) -> Result<(), String> {
    breaker.lock().await.call(TRY_MAX, call).await.map_err(|error| match error {
        BreakerError::Open { .. } => "its breaker is open".to_owned(),
        BreakerError::Deadline => format!("no answer within {} s", TRY_MAX.as_secs()),
        BreakerError::Panicked => "the try panicked".to_owned(),
        BreakerError::Failed(error) => error.to_string(),
    })
}

impl Actor for Courier {
    type Message = CourierMessage;

    async fn start(&mut self, ctx: &Context<CourierMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || CourierMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<CourierMessage>,
        CourierMessage::Look: CourierMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.look(ctx).await {
            tracing::warn!(error = %error, "the queue of deliveries could not be looked at; the next look goes on");
        }
        Ok(())
    }
}
