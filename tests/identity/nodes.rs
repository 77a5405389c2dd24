//! Two nodes on one database: with a cache that they share, what one revokes is gone at the other at once.

use std::sync::Arc;

use nightshift_store::testing::{RedisServer, TestDb, postgres};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::{is_good, machine, text, token, user, with};
use crate::common::{Answer, Server, client_with, read};

/// Keys that nodes of one plant share.
const JWT_KEY: &str = "two-nodes-sign-with-this-one-key";
const AUDIT_KEY: &str = "two-nodes-chain-with-this-one-key";

/// Requests a minute of one address, in these tests.
const RATE: u32 = 6;

/// A plant of two nodes.
struct Nodes {
    one: Server,
    other: Server,
    redis: RedisServer,
    /// Goes away last.
    _home: TestDb,
}

impl Nodes {
    async fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let (home, redis) = (postgres().await?, RedisServer::start().await?);
        home.db.close().await;
        let cache = redis.url();
        let mut all = vec![
            ("DATABASE__URL", home.options.url.as_str()),
            ("CACHE__URL", &cache),
            // A slow machine is no reason to go on without it.
            ("CACHE__TIMEOUT_MS", "5000"),
            ("IDENTITY__JWT_KEY", JWT_KEY),
            ("IDENTITY__AUDIT_KEY", AUDIT_KEY),
        ];
        all.extend_from_slice(settings);
        let node = async || Server::start_in(Arc::new(TempDir::new().expect("directory")), &all).await;
        Some(Self { one: node().await, other: node().await, redis, _home: home })
    }

    fn both(&self) -> [&Server; 2] {
        [&self.one, &self.other]
    }
}

async fn cache_part(server: &Server) -> (String, String) {
    let health = server.get("/api/v1/health").await.json();
    let part = health["components"].as_array().expect("components").iter().find(|c| c["name"] == "cache");
    let part = part.expect("cache");
    (text(part, "state"), text(part, "detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_revokes_is_gone_at_the_other_at_once() {
    let Some(nodes) = Nodes::start(&[]).await else { return };
    let (one, other) = (&nodes.one, &nodes.other);
    assert_eq!(cache_part(one).await, ("ok".into(), String::new()));
    let id = user(one, "kim", "OPERATOR").await;

    // Signing out: the other session of the same user stays.
    let (leaves, stays) = (token(one, "kim").await, token(other, "kim").await);
    for node in nodes.both() {
        assert!(is_good(node, &leaves).await && is_good(node, &stays).await, "remembered from now on");
    }
    assert_eq!(with(one, &leaves, Method::POST, "/api/v1/auth/logout", None).await.status, 200);
    assert!(!is_good(other, &leaves).await && !is_good(one, &leaves).await);
    assert!(is_good(other, &stays).await && is_good(one, &stays).await);

    // A user who is put out loses all sessions everywhere.
    let change = json!({ "is_active": false });
    assert_eq!(other.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    assert!(!is_good(one, &stays).await && !is_good(other, &stays).await);

    // So do machines whose token is revoked.
    let (token_id, secret) = machine(one, "gateway", &["sensing:read"]).await;
    for node in nodes.both() {
        assert_eq!(with(node, &secret, Method::GET, "/api/sensors", None).await.status, 200);
    }
    let revoked = one.send(Method::DELETE, &format!("/api/v1/tokens/{token_id}"), &json!({})).await;
    assert!(revoked.status.is_success(), "{}", revoked.text);
    assert_eq!(with(other, &secret, Method::GET, "/api/sensors", None).await.status, 401);
}

/// A question without a token from `address`, as the proxy on this machine passes it on.
async fn asked(server: &Server, address: &str) -> Answer {
    let request = client_with("").get(server.url("/openapi.json")).header("x-forwarded-for", address);
    read(request.send().await.expect("answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_one_rate_at_all_nodes() {
    let rate = RATE.to_string();
    let settings = [
        ("HTTP__RATE_LIMIT__ENABLED", "true"),
        ("HTTP__RATE_LIMIT__ADDRESS_PER_MINUTE", rate.as_str()),
        ("HTTP__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let Some(nodes) = Nodes::start(&settings).await else { return };
    for n in 0..RATE {
        let answer = asked(nodes.both()[n as usize % 2], "203.0.113.7").await;
        let left = (RATE - 1 - n).to_string();
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit-remaining")), (200, left.as_str()));
    }
    for node in nodes.both() {
        let refused = asked(node, "203.0.113.7").await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "RATE_LIMITED"));
        assert!((1..=10).contains(&refused.header("retry-after").parse::<u32>().expect("seconds")));
        assert_eq!(asked(node, "203.0.113.8").await.status, 200, "others are not touched");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_shared_cache_nodes_go_on_and_trust_nothing_they_remember() {
    let Some(mut nodes) = Nodes::start(&[]).await else { return };
    user(&nodes.one, "kim", "OPERATOR").await;
    let leaves = token(&nodes.one, "kim").await;
    assert!(is_good(&nodes.other, &leaves).await, "remembered from now on");
    nodes.redis.stop();
    let away = async |node: &Server| {
        node.until("the cache is away", async || cache_part(node).await.0 == "degraded").await;
        assert_eq!(node.get("/api/health").await.json()["status"], "degraded");
        assert!(cache_part(node).await.1.contains("cache.url"), "what to do");
        assert!(node.log().contains("the shared cache is away"));
        assert!(node.metric("nightshift_cache_connected").await < 0.5);
    };
    away(&nodes.one).await;
    away(&nodes.other).await;
    // Nobody can be told now, so everybody asks.
    assert!(is_good(&nodes.other, &leaves).await);
    assert_eq!(with(&nodes.one, &leaves, Method::POST, "/api/v1/auth/logout", None).await.status, 200);
    assert!(!is_good(&nodes.other, &leaves).await);
    assert!(nodes.redis.resume().await);
    for node in nodes.both() {
        node.until("the cache is back", async || cache_part(node).await.0 == "ok").await;
    }
    let again = token(&nodes.one, "kim").await;
    assert!(is_good(&nodes.other, &again).await);
    assert_eq!(with(&nodes.one, &again, Method::POST, "/api/v1/auth/logout", None).await.status, 200);
    assert!(!is_good(&nodes.other, &again).await);
}
