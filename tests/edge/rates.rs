use reqwest::Client;
use serde_json::json;

use crate::common::{Answer, Server, client_with, read};

async fn limited(settings: &[(&str, &str)]) -> Server {
    let mut all = vec![("HTTP__RATE_LIMIT__ENABLED", "true"), ("HTTP__TRUSTED_PROXIES", "127.0.0.1")];
    all.extend_from_slice(settings);
    Server::start_with(&all).await
}

/// A question from `address`, as the proxy on this machine passes it on.
async fn from(server: &Server, client: &Client, address: &str, path: &str) -> Answer {
    let asked = client.get(server.url(path)).header("x-forwarded-for", address);
    read(asked.send().await.expect("answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_a_hundred_a_minute() {
    let (server, stranger) = (limited(&[]).await, client_with(""));
    for n in 0..100_u32 {
        let answer = from(&server, &stranger, "203.0.113.1", "/openapi.json").await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit-limit")), (200, "100"), "{n}");
    }
    let refused = until_refused(&server, &stranger, "203.0.113.1", "/").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit-remaining")), ("1", "0"));
    assert_eq!(from(&server, &stranger, "203.0.113.2", "/").await.status, 200, "others are not touched");
    assert_eq!(server.get("/api/sensors").await.status, 200, "nor is whoever has a token");
    // Looking after the plant from this machine is free, through a proxy on it is not.
    for _ in 0..150 {
        assert_eq!(
            read(stranger.get(server.url("/api/health")).send().await.expect("answer")).await.status,
            200
        );
    }
    assert_eq!(until_refused(&server, &stranger, "203.0.113.1", "/api/health").await.status, 429);
}

/// The first refusal. On a slow machine the bucket fills a little while it is emptied.
async fn until_refused(server: &Server, stranger: &Client, address: &str, path: &str) -> Answer {
    for _ in 0..100 {
        let answer = from(server, stranger, address, path).await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("{address} was never refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_and_bad_tokens_count_as_one_address() {
    let server = limited(&[("HTTP__RATE_LIMIT__ADDRESS_PER_MINUTE", "6")]).await;
    let stranger = client_with("");
    for n in 0..6 {
        assert_eq!(from(&server, &stranger, &format!("2001:db8:1:2::{n}"), "/").await.status, 200);
    }
    assert_eq!(from(&server, &stranger, "2001:db8:1:2:ffff::1", "/").await.status, 429);
    assert_eq!(from(&server, &stranger, "2001:db8:1:3::1", "/").await.status, 200);
    // What is forged left of the proxy's own word changes nothing.
    for n in 0..6 {
        let forged = format!("198.51.100.{n}, 203.0.113.5");
        assert_eq!(from(&server, &stranger, &forged, "/").await.status, 200);
    }
    assert_eq!(from(&server, &stranger, "198.51.100.99, 203.0.113.5", "/").await.status, 429);

    let liar = client_with("not-a-token");
    let mut said = Vec::new();
    for _ in 0..8 {
        said.push(from(&server, &liar, "203.0.113.7", "/api/sensors").await.status.as_u16());
    }
    assert_eq!(said, [401, 401, 401, 401, 401, 401, 429, 429]);
    // A token that is worth nothing opens no way around on open routes either.
    assert_eq!(from(&server, &liar, "203.0.113.7", "/api/health").await.status, 429);
    assert_eq!(from(&server, &stranger, "203.0.113.7", "/?token=x").await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_limited_by_role_and_machines_only_when_wanted() {
    let server = limited(&[("HTTP__RATE_LIMIT__ADMIN_PER_MINUTE", "20")]).await;
    let machine = json!({ "name": "gateway", "scopes": ["sensing:read"] });
    let token = server.post("/api/v1/tokens", &machine).await.json();
    let machine = client_with(token["token"].as_str().expect("token"));
    let mut left = 20;
    while left > 0 {
        let answer = server.get("/api/sensors").await;
        assert_eq!(answer.status, 200);
        left = answer.header("ratelimit-remaining").parse().expect("a number");
    }
    let refused = server.get("/api/sensors").await;
    assert_eq!((refused.status.as_u16(), refused.header("ratelimit-limit")), (429, "20"));
    for _ in 0..300 {
        let answer = read(machine.get(server.url("/api/sensors")).send().await.expect("answer")).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit-limit")), (200, ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_has_a_narrow_rate_of_its_own() {
    let server = limited(&[("HTTP__RATE_LIMIT__SIGNIN_PER_MINUTE", "3")]).await;
    let stranger = client_with("");
    let attempt = async || {
        let wrong = json!({ "username": "nobody", "password": "Wrong-password-1" });
        let asked = stranger.post(server.url("/api/v1/auth/login")).header("x-forwarded-for", "203.0.113.1");
        read(asked.json(&wrong).send().await.expect("answer")).await
    };
    for _ in 0..3 {
        assert_eq!(attempt().await.status, 401);
    }
    assert_eq!(attempt().await.code(), "RATE_LIMITED");
    assert_eq!(from(&server, &stranger, "203.0.113.1", "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_page_are_free_and_the_page_is_not() {
    let server = limited(&[("HTTP__RATE_LIMIT__ADDRESS_PER_MINUTE", "6")]).await;
    let stranger = client_with("");
    let page = from(&server, &stranger, "203.0.113.9", "/").await;
    let files: Vec<&str> = page.text.split('"').filter(|part| part.starts_with("/console/")).collect();
    assert!(files.len() > 40);
    for file in files {
        assert_eq!(from(&server, &stranger, "203.0.113.9", file).await.status, 200, "{file}");
    }
    for _ in 0..5 {
        assert_eq!(from(&server, &stranger, "203.0.113.9", "/").await.status, 200);
    }
    assert_eq!(from(&server, &stranger, "203.0.113.9", "/").await.status, 429);
}
