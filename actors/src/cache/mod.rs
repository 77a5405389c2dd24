//! What nodes of one plant share for a short time: counts of requests, marks of what was revoked, answers of services.
//!
//! Without `cache.url` everything is in this process. With it a Redis holds it, and a node that cannot reach that Redis goes
//! on by itself: it counts requests alone, keeps answers alone, and trusts nothing it remembers of sessions, so that each
//! request asks the database. Nothing here is the truth; whatever is lost is asked for again.
//!
//! The `keeper` holds the connection. A call that fails gives it up at once, so that nobody waits for a Redis that is gone.

mod keeper;
mod limit;
mod local;
mod remote;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use metrics::Unit::Seconds;
use nightshift_kernel::Clock;
use secrecy::SecretString;

pub(crate) use keeper::spawn;
pub use limit::{Allowance, Limit};

use local::Local;
use remote::Remote;

/// Largest answer that nodes share, bytes; a larger one is kept by the node that asked.
const SHARED_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Things that one request is asked about: its session and its user.
const SUBJECTS_MAX: usize = 2;

/// Settings of the cache.
#[derive(Debug, Clone)]
pub struct CacheConfig {
    /// `redis://` or `rediss://`; in this process when absent.
    pub url: Option<SecretString>,
    /// What stands before every key.
    pub prefix: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { url: None, prefix: "nightshift".to_owned(), timeout: Duration::from_millis(200) }
    }
}

impl CacheConfig {
    /// Whether the URL can be used.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it: it may hold a password.
    pub fn check(&self) -> Result<(), String> {
        self.url.as_ref().map_or(Ok(()), |url| remote::open(url).map(|_| ()))
    }
}

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    clock: Clock,
    local: Local,
    remote: Option<Remote>,
}

/// What can be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// A session.
    Session(i64),
    /// A user: each of its sessions.
    User(i64),
    /// A machine token.
    Token(i64),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "session:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
        }
    }
}

/// How things are marked at a moment. Whoever remembers something with other marks than there are now must ask the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks([u64; SUBJECTS_MAX]);

#[cfg(test)]
impl Marks {
    /// Those of what was never marked.
    pub(crate) const NONE: Self = Self([0; SUBJECTS_MAX]);

    /// Those of what was marked with `number`.
    pub(crate) const fn of(number: u64) -> Self {
        Self([number; SUBJECTS_MAX])
    }
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) body: Vec<u8>,
    pub(crate) age: Duration,
}

impl Cache {
    /// The cache as configured. Nothing is connected yet.
    ///
    /// # Errors
    /// When the URL cannot be used; the text does not repeat it.
    pub fn open(config: &CacheConfig, clock: Clock) -> Result<Self, String> {
        let remote = config.url.as_ref().map(|url| Remote::new(url, config, clock.clone())).transpose()?;
        Ok(Self(Arc::new(Shared { local: Local::new(), clock, remote })))
    }

    /// A cache of this process alone.
    #[must_use]
    pub fn in_process(clock: Clock) -> Self {
        Self(Arc::new(Shared { local: Local::new(), clock, remote: None }))
    }

    /// A limit of `per_minute` requests for each client; `name` tells it from others, on every node alike.
    #[must_use]
    pub fn limit(&self, name: &'static str, per_minute: NonZeroU32) -> Limit {
        Limit::new(name, per_minute, self.clone(), &self.0.clock)
    }

    /// How `subjects` are marked; `None` while it cannot be known.
    pub(crate) async fn marks(&self, subjects: &[Subject]) -> Option<Marks> {
        debug_assert!(subjects.len() <= SUBJECTS_MAX, "more subjects than marks have room for");
        match &self.0.remote {
            None => Some(self.0.local.marks(subjects, self.0.clock.monotonic())),
            Some(remote) => fallen_back("marks", remote.marks(subjects).await),
        }
    }

    /// Marks `subjects` anew, for every node, for as long as anybody may remember them.
    pub(crate) async fn mark(&self, subjects: &[Subject], remembered: Duration) {
        if subjects.is_empty() {
            return;
        }
        match &self.0.remote {
            None => self.0.local.mark(subjects, self.0.clock.monotonic() + remembered),
            Some(remote) => {
                if fallen_back("marks", remote.mark(subjects, remembered).await).is_none() {
                    tracing::warn!(
                        "the shared cache is away: other nodes may take a few seconds to notice what was revoked here"
                    );
                }
            }
        }
    }

    /// What was kept under `key` less than `keep` ago.
    pub(crate) async fn answer(&self, key: &str, keep: Duration) -> Option<Kept> {
        let shared = match &self.0.remote {
            None => None,
            Some(remote) => fallen_back("answers", remote.answer(key, keep).await).flatten(),
        };
        let found = shared.or_else(|| self.0.local.answer(key, self.0.clock.monotonic()));
        let outcome = if found.is_some() { "hit" } else { "miss" };
        metrics::counter!("nightshift_cache_answers_total", "outcome" => outcome).increment(1);
        found
    }

    /// Keeps `body` under `key`, unless there is no room.
    pub(crate) async fn keep_answer(&self, key: &str, body: Vec<u8>, keep: Duration) {
        if let Some(remote) = self.0.remote.as_ref().filter(|_| body.len() <= SHARED_ANSWER_BYTES_MAX)
            && fallen_back("answers", remote.keep_answer(key, &body, keep).await).is_some()
        {
            return;
        }
        self.0.local.keep_answer(key, body, self.0.clock.monotonic(), keep);
    }

    /// Looks at the shared cache, and connects to it where that is needed.
    pub async fn look(&self) {
        if let Some(remote) = &self.0.remote {
            remote.look().await;
        }
    }

    /// Where the shared cache is, without its password; `None` when there is none.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.0.remote.as_ref().map(Remote::place)
    }

    /// What is wrong with the shared cache, if anything is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.0.remote.as_ref().and_then(Remote::fault)
    }

    fn remote(&self) -> Option<&Remote> {
        self.0.remote.as_ref()
    }
}

/// Counts that a node has to do without the others.
fn fallen_back<T>(what: &'static str, outcome: Option<T>) -> Option<T> {
    if outcome.is_none() {
        metrics::counter!("nightshift_cache_fallbacks_total", "use" => what).increment(1);
    }
    outcome
}

/// Describes what the cache measures and registers its counters.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!(
        remote::CONNECTED_METRIC,
        "Whether the shared cache can be used, 0 or 1; absent when none is configured."
    );
    metrics::describe_counter!(remote::FAILURES_METRIC, "Calls to the shared cache that failed.");
    metrics::counter!(remote::FAILURES_METRIC).absolute(0);
    metrics::describe_histogram!(remote::DURATION_METRIC, Seconds, "Time of one call to the shared cache.");
    metrics::describe_counter!(
        "nightshift_cache_fallbacks_total",
        "Times that this node had to do without the shared cache, by use."
    );
    for what in ["limits", "marks", "answers"] {
        metrics::counter!("nightshift_cache_fallbacks_total", "use" => what).absolute(0);
    }
    metrics::describe_counter!(
        "nightshift_cache_answers_total",
        "Answers of services looked for in the cache."
    );
    for outcome in ["hit", "miss"] {
        metrics::counter!("nightshift_cache_answers_total", "outcome" => outcome).absolute(0);
    }
}
