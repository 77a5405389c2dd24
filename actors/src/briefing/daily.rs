//! The plant's own briefing of each day: made when it is due, in both languages, journalled, and queued to be brought.
//!
//! Owned by `briefing`. The last one, how far it told and what goes on from it are in the store, so that a restart makes up for
//! the newest one that was missed, and for no older one. It also takes away what has been kept for long enough.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::briefing::{Carry, Channel, Custom, Day, Language, Style, Teller};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::briefing::{self as store, NewDaily};
use nightshift_store::{StoreError, system};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::BriefingError;
use super::fold::catch_up;
use super::shared::{BACKGROUND_WRITE, Shared};

/// Time between two looks at the clock.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Looks between two rounds of taking away.
const SWEEP_EVERY: u64 = 60;
/// Rows that one round takes away of each kind.
const SWEEP_ROWS: u32 = 500;
/// How long a look may take without progress.
pub(super) const BUDGET: Duration = Duration::from_secs(300);
/// Where the first start of the schedule is kept.
const BEGAN_SETTING: &str = "briefing.daily_began";

/// Where the schedule begins before there is any briefing of a day.
#[derive(Debug, Serialize, Deserialize)]
struct Began {
    until: Timestamp,
    covered_seq: i64,
    carry: Carry,
}

/// What the actor takes.
pub(super) enum DailyMessage {
    Look,
}

struct Progress {
    teller: Teller,
    folded_seq: i64,
    /// Until when the last one told.
    until: Timestamp,
}

/// The actor.
pub(super) struct DailyActor {
    shared: Arc<Shared>,
    progress: Option<Progress>,
    looks: u64,
}

impl DailyActor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, progress: None, looks: 0 }
    }

    /// Where the last one ended. A plant that never had one waits for its first.
    async fn begin(&self, now: Timestamp) -> Result<Progress, BriefingError> {
        let db = &self.shared.db;
        if let Some((until, folded_seq, carry)) = store::daily_last(db).await? {
            show(until);
            return Ok(Progress { teller: Teller::new(carry, until), folded_seq, until });
        }
        let began: Option<Began> = system::setting_get(db, BEGAN_SETTING).await?;
        let began = match began {
            Some(began) => began,
            None => {
                let beginning = self.shared.book.beginning();
                let until = self.shared.config.daily_at.latest(now, &self.shared.calendar).until;
                let began = Began { until, covered_seq: beginning.covered_seq, carry: beginning.carry };
                let kept = json!(began);
                let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
                    Box::pin(async move { system::setting_set(tx, BEGAN_SETTING, &kept).await })
                });
                write.await?;
                began
            }
        };
        let teller = Teller::new(began.carry, began.until);
        Ok(Progress { teller, folded_seq: began.covered_seq, until: began.until })
    }

    async fn look(&mut self, ctx: &Context<DailyMessage>, now: Timestamp) -> Result<(), BriefingError> {
        if !self.shared.book.is_ready() {
            return Ok(());
        }
        if self.progress.is_none() {
            self.progress = Some(self.begin(now).await?);
        }
        let Some(progress) = &mut self.progress else { return Ok(()) };
        progress.folded_seq =
            catch_up(&self.shared, progress.folded_seq, &mut progress.teller, || ctx.progress()).await?;
        let day = self.shared.config.daily_at.latest(now, &self.shared.calendar);
        if day.until > progress.until {
            self.make(day, now).await?;
        }
        if self.looks.is_multiple_of(SWEEP_EVERY) {
            self.sweep(now).await?;
        }
        self.looks += 1;
        Ok(())
    }

    /// Makes a day's briefing, stores it with its event and its deliveries, and begins the next.
    async fn make(&mut self, day: Day, now: Timestamp) -> Result<(), BriefingError> {
        let shared = &self.shared;
        let Some(progress) = &mut self.progress else { return Ok(()) };
        let custom: &Custom = &shared.config.daily_custom;
        let (watched, style) = (shared.book.watched(), custom.style());
        let [ko, en] = Language::ALL.map(|language| {
            progress.teller.text(day.until, &watched, &shared.calendar, Style { language, ..style })
        });
        let mut texts = [ko.text(), en.text()];
        if let Some(wordsmith) = &shared.wordsmith {
            for (text, composed) in texts.iter_mut().zip([&ko, &en]) {
                let reworded = wordsmith.reword(composed, custom, wordsmith.deadline()).await;
                *text = reworded.unwrap_or_else(|| std::mem::take(text));
            }
        }
        let [text_ko, text_en] = texts;
        let carry = progress.teller.next();
        let new = NewDaily {
            day: day.date,
            from: progress.until,
            until: day.until,
            composed_at: now,
            text_ko,
            text_en,
            calm: ko.calm,
            evidence: ko.evidence,
            covered_seq: progress.folded_seq,
            carry: carry.clone(),
        };
        let channels = shared.config.channels();
        let write = shared
            .writer
            .run(BACKGROUND_WRITE, move |tx| Box::pin(async move { keep(tx, new, &channels, now).await }));
        write.await?;
        metrics::counter!("nightshift_briefing_dailies_total").increment(1);
        show(day.until);
        progress.teller = Teller::new(carry, day.until);
        progress.until = day.until;
        Ok(())
    }

    /// Takes away what has been kept for long enough.
    async fn sweep(&self, now: Timestamp) -> Result<(), BriefingError> {
        let before = now - Duration::from_secs(u64::from(self.shared.config.keep_days) * 86_400);
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move {
                store::requests_expire(tx, before, SWEEP_ROWS).await?;
                store::dailies_expire(tx, before, SWEEP_ROWS).await?;
                store::observations_expire(tx, before, SWEEP_ROWS).await.map(|_| ())
            })
        });
        Ok(write.await?)
    }
}

async fn keep(
    tx: &mut nightshift_store::Tx,
    new: NewDaily,
    channels: &[Channel],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(id) = store::daily_insert(tx, &new).await? else { return Ok(()) };
    for channel in channels {
        store::delivery_insert(tx, id, *channel, now).await?;
    }
    let data = json!({
        "daily_id": id, "date": new.day, "from": new.from, "until": new.until, "calm": new.calm,
        "text": { "ko": new.text_ko, "en": new.text_en },
    });
    tx.journal(NewEvent::new(now, "briefing.daily", &new.day.to_string(), data)).await.map(|_| ())
}

/// Until when the last one told, for the alarm that there is none.
fn show(until: Timestamp) {
    metrics::gauge!("nightshift_briefing_last_daily_timestamp_seconds").set(until.us() as f64 / 1e6);
}

impl Actor for DailyActor {
    type Message = DailyMessage;

    async fn start(&mut self, ctx: &Context<DailyMessage>) -> Result<(), Fault> {
        ctx.send_after(Duration::ZERO, DailyMessage::Look)?;
        ctx.send_every(LOOK_INTERVAL, || DailyMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<DailyMessage>,
        DailyMessage::Look: DailyMessage,
    ) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        if let Err(error) = self.look(ctx, now).await {
            tracing::warn!(error = %error, "the day's briefing could not be looked after; the next look goes on");
        }
        Ok(())
    }
}
