//! A circuit breaker around calls to something that may be down. Owned by one actor, so that calls never race.
//!
//! `circuitbreaker-rs` keeps the state machine and is told nothing but finished outcomes, so a cancelled probe
//! has taken nothing from it. When to trip and when to probe is decided here, on the given clock: its error
//! rate has no window and its pause reads another clock.

use std::collections::VecDeque;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circuitbreaker_rs::{CircuitBreaker, DefaultPolicy, State};
use futures::FutureExt;
use serde::Serialize;
use tokio::time::timeout_at;

use crate::clock::Clock;
use crate::measures;
use crate::sync::lock;

/// An error rate that is never reached: the window here decides when to trip.
const NEVER_BY_RATE: f64 = 2.0;

/// When a breaker opens and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures within the window that open it; at least 1.
    pub failures: u32,
    /// The window in which failures count.
    pub window: Duration,
    /// How long it stays open before a call is let through as a probe.
    pub open_for: Duration,
    /// Successful probes in a row that close it; at least 1.
    pub probes: u32,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(60), open_for: Duration::from_secs(30), probes: 1 }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// Calls are refused.
    Open,
    /// Calls go through one at a time, to see whether it works again.
    HalfOpen,
}

/// Why a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError<E> {
    /// Not called: the breaker is open.
    #[error("circuit open, retry in {retry_after:?}")]
    Open {
        /// When the next call may go through.
        retry_after: Duration,
    },
    /// Called, but it took too long and was dropped.
    #[error("deadline passed")]
    Deadline,
    /// Called, and it panicked.
    #[error("call panicked")]
    Panicked,
    /// Called, and it failed.
    #[error("call failed")]
    Failed(#[source] E),
}

/// What routes and screens show of a breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakerSnapshot {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: BreakerState,
    /// Failures within the window.
    pub failures: u32,
    /// When it last opened, in wall-clock microseconds since 1970 UTC; absent while closed.
    pub opened_at_us: Option<i64>,
    /// Pause before the next call may go through, in microseconds; absent unless open.
    #[serde(rename = "retry_after_us", serialize_with = "crate::tree::as_us_or_none")]
    pub retry_after: Option<Duration>,
    /// Times it opened.
    pub trips: u64,
}

/// A breaker. Not `Clone`: one owner calls through it; others look through a [`BreakerView`].
pub struct Breaker {
    machine: CircuitBreaker<DefaultPolicy, Refusal>,
    shared: Arc<Shared>,
}

/// A cheap look at a breaker.
#[derive(Clone)]
pub struct BreakerView {
    shared: Arc<Shared>,
}

struct Shared {
    name: Box<str>,
    config: BreakerConfig,
    clock: Clock,
    facts: Mutex<Facts>,
}

struct Facts {
    state: BreakerState,
    /// Monotonic times of the latest failures; at most `config.failures`.
    failures: VecDeque<Duration>,
    opened: Option<Opened>,
    trips: u64,
}

#[derive(Clone, Copy)]
struct Opened {
    at_us: i64,
    /// Monotonic time from which a probe may go through.
    probe_from: Duration,
}

/// What the state machine is told of a failure; the cause stays with the caller.
#[derive(Debug, thiserror::Error)]
#[error("call failed")]
struct Refusal;

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(name: impl Into<String>, config: BreakerConfig, clock: Clock) -> Self {
        let config =
            BreakerConfig { failures: config.failures.max(1), probes: config.probes.max(1), ..config };
        let machine = CircuitBreaker::<DefaultPolicy, Refusal>::builder()
            .failure_threshold(NEVER_BY_RATE)
            .min_throughput(u64::MAX)
            .consecutive_failures(u64::MAX)
            .consecutive_successes(u64::from(config.probes))
            // One owner probes one at a time, so probes need no ration; a ration that runs out never closes.
            .probe_interval(u32::MAX)
            // The pause is kept here, on the given clock.
            .cooldown(Duration::ZERO)
            .build();
        let facts = Facts { state: BreakerState::Closed, failures: VecDeque::new(), opened: None, trips: 0 };
        let name: String = name.into();
        let shared =
            Arc::new(Shared { name: name.into_boxed_str(), config, clock, facts: Mutex::new(facts) });
        measures::breaker_state(&shared.name, code(BreakerState::Closed));
        Self { machine, shared }
    }

    /// Runs `call` unless the breaker is open. A failure, a panic and a passed deadline count as failures; a
    /// call that is dropped before it ends counts as nothing.
    ///
    /// # Errors
    /// See [`BreakerError`].
    pub async fn call<T, E, F>(&mut self, deadline: Duration, call: F) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.call_unless(deadline, call, |_| false).await
    }

    /// As [`Self::call`], but an error that `is_answer` shows that the other side works, and counts as success.
    ///
    /// # Errors
    /// See [`BreakerError`].
    pub async fn call_unless<T, E, F>(
        &mut self,
        deadline: Duration,
        call: F,
        is_answer: impl FnOnce(&E) -> bool,
    ) -> Result<T, BreakerError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.admit().map_err(|retry_after| BreakerError::Open { retry_after })?;
        let probe = Probe { shared: &self.shared, armed: self.machine.current_state() != State::Closed };
        let clock = &self.shared.clock;
        let until = clock.instant(clock.monotonic().saturating_add(deadline));
        let outcome = match timeout_at(until, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => Err(BreakerError::Failed(error)),
            Ok(Err(_)) => Err(BreakerError::Panicked),
            Err(_) => Err(BreakerError::Deadline),
        };
        probe.disarm();
        let works = match &outcome {
            Ok(_) => true,
            Err(BreakerError::Failed(error)) => is_answer(error),
            Err(_) => false,
        };
        self.record(works);
        outcome
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        lock(&self.shared.facts).state
    }

    /// A look at it for others.
    #[must_use]
    pub fn view(&self) -> BreakerView {
        BreakerView { shared: Arc::clone(&self.shared) }
    }

    /// Opens it by hand; it probes again after `open_for`.
    pub fn force_open(&mut self) {
        self.trip();
    }

    /// Closes it by hand and forgets its failures.
    pub fn force_closed(&mut self) {
        self.machine.force_closed();
        self.machine.reset_stats();
        self.shared.close();
    }

    /// Whether a call may go through now; else how long to wait.
    fn admit(&self) -> Result<(), Duration> {
        let now = self.shared.clock.monotonic();
        let mut facts = lock(&self.shared.facts);
        if facts.state == BreakerState::Closed {
            return Ok(());
        }
        let wait = facts.opened.map_or(Duration::ZERO, |opened| opened.probe_from.saturating_sub(now));
        if facts.state == BreakerState::Open && !wait.is_zero() {
            return Err(wait);
        }
        facts.state = BreakerState::HalfOpen;
        drop(facts);
        self.shared.show(BreakerState::HalfOpen);
        Ok(())
    }

    /// Tells the state machine a finished outcome and follows where it goes.
    fn record(&mut self, works: bool) {
        let before = self.machine.current_state();
        let told = self.machine.call(|| if works { Ok(()) } else { Err(Refusal) });
        debug_assert!(told.is_ok() == works, "the machine takes every outcome it is told");
        let after = self.machine.current_state();
        match (before, after) {
            (State::Closed, State::Closed) if !works && self.shared.count_failure() => {
                self.trip();
            }
            (State::Closed, _) | (_, State::HalfOpen) => {}
            (_, State::Closed) => self.shared.close(),
            (_, State::Open) => self.trip(),
        }
    }

    fn trip(&mut self) {
        self.machine.force_open();
        // Successes from before the trip must not count as probes.
        self.machine.reset_stats();
        self.shared.trip();
    }
}

impl Shared {
    /// Counts a failure; true when the window holds too many.
    fn count_failure(&self) -> bool {
        let now = self.clock.monotonic();
        let mut facts = lock(&self.facts);
        facts.failures.push_back(now);
        self.forget_old(&mut facts, now);
        facts.failures.len() >= self.failures_max()
    }

    fn forget_old(&self, facts: &mut Facts, now: Duration) {
        let old = |at: &Duration| now.saturating_sub(*at) >= self.config.window;
        while facts.failures.front().is_some_and(old) || facts.failures.len() > self.failures_max() {
            facts.failures.pop_front();
        }
    }

    fn failures_max(&self) -> usize {
        usize::try_from(self.config.failures).unwrap_or(usize::MAX)
    }

    fn trip(&self) {
        let now = self.clock.monotonic();
        let mut facts = lock(&self.facts);
        facts.state = BreakerState::Open;
        facts.trips += 1;
        facts.opened =
            Some(Opened { at_us: self.clock.now_us(), probe_from: now.saturating_add(self.config.open_for) });
        drop(facts);
        tracing::warn!(breaker = %self.name, "breaker opened");
        measures::breaker_tripped(&self.name);
        self.show(BreakerState::Open);
    }

    fn close(&self) {
        let mut facts = lock(&self.facts);
        facts.state = BreakerState::Closed;
        facts.failures.clear();
        facts.opened = None;
        drop(facts);
        tracing::info!(breaker = %self.name, "breaker closed");
        self.show(BreakerState::Closed);
    }

    fn show(&self, state: BreakerState) {
        measures::breaker_state(&self.name, code(state));
    }
}

/// Gives a probe back when its call is dropped before it ended: the next call may probe at once.
struct Probe<'b> {
    shared: &'b Shared,
    armed: bool,
}

impl Probe<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        if self.armed {
            lock(&self.shared.facts).state = BreakerState::Open;
            self.shared.show(BreakerState::Open);
        }
    }
}

impl BreakerView {
    /// The breaker as it stands now.
    #[must_use]
    pub fn snapshot(&self) -> BreakerSnapshot {
        let now = self.shared.clock.monotonic();
        let mut facts = lock(&self.shared.facts);
        self.shared.forget_old(&mut facts, now);
        BreakerSnapshot {
            name: self.shared.name.to_string(),
            state: facts.state,
            failures: u32::try_from(facts.failures.len()).unwrap_or(u32::MAX),
            opened_at_us: facts.opened.map(|opened| opened.at_us),
            retry_after: (facts.state == BreakerState::Open)
                .then(|| facts.opened.map_or(Duration::ZERO, |opened| opened.probe_from.saturating_sub(now))),
            trips: facts.trips,
        }
    }
}

fn code(state: BreakerState) -> u8 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::Open => 1,
        BreakerState::HalfOpen => 2,
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Breaker({} {:?})", self.shared.name, self.state())
    }
}

impl fmt::Debug for BreakerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BreakerView({})", self.shared.name)
    }
}
