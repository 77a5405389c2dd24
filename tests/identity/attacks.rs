use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PASSWORD, sign_in, user, with};
use crate::common::{ADMIN_PASSWORD, Answer, DEADLINE, Server, client_with, read};

/// Wrong passwords that are tried; `NIGHTSHIFT_GUESSES` says otherwise.
const GUESSES: usize = 2_000;
/// Guesses under way at once.
const GUESSERS: usize = 32;

/// A sign-in from another address of this machine.
async fn sign_in_from(server: &Server, host: u8, username: &str, password: &str) -> Answer {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
    let client =
        Client::builder().no_proxy().timeout(DEADLINE).local_address(address).build().expect("client");
    let body = json!({ "username": username, "password": password });
    read(client.post(server.url("/api/v1/auth/login")).json(&body).send().await.expect("answer")).await
}

/// What a counter of `/metrics` says.
async fn counter(server: &Server, name: &str) -> f64 {
    let metrics = server.get("/metrics").await.text;
    let line = metrics.lines().find(|l| l.split([' ', '{']).next() == Some(name)).expect("a metric");
    line.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_guesses_reach_the_password_five_times() {
    let server = Server::start().await;
    user(&server, "kim", "OPERATOR").await;
    let guesses =
        std::env::var("NIGHTSHIFT_GUESSES").map_or(GUESSES, |n| n.parse().expect("NIGHTSHIFT_GUESSES"));
    let before = counter(&server, "nightshift_identity_password_checks_total").await;
    let client = client_with("");
    let answers: Vec<(u16, bool)> = stream::iter(0..guesses)
        .map(|n| {
            let body = json!({ "username": "kim", "password": format!("Wrong-horse-{n}") });
            let request = client.post(server.url("/api/v1/auth/login")).json(&body);
            async move {
                let answer = request.send().await.expect("answer");
                (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
            }
        })
        .buffer_unordered(GUESSERS)
        .collect()
        .await;
    let count = |status: u16| answers.iter().filter(|(given, _)| *given == status).count();
    assert_eq!(count(401), 5, "the fifth wrong one locks");
    assert_eq!(count(401) + count(423) + count(503) + count(429), guesses);
    assert!(answers.iter().all(|(status, retry)| *status == 401 || *retry), "who waits is told how long");
    let reached = counter(&server, "nightshift_identity_password_checks_total").await - before;
    assert!(reached <= 5.0, "{reached} of {guesses} guesses cost a hash");
    let right = sign_in(&server, "kim", PASSWORD).await;
    assert_eq!((right.status.as_u16(), right.code().as_str()), (423, "ACCOUNT_LOCKED"), "{}", right.text);
    assert!(right.header("retry-after").parse::<u64>().is_ok_and(|s| (1..=601).contains(&s)));
    // A flood leaves a trace that is read in a minute, not one that fills the disk.
    let rows = server.get("/api/v1/audit-logs/action/LOGIN_FAILED?limit=1000").await;
    let written: usize = rows.header("x-total-count").parse().expect("count");
    assert!((5..=60).contains(&written), "{written} rows for {guesses} guesses");
    assert_eq!(sign_in(&server, "admin", ADMIN_PASSWORD).await.status, 200, "others are not locked");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_lock_others_out() {
    let server = Server::start().await;
    let id = user(&server, "kim", "OPERATOR").await;
    assert_eq!(sign_in_from(&server, 5, "kim", PASSWORD).await.status, 200);
    for _ in 0..5 {
        assert_eq!(sign_in_from(&server, 66, "kim", "Wrong-horse-7").await.status, 401);
    }
    for host in [66, 67] {
        assert_eq!(
            sign_in_from(&server, host, "kim", PASSWORD).await.code(),
            "ACCOUNT_LOCKED",
            "strangers share a count"
        );
    }
    assert_eq!(sign_in_from(&server, 5, "kim", PASSWORD).await.status, 200, "its own place is not locked");
    let unlocked = server.post(&format!("/api/v1/users/{id}/unlock"), &json!({})).await;
    assert_eq!(unlocked.status, 200, "{}", unlocked.text);
    assert_eq!(sign_in_from(&server, 66, "kim", PASSWORD).await.status, 200);
    // A reset of the password takes the lock off too.
    for _ in 0..5 {
        assert_eq!(sign_in_from(&server, 77, "kim", "Wrong-horse-7").await.status, 401);
    }
    assert_eq!(sign_in_from(&server, 78, "kim", PASSWORD).await.status, 423);
    let body = json!({ "new_password": "Another-horse-8" });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}/password"), &body).await.status, 200);
    assert_eq!(sign_in_from(&server, 78, "kim", "Another-horse-8").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_has_are_locked_like_others() {
    let server = Server::start().await;
    for _ in 0..5 {
        assert_eq!(sign_in_from(&server, 66, "nobody", "Wrong-horse-7").await.status, 401);
    }
    assert_eq!(sign_in_from(&server, 66, "nobody", "Wrong-horse-7").await.code(), "ACCOUNT_LOCKED");
    assert_eq!(sign_in_from(&server, 66, "NOBODY", "Wrong-horse-7").await.code(), "ACCOUNT_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_never_a_statement() {
    let server = Server::start().await;
    for text in [
        "' OR '1'='1",
        "admin'--",
        "admin\0",
        "\u{0}",
        "'; DROP TABLE session; --",
        "%' UNION SELECT 1 --",
        "\\",
        "${jndi:x}",
        "{{7*7}}",
    ] {
        for body in [
            json!({ "username": text, "password": ADMIN_PASSWORD }),
            json!({ "username": "admin", "password": text }),
        ] {
            let refused = with(&server, "", Method::POST, "/api/v1/auth/login", Some(&body)).await;
            assert!([401, 423].contains(&refused.status.as_u16()), "{text:?}: {}", refused.text);
        }
        let token =
            with(&server, "", Method::POST, "/api/v1/auth/refresh", Some(&json!({ "refresh_token": text })))
                .await;
        assert_eq!(token.status, 401, "{text:?}: {}", token.text);
        let body = json!({ "name": text, "scopes": [text] });
        let refused = server.post("/api/v1/tokens", &body).await;
        assert_eq!(refused.status, 422, "{text:?}: {}", refused.text);
        let mut url = reqwest::Url::parse(&server.url("/api/v1/audit-logs")).expect("url");
        url.query_pairs_mut().append_pair("entity_type", text).append_pair("entity_id", text);
        let answer = read(server.client.get(url).send().await.expect("answer")).await;
        assert!([200, 422].contains(&answer.status.as_u16()), "{text:?}: {}", answer.text);
    }
    for body in [
        "",
        "null",
        "[]",
        "{",
        "7",
        "\"x\"",
        "{\"username\":{},\"password\":[]}",
        "{\"username\":\"a\",\"username\":\"b\",\"password\":\"c\"}",
    ] {
        let refused = server.send_text(Method::POST, "/api/v1/auth/login", "application/json", body).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
    }
    let refused = server.send_text(Method::POST, "/api/v1/auth/login", "text/xml", "<a/>").await;
    assert_eq!(refused.status, 415);
    let huge = json!({ "username": "admin", "password": "x".repeat(40_000) });
    assert_eq!(with(&server, "", Method::POST, "/auth/login", Some(&huge)).await.status, 413);
    let long = json!({ "username": "admin", "password": "x".repeat(10_000) });
    assert!(
        [401, 423]
            .contains(&with(&server, "", Method::POST, "/auth/login", Some(&long)).await.status.as_u16())
    );
    assert!(super::is_good(&server, &server.token).await, "everything is still there");
}

/// What the server says to a request written by hand.
async fn raw(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("connection");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut text = Vec::new();
    let read = async {
        let mut chunk = [0; 4_096];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            text.extend_from_slice(&chunk[..n]);
            if text.windows(4).any(|w| w == b"\r\n\r\n") {
                break;
            }
        }
    };
    timeout(DEADLINE, read).await.expect("answered in time");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_and_huge_headers_open_nothing() {
    let server = Server::start().await;
    let token = &server.token;
    let get = |headers: &str| {
        format!("GET /api/v1/auth/me HTTP/1.1\r\nhost: plant\r\nconnection: close\r\n{headers}\r\n")
    };
    assert!(
        raw(&server, &get(&format!("authorization: Bearer {token}\r\n"))).await.starts_with("HTTP/1.1 200")
    );
    for headers in [
        format!("authorization: Bearer {token}\r\nauthorization: Bearer {token}\r\n"),
        format!("authorization: Bearer x\r\nauthorization: Bearer {token}\r\n"),
        format!("authorization: Basic {token}\r\n"),
        format!("authorization: {token}\r\n"),
        format!("authorization: Bearer {token}, Bearer {token}\r\n"),
        format!("cookie: access_token={token}; session={token}; nightshift_session={token}\r\n"),
        format!("x-authorization: Bearer {token}\r\nx-forwarded-user: admin\r\nx-remote-user: admin\r\n"),
        format!("token: {token}\r\n"),
    ] {
        let answer = raw(&server, &get(&headers)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{headers}: {answer}");
    }
    let huge = raw(&server, &get(&format!("x-padding: {}\r\n", "x".repeat(100_000)))).await;
    assert!(huge.starts_with("HTTP/1.1 431") || huge.is_empty(), "{huge}");
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = raw(&server, &get(&many)).await;
    assert!(many.starts_with("HTTP/1.1 4") || many.is_empty(), "{many}");
    let nul = raw(&server, &get("authorization: Bearer a\0b\r\n")).await;
    assert!(nul.starts_with("HTTP/1.1 400") || nul.starts_with("HTTP/1.1 401") || nul.is_empty(), "{nul}");
    assert!(super::is_good(&server, token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_leaves_the_plant_its_cores() {
    let server = Server::start().await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "a" })).await.status, 201);
    let flood = async {
        let client = client_with("");
        stream::iter(0..300)
            .map(|n| {
                let body = json!({ "username": format!("guess{n}"), "password": "Wrong-horse-7" });
                let request = client.post(server.url("/api/v1/auth/login")).json(&body);
                async move { request.send().await.expect("answer").status().as_u16() }
            })
            .buffer_unordered(100)
            .collect::<Vec<u16>>()
            .await
    };
    let work = async {
        let mut slowest = Duration::ZERO;
        for n in 0..50 {
            let clock = nightshift_kernel::Clock::system();
            let body = json!([{ "time": crate::common::now_ms() - n, "value": 1.0 }]);
            let pushed = server.post("/api/sensors/a/readings", &body).await;
            assert_eq!(pushed.status, 200, "{}", pushed.text);
            slowest = slowest.max(clock.monotonic());
        }
        slowest
    };
    let (statuses, slowest) = tokio::join!(flood, work);
    assert!(statuses.iter().all(|status| [401, 503, 429].contains(status)), "{statuses:?}");
    assert!(slowest < Duration::from_secs(5), "a push took {slowest:?} beside a flood of sign-ins");
}
