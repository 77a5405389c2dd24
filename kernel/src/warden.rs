//! The ractor actor that hears of the ends of a supervisor's children, and what follows from each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use ractor::{ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::child::{Child, Exit, LastFault, Life, Nature, Stage, Then};
use crate::fault::clip;
use crate::lifecycle::LifecycleKind;
use crate::port::Vacancy;
use crate::record::Verdict;
use crate::spec::Restart;
use crate::supervisor::Inner;
use crate::sync::lock;
use crate::table::{Phase, Table};

/// How ractor names the end of an actor that was killed.
const KILLED: &str = "killed";

/// Handles no messages; only the ends of children matter to it.
pub(crate) struct Warden;

impl ractor::Actor for Warden {
    type Msg = ();
    type State = Weak<Inner>;
    type Arguments = Weak<Inner>;

    async fn pre_start(
        &self,
        _: ActorRef<()>,
        inner: Weak<Inner>,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(inner)
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<()>,
        event: SupervisionEvent,
        inner: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(inner) = inner.upgrade() else { return Ok(()) };
        // A panic here would end this warden, and ractor would kill every child with it.
        if catch_unwind(AssertUnwindSafe(|| inner.hear(event))).is_err() {
            tracing::error!(supervisor = %inner.home.path, "supervision event was not handled");
        }
        Ok(())
    }
}

impl Inner {
    fn hear(&self, event: SupervisionEvent) {
        match event {
            SupervisionEvent::ActorTerminated(cell, state, reason) => {
                let killed = state.is_none() || reason.as_deref() == Some(KILLED);
                // A killed actor's state comes here whole; its drop is the child's code and runs elsewhere.
                tokio::spawn(async move { drop(state) });
                self.ended(cell.get_id(), if killed { Exit::Killed } else { Exit::Finished });
            }
            SupervisionEvent::ActorFailed(cell, error) => {
                self.ended(cell.get_id(), Exit::Failed(clip(error.to_string())));
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
    }

    fn ended(&self, actor: ActorId, exit: Exit) {
        let mut table = lock(&self.table);
        let Some(id) = table.by_actor.remove(&actor) else {
            table.apart.remove(&actor);
            return;
        };
        self.home.runtime.count_alive(-1);
        if let Some(child) = table.children.get(&id).cloned() {
            let mut life = lock(&child.life);
            life.cell = None;
            life.permit = None;
            self.conclude(&mut table, &child, &mut life, exit);
        }
    }

    /// Decides what follows the end of a life.
    pub(crate) fn conclude(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life, exit: Exit) {
        match life.stage() {
            Stage::Stopping => self.settle(table, child, life, exit),
            Stage::Frozen { .. } if exit == Exit::Killed => {
                let reason = frozen_reason(child);
                self.failed(table, child, life, reason);
            }
            _ => match (child.rules.restart, exit.into_reason()) {
                (Restart::Transient | Restart::Temporary, None) => self.forget(table, child, life),
                (_, reason) => {
                    let reason = reason.unwrap_or_else(|| "finished, though permanent".to_owned());
                    self.failed(table, child, life, reason);
                }
            },
        }
    }

    /// Records a failure and acts on the verdict.
    pub(crate) fn failed(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life, reason: String) {
        let runtime = &self.home.runtime;
        tracing::warn!(child = %child.path, reason = %reason, "child failed");
        runtime.publish(&child.path, || LifecycleKind::Failed { reason: reason.clone() });
        life.last_fault =
            Some(Box::new(LastFault { at_us: runtime.clock().now_us(), reason: reason.clone() }));
        if child.rules.restart == Restart::Temporary {
            return self.forget(table, child, life);
        }
        if table.phase != Phase::Open {
            child.vacate(Vacancy::Restarting, false);
            return life.enter(Stage::Parked, runtime);
        }
        let now = runtime.clock().monotonic();
        match life.record.failed(now, &child.rules, runtime.random()) {
            Verdict::Restart(after) => {
                child.vacate(Vacancy::Restarting, false);
                life.enter(Stage::Waiting { until: now.saturating_add(after) }, runtime);
                table.plan(now.saturating_add(after), child.id, life.ticket);
                runtime.publish(&child.path, || LifecycleKind::Restarting { after });
            }
            Verdict::Quarantine(pause) => self.quarantine(table, child, life, reason, pause),
            Verdict::Escalate => self.escalate(table, child, life, reason),
        }
        self.home.wake.notify_one();
    }

    fn quarantine(
        &self,
        table: &mut Table,
        child: &Arc<Child>,
        life: &mut Life,
        reason: String,
        retry_after: std::time::Duration,
    ) {
        let runtime = &self.home.runtime;
        let until = runtime.clock().monotonic().saturating_add(retry_after);
        child.vacate(Vacancy::Parked, false);
        life.enter(Stage::Quarantined { until }, runtime);
        table.plan(until, child.id, life.ticket);
        tracing::error!(child = %child.path, reason = %reason, "child quarantined");
        runtime.publish(&child.path, || LifecycleKind::Quarantined { reason, retry_after });
    }

    /// The supervisor fails with its essential child. The root has nobody to fail to: it parks the child, says
    /// so, and leaves the stop to the process.
    fn escalate(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life, reason: String) {
        let runtime = &self.home.runtime;
        runtime.publish(&child.path, || LifecycleKind::Escalated { reason: reason.clone() });
        let told = format!("essential child {} failed: {reason}", child.path);
        let parent = self.parent.as_ref().and_then(|(parent, id)| Some((parent.upgrade()?, *id)));
        let Some((parent, id)) = parent else {
            runtime.escalate(&told);
            if let Verdict::Quarantine(pause) = life.record.quarantine(&child.rules) {
                self.quarantine(table, child, life, reason, pause);
            }
            return;
        };
        child.vacate(Vacancy::Restarting, false);
        life.enter(Stage::Parked, runtime);
        table.phase = Phase::Halting;
        tokio::spawn(async move { parent.lost(id, told).await });
    }

    /// A supervisor below has failed: its children are stopped in order, then it is judged like any child.
    async fn lost(&self, id: u64, reason: String) {
        let Some(child) = lock(&self.table).children.get(&id).cloned() else { return };
        let Nature::Supervisor(supervisor) = &child.nature else { return };
        let until = self.home.runtime.clock().monotonic().saturating_add(supervisor.inner.policy.stop_within);
        supervisor.inner.halt(until, Then::Park).await;
        let mut table = lock(&self.table);
        let mut life = lock(&child.life);
        if life.stage() == Stage::Running {
            self.failed(&mut table, &child, &mut life, reason);
        }
    }

    /// Ends a child for good.
    pub(crate) fn forget(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life) {
        child.vacate(Vacancy::Gone, false);
        life.enter(Stage::Parked, &self.home.runtime);
        table.remove(child);
        self.home.runtime.publish(&child.path, || LifecycleKind::Stopped);
    }
}

pub(crate) fn frozen_reason(child: &Child) -> String {
    format!("frozen: a handler ran past its budget of {:?}", child.rules.budget)
}
