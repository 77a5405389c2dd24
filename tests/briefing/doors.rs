//! Who may have whose briefings.

use reqwest::Method;
use serde_json::json;

use super::{Ear, ahead, form, form_by};
use crate::common::{Server, client_with};
use crate::identity::{PASSWORD, machine, token, user, with};

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_closed_door_everybody_has_his_own() {
    let server = Server::start().await;
    for name in ["kim", "lee"] {
        user(&server, name, "OPERATOR").await;
    }
    let nobody = form(&server, "/login", &[("username", "kim")]).await;
    assert_eq!((nobody.status.as_u16(), nobody.code().as_str()), (401, "NOT_AUTHENTICATED"));
    assert!(nobody.json()["detail"].as_str().expect("text").starts_with("Login Error: "), "{}", nobody.text);
    let wrong = form(&server, "/login", &[("username", "kim"), ("password", "Wrong-horse-7")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (401, "INVALID_CREDENTIALS"));
    let done = form(&server, "/login", &[("username", "kim"), ("password", PASSWORD)]).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.json()["message"], "signup");
    let kim = done.json()["access_token"].as_str().expect("a token").to_owned();
    let lee = token(&server, "lee").await;

    let by_token = form_by(&client_with(&kim), &server, "/login", &[("username", "kim")]).await.json();
    assert_eq!((&by_token["message"], by_token["access_token"].is_null()), (&json!("login"), true));
    let anothers = form_by(&client_with(&kim), &server, "/login", &[("username", "lee")]).await;
    assert_eq!(anothers.status, 403);

    let ws = format!("/ws?username=kim&interval=1&endtime={}", ahead());
    assert_eq!(Ear::refused(&server, &ws).await, 401);
    assert_eq!(Ear::refused(&server, &format!("{ws}&token={lee}")).await, 403);
    let mut ear = Ear::open(&server, &format!("{ws}&token={kim}")).await;
    ear.text().await;
    let requests = with(&server, &kim, Method::POST, "/getAllRequest", Some(&json!({}))).await.json();
    let id = requests[0]["request_id"].clone();
    let body = json!({ "request_id": id });
    for path in ["/getBriefing", "/aiSummary"] {
        assert_eq!(with(&server, &kim, Method::POST, path, Some(&body)).await.status, 200);
        assert_eq!(
            with(&server, &lee, Method::POST, path, Some(&body)).await.status,
            404,
            "not even that it is there"
        );
        assert_eq!(server.post(path, &body).await.status, 200, "an administrator sees all");
        assert_eq!(form(&server, path, &[("request_id", "1")]).await.status, 401);
    }
    let texts = format!("/api/v1/briefings/{}/texts", id.as_str().expect("an id"));
    for (token, status) in
        [(kim.as_str(), 200u16), (lee.as_str(), 404), (server.token.as_str(), 200), ("", 401)]
    {
        assert_eq!(with(&server, token, Method::GET, &texts, None).await.status, status);
    }
    for path in ["/getAllRequest", "/endBriefing", "/getCustom"] {
        let answer = with(&server, &lee, Method::POST, path, Some(&json!({ "username": "kim" }))).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let (_, app) = machine(&server, "app", &["briefing"]).await;
    assert_eq!(
        with(&server, &app, Method::POST, "/endBriefing", Some(&json!({ "username": "kim" }))).await.status,
        200
    );
    let (_, camera) = machine(&server, "camera", &["observation:write"]).await;
    let seen = json!({ "source": "cam", "counts": { "person": 1 } });
    assert_eq!(with(&server, &camera, Method::POST, "/api/v1/observations", Some(&seen)).await.status, 201);
    assert_eq!(with(&server, &app, Method::POST, "/api/v1/observations", Some(&seen)).await.status, 403);
    assert_eq!(with(&server, &camera, Method::GET, "/api/v1/briefings/daily", None).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_door_is_said_in_the_log() {
    let server = Server::start_with(&super::OPEN).await;
    assert!(server.log().contains("briefing.open_login"));
    let answer = form(&server, "/getAllRequest", &[("username", "anybody")]).await;
    assert_eq!(answer.json(), json!([]));
    let seen = json!({ "source": "cam", "counts": {} });
    let answer = with(&server, "", Method::POST, "/api/v1/observations", Some(&seen)).await;
    assert_eq!(answer.status, 401, "observations stay behind their door");
}
