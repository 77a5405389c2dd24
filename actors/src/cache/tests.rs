//! One contract for both caches: what holds in one process holds between nodes.

use nightshift_store::testing::RedisServer;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Two nodes that share a cache, and a third party with another prefix.
struct Nodes {
    one: Cache,
    other: Cache,
    stranger: Cache,
    _redis: Option<RedisServer>,
}

fn on(redis: &RedisServer, prefix: &str) -> Cache {
    let config = CacheConfig {
        url: Some(redis.url().into()),
        prefix: prefix.to_owned(),
        timeout: Duration::from_secs(20),
    };
    Cache::open(&config, Clock::system()).expect("the url is good")
}

async fn linked(redis: &RedisServer, prefix: &str) -> Cache {
    let cache = on(redis, prefix);
    cache.look().await;
    assert_eq!(cache.fault(), None);
    cache
}

/// In one process, two nodes are one.
fn in_process() -> Nodes {
    let one = Cache::in_process(Clock::system());
    Nodes { other: one.clone(), one, stranger: Cache::in_process(Clock::system()), _redis: None }
}

async fn on_redis() -> Option<Nodes> {
    let redis = RedisServer::start().await?;
    Some(Nodes {
        one: linked(&redis, "plant").await,
        other: linked(&redis, "plant").await,
        stranger: linked(&redis, "another").await,
        _redis: Some(redis),
    })
}

macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod local {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(&super::in_process()).await; })+
        }
        mod remote {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(nodes) = super::on_redis().await else { return };
                super::$name(&nodes).await;
                assert_eq!((nodes.one.fault(), nodes.other.fault()), (None, None));
            })+
        }
    };
}

on_both!(
    nodes_take_from_one_bucket,
    buckets_of_any_size_hold_exactly_their_rate,
    a_mark_is_seen_by_every_node,
    marks_end,
    answers_are_shared_and_age,
    answers_end,
);

fn rate(per_minute: u32) -> NonZeroU32 {
    NonZeroU32::new(per_minute).expect("a rate")
}

async fn nodes_take_from_one_bucket(nodes: &Nodes) {
    // In one process each limit has its own buckets: there it is one limit.
    let one = Arc::new(nodes.one.limit("address", rate(6)));
    let other = match nodes._redis {
        Some(_) => Arc::new(nodes.other.limit("address", rate(6))),
        None => Arc::clone(&one),
    };
    for left in (0..6).rev() {
        let limit = if left % 2 == 0 { &one } else { &other };
        let allowance = limit.take(7).await.expect("within the rate");
        assert_eq!((allowance.per_minute, allowance.remaining), (6, left));
        assert!((10 * u64::from(5 - left)..=60).contains(&allowance.reset_s), "{allowance:?}");
    }
    for limit in [&one, &other] {
        let none = limit.take(7).await.expect_err("over the rate");
        assert_eq!((none.per_minute, none.remaining), (6, 0));
        assert!((1..=10).contains(&none.reset_s), "{none:?}");
    }
    assert!(one.take(8).await.is_ok(), "another client has its own");
    assert!(nodes.one.limit("signin", rate(6)).take(7).await.is_ok(), "another limit has its own");
    assert!(nodes.stranger.limit("address", rate(6)).take(7).await.is_ok(), "another plant has its own");
}

async fn buckets_of_any_size_hold_exactly_their_rate(nodes: &Nodes) {
    // 60 s do not divide by all of these.
    for per_minute in [1, 7, 11] {
        let limit = nodes.one.limit("odd", rate(per_minute));
        let client = u128::MAX - u128::from(per_minute);
        for left in (0..per_minute).rev() {
            assert_eq!(limit.take(client).await.expect("within the rate").remaining, left);
        }
        assert!(limit.take(client).await.is_err(), "{per_minute}");
    }
}

async fn a_mark_is_seen_by_every_node(nodes: &Nodes) {
    let (session, user) = (Subject::Session(7), Subject::User(7));
    let both = [session, user];
    let calm = nodes.other.marks(&both).await.expect("known");
    assert_eq!(nodes.one.marks(&both).await, Some(calm));
    nodes.one.mark(&[session], MINUTE).await;
    let marked = nodes.other.marks(&both).await.expect("known");
    assert_ne!(marked, calm);
    assert_eq!(nodes.one.marks(&both).await, Some(marked));
    nodes.other.mark(&[user, Subject::Token(7)], MINUTE).await;
    let again = nodes.one.marks(&both).await.expect("known");
    assert!(again != marked && again != calm);
    let bystanders = [Subject::Session(8), Subject::User(8)];
    assert_eq!(nodes.one.marks(&bystanders).await, nodes.stranger.marks(&both).await);
    // Nothing marked changes nothing.
    nodes.one.mark(&[], MINUTE).await;
    assert_eq!(nodes.other.marks(&both).await, Some(again));
}

async fn marks_end(nodes: &Nodes) {
    let subject = [Subject::Session(9)];
    let calm = nodes.one.marks(&subject).await;
    nodes.one.mark(&subject, Duration::from_millis(1)).await;
    until(async || nodes.one.marks(&subject).await == calm).await;
    nodes.one.mark(&subject, MINUTE).await;
    assert_ne!(nodes.one.marks(&subject).await, calm);
}

async fn answers_are_shared_and_age(nodes: &Nodes) {
    assert_eq!(nodes.one.answer("a", MINUTE).await, None);
    // Any bytes, and any key.
    let (key, body) = (format!("devices/1?{:?}", "\n\0 é"), vec![0, 255, 10, 13]);
    nodes.one.keep_answer(&key, body.clone(), MINUTE).await;
    let kept = nodes.other.answer(&key, MINUTE).await.expect("kept");
    assert_eq!(kept.body, body);
    assert!(kept.age < MINUTE / 2, "{:?}", kept.age);
    assert_eq!(nodes.stranger.answer(&key, MINUTE).await, None);
    nodes.other.keep_answer(&key, b"newer".to_vec(), MINUTE).await;
    assert_eq!(nodes.one.answer(&key, MINUTE).await.expect("kept").body, b"newer");
    let large = vec![7; SHARED_ANSWER_BYTES_MAX + 1];
    nodes.one.keep_answer("large", large.clone(), MINUTE).await;
    assert_eq!(nodes.one.answer("large", MINUTE).await.expect("kept here").body, large);
}

async fn answers_end(nodes: &Nodes) {
    let short = Duration::from_millis(1);
    nodes.one.keep_answer("short", b"1".to_vec(), short).await;
    until(async || nodes.one.answer("short", short).await.is_none()).await;
}

/// Asks until `holds`.
async fn until(holds: impl AsyncFn() -> bool) {
    let asked = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::testing::PATIENCE, asked).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_redis_a_node_goes_on_and_comes_back() {
    let Some(mut redis) = RedisServer::start().await else { return };
    let cache = linked(&redis, "plant").await;
    let (limit, subject) = (cache.limit("address", rate(2)), [Subject::Session(1)]);
    assert!(limit.take(1).await.is_ok() && limit.take(1).await.is_ok() && limit.take(1).await.is_err());
    let calm = cache.marks(&subject).await;
    assert!(calm.is_some());
    redis.stop();
    until(async || cache.marks(&subject).await.is_none()).await;
    let fault = cache.fault().expect("said");
    assert!(!fault.is_empty());
    // Its own bucket is full, and nobody waits for what is gone.
    assert!(limit.take(1).await.is_ok() && limit.take(1).await.is_ok() && limit.take(1).await.is_err());
    cache.keep_answer("a", b"1".to_vec(), MINUTE).await;
    assert_eq!(cache.answer("a", MINUTE).await.expect("kept here").body, b"1");
    cache.mark(&subject, MINUTE).await;
    cache.look().await;
    assert!(cache.fault().is_some());
    assert!(redis.resume().await);
    until(async || {
        cache.look().await;
        cache.fault().is_none()
    })
    .await;
    assert_eq!(cache.marks(&subject).await, calm, "what Redis lost was never said");
    assert!(limit.take(1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_redis_that_does_not_answer_is_given_up() {
    // Takes connections and says nothing.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = mute.local_addr().expect("address").port();
    let url = format!("redis://:hunter2@127.0.0.1:{port}");
    let config = CacheConfig { url: Some(url.into()), ..CacheConfig::default() };
    let cache = Cache::open(&config, Clock::system()).expect("the url is good");
    cache.look().await;
    assert_eq!(cache.place(), Some(format!("127.0.0.1:{port}").as_str()));
    assert!(cache.fault().is_some_and(|why| !why.contains("hunter2")), "{:?}", cache.fault());
    assert_eq!(cache.marks(&[Subject::User(1)]).await, None);
}

#[test]
fn a_url_that_cannot_be_used_is_refused_without_being_repeated() {
    let config = CacheConfig { url: Some("http://u:hunter2@x".into()), ..CacheConfig::default() };
    let refused = Cache::open(&config, Clock::system()).err().expect("refused");
    assert!(!refused.contains("hunter2"), "{refused}");
}
