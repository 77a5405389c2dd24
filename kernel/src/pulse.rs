//! Progress of the handlers in flight. A handler notes when it must be done; one scan per supervisor looks
//! only at those that have been busy since the last scan.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::sync::lock;

/// Written while no handler runs.
const IDLE: u64 = 0;

/// The heartbeat of one incarnation.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// The child, as its supervisor counts them.
    pub(crate) child: u64,
    /// Which life of the child this is: a handler of an earlier life must not speak for a later one.
    pub(crate) incarnation: u32,
    budget: Duration,
    /// Monotonic microseconds at which the running handler is late, or `IDLE`.
    due_us: AtomicU64,
    /// Whether the pulse is on the ward's list, so that a busy actor is listed once, not once per message.
    listed: AtomicBool,
}

impl Pulse {
    pub(crate) fn new(child: u64, incarnation: u32, budget: Duration) -> Arc<Self> {
        Arc::new(Self {
            child,
            incarnation,
            budget,
            due_us: AtomicU64::new(IDLE),
            listed: AtomicBool::new(false),
        })
    }

    /// Declares progress: the handler may run for another budget from now on.
    pub(crate) fn beat(&self, clock: &Clock) {
        let due = clock.monotonic().saturating_add(self.budget);
        self.due_us.store(micros(due).max(IDLE + 1), Ordering::SeqCst);
    }

    /// Whether the running handler is late, or `None` while no handler runs.
    pub(crate) fn late(&self, now: Duration) -> Option<bool> {
        match self.due_us.load(Ordering::SeqCst) {
            IDLE => None,
            due_us => Some(micros(now) >= due_us),
        }
    }
}

/// The pulses one supervisor looks after.
#[derive(Debug, Default)]
pub(crate) struct Ward {
    busy: Mutex<Vec<Arc<Pulse>>>,
}

impl Ward {
    /// Marks a handler as running until the guard is dropped. `wake` is told when the list was empty.
    pub(crate) fn watch<'p>(&self, pulse: &'p Arc<Pulse>, clock: &Clock, wake: &Notify) -> Busy<'p> {
        pulse.beat(clock);
        if !pulse.listed.swap(true, Ordering::SeqCst) {
            let mut busy = lock(&self.busy);
            busy.push(Arc::clone(pulse));
            if busy.len() == 1 {
                wake.notify_one();
            }
        }
        Busy { pulse }
    }

    /// Whether any handler has run since the last scan.
    pub(crate) fn is_quiet(&self) -> bool {
        lock(&self.busy).is_empty()
    }

    /// Returns the late pulses and takes the idle ones off the list.
    pub(crate) fn scan(&self, now: Duration) -> Vec<Arc<Pulse>> {
        let mut late = Vec::new();
        lock(&self.busy).retain(|pulse| {
            let Some(is_late) = pulse.late(now) else {
                pulse.listed.store(false, Ordering::SeqCst);
                // A handler that began in between has seen itself listed: keep it if so.
                return pulse.late(now).is_some() && !pulse.listed.swap(true, Ordering::SeqCst);
            };
            if is_late {
                late.push(Arc::clone(pulse));
            }
            true
        });
        late
    }

    /// Forgets a pulse whose handler will never be waited for again.
    pub(crate) fn forget(&self, child: u64, incarnation: u32) {
        lock(&self.busy).retain(|pulse| pulse.child != child || pulse.incarnation != incarnation);
    }
}

/// Held while a handler runs.
#[derive(Debug)]
pub(crate) struct Busy<'p> {
    pulse: &'p Arc<Pulse>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.pulse.due_us.store(IDLE, Ordering::SeqCst);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_handler_is_late_after_its_budget_and_progress_extends_it() {
        let (clock, _hand) = Clock::simulated(0);
        let (ward, wake) = (Ward::default(), Notify::new());
        let pulse = Pulse::new(1, 1, BUDGET);
        let busy = ward.watch(&pulse, &clock, &wake);
        clock.sleep(Duration::from_secs(4)).await;
        assert!(ward.scan(clock.monotonic()).is_empty());
        pulse.beat(&clock);
        clock.sleep(Duration::from_secs(4)).await;
        assert!(ward.scan(clock.monotonic()).is_empty());
        clock.sleep(Duration::from_secs(1)).await;
        assert_eq!(ward.scan(clock.monotonic()).len(), 1);
        drop(busy);
        assert!(ward.scan(clock.monotonic()).is_empty());
        assert!(ward.is_quiet());
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_pulse_is_listed_once_and_again_after_idling() {
        let (clock, _hand) = Clock::simulated(0);
        let (ward, wake) = (Ward::default(), Notify::new());
        let pulse = Pulse::new(1, 1, BUDGET);
        for _ in 0..10 {
            drop(ward.watch(&pulse, &clock, &wake));
        }
        assert_eq!(lock(&ward.busy).len(), 1);
        ward.scan(clock.monotonic());
        assert!(ward.is_quiet());
        let _busy = ward.watch(&pulse, &clock, &wake);
        assert!(!ward.is_quiet());
    }
}
