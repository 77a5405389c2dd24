//! The vendor's service ("오든", Oden): the one place that signs in to it, reads it, and knows its token.
//!
//! Owned by the `sensing` supervisor. Pulls the readings of every vendor sensor at its interval and pushes them through
//! the same door as everybody else; answers the proxy from a short cache. All calls go through one breaker: a vendor
//! that is down costs nothing and is asked again after a pause. A failed pull loses nothing: the next one asks for the
//! last two days again, and what is known already counts as duplicate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{SensorId, VendorFeed, WINDOW_READINGS, parse_records};
use nightshift_kernel::{Actor, Breaker, BreakerConfig, BreakerError, Context, Fault, Reply};

use tokio::sync::Mutex;

use super::error::{RETRY_AFTER_GONE, SensingError};
use super::oden::{OdenClient, OdenError};
use super::sensor::SensorMessage;
use super::shared::Shared;
use super::view::ProxyAnswer;
use crate::cache::Kept;
use crate::config::OdenConfig;

/// Records asked for in one pull: two days at the first site's interval.
const PULL_RECORDS: usize = 2 * WINDOW_READINGS;
/// How far back a pull reaches.
const PULL_SPAN: Duration = Duration::from_secs(2 * 86_400);
/// Failures in a row after which the vendor is left alone for a while.
const BREAKER_FAILURES: u32 = 3;
/// How long it is left alone.
const BREAKER_OPEN: Duration = Duration::from_secs(30);

/// What the vendor actor takes.
pub(crate) enum VendorMessage {
    /// Pull the sensors that are due.
    Pull,
    /// Read a path for a dashboard.
    Fetch { path: String, query: Vec<(String, String)>, reply: Reply<Result<ProxyAnswer, SensingError>> },
}

/// The actor.
pub(super) struct Vendor {
    shared: Arc<Shared>,
    client: OdenClient,
    /// Outlives the actor, so that a restart does not forget a vendor that is down.
    breaker: Arc<Mutex<Breaker>>,
    poll_interval: Duration,
    timeout: Duration,
    /// Monotonic time of each sensor's last successful pull.
    pulled: HashMap<SensorId, Duration>,
}

impl Vendor {
    pub(super) fn new(
        shared: Arc<Shared>,
        config: &OdenConfig,
        client: OdenClient,
        breaker: Arc<Mutex<Breaker>>,
    ) -> Self {
        // A sign-in and one retry with a fresh token may precede the answer.
        let timeout = config.timeout * 3;
        let pulled = HashMap::new();
        Self { shared, client, breaker, poll_interval: config.poll_interval, timeout, pulled }
    }

    /// Pulls what is due; stops at the first failure, since the next sensor would meet the same.
    async fn pull(&mut self, ctx: &Context<VendorMessage>) {
        let feeds = match vendor_feeds(&self.shared).await {
            Ok(feeds) => feeds,
            Err(error) => return tracing::warn!(error = %error, "the vendor's sensors could not be listed"),
        };
        self.pulled.retain(|id, _| feeds.iter().any(|(known, _)| known == id));
        for (id, feed) in feeds {
            ctx.progress();
            let now = ctx.clock().monotonic();
            if self.pulled.get(&id).is_some_and(|at| now < *at + self.poll_interval) {
                continue;
            }
            match self.pull_one(&id, &feed).await {
                Ok(()) => {
                    self.pulled.insert(id, now);
                    metrics::counter!("nightshift_sensing_vendor_pulls_total", "outcome" => "ok")
                        .increment(1);
                }
                Err(error) => {
                    metrics::counter!("nightshift_sensing_vendor_pulls_total", "outcome" => "failed")
                        .increment(1);
                    return tracing::warn!(sensor = %id, error = %error, "a pull failed; it is tried again");
                }
            }
        }
    }

    async fn pull_one(&mut self, id: &SensorId, feed: &VendorFeed) -> Result<(), SensingError> {
        let now = self.shared.now();
        let path = format!("devices/{}/sensors/{}", feed.device_id, feed.resource);
        let ms = |t: Timestamp| (t.us() / 1_000).to_string();
        // The vendor's `b_time` is the earlier end.
        let query = vec![
            ("b_time".to_owned(), ms(now - PULL_SPAN)),
            ("a_time".to_owned(), ms(now)),
            ("size".to_owned(), PULL_RECORDS.to_string()),
        ];
        let answer = self.read(&path, &query).await?;
        if answer.status != 200 {
            return Err(unavailable(format!("the vendor answered {} for {path}", answer.status)));
        }
        let json: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|e| unavailable(format!("the vendor's JSON: {e}")))?;
        let (readings, unread) = parse_records(&json, &feed.field)
            .map_err(|e| unavailable(format!("the vendor's records: {e}")))?;
        if unread > 0 {
            tracing::warn!(sensor = %id, unread, "records of the vendor without a time or value were left out");
        }
        let Some(seat) = self.shared.roster.get(id) else { return Ok(()) };
        let push = |reply| SensorMessage::Push { readings, reply };
        seat.address
            .ask(push, self.shared.config.push_deadline)
            .await
            .map_err(|e| SensingError::from_ask(e, "the sensor"))??;
        Ok(())
    }

    async fn fetch(&mut self, path: &str, query: &[(String, String)]) -> Result<ProxyAnswer, SensingError> {
        let place = format!("oden {path}?{query:?}");
        let (cache, keep) = (&self.shared.cache, self.shared.config.proxy.cache);
        if keep > Duration::ZERO
            && let Some(answer) = cache.answer(&place, keep).await.and_then(unpacked)
        {
            return Ok(answer);
        }
        let answer = self.read(path, query).await?;
        if answer.status == 200 && keep > Duration::ZERO {
            self.shared.cache.keep_answer(&place, packed(&answer), keep).await;
        }
        Ok(answer)
    }

    async fn read(&mut self, path: &str, query: &[(String, String)]) -> Result<ProxyAnswer, SensingError> {
        let client = self.client.clone();
        let call = async move { client.get(path, query).await };
        self.breaker.lock().await.call(self.timeout, call).await.map_err(|error| match error {
            BreakerError::Open { retry_after } => {
                SensingError::Unavailable { what: "the vendor (its breaker is open)".to_owned(), retry_after }
            }
            BreakerError::Deadline => unavailable("the vendor did not answer in time".to_owned()),
            BreakerError::Panicked => SensingError::Failed("the call to the vendor panicked".to_owned()),
            BreakerError::Failed(error) => refused(&error),
        })
    }
}

/// A good answer as it is kept: its type, a line's end, its body.
fn packed(answer: &ProxyAnswer) -> Vec<u8> {
    [answer.content_type.as_bytes(), b"\n", &answer.body].concat()
}

fn unpacked(kept: Kept) -> Option<ProxyAnswer> {
    let end = kept.body.iter().position(|byte| *byte == b'\n')?;
    let content_type = String::from_utf8(kept.body[..end].to_vec()).ok()?;
    Some(ProxyAnswer {
        status: 200,
        content_type,
        body: kept.body[end + 1..].to_vec(),
        age_s: Some(kept.age.as_secs()),
    })
}

fn refused(error: &OdenError) -> SensingError {
    tracing::warn!(error = %error, "the vendor could not be read");
    unavailable("the vendor".to_owned())
}

fn unavailable(what: String) -> SensingError {
    SensingError::Unavailable { what, retry_after: RETRY_AFTER_GONE }
}

/// The enabled vendor sensors with their feeds.
async fn vendor_feeds(shared: &Shared) -> Result<Vec<(SensorId, VendorFeed)>, SensingError> {
    let sensors = nightshift_store::sensing::sensor_vendor(&shared.db).await?;
    Ok(sensors.into_iter().filter_map(|s| Some((s.spec.sensor_id, s.spec.vendor?))).collect())
}

/// Settings of the breaker in front of the vendor.
pub(super) fn breaker_config() -> BreakerConfig {
    BreakerConfig { failures: BREAKER_FAILURES, open_for: BREAKER_OPEN, ..BreakerConfig::default() }
}

impl Actor for Vendor {
    type Message = VendorMessage;

    async fn start(&mut self, ctx: &Context<VendorMessage>) -> Result<(), Fault> {
        ctx.send_after(Duration::ZERO, VendorMessage::Pull)?;
        ctx.send_every(self.poll_interval.min(Duration::from_secs(30)), || VendorMessage::Pull)
    }

    async fn handle(&mut self, ctx: &Context<VendorMessage>, message: VendorMessage) -> Result<(), Fault> {
        match message {
            VendorMessage::Pull => self.pull(ctx).await,
            VendorMessage::Fetch { path, query, reply } => {
                reply.send(self.fetch(&path, &query).await);
            }
        }
        Ok(())
    }
}
