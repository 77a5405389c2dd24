//! The shared cache: a Redis, spoken to over one connection that all calls share.
//!
//! The connection is made and looked at by [`Remote::look`] alone. A call never waits for one: where there is none, or the
//! call fails or takes too long, its answer is `None`, and there is no connection until the next look made one.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use nightshift_kernel::Clock;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisResult};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::limit::{Allowance, whole_seconds};
use super::{CacheConfig, Kept, Marks, SUBJECTS_MAX, Subject};
use crate::identity::random_bytes;

pub(super) const CONNECTED_METRIC: &str = "nightshift_cache_connected";
pub(super) const FAILURES_METRIC: &str = "nightshift_cache_failures_total";
pub(super) const DURATION_METRIC: &str = "nightshift_cache_duration_seconds";

/// How long a connection may take, with its TLS and its password.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
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

/// Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://…` for TLS; gives what connects, and host and port
/// for people.
///
/// # Errors
/// What is wrong with it, without repeating it.
pub(super) fn open(url: &SecretString) -> Result<(Client, String), String> {
    let url = url.expose_secret();
    if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err("must begin with redis:// or rediss://".to_owned());
    }
    let place = url.into_connection_info().map_err(|error| error.to_string())?;
    let known = place.redis_settings();
    if known.username().is_some() && known.password().is_none() {
        return Err("names a user without a password".to_owned());
    }
    let shown = match place.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
            format!("{host}:{port}")
        }
        _ => return Err("must not end in a fragment".to_owned()),
    };
    let place = place.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Ok((Client::open(place).map_err(|error| error.to_string())?, shown))
}

/// The shared cache.
pub(super) struct Remote {
    client: Client,
    shown: String,
    prefix: String,
    patience: AsyncConnectionConfig,
    clock: Clock,
    link: RwLock<Option<MultiplexedConnection>>,
    /// Why it cannot be used now.
    fault: Mutex<Option<String>>,
    /// One look at a time.
    looking: tokio::sync::Mutex<()>,
}

impl Remote {
    pub(super) fn new(url: &SecretString, config: &CacheConfig, clock: Clock) -> Result<Self, String> {
        let (client, shown) = open(url)?;
        metrics::gauge!(CONNECTED_METRIC).set(0.0);
        let patience = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_DEADLINE));
        Ok(Self {
            client,
            shown,
            prefix: config.prefix.clone(),
            patience: patience.set_response_timeout(Some(config.timeout)),
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
        let known = self.link();
        let looked = async {
            let mut link = match known {
                Some(link) => link,
                None => self.client.get_multiplexed_async_connection_with_config(&self.patience).await?,
            };
            link.pset_ex::<_, _, ()>(self.key("probe"), 1, millis(PROBE_KEPT)).await?;
            RedisResult::Ok(link)
        };
        match looked.await {
            Ok(link) => self.found(link),
            Err(error) => self.lose(error.to_string()),
        }
    }

    pub(super) async fn take(
        &self,
        limit: &str,
        client: u128,
        per_minute: NonZeroU32,
    ) -> Option<Result<Allowance, Allowance>> {
        let per_minute = per_minute.get();
        let interval = (MINUTE_US / u64::from(per_minute)).max(1);
        let mut take = redis::cmd("EVAL");
        take.arg(TAKE)
            .arg(1)
            .arg(self.key(&format!("limit:{limit}:{client:x}")))
            .arg(per_minute)
            .arg(interval);
        let asked = async |mut link| take.query_async::<(u8, u32, u64)>(&mut link).await;
        let (taken, remaining, wait_us) = self.call(asked).await?;
        let reset_s = whole_seconds(Duration::from_micros(wait_us));
        let allowance = Allowance { per_minute, remaining, reset_s };
        Some(if taken == 1 { Ok(allowance) } else { Err(allowance) })
    }

    pub(super) async fn marks(&self, subjects: &[Subject]) -> Option<Marks> {
        let keys: Vec<String> = subjects.iter().map(|subject| self.key(&subject.to_string())).collect();
        let asked = async |mut link: MultiplexedConnection| link.mget::<_, Vec<Option<u64>>>(keys).await;
        let found = self.call(asked).await?;
        let mut marks = [0; SUBJECTS_MAX];
        for (mark, found) in marks.iter_mut().zip(found) {
            *mark = found.unwrap_or(0);
        }
        Some(Marks(marks))
    }

    /// A mark is drawn by lot: nobody needs to know the last one, and after it has ended none comes again.
    pub(super) async fn mark(&self, subjects: &[Subject], remembered: Duration) -> Option<()> {
        let mut marks = redis::pipe();
        for subject in subjects {
            marks.pset_ex(self.key(&subject.to_string()), drawn(), millis(remembered)).ignore();
        }
        self.call(async |mut link| marks.query_async(&mut link).await).await
    }

    pub(super) async fn answer(&self, key: &str, keep: Duration) -> Option<Option<Kept>> {
        let key = self.answer_key(key);
        let mut both = redis::pipe();
        both.get(&key).pttl(&key);
        let asked = async |mut link| both.query_async::<(Option<Vec<u8>>, i64)>(&mut link).await;
        let (body, left_ms) = self.call(asked).await?;
        // A key that has just ended has no time left, as a negative number.
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        Some(body.map(|body| Kept { body, age: keep.saturating_sub(left) }))
    }

    pub(super) async fn keep_answer(&self, key: &str, body: &[u8], keep: Duration) -> Option<()> {
        let key = self.answer_key(key);
        self.call(async |mut link: MultiplexedConnection| link.pset_ex(key, body, millis(keep)).await).await
    }

    /// One call within its deadline; when it fails, the connection is given up. Nothing where there is none.
    async fn call<T>(&self, asked: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>) -> Option<T> {
        let link = self.link()?;
        let begun = self.clock.monotonic();
        let outcome = asked(link).await;
        let took = self.clock.monotonic().saturating_sub(begun);
        metrics::histogram!(DURATION_METRIC).record(took.as_secs_f64());
        outcome.inspect_err(|error| self.lose(error.to_string())).ok()
    }

    /// A handle to the connection, if there is one.
    fn link(&self) -> Option<MultiplexedConnection> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn found(&self, link: MultiplexedConnection) {
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

/// `duration` as Redis is told it: at least a millisecond.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// A number that is not drawn again; 0 stands for no mark.
fn drawn() -> u64 {
    let bytes = random_bytes();
    bytes.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)) | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_its_url() {
        let place = |url: &str| open(&url.into());
        let (client, shown) = place("rediss://plant:p%40ss%2Fw@cache.plant:7000/3").expect("all");
        let info = client.get_connection_info();
        assert!(matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
        assert_eq!((shown.as_str(), info.redis_settings().db()), ("cache.plant:7000", 3));
        assert_eq!(info.redis_settings().username(), Some("plant"));
        assert_eq!(info.redis_settings().password(), Some("p@ss/w"));
        let (client, shown) = place("redis://[::1]").expect("least");
        assert!(matches!(client.get_connection_info().addr(), ConnectionAddr::Tcp(..)));
        assert_eq!(shown, "::1:6379");
        assert!(place("redis://:secret@h").is_ok());
        for bad in [
            "http://h",
            "unix:///run/redis.sock",
            "redis://",
            "redis://h/x",
            "redis://u@h",
            "rediss://:secret@h#insecure",
            "h:6379",
            "",
        ] {
            let refused = place(bad).expect_err(bad);
            assert!(!refused.is_empty() && !refused.contains("secret"), "{bad}: {refused}");
        }
    }
}
