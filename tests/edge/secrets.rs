use std::path::Path;

use reqwest::{Client, Method};
use serde_json::json;

use crate::common::{ADMIN_PASSWORD, Server, client_with, read};

const WRONG: &str = "Wrong-password-4711";
const NEW: &str = "Another-secret-4712";
const BOGUS: &str = "bogus-token-4713";
const MACHINE: &str = "nsm_99_c2VjcmV0LXRoYXQtbm9ib2R5LWV2ZXItaGFkLTQ3MTQ";

/// Every file below `dir` that is text, with its path.
fn texts(dir: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            texts(&path, found);
        } else {
            let bytes = std::fs::read(&path).expect("file");
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

/// Wrong passwords in every form that signs in or changes one.
async fn send_wrong_passwords(server: &Server, stranger: &Client) {
    for body in
        [json!({ "username": "admin", "password": WRONG }), json!({ "username": WRONG, "password": WRONG })]
    {
        let asked = stranger.post(server.url("/api/v1/auth/login")).json(&body);
        assert_eq!(read(asked.send().await.expect("answer")).await.status, 401);
    }
    let form = format!("grant_type=password&username=admin&password={WRONG}");
    server.send_text(Method::POST, "/api/v1/auth/login", "application/x-www-form-urlencoded", form).await;
    server
        .send_text(
            Method::POST,
            "/api/v1/auth/login",
            "application/json",
            format!("{{\"password\":\"{WRONG}\""),
        )
        .await;
    let change = json!({ "current_password": WRONG, "new_password": NEW });
    server.send(Method::PUT, "/api/v1/users/1/password", &change).await;
}

/// A token wherever somebody might put it.
async fn send_token(server: &Server, stranger: &Client, token: &str) {
    for path in ["/api/sensors", "/api/v1/auth/me", "/nothing"] {
        read(stranger.get(server.url(path)).bearer_auth(token).send().await.expect("answer")).await;
    }
    for path in ["/api/v1/events", "/api/sensors", "/nothing"] {
        let asked = stranger.get(server.url(&format!("{path}?token={token}"))).send().await.expect("answer");
        drop(asked);
    }
    let text = format!("GET /{token} HTTP/1.1\r\nauthorization: Bearer {token}\r\nx: \0\r\n\r\n");
    super::exchange(server, text.as_bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_shows_a_secret() {
    let server = Server::start_with(&[("LOG__LEVEL", "debug"), ("IDENTITY__ADMIN_CODE", "code-4715")]).await;
    let stranger = client_with("");
    let signed_in = read(
        stranger
            .post(server.url("/api/v1/auth/login"))
            .json(&json!({ "username": "admin", "password": ADMIN_PASSWORD }))
            .send()
            .await
            .expect("answer"),
    )
    .await
    .json();
    let access = signed_in["access_token"].as_str().expect("token").to_owned();
    let refresh = signed_in["refresh_token"].as_str().expect("token").to_owned();
    let renewed = read(
        stranger
            .post(server.url("/api/v1/auth/refresh"))
            .json(&json!({ "refresh_token": refresh }))
            .send()
            .await
            .expect("answer"),
    )
    .await
    .json();
    let renewed = renewed["refresh_token"].as_str().expect("token").to_owned();
    let machine =
        server.post("/api/v1/tokens", &json!({ "name": "gateway", "scopes": ["events:read"] })).await.json();
    let machine = machine["token"].as_str().expect("token").to_owned();

    send_wrong_passwords(&server, &stranger).await;
    for token in [BOGUS, MACHINE, &access, &machine] {
        send_token(&server, &stranger, token).await;
    }
    let own = server.token.clone();
    let log = server.log();
    let (status, dir) = server.stop().await;
    assert!(status.success());
    // Its last lines are read by another thread.
    while !log.contains("\"stopped\"") {
        tokio::task::yield_now().await;
    }

    let mut written = vec![("standard error".to_owned(), log.text())];
    texts(&dir.path().join("data/logs"), &mut written);
    assert!(
        written.len() > 1 && written.iter().all(|(_, text)| text.contains("listening")),
        "there are logs"
    );
    for secret in
        [ADMIN_PASSWORD, WRONG, NEW, BOGUS, MACHINE, &access, &refresh, &renewed, &machine, &own, "code-4715"]
    {
        for (place, text) in &written {
            assert!(!text.contains(secret), "{place} shows {secret}");
        }
    }
    // What is kept of tokens is not the tokens either. Keys have files of their own.
    let mut kept = Vec::new();
    texts(&dir.path().join("data"), &mut kept);
    for secret in [ADMIN_PASSWORD, &access, &refresh, &renewed, &machine, &own] {
        for (place, text) in &kept {
            assert!(!text.contains(secret), "{place} keeps {secret}");
        }
    }
}
