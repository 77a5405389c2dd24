//! When acts are due. The schedule is made without the server: one that answers late finds the next acts waiting, and their
//! latency counts from when they were due. (A client that waits for each answer before it decides when to go on would leave
//! out exactly what was slow: coordinated omission.)

use std::time::Duration;

use nightshift_kernel::{Clock, Random};

/// A schedule of acts from a common start, as many in a second as asked for.
pub(super) struct Pace {
    clock: Clock,
    start: Duration,
    length: Duration,
    /// Mean time between two acts.
    step: Duration,
    /// When the next act is due, from the start.
    next: Duration,
    /// Draws the time between two acts: exponential, as arrivals of many independent people are.
    random: Option<Random>,
}

/// The common start of all schedules, and how long they run.
#[derive(Clone)]
pub(super) struct Time {
    pub(super) clock: Clock,
    pub(super) start: Duration,
    pub(super) length: Duration,
}

impl Time {
    /// How far into the run it is now.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.start)
    }

    /// Waits for the end of the run.
    pub(super) async fn ended(&self) {
        self.clock.sleep_until(self.start + self.length).await;
    }

    /// One of `of` that share `per_second` evenly, each at its own place in the beat.
    pub(super) fn share(&self, per_second: f64, number: u32, of: u32) -> Pace {
        let step = Duration::from_secs_f64(f64::from(of.max(1)) / per_second);
        let next = step.mul_f64(f64::from(number) / f64::from(of.max(1)));
        self.pace(step, next, None)
    }

    /// Arrivals by chance, `per_second` in the mean.
    pub(super) fn arrivals(&self, per_second: f64, random: Random) -> Pace {
        let mut pace = self.pace(Duration::from_secs_f64(1.0 / per_second), Duration::ZERO, Some(random));
        pace.next = pace.gap();
        pace
    }

    fn pace(&self, step: Duration, next: Duration, random: Option<Random>) -> Pace {
        let (clock, start, length) = (self.clock.clone(), self.start, self.length);
        Pace { clock, start, length, step, next, random }
    }
}

impl Pace {
    /// The time between two acts.
    fn gap(&self) -> Duration {
        match &self.random {
            None => self.step,
            // Never zero: the logarithm's argument stays above 2^-53.
            Some(random) => self.step.mul_f64(-(1.0 - random.fraction()).max(f64::EPSILON).ln()),
        }
    }

    /// Waits until the next act is due, and says when that was, from the start; `None` when the run is over. An act that is
    /// overdue is due at once, with the time at which it should have been.
    pub(super) async fn next(&mut self) -> Option<Duration> {
        let due = self.next;
        if due >= self.length {
            return None;
        }
        self.next += self.gap();
        self.clock.sleep_until(self.start + due).await;
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: u64) -> Time {
        let clock = Clock::system();
        let start = clock.monotonic();
        Time { clock, start, length: Duration::from_secs(seconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn shares_are_even_and_do_not_wait_for_the_slow() {
        let time = time(10);
        let mut pace = time.share(20.0, 3, 10);
        assert_eq!(pace.next().await, Some(Duration::from_millis(150)));
        // An answer that took two seconds: the acts that were due meanwhile keep their times.
        time.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(pace.next().await, Some(Duration::from_millis(650)));
        let late = time.elapsed() - Duration::from_millis(650);
        assert!(late >= Duration::from_millis(1_400), "{late:?}");
        let mut count = 2;
        while pace.next().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn arrivals_come_by_chance_and_as_many_as_asked_for() {
        let time = time(1_000);
        let (mut pace, mut times) = (time.arrivals(5.0, Random::seeded(3)), Vec::new());
        while let Some(due) = pace.next().await {
            times.push(due);
        }
        assert!((4_700..5_300).contains(&times.len()), "{}", times.len());
        assert!(times.windows(2).all(|w| w[0] <= w[1]));
    }
}
