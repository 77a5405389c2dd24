use reqwest::Method;
use serde_json::json;

use super::{PASSWORD, is_good, sign_in, token, user, with};
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_found_changed_and_removed_as_clients_do() {
    let server = Server::start().await;
    let body = json!({
        "username": "newuser", "email": "User@Example.com", "password": "SecurePass123!",
        "full_name": "New User", "role": "Worker", "department": "Production",
    });
    let made = server.post("/api/v1/users/", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.json()["id"].as_i64().expect("id");
    assert_eq!(made.header("location"), format!("/api/v1/users/{id}"));
    let shown = made.json();
    assert_eq!(
        (&shown["role"], &shown["department"], &shown["is_active"]),
        (&json!("OPERATOR"), &json!("Production"), &json!(true))
    );
    assert!(shown.get("password").is_none() && !made.text.contains("argon2"), "{}", made.text);
    for path in [
        format!("/api/v1/users/{id}"),
        format!("/api/v1/users/{id}/"),
        "/api/v1/users/username/NewUser".to_owned(),
        "/api/v1/users/email/user@example.com".to_owned(),
    ] {
        assert_eq!(server.get(&path).await.json()["id"], id, "{path}");
    }
    let of_role = server.get("/api/v1/users/role/operator").await;
    assert_eq!((of_role.header("x-total-count"), of_role.json()[0]["id"].as_i64()), ("1", Some(id)));
    let page = server.get("/api/v1/users?skip=0&limit=1").await;
    assert_eq!((page.header("x-total-count"), page.json().as_array().map(Vec::len)), ("2", Some(1)));
    assert!(page.header("link").contains("rel=\"next\""));
    assert_eq!(server.get("/api/v1/users?role=ADMIN&is_active=true").await.json()[0]["username"], "admin");

    let change = json!({ "department": null, "full_name": "Renamed", "role": "MANAGER" });
    let changed = server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await;
    let shown = changed.json();
    assert_eq!(
        (&shown["department"], &shown["full_name"], &shown["role"]),
        (&json!(null), &json!("Renamed"), &json!("MANAGER"))
    );
    assert_eq!(shown["email"], "User@Example.com", "what is absent stays");

    for (body, code) in [
        (
            json!({ "username": "NEWUSER", "password": PASSWORD, "full_name": "x", "role": "VIEWER" }),
            "ALREADY_EXISTS",
        ),
        (
            json!({ "username": "other", "email": "user@example.COM", "password": PASSWORD, "full_name": "x", "role": "VIEWER" }),
            "ALREADY_EXISTS",
        ),
    ] {
        let refused = server.post("/api/v1/users", &body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, code), "{}", refused.text);
    }
    let gone = server.send_text(Method::DELETE, &format!("/api/v1/users/{id}"), "application/json", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    for path in [
        format!("/api/v1/users/{id}"),
        "/api/v1/users/username/newuser".to_owned(),
        "/api/v1/users/999999".to_owned(),
    ] {
        let missing = server.get(&path).await;
        assert_eq!((missing.status.as_u16(), missing.code().as_str()), (404, "USER_NOT_FOUND"), "{path}");
    }
    assert_eq!(server.post("/api/v1/users", &body).await.status, 201, "a removed name is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_people_are_refused_field_by_field() {
    let server = Server::start().await;
    let good = json!({ "username": "kim", "password": PASSWORD, "full_name": "Kim", "role": "VIEWER" });
    for (field, value) in [
        ("username", json!("")),
        ("username", json!("a b")),
        ("username", json!("аdmin")),
        ("username", json!("ａdmin")),
        ("username", json!("admin\u{200b}")),
        ("username", json!("\u{202e}nimda")),
        ("username", json!("adm\0in")),
        ("username", json!("x".repeat(51))),
        ("username", json!("'; DROP TABLE app_user; --")),
        ("username", json!(7)),
        ("email", json!("nobody")),
        ("email", json!("a@b\u{0}")),
        ("full_name", json!("x".repeat(101))),
        ("full_name", json!("a\0b")),
        ("full_name", json!("")),
        ("department", json!("a\u{202e}b")),
        ("role", json!("ROOT")),
        ("role", json!(["ADMIN"])),
        ("password", json!("short")),
        ("password", json!("alllowercase")),
        ("password", json!("My-kim-is-1")),
        ("password", json!("Password123!")),
        ("password", json!("Aa1".repeat(200))),
        ("is_active", json!("yes")),
        ("is_superuser", json!(true)),
        ("id", json!(1)),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let refused = server.post("/api/v1/users", &body).await;
        assert_eq!(refused.status, 422, "{field} {value}: {}", refused.text);
        assert_eq!(refused.code(), "VALIDATION_ERROR", "{field}");
        assert!(refused.json()["detail"][0]["loc"][0] == "body", "{}", refused.text);
    }
    for path in [
        "/api/v1/users/x",
        "/api/v1/users/1%00",
        "/api/v1/users/1;DROP",
        "/api/v1/users/role/ROOT",
        "/api/v1/users/email/x",
        "/api/v1/users/username/%00",
    ] {
        assert_eq!(server.get(path).await.status, 422, "{path}");
    }
    assert_eq!(server.get("/api/v1/users").await.header("x-total-count"), "1", "nobody was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_raises_himself() {
    let server = Server::start().await;
    let id = user(&server, "kim", "OPERATOR").await;
    let other = user(&server, "lee", "ADMIN").await;
    let own = token(&server, "kim").await;
    for field in ["role", "is_active", "username", "id", "password", "password_hash", "created_at"] {
        let change = json!({ "full_name": "Kim", field: "ADMIN" });
        let refused = with(&server, &own, Method::PUT, "/api/v1/users/me", Some(&change)).await;
        assert_eq!(refused.status, 422, "{field}: {}", refused.text);
        assert!(refused.text.contains("unknown field"), "{field}: {}", refused.text);
    }
    let change = json!({ "full_name": "Kim J.", "email": "kim@example.com" });
    let changed = with(&server, &own, Method::PUT, "/api/v1/users/me", Some(&change)).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.json()["role"]),
        (200, &json!("OPERATOR")),
        "{}",
        changed.text
    );
    for (method, path, body) in [
        (Method::PUT, format!("/api/v1/users/{id}"), json!({ "role": "ADMIN" })),
        (Method::PATCH, format!("/api/v1/users/{id}"), json!({ "role": "ADMIN" })),
        (
            Method::PUT,
            format!("/api/v1/users/{other}/password"),
            json!({ "new_password": "Another-horse-8" }),
        ),
        (Method::POST, "/api/v1/tokens".to_owned(), json!({ "name": "x", "scopes": ["sensing:manage"] })),
        (Method::DELETE, format!("/api/v1/users/{other}"), json!({})),
    ] {
        let refused = with(&server, &own, method, &path, Some(&body)).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "FORBIDDEN"), "{path}");
        assert_eq!(refused.json()["detail"], "Not enough permissions");
    }
    assert_eq!(with(&server, &own, Method::GET, "/api/v1/users/me", None).await.json()["role"], "OPERATOR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_role_counts_at_once_and_the_last_administrator_stays() {
    let server = Server::start().await;
    let id = user(&server, "kim", "ADMIN").await;
    let own = token(&server, "kim").await;
    let change = json!({ "role": "VIEWER" });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    assert!(!is_good(&server, &own).await, "a session of another role ends");
    let admin = server.get("/api/v1/users/username/admin").await.json()["id"].as_i64().expect("id");
    for (method, body) in [
        (Method::PUT, json!({ "role": "MANAGER" })),
        (Method::PUT, json!({ "is_active": false })),
        (Method::DELETE, json!({})),
    ] {
        let refused = server.send(method, &format!("/api/v1/users/{admin}"), &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (409, "LAST_ADMIN"),
            "{}",
            refused.text
        );
    }
    assert!(is_good(&server, &server.token).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctors_and_nurses_register_with_the_plants_code_alone() {
    let server = Server::start().await;
    let body = json!({ "login_id": "dr.lee", "password": PASSWORD, "name": "이서연", "role": "DOCTOR", "admin_code": "" });
    let closed = with(&server, "", Method::POST, "/auth/register", Some(&body)).await;
    assert_eq!(
        (closed.status.as_u16(), closed.code().as_str()),
        (400, "REGISTRATION_CLOSED"),
        "{}",
        closed.text
    );
    drop(server);
    let server = Server::start_with(&[("IDENTITY__ADMIN_CODE", "open-sesame-42")]).await;
    let with_code = |changes: serde_json::Value| {
        let mut body = body.clone();
        body["admin_code"] = json!("open-sesame-42");
        for (name, value) in changes.as_object().expect("changes") {
            body[name] = value.clone();
        }
        body
    };
    for (changes, status, code) in [
        (json!({ "admin_code": "open-sesame-43" }), 400, "WRONG_ADMIN_CODE"),
        (json!({ "role": "ADMIN" }), 422, "VALIDATION_ERROR"),
        (json!({ "login_id": "ab" }), 422, "VALIDATION_ERROR"),
        (json!({ "login_id": "x".repeat(21) }), 422, "VALIDATION_ERROR"),
        (json!({ "password": "weak" }), 422, "VALIDATION_ERROR"),
        (json!({ "is_active": true }), 422, "VALIDATION_ERROR"),
        (json!({ "login_id": "admin" }), 400, "ALREADY_EXISTS"),
    ] {
        let refused =
            with(&server, "", Method::POST, "/auth/register", Some(&with_code(changes.clone()))).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (status, code),
            "{changes}: {}",
            refused.text
        );
    }
    for path in ["/auth/register", "/api/auth/register", "/api/v1/auth/register/"] {
        let name = format!("dr{}", path.len());
        let made = with(&server, "", Method::POST, path, Some(&with_code(json!({ "login_id": name })))).await;
        assert_eq!((made.status.as_u16(), &made.json()["role"]), (201, &json!("DOCTOR")), "{}", made.text);
        assert_eq!(sign_in(&server, &name, PASSWORD).await.status, 200);
    }
}
