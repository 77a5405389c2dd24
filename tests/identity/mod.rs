//! Who gets in and who does not, through real HTTP.

mod attacks;
mod audit;
mod cli;
mod forge;
mod nodes;
mod people;
mod sessions;
mod walk;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::{Answer, Server, client_with, read};

/// The password of everybody whom these tests make.
pub(crate) const PASSWORD: &str = "Correct-horse-7";

/// Makes a user, as `admin`.
pub(crate) async fn user(server: &Server, username: &str, role: &str) -> i64 {
    let body = json!({ "username": username, "password": PASSWORD, "full_name": username, "role": role });
    let made = server.post("/api/v1/users", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_i64().expect("id")
}

/// An attempt to sign in.
pub(crate) async fn sign_in(server: &Server, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    with(server, "", Method::POST, "/api/v1/auth/login", Some(&body)).await
}

/// The access token of a session that begins now.
pub(crate) async fn token(server: &Server, username: &str) -> String {
    let answer = sign_in(server, username, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    text(&answer.json(), "access_token")
}

/// A machine token, made by `admin`: its number and its text.
pub(crate) async fn machine(server: &Server, name: &str, scopes: &[&str]) -> (i64, String) {
    let made = server.post("/api/v1/tokens", &json!({ "name": name, "scopes": scopes })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    (made["id"].as_i64().expect("id"), text(&made, "token"))
}

/// A request with `token`, or with none when it is empty.
pub(crate) async fn with(
    server: &Server,
    token: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let mut request = client_with(token).request(method, server.url(path));
    if let Some(body) = body {
        request = request.json(body);
    }
    read(request.send().await.expect(path)).await
}

/// Whether `token` opens what every signed-in person may see.
pub(crate) async fn is_good(server: &Server, token: &str) -> bool {
    let answer = with(server, token, Method::GET, "/api/v1/auth/me", None).await;
    assert!([StatusCode::OK, StatusCode::UNAUTHORIZED].contains(&answer.status), "{}", answer.text);
    answer.status == 200
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}
