//! The keeper: takes away what is older than its retention, saves windows, counts silent sensors, and checks that the accounts
//! balance.
//!
//! Owned by `system`. Works in small slices, so that writers wait for it no longer than for each other. Every step is
//! idempotent: a round that fails is simply the next round's work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{SensorId, SensorKey};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::{StoreError, sensing as store, system as journal};

use super::Ledger;
use super::astray::Walks;
use crate::config::SystemConfig;
use crate::sensing::{CheckpointMessage, SensingShared};
use crate::writer::WriteError;

/// Rows that one slice takes away.
const EXPIRE_ROWS: u32 = 5_000;
/// Slices per round and kind: the rest is the next round's work.
const EXPIRE_SLICES_MAX: usize = 20;
/// Sensors whose account is compared with their rows in one round.
const CHECKED_PER_ROUND: usize = 50;
/// Removed sensors whose readings are taken away in one round.
const REMOVED_PER_ROUND: u32 = 50;
/// Sensors asked for a checkpoint at once.
const CHECKPOINT_PAGE: usize = 512;
/// Sensors asked at the same time.
const CHECKPOINT_CONCURRENCY: usize = 32;
/// Rounds between two rounds of checkpoints.
const CHECKPOINT_EVERY: u64 = 10;
/// How long one write may take.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// How long a sensor may take to hand out its window.
const ASK_DEADLINE: Duration = Duration::from_secs(5);

/// What the keeper takes.
pub(super) enum KeeperMessage {
    Round,
}

/// The actor.
pub(super) struct Keeper {
    config: SystemConfig,
    shared: Arc<SensingShared>,
    ledger: Ledger,
    /// Through what the other domains have stored.
    walks: Walks,
    rounds: u64,
    /// The last sensor whose rows were looked through.
    walked: Option<SensorId>,
    /// Sensors whose account did not balance with their rows when they were last looked through, and by how many: it takes
    /// hours to come round to them again, and until then they are not well.
    unbalanced: BTreeMap<SensorId, i64>,
}

impl Keeper {
    pub(super) fn new(config: SystemConfig, shared: Arc<SensingShared>, ledger: Ledger) -> Self {
        Self {
            config,
            shared,
            ledger,
            walks: Walks::default(),
            rounds: 0,
            walked: None,
            unbalanced: BTreeMap::new(),
        }
    }

    async fn round(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), WriteError> {
        self.shared.measure_freshness();
        self.expire_events().await?;
        self.expire_answers().await?;
        self.expire_shadows().await?;
        ctx.progress();
        self.expire_removed().await?;
        ctx.progress();
        self.walk_sensors(ctx).await?;
        ctx.progress();
        self.walks.go_on(&self.shared.db, &self.ledger).await?;
        if self.rounds.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint(ctx).await?;
        }
        self.rounds += 1;
        Ok(())
    }

    async fn expire_events(&self) -> Result<(), WriteError> {
        let before = self.shared.now() - Duration::from_secs(u64::from(self.config.event_days) * 86_400);
        let keep = self.config.events_max;
        self.slices(move |tx| {
            Box::pin(async move { journal::events_expire(tx, before, keep, EXPIRE_ROWS).await })
        })
        .await
    }

    async fn expire_answers(&self) -> Result<(), WriteError> {
        let before = self.shared.now() - crate::once::KEPT;
        self.slices(move |tx| {
            Box::pin(async move { journal::idempotency_sweep(tx, before, EXPIRE_ROWS).await })
        })
        .await
    }

    async fn expire_shadows(&self) -> Result<(), WriteError> {
        let days = u64::from(self.shared.config.shadow_days);
        let before = self.shared.now() - Duration::from_secs(days * 86_400);
        self.slices(move |tx| {
            Box::pin(async move { store::shadow_results_expire(tx, before, EXPIRE_ROWS).await })
        })
        .await
    }

    async fn expire_removed(&self) -> Result<(), WriteError> {
        for key in store::sensor_list_removed(&self.shared.db, REMOVED_PER_ROUND).await? {
            self.expire_readings(key, Timestamp::MAX).await?;
        }
        Ok(())
    }

    async fn expire_readings(&self, key: SensorKey, before: Timestamp) -> Result<(), WriteError> {
        self.slices(move |tx| {
            Box::pin(async move { store::readings_expire(tx, key, before, EXPIRE_ROWS).await })
        })
        .await
    }

    /// Repeats a slice until it takes nothing away any more, or the round's share is done.
    async fn slices(
        &self,
        slice: impl for<'t> Fn(
            &'t mut nightshift_store::Tx,
        ) -> futures::future::BoxFuture<'t, Result<u64, StoreError>>
        + Clone
        + Send
        + 'static,
    ) -> Result<(), WriteError> {
        for _ in 0..EXPIRE_SLICES_MAX {
            let taken = self.shared.writer.run(WRITE_DEADLINE, slice.clone()).await?;
            if taken < u64::from(EXPIRE_ROWS) {
                break;
            }
        }
        Ok(())
    }

    /// Retention and account of the next sensors in turn.
    async fn walk_sensors(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), WriteError> {
        let page = self.shared.roster.page_after(self.walked.as_ref(), CHECKED_PER_ROUND);
        self.walked = page.last().map(|(id, _)| id.clone());
        let in_total = store::account_total(&self.shared.db).await?.0.unaccounted();
        self.unbalanced.retain(|id, _| self.shared.roster.get(id).is_some());
        for (id, seat) in page {
            ctx.progress();
            let Some(sensor) = store::sensor_find(&self.shared.db, &id).await? else { continue };
            self.expire_readings(seat.key, sensor.spec.horizon(self.shared.now())).await?;
            let (account, kept, expired) = store::account_audit(&self.shared.db, seat.key).await?;
            match account.check(kept, expired) {
                Ok(()) => {
                    self.unbalanced.remove(&id);
                }
                Err(error) => {
                    tracing::error!(sensor = %id, kept, expired, error = %error, "the account of readings does not balance");
                    self.unbalanced.insert(id, error.unaccounted.abs());
                }
            }
        }
        self.ledger.set("sensing", in_total.abs().saturating_add(self.unbalanced.values().sum()));
        Ok(())
    }

    /// Saves the windows of sensors that have new readings.
    async fn checkpoint(&self, ctx: &Context<KeeperMessage>) -> Result<(), WriteError> {
        let mut after: Option<SensorId> = None;
        loop {
            let page = self.shared.roster.page_after(after.as_ref(), CHECKPOINT_PAGE);
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            let saved: Vec<_> = stream::iter(page)
                .map(|(_, seat)| async move {
                    let ask = seat.address.ask(|reply| CheckpointMessage::Checkpoint { reply }, ASK_DEADLINE);
                    ask.await.ok().flatten()
                })
                .buffer_unordered(CHECKPOINT_CONCURRENCY)
                .filter_map(|saved| async move { saved })
                .collect()
                .await;
            ctx.progress();
            if !saved.is_empty() {
                self.shared
                    .writer
                    .run(WRITE_DEADLINE, move |tx| {
                        Box::pin(async move { store::window_save(tx, &saved).await })
                    })
                    .await?;
            }
        }
    }
}

impl Actor for Keeper {
    type Message = KeeperMessage;

    async fn start(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), Fault> {
        ctx.send_every(self.config.round_interval, || KeeperMessage::Round)
    }

    async fn handle(
        &mut self,
        ctx: &Context<KeeperMessage>,
        KeeperMessage::Round: KeeperMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.round(ctx).await {
            tracing::warn!(error = %error, "a round of house-keeping failed; the next one goes on");
        }
        Ok(())
    }

    async fn stop(&mut self, ctx: &Context<KeeperMessage>) {
        if let Err(error) = self.checkpoint(ctx).await {
            tracing::warn!(error = %error, "windows were not saved; they are read from the readings at the next start");
        }
    }
}
