//! How much one client may ask: a bucket that holds a minute's worth and fills again evenly. All nodes take from the same
//! buckets while the shared cache is there; without it each has its own.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use nightshift_kernel::Clock;

use super::{Cache, fallen_back};

/// Clients that have a bucket of their own; when there are more, the others share.
const CLIENTS_MAX: usize = 100_000;
/// Buckets that they share.
const SHARED_BUCKETS: u64 = 4_096;
/// Takings between two looks at how many clients there are.
const LOOK_EVERY: u32 = 256;

/// What is left to a client after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The limit.
    pub per_minute: u32,
    /// Requests that may come at once now.
    pub remaining: u32,
    /// Seconds until the next request may come, when none remains; else until the bucket is full again.
    pub reset_s: u64,
}

/// A limit for each client of one kind.
pub struct Limit {
    name: &'static str,
    per_minute: NonZeroU32,
    buckets: Buckets,
    cache: Cache,
}

impl Limit {
    pub(super) fn new(name: &'static str, per_minute: NonZeroU32, cache: Cache, clock: &Clock) -> Self {
        Self { name, per_minute, buckets: Buckets::new(per_minute, clock, CLIENTS_MAX), cache }
    }

    /// Takes one request of `client`; the error says when there is one again.
    ///
    /// # Errors
    /// What is left when nothing is.
    pub async fn take(&self, client: u128) -> Result<Allowance, Allowance> {
        if let Some(remote) = self.cache.remote()
            && let Some(taken) = fallen_back("limits", remote.take(self.name, client, self.per_minute).await)
        {
            return taken;
        }
        self.buckets.take(client)
    }

    /// Forgets the clients that have asked this node nothing lately.
    pub fn sweep(&self) {
        self.buckets.sweep();
    }
}

/// The plant's clock as the limiter reads it.
#[derive(Debug, Clone)]
struct Ticks(Clock);

impl GovernorClock for Ticks {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The buckets of this process.
struct Buckets {
    limiter: RateLimiter<u128, DashMapStateStore<u128>, Ticks, StateInformationMiddleware>,
    ticks: Ticks,
    per_minute: u32,
    taken: AtomicU32,
    /// Whether there are so many clients that they share buckets.
    crowded: AtomicBool,
    clients_max: usize,
}

/// The bucket that a client shares when there are too many.
fn shared_bucket(client: u128) -> u128 {
    // No address, no site and no id has these numbers: a site's low half is zero, IPv4 needs 32 bits and an id 63.
    let folded = (client as u64) ^ ((client >> 64) as u64);
    u128::MAX - u128::from(folded % SHARED_BUCKETS)
}

impl Buckets {
    fn new(per_minute: NonZeroU32, clock: &Clock, clients_max: usize) -> Self {
        let ticks = Ticks(clock.clone());
        let limiter = RateLimiter::dashmap_with_clock(Quota::per_minute(per_minute), ticks.clone());
        Self {
            limiter: limiter.with_middleware(),
            ticks,
            per_minute: per_minute.get(),
            taken: AtomicU32::new(0),
            crowded: AtomicBool::new(false),
            clients_max,
        }
    }

    fn take(&self, client: u128) -> Result<Allowance, Allowance> {
        if self.taken.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            self.look();
        }
        let crowded = self.crowded.load(Ordering::Relaxed);
        let bucket = if crowded { shared_bucket(client) } else { client };
        let per_minute = self.per_minute;
        match self.limiter.check_key(&bucket) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = per_minute.saturating_sub(remaining);
                let reset = state.quota().replenish_interval() * missing;
                Ok(Allowance { per_minute, remaining, reset_s: whole_seconds(reset) })
            }
            Err(until) => {
                let wait = until.wait_time_from(self.ticks.now());
                Err(Allowance { per_minute, remaining: 0, reset_s: whole_seconds(wait) })
            }
        }
    }

    /// Bounds the number of buckets.
    fn look(&self) {
        if self.limiter.len() >= self.clients_max {
            self.sweep();
        }
    }

    /// Forgets the clients whose buckets are full.
    fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
        let crowded = self.limiter.len() >= self.clients_max;
        if crowded && !self.crowded.swap(crowded, Ordering::Relaxed) {
            tracing::warn!(
                clients_max = self.clients_max,
                "so many clients at once that they share their rate limits"
            );
        }
        self.crowded.store(crowded, Ordering::Relaxed);
    }
}

pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn buckets(per_minute: u32, clients_max: usize) -> (Buckets, Clock) {
        let (clock, _) = Clock::simulated(0);
        (Buckets::new(NonZeroU32::new(per_minute).expect("a rate"), &clock, clients_max), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_holds_a_minute_and_fills_again_evenly() {
        let (buckets, clock) = buckets(100, CLIENTS_MAX);
        for left in (0..100).rev() {
            assert_eq!(buckets.take(1).expect("within the rate").remaining, left);
        }
        let none = buckets.take(1).expect_err("over the rate");
        assert_eq!(none, Allowance { per_minute: 100, remaining: 0, reset_s: 1 });
        assert!(buckets.take(2).is_ok(), "another client has its own");
        clock.sleep(Duration::from_millis(600)).await;
        assert_eq!(buckets.take(1).expect("one more").reset_s, 60);
        assert!(buckets.take(1).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_are_bounded_and_forgotten() {
        let (buckets, clock) = buckets(10, 1_000);
        for client in 0..50_000_u128 {
            let _ = buckets.take(client);
        }
        assert!(buckets.limiter.len() <= 1_000 + LOOK_EVERY as usize + SHARED_BUCKETS as usize);
        assert!(buckets.crowded.load(Ordering::Relaxed));
        clock.sleep(HOUR).await;
        buckets.sweep();
        assert_eq!((buckets.limiter.len(), buckets.crowded.load(Ordering::Relaxed)), (0, false));
    }

    #[test]
    fn shared_buckets_are_nobodys_own() {
        let ids = [0_u128, 1, i64::MAX as u128];
        let sites = [u128::from(u32::MAX), u128::from(u64::MAX) << 64, 1 << 64];
        assert!(ids.iter().chain(&sites).all(|client| shared_bucket(*client) > u128::MAX - 4_096));
        assert!(ids.iter().chain(&sites).all(|client| *client <= u128::MAX - 4_096));
    }
}
