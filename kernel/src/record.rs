//! The conduct of one child over its restarts, and the verdict on its next failure. Pure: time is given.

use std::collections::VecDeque;
use std::time::Duration;

use crate::random::Random;
use crate::spec::Rules;

/// A stay in quarantine doubles at most this many times.
const QUARANTINE_DOUBLINGS_MAX: u32 = 3;

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this pause.
    Restart(Duration),
    /// Park it for so long.
    Quarantine(Duration),
    /// Its supervisor fails with it.
    Escalate,
}

/// What is remembered of a child's failures.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Times it was started again.
    pub(crate) restarts: u32,
    /// Restarts since it last was sound: the exponent of the pause.
    attempts: u32,
    /// Stays in quarantine since it last was sound.
    quarantines: u32,
    /// Fresh out of quarantine: one more failure parks it again.
    on_probation: bool,
    running_since: Option<Duration>,
    /// Times of the failures in the window; at most one more than `max_restarts`.
    failures: VecDeque<Duration>,
}

impl Record {
    /// Its `start` succeeded.
    pub(crate) fn started(&mut self, now: Duration) {
        self.running_since = Some(now);
    }

    /// An operator vouches for it: it begins with a clean record.
    pub(crate) fn pardon(&mut self) {
        *self = Self { restarts: self.restarts, running_since: self.running_since, ..Self::default() };
    }

    /// It failed.
    pub(crate) fn failed(&mut self, now: Duration, rules: &Rules, random: &Random) -> Verdict {
        let ran_for = self.running_since.take().map(|since| now.saturating_sub(since));
        if ran_for.is_some_and(|ran| ran >= rules.intensity.within) {
            self.pardon();
        }
        if !self.is_too_much(now, rules) {
            let pause = doubled(rules.backoff.first, self.attempts).min(rules.backoff.max);
            self.attempts = self.attempts.saturating_add(1);
            return Verdict::Restart(random.jittered(pause));
        }
        if rules.essential {
            self.pardon();
            return Verdict::Escalate;
        }
        self.quarantine(rules)
    }

    /// Parks it, longer each time.
    pub(crate) fn quarantine(&mut self, rules: &Rules) -> Verdict {
        let doublings = self.quarantines.min(QUARANTINE_DOUBLINGS_MAX);
        self.quarantines = self.quarantines.saturating_add(1);
        self.on_probation = true;
        self.failures = VecDeque::new();
        Verdict::Quarantine(doubled(rules.intensity.quarantine_for, doublings))
    }

    fn is_too_much(&mut self, now: Duration, rules: &Rules) -> bool {
        if self.on_probation {
            return true;
        }
        let failures = &mut self.failures;
        failures.push_back(now);
        while failures.front().is_some_and(|at| now.saturating_sub(*at) >= rules.intensity.within) {
            failures.pop_front();
        }
        failures.len() > usize::try_from(rules.intensity.max_restarts).unwrap_or(usize::MAX)
    }
}

fn doubled(duration: Duration, times: u32) -> Duration {
    duration.saturating_mul(2_u32.checked_pow(times).unwrap_or(u32::MAX))
}
