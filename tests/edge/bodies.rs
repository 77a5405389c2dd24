use tokio::io::AsyncWriteExt;

use super::{begun_post, connect, rest};
use crate::common::Server;

const BODY: &str = r#"{"sensor_id":"a"}"#;

/// Makes the session known to the guard, so that nothing but the body is waited for.
async fn known(server: &Server) {
    assert_eq!(server.get("/api/v1/auth/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_bodies_hold_no_places() {
    let server = Server::start_with(&[("HTTP__CONCURRENCY_MAX", "1"), ("HTTP__BODY_TIMEOUT_S", "60")]).await;
    known(&server).await;
    let mut held = Vec::new();
    // One after the other: each needs the only place until its body is waited for.
    for n in 1..=30 {
        held.push(connect(&server, &begun_post(&server, "/api/sensors", BODY.len(), "{")).await);
        server
            .until("it is being read", async || {
                // Whoever asks for the metrics is one of them.
                server.metric("nightshift_http_requests_open").await >= f64::from(n + 1)
            })
            .await;
        server.until("the place is free", async || server.get("/api/sensors").await.status == 200).await;
    }
    for _ in 0..20 {
        assert_eq!(server.get("/api/sensors").await.status, 200);
    }
    // Who sends the rest after all is served. One that met a look at the place was refused then.
    let answer = loop {
        let mut one = held.pop().expect("one that is held");
        one.write_all(&BODY.as_bytes()[1..]).await.expect("sent");
        let answer = rest(one).await;
        if !answer.starts_with("HTTP/1.1 503") {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_under_way_have_their_room_and_no_more() {
    let server = Server::start_with(&[
        ("HTTP__BODY_BYTES_MAX", "65536"),
        ("HTTP__READINGS_BYTES_MAX", "65536"),
        ("HTTP__BODIES_BYTES_MAX", "65536"),
        ("HTTP__BODY_TIMEOUT_S", "60"),
    ])
    .await;
    known(&server).await;
    let half = begun_post(&server, "/api/sensors", 60_000, &" ".repeat(40_000));
    let first = connect(&server, &half).await;
    server
        .until("the first is being read", async || {
            server.metric("nightshift_http_requests_open").await >= 2.0
        })
        .await;
    let refused = rest(connect(&server, &half).await).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
    // A small body still finds room, and a large one does once the first is gone.
    assert_eq!(server.post("/api/sensors", &serde_json::json!({ "sensor_id": "a" })).await.status, 201);
    drop(first);
    let large = serde_json::json!({ "sensor_id": "b", "name": "x".repeat(50_000) });
    server
        .until("there is room again", async || server.post("/api/sensors", &large).await.status == 422)
        .await;
}
