//! The only place where time is read. Monotonic time and sleeps follow tokio's clock, so that paused
//! tests steer everything; wall-clock time comes from the system or from a simulated base.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Longest sleep or deadline, in days; longer ones are cut to it so that instants cannot overflow.
const SLEEP_DAYS_MAX: u64 = 3_650;

/// A cheap handle to time. Clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    wall: Wall,
}

#[derive(Clone, Debug)]
enum Wall {
    System,
    Simulated { base_us: i64, jump_us: Arc<AtomicI64> },
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self { origin: instant_now(), wall: Wall::System }
    }

    /// A clock whose wall time starts at `base_us` (microseconds since 1970 UTC) and advances with tokio's
    /// time, paused or not. The hand moves the wall time alone, as an operator or NTP would.
    #[must_use]
    pub fn simulated(base_us: i64) -> (Self, WallHand) {
        let jump_us = Arc::new(AtomicI64::new(0));
        let wall = Wall::Simulated { base_us, jump_us: Arc::clone(&jump_us) };
        (Self { origin: instant_now(), wall }, WallHand { jump_us })
    }

    /// Wall-clock time in microseconds since 1970 UTC. May jump in either direction.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        match &self.wall {
            Wall::System => system_us(),
            Wall::Simulated { base_us, jump_us } => base_us
                .saturating_add(micros(self.monotonic()))
                .saturating_add(jump_us.load(Ordering::Relaxed)),
        }
    }

    /// Time since this clock was made. Never goes back and never jumps with the wall clock.
    #[must_use]
    pub fn monotonic(&self) -> Duration {
        instant_now().saturating_duration_since(self.origin)
    }

    /// Waits for `duration`.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.min(sleep_max())).await;
    }

    /// Waits until `monotonic()` reaches `at`.
    pub async fn sleep_until(&self, at: Duration) {
        tokio::time::sleep_until(self.instant(at)).await;
    }

    /// The tokio instant at which `monotonic()` reads `at`.
    pub(crate) fn instant(&self, at: Duration) -> Instant {
        let latest = self.monotonic().saturating_add(sleep_max());
        self.origin.checked_add(at.min(latest)).unwrap_or(self.origin)
    }
}

/// Moves the wall time of a simulated clock.
#[derive(Clone, Debug)]
pub struct WallHand {
    jump_us: Arc<AtomicI64>,
}

impl WallHand {
    /// Moves the wall time by `delta_us` microseconds; monotonic time is untouched.
    pub fn jump_us(&self, delta_us: i64) {
        self.jump_us.fetch_add(delta_us, Ordering::Relaxed);
    }
}

const fn sleep_max() -> Duration {
    Duration::from_secs(SLEEP_DAYS_MAX * 86_400)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "this is the clock everybody else is given")]
fn instant_now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock everybody else is given")]
fn system_us() -> i64 {
    match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE_US: i64 = 1_790_000_000_000_000;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_follows_tokio_and_jumps_only_the_wall() {
        let (clock, hand) = Clock::simulated(BASE_US);
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now_us(), BASE_US + 90_000_000);
        hand.jump_us(-3_600_000_000);
        assert_eq!(clock.now_us(), BASE_US + 90_000_000 - 3_600_000_000);
        assert_eq!(clock.monotonic(), Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_until_reaches_the_given_monotonic_time() {
        let (clock, _hand) = Clock::simulated(BASE_US);
        clock.sleep_until(Duration::from_secs(7)).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(7));
        clock.sleep_until(Duration::from_secs(3)).await;
        assert_eq!(clock.monotonic(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_without_end_does_not_overflow() {
        let (clock, _hand) = Clock::simulated(BASE_US);
        assert!(clock.instant(Duration::MAX) > clock.instant(Duration::from_secs(1)));
    }

    #[test]
    fn the_system_clock_reads_this_century() {
        assert!(Clock::system().now_us() > 1_700_000_000_000_000);
    }
}
