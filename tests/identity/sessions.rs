use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, is_good, sign_in, text, token, user, with};
use crate::common::{ADMIN_PASSWORD, Answer, Server, client_with, read};

async fn refresh(server: &Server, token: &str, agent: &str) -> Answer {
    let request = client_with("").post(server.url("/api/v1/auth/refresh")).header("user-agent", agent);
    read(request.json(&json!({ "refresh_token": token })).send().await.expect("answer")).await
}

async fn begin(server: &Server, agent: &str) -> Value {
    let body = json!({ "username": "kim", "password": PASSWORD });
    let request = client_with("").post(server.url("/api/v1/auth/login")).header("user-agent", agent);
    let answer = read(request.json(&body).send().await.expect("answer")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_the_same_in_every_form_and_at_every_path() {
    let server = Server::start().await;
    let body = json!({ "username": "ADMIN", "password": ADMIN_PASSWORD });
    for path in [
        "/api/v1/auth/login",
        "/api/v1/auth/login/",
        "/api/v1/auth/login/json",
        "/auth/login",
        "/auth/login/json/",
        "/api/auth/login",
    ] {
        let answer = with(&server, "", Method::POST, path, Some(&body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let said = answer.json();
        assert_eq!((&said["token_type"], &said["expires_in"]), (&json!("bearer"), &json!(900)), "{path}");
        assert_eq!((&said["user"]["username"], &said["user"]["role"]), (&json!("admin"), &json!("ADMIN")));
        assert!(said["user"]["id"].is_i64() && said["refresh_token"].is_string());
        assert!(!answer.text.contains("argon2") && !answer.text.contains(ADMIN_PASSWORD), "{}", answer.text);
        let me = with(&server, &text(&said, "access_token"), Method::GET, "/api/auth/me", None).await.json();
        assert_eq!((&me["username"], &me["is_active"]), (&json!("admin"), &json!(true)));
    }
    let form = format!("grant_type=password&username=admin&password={ADMIN_PASSWORD}&scope=&client_id=x");
    let kind = "application/x-www-form-urlencoded";
    let answer = server.send_text(Method::POST, "/auth/login", kind, form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let renewed = format!("grant_type=refresh_token&refresh_token={}", text(&answer.json(), "refresh_token"));
    assert_eq!(server.send_text(Method::POST, "/auth/refresh/", kind, renewed).await.status, 200);
    let form = format!("grant_type=client_credentials&username=admin&password={ADMIN_PASSWORD}");
    assert_eq!(server.send_text(Method::POST, "/auth/login", kind, form).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let server = Server::start().await;
    let wrong = sign_in(&server, "admin", "Wrong-horse-7").await;
    let unknown = sign_in(&server, "nobody", "Wrong-horse-7").await;
    let no_name = sign_in(&server, "не-имя", "Wrong-horse-7").await;
    for answer in [&wrong, &unknown, &no_name] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "INVALID_CREDENTIALS"));
        assert_eq!(answer.json()["detail"], "Incorrect username or password");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    user(&server, "kim", "OPERATOR").await;
    let id = user(&server, "lee", "OPERATOR").await;
    let change = json!({ "is_active": false });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    assert_eq!(sign_in(&server, "lee", PASSWORD).await.code(), "INVALID_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_by_refreshing_and_ends_with_a_sign_out() {
    let server = Server::start().await;
    user(&server, "kim", "OPERATOR").await;
    let first = begin(&server, "tablet").await;
    let second = refresh(&server, &text(&first, "refresh_token"), "tablet").await;
    assert_eq!(second.status, 200, "{}", second.text);
    let second = second.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    for session in [&first, &second] {
        assert!(is_good(&server, &text(session, "access_token")).await, "both are of one session");
    }
    let access = text(&second, "access_token");
    let out = with(&server, &access, Method::POST, "/auth/logout", None).await;
    assert_eq!((out.status.as_u16(), &out.json()["status"]), (200, &json!("success")), "{}", out.text);
    assert!(!is_good(&server, &access).await && !is_good(&server, &text(&first, "access_token")).await);
    let after = refresh(&server, &text(&second, "refresh_token"), "tablet").await;
    assert_eq!((after.status.as_u16(), after.code().as_str()), (401, "INVALID_REFRESH_TOKEN"));
    for unknown in ["", "nsr_", "nsr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"x".repeat(9_000)] {
        assert_eq!(refresh(&server, unknown, "tablet").await.status, 401, "{unknown}");
    }
    assert_eq!(refresh(&server, &access, "tablet").await.status, 401, "an access token refreshes nothing");
    assert!(!is_good(&server, &text(&second, "refresh_token")).await, "a refresh token opens nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_given_again_and_a_copied_token_ends_the_session() {
    let server = Server::start().await;
    user(&server, "kim", "OPERATOR").await;
    // The answer was lost: the same client asks again at once.
    let first = begin(&server, "tablet").await;
    let lost = refresh(&server, &text(&first, "refresh_token"), "tablet").await;
    assert_eq!(lost.status, 200, "{}", lost.text);
    let again = refresh(&server, &text(&first, "refresh_token"), "tablet").await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert!(is_good(&server, &text(&again.json(), "access_token")).await);

    // Copied: somebody else presents it, be it at once. Nobody can tell who is who, so both are out.
    let first = begin(&server, "tablet").await;
    let owner = refresh(&server, &text(&first, "refresh_token"), "tablet").await;
    assert_eq!(owner.status, 200, "{}", owner.text);
    let thief = refresh(&server, &text(&first, "refresh_token"), "curl").await;
    assert_eq!((thief.status.as_u16(), thief.code().as_str()), (401, "INVALID_REFRESH_TOKEN"));
    let owner = owner.json();
    assert!(!is_good(&server, &text(&owner, "access_token")).await, "the session has ended");
    assert_eq!(refresh(&server, &text(&owner, "refresh_token"), "tablet").await.status, 401);
    let reused = server.get("/api/v1/audit-logs/action/TOKEN_REUSED").await.json();
    assert_eq!(reused.as_array().expect("rows").len(), 1, "{reused}");

    // Used up: its successor was used already, so even its owner's client cannot have lost the answer.
    let first = begin(&server, "tablet").await;
    let second = refresh(&server, &text(&first, "refresh_token"), "tablet").await.json();
    let third = refresh(&server, &text(&second, "refresh_token"), "tablet").await;
    assert_eq!(third.status, 200, "{}", third.text);
    assert_eq!(refresh(&server, &text(&first, "refresh_token"), "tablet").await.status, 401);
    assert!(!is_good(&server, &text(&third.json(), "access_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grace_every_second_use_ends_the_session() {
    let server = Server::start_with(&[("IDENTITY__REFRESH_GRACE_S", "0")]).await;
    user(&server, "kim", "OPERATOR").await;
    let first = begin(&server, "tablet").await;
    let token = text(&first, "refresh_token");
    let (a, b) = tokio::join!(refresh(&server, &token, "one"), refresh(&server, &token, "two"));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", a.text, b.text);
    assert!(!is_good(&server, &text(&first, "access_token")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_survive_a_restart_and_a_rotation_of_the_keys() {
    let server = Server::start().await;
    user(&server, "kim", "OPERATOR").await;
    let kept = token(&server, "kim").await;
    let (status, dir) = server.stop().await;
    assert!(status.success());
    let rotated = crate::common::run(dir.path(), &["keys", "rotate", "--data-dir", "data", "--json"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let server = Server::start_in(dir, &[]).await;
    assert!(is_good(&server, &kept).await, "the key before still verifies");
    assert!(is_good(&server, &token(&server, "kim").await).await);
    let rotate = || crate::common::run(server.dir.path(), &["keys", "rotate", "--data-dir", "data"]);
    assert!(rotate().status.success());
    let refused = async || !is_good(&server, &kept).await;
    server.until("two rotations later the key is gone", refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_password_ends_its_sessions() {
    let server = Server::start().await;
    user(&server, "kim", "OPERATOR").await;
    let (here, elsewhere) = (token(&server, "kim").await, token(&server, "kim").await);
    let path = "/api/v1/users/me/password";
    let without = json!({ "new_password": "Another-horse-8" });
    assert_eq!(with(&server, &here, Method::PUT, path, Some(&without)).await.status, 422);
    let wrong = json!({ "current_password": "Wrong-horse-7", "new_password": "Another-horse-8" });
    let refused = with(&server, &here, Method::PUT, path, Some(&wrong)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "WRONG_PASSWORD"));
    let weak = json!({ "current_password": PASSWORD, "new_password": "password" });
    assert_eq!(with(&server, &here, Method::PUT, path, Some(&weak)).await.status, 422);
    let right = json!({ "current_password": PASSWORD, "new_password": "Another-horse-8" });
    let set = with(&server, &here, Method::PUT, path, Some(&right)).await;
    assert_eq!(set.status, 200, "{}", set.text);
    assert!(is_good(&server, &here).await && !is_good(&server, &elsewhere).await);
    assert_eq!(sign_in(&server, "kim", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&server, "kim", "Another-horse-8").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_takes_its_token_from_the_query_and_nothing_else_does() {
    let server = Server::start().await;
    let token = &server.token;
    let client = client_with("");
    let stream =
        client.get(server.url(&format!("/api/v1/events?token={token}"))).send().await.expect("stream");
    assert_eq!(stream.status(), 200);
    let stream = client.get(server.url("/api/v1/events?token=x")).send().await.expect("answer");
    assert_eq!(stream.status(), 401);
    for path in ["/api/sensors", "/api/v1/users", "/api/v1/auth/me"] {
        let answer = with(&server, "", Method::GET, &format!("{path}?token={token}"), None).await;
        assert_eq!(answer.status, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_network_may_open_sensing_and_nothing_else() {
    let server = Server::start_with(&[("SENSING__OPEN", "true")]).await;
    let anonymous = client_with("");
    let ask = async |path: &str| anonymous.get(server.url(path)).send().await.expect(path).status().as_u16();
    assert_eq!(ask("/api/sensors").await, 200);
    let made = with(&server, "", Method::POST, "/api/sensors", Some(&json!({ "sensor_id": "a" }))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    for path in ["/api/v1/users", "/api/v1/system/tree", "/api/v1/events", "/api/v1/audit-logs"] {
        assert_eq!(ask(path).await, 401, "{path}");
    }
    assert_eq!(with(&server, "rubbish", Method::GET, "/api/sensors", None).await.status, 401);
    for path in ["/api/health", "/api/v1/health/liveness", "/openapi.json", "/docs", "/"] {
        assert_eq!(ask(path).await, 200, "{path}");
    }
}
