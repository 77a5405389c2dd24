//! The ordered stop: intake closed, waiting messages handled, `stop` run, in reverse start order; killed when
//! the time is up, and the report says who.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout_at;

use crate::child::{Child, Exit, Life, Nature, Stage, Stopping, Then};
use crate::keeper::KILL_GRACE;
use crate::lifecycle::LifecycleKind;
use crate::port::Vacancy;
use crate::spec::{Restart, StopOrder};
use crate::supervisor::{Inner, Supervisor};
use crate::sync::lock;
use crate::table::{Phase, Table};

/// What came of an ordered stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StopReport {
    /// Whether every child drained and stopped by itself.
    pub clean: bool,
    /// Paths of those that had to be killed, in the order of the stop.
    pub killed: Vec<String>,
    /// Paths of those that failed while they drained or stopped.
    pub failed: Vec<String>,
}

impl StopReport {
    fn nothing_wrong() -> Self {
        Self { clean: true, ..Self::default() }
    }

    fn add(&mut self, child: &Child, exit: Exit) {
        match exit {
            Exit::Finished => return,
            Exit::Killed => self.killed.push(child.path.to_string()),
            Exit::Failed(_) => self.failed.push(child.path.to_string()),
        }
        self.clean = false;
    }

    fn merge(&mut self, below: Self) {
        self.clean &= below.clean;
        self.killed.extend(below.killed);
        self.failed.extend(below.failed);
    }
}

/// A stop that has begun.
enum Begun {
    Done,
    Draining(oneshot::Receiver<Exit>),
    /// A supervisor: stopped child by child.
    Below(Supervisor),
}

impl Inner {
    /// Stops every child until the monotonic time `until`.
    pub(crate) fn halt(
        &self,
        until: Duration,
        then: Then,
    ) -> Pin<Box<dyn Future<Output = StopReport> + Send + '_>> {
        Box::pin(async move {
            let _alone = self.halting.lock().await;
            let children: Vec<_> = {
                let mut table = lock(&self.table);
                if table.phase == Phase::Closed {
                    return StopReport::nothing_wrong();
                }
                table.phase = Phase::Halting;
                table.children.values().rev().cloned().collect()
            };
            let report = match self.policy.stop_order {
                StopOrder::OneByOne => self.halt_one_by_one(&children, until, then).await,
                StopOrder::Together => self.halt_together(&children, until, then).await,
            };
            self.close(then);
            report
        })
    }

    async fn halt_one_by_one(&self, children: &[Arc<Child>], until: Duration, then: Then) -> StopReport {
        let mut report = StopReport::nothing_wrong();
        for (index, child) in children.iter().enumerate() {
            let now = self.home.runtime.clock().monotonic();
            let left = until.saturating_sub(now);
            // One stuck child takes half of the time left at most: those after it must drain too.
            let share = if index + 1 == children.len() { left } else { left / 2 };
            report.merge(self.stop_child(child, now + share, then).await);
        }
        report
    }

    async fn halt_together(&self, children: &[Arc<Child>], until: Duration, then: Then) -> StopReport {
        let begun: Vec<_> = children.iter().map(|child| (child, self.begin_stop(child, then))).collect();
        let below = begun.iter().filter_map(|(child, begun)| match begun {
            Begun::Below(_) => Some(self.stop_child(child, until, then)),
            _ => None,
        });
        let mut report = StopReport::nothing_wrong();
        for of_supervisor in futures::future::join_all(below).await {
            report.merge(of_supervisor);
        }
        let mut late = Vec::new();
        for (child, begun) in begun {
            if let Begun::Draining(mut told) = begun {
                match timeout_at(self.home.runtime.clock().instant(until), &mut told).await {
                    Ok(exit) => report.add(child, exit.unwrap_or(Exit::Killed)),
                    Err(_) => late.push((child, told)),
                }
            }
        }
        // All are killed before any is waited for: the grace is spent once, not once per child.
        for (child, _) in &late {
            self.kill(child);
        }
        let grace_until = self.home.runtime.clock().monotonic() + KILL_GRACE;
        for (child, told) in late {
            self.await_killed(child, told, grace_until).await;
            report.add(child, Exit::Killed);
        }
        report
    }

    /// Stops one child until the monotonic time `until`, with all below it.
    pub(crate) async fn stop_child(&self, child: &Arc<Child>, until: Duration, then: Then) -> StopReport {
        let mut report = StopReport::nothing_wrong();
        match self.begin_stop(child, then) {
            Begun::Done => {}
            Begun::Below(supervisor) => {
                let then_below = if then == Then::StartAgain { Then::Park } else { then };
                report = supervisor.inner.halt(until, then_below).await;
                let mut table = lock(&self.table);
                let mut life = lock(&child.life);
                if life.stage() == Stage::Stopping {
                    self.settle(&mut table, child, &mut life, Exit::Finished);
                }
            }
            Begun::Draining(mut told) => {
                let clock = self.home.runtime.clock();
                match timeout_at(clock.instant(until), &mut told).await {
                    Ok(exit) => report.add(child, exit.unwrap_or(Exit::Killed)),
                    Err(_) => {
                        self.kill(child);
                        self.await_killed(child, told, clock.monotonic() + KILL_GRACE).await;
                        report.add(child, Exit::Killed);
                    }
                }
            }
        }
        report
    }

    /// Closes the intake of a child and lets it drain.
    fn begin_stop(&self, child: &Arc<Child>, then: Then) -> Begun {
        let mut table = lock(&self.table);
        let mut life = lock(&child.life);
        if let Nature::Supervisor(supervisor) = &child.nature {
            self.mark_stopping(&mut life, then);
            let supervisor = supervisor.clone();
            return Begun::Below(supervisor);
        }
        let Some(cell) = life.cell.clone() else {
            self.mark_stopping(&mut life, then);
            self.settle(&mut table, child, &mut life, Exit::Finished);
            return Begun::Done;
        };
        let (tell, told) = oneshot::channel();
        self.mark_stopping(&mut life, then).told.push(tell);
        child.vacate(if then == Then::Remove { Vacancy::Gone } else { Vacancy::Restarting }, true);
        // An actor that has just ended by itself is settled by the news of its end.
        drop(cell.drain());
        Begun::Draining(told)
    }

    fn mark_stopping<'l>(&self, life: &'l mut Life, then: Then) -> &'l mut Stopping {
        if life.stage() != Stage::Stopping {
            life.enter(Stage::Stopping, &self.home.runtime);
        }
        let stopping = life.stopping.get_or_insert_with(|| Box::new(Stopping { then, told: Vec::new() }));
        stopping.then = stopping.then.max(then);
        stopping
    }

    fn kill(&self, child: &Child) {
        if let Some(cell) = &lock(&child.life).cell {
            cell.kill();
        }
    }

    /// Waits for the end of a killed child; sets it apart when its thread does not yield.
    async fn await_killed(&self, child: &Arc<Child>, told: oneshot::Receiver<Exit>, until: Duration) {
        if timeout_at(self.home.runtime.clock().instant(until), told).await.is_ok() {
            return;
        }
        let mut table = lock(&self.table);
        let mut life = lock(&child.life);
        if life.stage() == Stage::Stopping {
            self.set_apart(&mut table, child, &mut life);
            self.settle(&mut table, child, &mut life, Exit::Killed);
        }
    }

    /// Concludes an ordered stop.
    pub(crate) fn settle(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life, exit: Exit) {
        let Some(stopping) = life.stopping.take() else { return };
        let Stopping { then, told } = *stopping;
        let then = if then != Then::Remove && child.rules.restart == Restart::Temporary {
            Then::Remove
        } else {
            then
        };
        match then {
            Then::Remove => self.forget(table, child, life),
            Then::Park => {
                child.vacate(Vacancy::Restarting, false);
                life.enter(Stage::Parked, &self.home.runtime);
                self.home.runtime.publish(&child.path, || LifecycleKind::Stopped);
            }
            Then::StartAgain if table.phase == Phase::Open => self.make_ready(table, child, life),
            Then::StartAgain => life.enter(Stage::Parked, &self.home.runtime),
        }
        for tell in told {
            // A stopper who no longer waits has nothing to learn.
            drop(tell.send(exit.clone()));
        }
    }

    fn close(&self, then: Then) {
        let mut table = lock(&self.table);
        if then == Then::Remove {
            table.phase = Phase::Closed;
            if let Some(warden) = self.warden.get() {
                warden.stop(None);
            }
        } else {
            table.phase = Phase::Parked;
        }
        drop(table);
        self.home.wake.notify_one();
    }
}
