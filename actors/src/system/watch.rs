//! Writes what happens in the supervision tree into the journal: failures, quarantines, releases, frozen handlers.
//!
//! Owned by `system`. Takes only its own ticks. A sensor that restarts a thousand times an hour becomes one event a
//! minute with a count: an event flood helps nobody. It also tells of events that another program wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault, Lifecycle, LifecycleKind, Supervisor};
use nightshift_store::Db;
use tokio::sync::broadcast::{self, error::TryRecvError};

use super::House;
use crate::hub::Hub;
use crate::writer::Writer;

/// Time between two looks at what happened.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// An event on the same subject is counted, not repeated, for this long.
const QUIET: Duration = Duration::from_secs(60);
/// Subjects that are remembered as reported.
const REMEMBERED_MAX: usize = 10_000;
/// Happenings taken in one look.
const TAKEN_MAX: usize = 4_096;
/// How long the journal may take to store them.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);

/// What the watch takes.
pub(super) enum WatchMessage {
    Look,
}

/// The actor.
pub(super) struct Watch {
    tree: Supervisor,
    house: House,
    writer: Writer,
    db: Db,
    hub: Hub,
    events: broadcast::Receiver<Lifecycle>,
    /// Monotonic time of the last report and happenings since, by kind and path.
    reported: BTreeMap<(&'static str, String), (Duration, u64)>,
    /// Actors that failed and have not run since.
    failed: BTreeSet<String>,
    /// Actors that run again and are not counted yet.
    back: Vec<String>,
}

impl Watch {
    pub(super) fn new(tree: Supervisor, house: House, writer: Writer, (db, hub): (Db, Hub)) -> Self {
        let events = tree.events();
        let (reported, failed, back) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        Self { tree, house, writer, db, hub, events, reported, failed, back }
    }

    /// The events to journal for what happened since the last look.
    fn gather(&mut self, now: Duration, at: Timestamp) -> Vec<NewEvent> {
        let mut gathered = Vec::new();
        for _ in 0..TAKEN_MAX {
            match self.events.try_recv() {
                Ok(lifecycle) => {
                    self.follow(&lifecycle);
                    gathered.extend(self.note(&lifecycle, now, at));
                }
                Err(TryRecvError::Lagged(missed)) => {
                    tracing::warn!(
                        missed,
                        "too much happened in the tree at once; some of it is not journalled"
                    );
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.reported.retain(|_, (when, count)| now < *when + QUIET || *count > 0);
        gathered
    }

    /// Remembers who failed until it runs again.
    fn follow(&mut self, lifecycle: &Lifecycle) {
        match &lifecycle.kind {
            LifecycleKind::Failed { .. } if self.failed.len() < REMEMBERED_MAX => {
                self.failed.insert(lifecycle.path.clone());
            }
            LifecycleKind::Started if self.failed.remove(&lifecycle.path) => {
                self.back.push(lifecycle.path.clone());
            }
            LifecycleKind::Stopped => {
                self.failed.remove(&lifecycle.path);
            }
            _ => {}
        }
    }

    fn note(&mut self, lifecycle: &Lifecycle, now: Duration, at: Timestamp) -> Option<NewEvent> {
        let (kind, reason) = words(&lifecycle.kind)?;
        let place = (kind, lifecycle.path.to_string());
        let since = match self.reported.get_mut(&place) {
            Some((when, count)) if now < *when + QUIET => {
                *count += 1;
                return None;
            }
            Some((_, count)) => std::mem::take(count),
            None => 0,
        };
        if self.reported.len() < REMEMBERED_MAX {
            self.reported.insert(place, (now, 0));
        }
        let data = serde_json::json!({ "path": &*lifecycle.path, "reason": reason, "repeats_before": since });
        Some(NewEvent::new(at, kind, &lifecycle.path, data))
    }
}

impl Watch {
    async fn keep_house(&self) {
        if let Err(error) = self.house.keep().await {
            tracing::warn!(error = %error, "how long nobody stepped in could not be written down");
        }
    }
}

/// The event's kind and reason; nothing for what goes without saying.
fn words(kind: &LifecycleKind) -> Option<(&'static str, &str)> {
    match kind {
        LifecycleKind::Failed { reason } => Some(("system.failed", reason)),
        LifecycleKind::Quarantined { reason, .. } => Some(("system.quarantined", reason)),
        LifecycleKind::Frozen { .. } => Some(("system.frozen", "a handler ran past its budget")),
        LifecycleKind::Released => Some(("system.released", "")),
        _ => None,
    }
}

impl Actor for Watch {
    type Message = WatchMessage;

    async fn start(&mut self, ctx: &Context<WatchMessage>) -> Result<(), Fault> {
        self.house.running();
        self.keep_house().await;
        ctx.send_every(LOOK_INTERVAL, || WatchMessage::Look)
    }

    async fn stop(&mut self, _: &Context<WatchMessage>) {
        self.house.stopping();
        self.keep_house().await;
    }

    async fn handle(
        &mut self,
        ctx: &Context<WatchMessage>,
        WatchMessage::Look: WatchMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.hub.catch_up(&self.db).await {
            tracing::debug!(error = %error, "what other programs wrote is looked for again");
        }
        let counts = self.tree.counts();
        metrics::gauge!("nightshift_plant_children_quarantined").set(counts.quarantined as f64);
        let events = self.gather(ctx.clock().monotonic(), Timestamp::from_us(ctx.clock().now_us()));
        let back = std::mem::take(&mut self.back);
        if self.house.recovered(back.iter().map(String::as_str)) {
            self.keep_house().await;
        }
        if events.is_empty() {
            return Ok(());
        }
        let write = self.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move { tx.journal_many(events).await.map(|_| ()) })
        });
        if let Err(error) = write.await {
            tracing::warn!(error = %error, "what happened in the tree could not be journalled");
        }
        Ok(())
    }
}
