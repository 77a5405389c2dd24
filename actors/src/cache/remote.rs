//! The shared cache: a Redis, spoken to over one connection that all calls share.
//!
//! The connection is made and looked at by [`Remote::look`] alone. A call never waits for one: where there is none, or the
//! call fails or takes too long, its answer is `None`, and there is no connection until the next look made one.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use nightshift_kernel::Clock;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::limit::{Allowance, whole_seconds};
use super::resp::{Link, Place, RespError, Value, millis};
use super::{CacheConfig, Kept, Marks, SUBJECTS_MAX, Subject};
use crate::identity::random_bytes;

pub(super) const CONNECTED_METRIC: &str = "nightshift_cache_connected";
pub(super) const FAILURES_METRIC: &str = "nightshift_cache_failures_total";
pub(super) const DURATION_METRIC: &str = "nightshift_cache_duration_seconds";

/// How long a look may take, with the connection, its TLS and its password.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);
/// How long what a look writes stays.
const PROBE_KEPT: Duration = Duration::from_secs(5);
const MINUTE_US: u64 = 60_000_000;

/// One request taken out of a bucket that holds a minute's worth and fills again evenly. The bucket is the time at which it
/// will be full, by Redis's own clock: nodes need not agree about theirs. Numbers are written in full: Lua's own way of
/// writing them has 14 digits, and a time has 16.
const TAKE: &str = r"
local burst, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local full = tonumber(redis.call('GET', KEYS[1]) or '0')
if full < now then full = now end
local over = full + interval - now - burst * interval
if over > 0 then return {0, 0, over} end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return {1, math.floor((burst * interval - (full - now)) / interval), full - now}
";

/// The shared cache.
pub(super) struct Remote {
    place: Place,
    shown: String,
    prefix: String,
    timeout: Duration,
    clock: Clock,
    link: RwLock<Option<Link>>,
    /// Why it cannot be used now.
    fault: Mutex<Option<String>>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Remote {
    pub(super) fn new(url: &SecretString, config: &CacheConfig, clock: Clock) -> Result<Self, String> {
        let place = Place::parse(url)?;
        metrics::gauge!(CONNECTED_METRIC).set(0.0);
        Ok(Self {
            shown: place.shown(),
            place,
            prefix: config.prefix.clone(),
            timeout: config.timeout,
            clock,
            link: RwLock::new(None),
            fault: Mutex::new(Some("it has not been reached yet".to_owned())),
            looking: tokio::sync::Mutex::default(),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.shown
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.lock_fault().clone()
    }

    /// Connects where there is no connection, and tries whether Redis takes what is written.
    pub(super) async fn look(&self) {
        let _alone = self.looking.lock().await;
        let (known, probe) = (self.link(), self.key("probe"));
        let kept = millis(PROBE_KEPT);
        let looked = async {
            let link = match known {
                Some(link) => link,
                None => self.place.connect().await?,
            };
            link.ask(&[b"SET", probe.as_bytes(), b"1", b"PX", kept.as_bytes()]).await?;
            Ok::<_, RespError>(link)
        };
        match tokio::time::timeout(LOOK_DEADLINE, looked).await {
            Ok(Ok(link)) => self.found(link),
            Ok(Err(error)) => self.lose(error.to_string()),
            Err(_) => self.lose(format!("no answer within {} s", LOOK_DEADLINE.as_secs())),
        }
    }

    pub(super) async fn take(
        &self,
        limit: &str,
        client: u128,
        per_minute: NonZeroU32,
    ) -> Option<Result<Allowance, Allowance>> {
        let (key, burst) = (self.key(&format!("limit:{limit}:{client:x}")), per_minute.to_string());
        let interval = (MINUTE_US / u64::from(per_minute.get())).max(1).to_string();
        let words = [
            b"EVAL".as_slice(),
            TAKE.as_bytes(),
            b"1",
            key.as_bytes(),
            burst.as_bytes(),
            interval.as_bytes(),
        ];
        let Value::Array(parts) = self.call(&words).await? else { return self.odd() };
        let parts: Vec<u64> = parts.iter().filter_map(Value::as_u64).collect();
        let [taken, remaining, wait_us] = parts[..] else { return self.odd() };
        let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
        let reset_s = whole_seconds(Duration::from_micros(wait_us));
        let allowance = Allowance { per_minute: per_minute.get(), remaining, reset_s };
        Some(if taken == 1 { Ok(allowance) } else { Err(allowance) })
    }

    pub(super) async fn marks(&self, subjects: &[Subject]) -> Option<Marks> {
        let keys: Vec<String> = subjects.iter().map(|subject| self.key(&subject.to_string())).collect();
        let words: Vec<&[u8]> =
            std::iter::once(b"MGET".as_slice()).chain(keys.iter().map(String::as_bytes)).collect();
        let Value::Array(found) = self.call(&words).await? else { return self.odd() };
        let mut marks = [0; SUBJECTS_MAX];
        for (mark, found) in marks.iter_mut().zip(found) {
            *mark = found.as_u64().unwrap_or(0);
        }
        Some(Marks(marks))
    }

    /// A mark is drawn by lot: nobody needs to know the last one, and after it has ended none comes again.
    pub(super) async fn mark(&self, subjects: &[Subject], remembered: Duration) -> Option<()> {
        let kept = millis(remembered);
        for subject in subjects {
            let (key, mark) = (self.key(&subject.to_string()), drawn().to_string());
            self.call(&[b"SET", key.as_bytes(), mark.as_bytes(), b"PX", kept.as_bytes()]).await?;
        }
        Some(())
    }

    pub(super) async fn answer(&self, key: &str, keep: Duration) -> Option<Option<Kept>> {
        let key = self.answer_key(key);
        let (get, left): ([&[u8]; 2], [&[u8]; 2]) = ([b"GET", key.as_bytes()], [b"PTTL", key.as_bytes()]);
        let (body, left) = tokio::join!(self.call(&get), self.call(&left));
        // A key that has just ended has no time left, as a negative number.
        let left = Duration::from_millis(left?.as_u64().unwrap_or(0));
        match body? {
            Value::Bytes(body) => Some(Some(Kept { body, age: keep.saturating_sub(left) })),
            Value::Nil => Some(None),
            _ => self.odd(),
        }
    }

    pub(super) async fn keep_answer(&self, key: &str, body: &[u8], keep: Duration) -> Option<()> {
        let (key, kept) = (self.answer_key(key), millis(keep));
        self.call(&[b"SET", key.as_bytes(), body, b"PX", kept.as_bytes()]).await.map(|_| ())
    }

    /// One call within its deadline; when it fails, the connection is given up. Nothing where there is none.
    async fn call(&self, words: &[&[u8]]) -> Option<Value> {
        let link = self.link()?;
        let begun = self.clock.monotonic();
        let outcome = tokio::time::timeout(self.timeout, link.ask(words)).await;
        let took = self.clock.monotonic().saturating_sub(begun);
        metrics::histogram!(DURATION_METRIC).record(took.as_secs_f64());
        match outcome {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => self.lose(error.to_string()),
            Err(_) => self.lose(format!("no answer within {} ms", self.timeout.as_millis())),
        }
        None
    }

    /// An answer that no Redis gives.
    fn odd<T>(&self) -> Option<T> {
        self.lose(RespError::Protocol.to_string());
        None
    }

    /// A handle to the connection, if there is one.
    fn link(&self) -> Option<Link> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn found(&self, link: Link) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(link);
        metrics::gauge!(CONNECTED_METRIC).set(1.0);
        if self.lock_fault().take().is_some() {
            tracing::info!(place = %self.shown, "the shared cache is in use");
        }
    }

    fn lose(&self, why: String) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = None;
        metrics::counter!(FAILURES_METRIC).increment(1);
        metrics::gauge!(CONNECTED_METRIC).set(0.0);
        let mut fault = self.lock_fault();
        if fault.as_deref() != Some(why.as_str()) {
            tracing::warn!(
                place = %self.shown,
                error = %why,
                "the shared cache is away: this node counts requests alone and asks the database about each token"
            );
        }
        *fault = Some(why);
    }

    fn lock_fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// Whatever a key holds, it has one length.
    fn answer_key(&self, key: &str) -> String {
        let mut name = String::from("answer:");
        for byte in Sha256::digest(key.as_bytes()) {
            let _ = write!(name, "{byte:02x}");
        }
        self.key(&name)
    }
}

/// A number that is not drawn again; 0 stands for no mark.
fn drawn() -> u64 {
    let bytes = random_bytes();
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)) | 1
}
