//! Writes what happens in the supervision tree into the journal: failures, quarantines, releases, frozen handlers.
//!
//! Owned by `system`. Takes only its own ticks. A sensor that restarts a thousand times an hour becomes one event a
//! minute with a count: an event flood helps nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault, Lifecycle, LifecycleKind, Supervisor};
use tokio::sync::broadcast::{self, error::TryRecvError};

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
    writer: Writer,
    events: broadcast::Receiver<Lifecycle>,
    /// Monotonic time of the last report and happenings since, by kind and path.
    reported: BTreeMap<(&'static str, String), (Duration, u64)>,
}

impl Watch {
    pub(super) fn new(tree: Supervisor, writer: Writer) -> Self {
        let events = tree.events();
        Self { tree, writer, events, reported: BTreeMap::new() }
    }

    /// The events to journal for what happened since the last look.
    fn gather(&mut self, now: Duration, at: Timestamp) -> Vec<NewEvent> {
        let mut gathered = Vec::new();
        for _ in 0..TAKEN_MAX {
            match self.events.try_recv() {
                Ok(lifecycle) => gathered.extend(self.note(&lifecycle, now, at)),
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
        ctx.send_every(LOOK_INTERVAL, || WatchMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<WatchMessage>,
        WatchMessage::Look: WatchMessage,
    ) -> Result<(), Fault> {
        let counts = self.tree.counts();
        metrics::gauge!("nightshift_plant_children_quarantined").set(counts.quarantined as f64);
        let events = self.gather(ctx.clock().monotonic(), Timestamp::from_us(ctx.clock().now_us()));
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
