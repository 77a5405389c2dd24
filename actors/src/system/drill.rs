//! The drill: in a quiet hour a part of the plant is killed, by chance, and must come back by itself.
//!
//! Owned by `system`, where `system.drills` is set. Takes only its own ticks. What was killed and how long it took to come back
//! is journalled and measured. When the last drill was is in the store, so that a restart brings no second one.

use std::time::Duration;

use nightshift_domain::system::DrillPlan;
use nightshift_domain::{NewEvent, Timestamp, production::Calendar};
use nightshift_kernel::{Actor, Context, Fault, Lifecycle, LifecycleKind, Random, Supervisor};
use nightshift_store::Db;
use nightshift_store::system::{setting_get, setting_set};
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};

use crate::writer::{WriteError, Writer};

/// Time between two looks at the clock.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a part may take to come back.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// How long a look may take: a drill and its note.
pub(super) const BUDGET: Duration = Duration::from_secs(120);
/// How long the note may take.
const WRITE_DEADLINE: Duration = Duration::from_secs(20);
/// Writes that wait when the plant is not quiet.
const QUIET_WRITES_MAX: usize = 4;
/// The setting under which the last drill is kept.
const KEPT: &str = "system.drill";

/// What the drill takes.
pub(super) enum DrillMessage {
    Look,
}

/// What the drill needs of the plant.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) tree: Supervisor,
    pub(super) db: Db,
    pub(super) writer: Writer,
    pub(super) calendar: Calendar,
    pub(super) random: Random,
}

/// The actor.
pub(super) struct Drill {
    plan: DrillPlan,
    ground: Ground,
    /// When the last one was; not known yet at the start.
    last: Option<Option<Timestamp>>,
}

impl Drill {
    pub(super) fn new(plan: DrillPlan, ground: Ground) -> Self {
        Self { plan, ground, last: None }
    }

    async fn look(&mut self, ctx: &Context<DrillMessage>) -> Result<(), WriteError> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        let last = match self.last {
            Some(last) => last,
            None => *self.last.insert(setting_get(&self.ground.db, KEPT).await?),
        };
        if !self.plan.is_due(now, last, &self.ground.calendar) || !self.is_quiet() {
            return Ok(());
        }
        // The supervisor of the house-keepers is spared: it counts what comes of this.
        let spare = format!("{}/system", self.ground.tree.path());
        let Some(path) = self.ground.tree.draw(&self.ground.random, &[&spare]) else { return Ok(()) };
        // Written down first: a drill that ends the process is not repeated by the next one.
        self.note(now, None).await?;
        self.last = Some(Some(now));
        let mut events = self.ground.tree.events();
        if self.ground.tree.kill_at(&path).is_err() {
            // It ended by itself a moment ago.
            return Ok(());
        }
        let killed = ctx.clock().monotonic();
        tracing::info!(path, "drill: killed");
        let back = tokio::time::timeout(RECOVERY_MAX, started(&mut events, &path)).await.is_ok();
        let took = ctx.clock().monotonic().saturating_sub(killed);
        tell(&path, back, took);
        let data = json!({ "path": path, "recovered": back, "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX) });
        self.note(
            now,
            Some(NewEvent::new(Timestamp::from_us(ctx.clock().now_us()), "system.drill", &path, data)),
        )
        .await
    }

    /// Whether nobody would miss a part: everything runs, and hardly anything waits to be written.
    fn is_quiet(&self) -> bool {
        let counts = self.ground.tree.counts();
        let ill = counts.starting + counts.frozen + counts.restarting + counts.quarantined + counts.stopping;
        ill == 0 && self.ground.writer.waiting() <= QUIET_WRITES_MAX
    }

    async fn note(&self, at: Timestamp, event: Option<NewEvent>) -> Result<(), WriteError> {
        self.ground
            .writer
            .run(WRITE_DEADLINE, move |tx| {
                Box::pin(async move {
                    if let Some(event) = event {
                        tx.journal(event).await?;
                    }
                    setting_set(tx, KEPT, &at).await
                })
            })
            .await
    }
}

/// Waits until the actor at `path` has started again.
async fn started(events: &mut broadcast::Receiver<Lifecycle>, path: &str) {
    loop {
        match events.recv().await {
            Ok(event) if event.path == path && matches!(event.kind, LifecycleKind::Started) => return,
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn tell(path: &str, back: bool, took: Duration) {
    let outcome = if back { "recovered" } else { "lost" };
    metrics::counter!("nightshift_system_drills_total", "outcome" => outcome).increment(1);
    if back {
        metrics::histogram!("nightshift_system_drill_recovery_seconds").record(took.as_secs_f64());
        tracing::info!(path, took_ms = took.as_millis(), "drill: it is back");
    } else {
        tracing::error!(path, "drill: a part that was killed did not come back in time");
    }
}

impl Actor for Drill {
    type Message = DrillMessage;

    async fn start(&mut self, ctx: &Context<DrillMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || DrillMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<DrillMessage>,
        DrillMessage::Look: DrillMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.look(ctx).await {
            tracing::warn!(error = %error, "a drill could not be held or written down");
        }
        Ok(())
    }
}
