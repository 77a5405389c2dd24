//! The one task per supervisor that acts when time has passed: due restarts, paced starts, frozen handlers.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use crate::child::{Child, Exit, Life, Stage};
use crate::lifecycle::LifecycleKind;
use crate::measures;
use crate::port::Vacancy;
use crate::pulse::Pulse;
use crate::supervisor::Inner;
use crate::sync::lock;
use crate::table::{Phase, Table};
use crate::warden::frozen_reason;

/// Time between looks at the handlers in flight: how late a frozen one is noticed at most.
const SCAN_PERIOD: Duration = Duration::from_millis(250);

/// How long a killed handler may take to yield before it is set apart.
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);

/// Runs until the supervisor is closed.
pub(crate) async fn keep(inner: Arc<Inner>) {
    let clock = inner.home.runtime.clock().clone();
    let mut scanned_at = clock.monotonic();
    loop {
        let now = clock.monotonic();
        let watching = !inner.home.ward.is_quiet();
        if watching && now >= scanned_at + SCAN_PERIOD {
            inner.scan(now);
            scanned_at = now;
        }
        let Some(plan) = inner.advance(now) else { return };
        let scan_at = watching.then_some((scanned_at + SCAN_PERIOD).max(now));
        let next = [plan.due, scan_at].into_iter().flatten().min();
        tokio::select! {
            () = inner.home.wake.notified() => {
                // A handler that has just begun needs its first look a full period from now, not at once.
                if !watching {
                    scanned_at = clock.monotonic();
                }
            }
            () = clock.sleep_until(next.unwrap_or(Duration::MAX)), if next.is_some() => {}
            permit = Arc::clone(inner.home.runtime.starts()).acquire_owned(), if plan.has_ready => {
                if let Ok(permit) = permit {
                    inner.start_next(permit);
                }
            }
        }
    }
}

/// What the keeper waits for next.
struct Plan {
    due: Option<Duration>,
    has_ready: bool,
}

impl Inner {
    /// Moves children whose pause is over to the queue for starts; `None` once closed.
    fn advance(&self, now: Duration) -> Option<Plan> {
        let mut table = lock(&self.table);
        if table.phase == Phase::Closed {
            return None;
        }
        while let Some(&Reverse((at, id, ticket))) = table.due.peek() {
            if at > now {
                break;
            }
            table.due.pop();
            let Some(child) = table.children.get(&id).cloned() else { continue };
            let mut life = lock(&child.life);
            if life.ticket == ticket {
                self.make_ready(&mut table, &child, &mut life);
            }
        }
        Some(Plan { due: table.next_due(), has_ready: !table.ready.is_empty() && table.phase == Phase::Open })
    }

    /// Starts the first child in the queue that still wants to; the permit is back when its `start` ends.
    fn start_next(&self, permit: OwnedSemaphorePermit) {
        let mut table = lock(&self.table);
        while table.phase == Phase::Open
            && let Some((id, ticket)) = table.ready.pop_front()
        {
            let Some(child) = table.children.get(&id).cloned() else { continue };
            let mut life = lock(&child.life);
            if life.ticket != ticket {
                continue;
            }
            if let Err(error) = self.start_child(&mut table, &child, &mut life, Some(permit)) {
                self.failed(&mut table, &child, &mut life, error.to_string());
            }
            return;
        }
    }

    /// Deals with the handlers that are past their budget.
    fn scan(&self, now: Duration) {
        for pulse in self.home.ward.scan(now) {
            let mut table = lock(&self.table);
            let child = table.children.get(&pulse.child).cloned();
            match child {
                Some(child) => self.thaw(&mut table, &child, &pulse, now),
                None => self.home.ward.forget(pulse.child, pulse.incarnation),
            }
        }
    }

    fn thaw(&self, table: &mut Table, child: &Arc<Child>, pulse: &Pulse, now: Duration) {
        let mut life = lock(&child.life);
        if life.incarnation != pulse.incarnation || life.cell.is_none() {
            return self.home.ward.forget(pulse.child, pulse.incarnation);
        }
        match life.stage() {
            Stage::Frozen { apart_at } if now >= apart_at => {
                self.set_apart(table, child, &mut life);
                self.conclude(table, child, &mut life, Exit::Killed);
            }
            Stage::Frozen { .. } => {}
            Stage::Stopping => self.report_frozen(child, &life),
            _ => {
                life.enter(Stage::Frozen { apart_at: now + KILL_GRACE }, &self.home.runtime);
                self.report_frozen(child, &life);
            }
        }
    }

    fn report_frozen(&self, child: &Child, life: &Life) {
        let reason = frozen_reason(child);
        tracing::warn!(child = %child.path, reason = %reason, "child frozen");
        measures::frozen();
        self.home.runtime.publish(&child.path, || LifecycleKind::Frozen { reason });
        if let Some(cell) = &life.cell {
            cell.kill();
        }
    }

    /// Gives up on an actor whose thread does not yield: it ends by itself at its next await, if ever.
    pub(crate) fn set_apart(&self, table: &mut Table, child: &Child, life: &mut Life) {
        let Some(cell) = life.cell.take() else { return };
        tracing::error!(child = %child.path, "child blocks its thread and is set apart");
        life.permit = None;
        table.by_actor.remove(&cell.get_id());
        table.apart.insert(cell.get_id());
        self.home.ward.forget(child.id, life.incarnation);
        self.home.runtime.count_alive(-1);
        child.vacate(Vacancy::Restarting, false);
        self.home.runtime.publish(&child.path, || LifecycleKind::SetApart);
    }
}
