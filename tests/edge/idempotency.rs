use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{begun_post, connect, rest};
use crate::common::{Answer, Server, client_with, read};

async fn keyed(server: &Server, client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    let asked = client.request(Method::POST, server.url(path)).header("idempotency-key", key).json(body);
    read(asked.send().await.expect("answer")).await
}

async fn machine(server: &Server, name: &str, scope: &str) -> Client {
    let token = server.post("/api/v1/tokens", &json!({ "name": name, "scopes": [scope] })).await.json();
    client_with(token["token"].as_str().expect("token"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_sent_again_is_answered_as_before() {
    let server = Server::start().await;
    let body = json!({ "sensor_id": "a" });
    let first = keyed(&server, &server.client, "/api/sensors", "k 1", &body).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (201, ""));
    let again = keyed(&server, &server.client, "/api/sensors", "k 1", &body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
    assert_eq!((&again.text, again.header("location")), (&first.text, first.header("location")));
    assert_eq!(again.header("content-type"), first.header("content-type"));

    let other = keyed(&server, &server.client, "/api/sensors", "k 1", &json!({ "sensor_id": "b" })).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (422, "IDEMPOTENCY_KEY_REUSED"));
    let plain = server.post("/api/sensors", &body).await;
    assert_eq!(plain.status, 409, "without the key it is a new command");
    let fresh = keyed(&server, &server.client, "/api/sensors", "k 2", &body).await;
    assert_eq!(fresh.code(), "SENSOR_EXISTS");
    // What was refused is looked at afresh.
    assert_eq!(server.send(Method::DELETE, "/api/sensors/a", &json!({})).await.status, 204);
    assert_eq!(keyed(&server, &server.client, "/api/sensors", "k 2", &body).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_sender_and_route_and_survives_a_restart() {
    let server = Server::start().await;
    let gateway = machine(&server, "gateway", "sensing:write").await;
    server.post("/api/sensors", &json!({ "sensor_id": "a" })).await;
    let readings = crate::common::series(10);
    let path = "/api/sensors/a/readings";
    let first = keyed(&server, &gateway, path, "k", &readings).await;
    assert_eq!((first.status.as_u16(), first.json()["stored"].as_i64()), (200, Some(10)));
    let of_admin = keyed(&server, &server.client, path, "k", &readings).await;
    assert_eq!(of_admin.json()["duplicate"], 10, "another sender's command: {}", of_admin.text);
    assert_eq!(
        keyed(&server, &server.client, "/api/sensors", "k", &json!({ "sensor_id": "b" })).await.status,
        201
    );

    let (status, dir) = server.stop().await;
    assert!(status.success());
    let server = Server::start_in(dir, &[]).await;
    let again = keyed(&server, &gateway, path, "k", &readings).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
    for bad in ["", "ü", &"k".repeat(256)] {
        let refused = keyed(&server, &server.client, "/api/sensors", bad, &json!({ "sensor_id": "c" })).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "VALIDATION_ERROR"), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_under_way_is_not_worked_on_twice() {
    let server = Server::start().await;
    // The session is known: a request that is counted as open has claimed its key as well.
    assert_eq!(server.get("/api/v1/auth/me").await.status, 200);
    let body = r#"{"sensor_id":"a"}"#;
    let begun = String::from_utf8(begun_post(&server, "/api/sensors", body.len(), "")).expect("text");
    let begun = begun.replacen("host: plant", "host: plant\r\nidempotency-key: k", 1);
    let mut slow = connect(&server, format!("{begun}{{").as_bytes()).await;
    let sent: Value = serde_json::from_str(body).expect("json");
    server
        .until("the slow one has begun", async || server.metric("nightshift_http_requests_open").await >= 2.0)
        .await;
    let refused = keyed(&server, &server.client, "/api/sensors", "k", &sent).await;
    assert_eq!(
        (refused.code().as_str(), refused.header("retry-after")),
        ("IDEMPOTENCY_KEY_IN_PROGRESS", "1")
    );
    slow.write_all(&body.as_bytes()[1..]).await.expect("sent");
    assert!(rest(slow).await.starts_with("HTTP/1.1 201"));
    let again = keyed(&server, &server.client, "/api/sensors", "k", &sent).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
    // Given up half-way, a key is free again.
    let gone = connect(&server, format!("{}{{", begun.replacen("key: k", "key: l", 1)).as_bytes()).await;
    drop(gone);
    let other = json!({ "sensor_id": "b" });
    server
        .until("it is free", async || {
            keyed(&server, &server.client, "/api/sensors", "l", &other).await.status == 201
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_take_effect_once() {
    let server = Server::start().await;
    server.post("/api/sensors", &json!({ "sensor_id": "a" })).await;
    let readings = crate::common::series(5);
    let asked = (0..100).map(|_| keyed(&server, &server.client, "/api/sensors/a/readings", "k", &readings));
    let answers = futures::future::join_all(asked).await;
    let done: Vec<&Answer> = answers.iter().filter(|a| a.status == 200).collect();
    assert!(answers.iter().all(|a| [200, 409].contains(&a.status.as_u16())));
    assert!(!done.is_empty() && done.iter().all(|a| a.json()["stored"] == 5), "{}", done[0].text);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_show_secrets_are_not_kept() {
    let server = Server::start().await;
    let body = json!({ "name": "gateway", "scopes": ["sensing:read"] });
    let first = keyed(&server, &server.client, "/api/v1/tokens", "k", &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let token = first.json()["token"].as_str().expect("token").to_owned();
    let again = keyed(&server, &server.client, "/api/v1/tokens", "k", &body).await;
    assert!(!again.text.contains(&token), "{}", again.text);
}
