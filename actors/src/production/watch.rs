//! Looks at the line on a timer: runs that take too long, days that missed their target, alerts that have been read long ago.
//!
//! Owned by `production`. Takes only its own ticks, and keeps nothing that matters: what was said once is not said again,
//! which the store knows. A look that fails is the next look's work.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::{DELAYED_PERCENT, Raise, process_delayed, target_not_met};
use nightshift_domain::production::{PlantDate, RunId};
use nightshift_kernel::{Actor, Context, Fault, Supervisor};
use nightshift_store::{Slice, StoreError, alerts, production as store, system};

use super::shared::{BACKGROUND_WRITE, Shared};
use crate::writer::WriteError;

/// Delayed runs that one look takes; more are next in turn when these are over.
const DELAYED_MAX: u32 = 10_000;
/// Days that are made up for after the plant stood still.
const DAYS_MAX: usize = 31;
/// Where the last day that was looked at is kept.
const TARGETS_SETTING: &str = "production.targets_checked";
/// Alerts put away in one look.
const ARCHIVE_ROWS: u32 = 1_000;

/// What the watch takes.
pub(super) enum WatchMessage {
    Look,
}

/// The actor.
pub(super) struct Watch {
    shared: Arc<Shared>,
    stations: Supervisor,
    /// Days after which an alert that was read is put away.
    archive_days: u32,
    /// Delayed runs that were told already; they are asked of the store again after a restart.
    told: BTreeSet<RunId>,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, stations: Supervisor, archive_days: u32) -> Self {
        Self { shared, stations, archive_days, told: BTreeSet::new() }
    }

    /// Looks at everything as of `now`.
    pub(super) async fn look(&mut self, now: Timestamp) -> Result<(), WriteError> {
        self.delays(now).await?;
        self.targets(now).await?;
        self.archive(now).await?;
        self.gauges(now).await?;
        Ok(())
    }

    async fn delays(&mut self, now: Timestamp) -> Result<(), WriteError> {
        let delayed = store::runs_delayed(&self.shared.db, DELAYED_PERCENT, now, DELAYED_MAX).await?;
        metrics::gauge!("nightshift_production_delayed_runs").set(delayed.len() as f64);
        self.told.retain(|id| delayed.iter().any(|work| work.run_id == *id));
        let fresh: Vec<_> = delayed.iter().filter(|work| !self.told.contains(&work.run_id)).collect();
        let raises: Vec<Raise> = fresh.iter().filter_map(|work| process_delayed(work, now)).collect();
        let ids: Vec<RunId> = fresh.iter().map(|work| work.run_id).collect();
        self.raise(raises, now).await?;
        self.told.extend(ids);
        Ok(())
    }

    /// Days that are over, since the last one that was looked at.
    async fn targets(&self, now: Timestamp) -> Result<(), WriteError> {
        let today = self.shared.rules.calendar.production_date(now);
        let checked: Option<PlantDate> = system::setting_get(&self.shared.db, TARGETS_SETTING).await?;
        let mut days = Vec::new();
        let mut day = today.yesterday().ok();
        while let Some(date) = day.filter(|date| checked.is_none_or(|last| *date > last)) {
            days.push(date);
            // Before the first look there is nothing to make up for but yesterday.
            if checked.is_none() || days.len() >= DAYS_MAX {
                break;
            }
            day = date.yesterday().ok();
        }
        let Some(newest) = days.first().copied() else { return Ok(()) };
        let mut raises = Vec::new();
        for day in days {
            let progress = store::target_progress(&self.shared.db, day).await?;
            raises.extend(progress.iter().filter_map(|progress| target_not_met(progress, now)));
        }
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move {
                crate::alerts::raise(tx, raises, now).await?;
                system::setting_set(tx, TARGETS_SETTING, &newest).await
            })
        });
        write.await
    }

    async fn archive(&self, now: Timestamp) -> Result<(), WriteError> {
        let before = now - Duration::from_secs(u64::from(self.archive_days) * 86_400);
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { alerts::alerts_archive_before(tx, before, now, ARCHIVE_ROWS).await })
        });
        write.await.map(|_| ())
    }

    async fn raise(&self, raises: Vec<Raise>, now: Timestamp) -> Result<(), WriteError> {
        if raises.is_empty() {
            return Ok(());
        }
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { crate::alerts::raise(tx, raises, now).await.map(|_| ()) })
        });
        write.await
    }

    /// What dashboards show of the line at this moment.
    async fn gauges(&self, now: Timestamp) -> Result<(), StoreError> {
        let db = &self.shared.db;
        let open: i64 = store::open_by_process(db).await?.iter().map(|(_, n, _)| n).sum();
        metrics::gauge!("nightshift_production_open_runs").set(open as f64);
        let units: i64 = store::units_by_position(db).await?.iter().map(|(_, n)| n).sum();
        metrics::gauge!("nightshift_production_units_in_progress").set(units as f64);
        let holds = store::hold_list(db, None, true, Slice::first(1)).await?.total;
        metrics::gauge!("nightshift_production_holds").set(holds as f64);
        let counts = alerts::alert_counts(db, &alerts::AlertQuery::default()).await?;
        crate::labels::measure(db, &self.shared.desk, now).await?;
        metrics::gauge!("nightshift_alerts_unread").set(counts.unread as f64);
        metrics::gauge!("nightshift_alerts_unread_high").set(counts.unread_high as f64);
        Ok(())
    }
}

impl Actor for Watch {
    type Message = WatchMessage;

    async fn start(&mut self, ctx: &Context<WatchMessage>) -> Result<(), Fault> {
        ctx.send_after(Duration::ZERO, WatchMessage::Look)?;
        ctx.send_every(self.shared.config.watch_interval, || WatchMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<WatchMessage>,
        WatchMessage::Look: WatchMessage,
    ) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        if let Err(error) = self.look(now).await {
            tracing::warn!(error = %error, "a look at the line failed; the next one makes up for it");
        }
        // Processes that another program changed get their actors too.
        if let Err(error) = super::process::settle(&self.shared, &self.stations).await {
            tracing::warn!(error = %error, "the actors of processes could not be settled");
        }
        Ok(())
    }
}
