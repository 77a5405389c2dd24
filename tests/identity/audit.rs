use nightshift_store::Engine;
use nightshift_store::testing::{self, TestDb};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PASSWORD, machine, sign_in, token, user, with};
use crate::common::{Server, run};

async fn rows(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json().as_array().expect("rows").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_done_leaves_a_line_without_its_secrets() {
    let server = Server::start().await;
    let id = user(&server, "kim", "OPERATOR").await;
    let own = token(&server, "kim").await;
    assert_eq!(sign_in(&server, "kim", "Wrong-horse-7").await.status, 401);
    assert_eq!(with(&server, &own, Method::GET, "/api/v1/audit-logs", None).await.status, 403);
    assert_eq!(with(&server, &own, Method::GET, "/api/v1/audit-logs", None).await.status, 403);
    let change = json!({ "department": "Line 2" });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    let (token_id, secret) = machine(&server, "gateway", &["sensing:write"]).await;
    assert_eq!(with(&server, &own, Method::POST, "/auth/logout", None).await.status, 200);
    assert_eq!(server.send(Method::DELETE, &format!("/api/v1/users/{id}"), &json!({})).await.status, 204);

    let all = rows(&server, "/api/v1/audit-logs?limit=1000").await;
    let shown = serde_json::to_string(&all).expect("json");
    for secret in
        [PASSWORD, crate::common::ADMIN_PASSWORD, "Wrong-horse-7", "argon2", secret.as_str(), own.as_str()]
    {
        assert!(!shown.contains(secret), "{secret} stands in the audit");
    }
    let find = |action: &str, entity: &str| {
        let found = all.iter().find(|row| row["action"] == action && row["entity_type"] == entity);
        found.unwrap_or_else(|| panic!("{action} {entity} is missing in {shown}")).clone()
    };
    let made = find("CREATE", "user");
    assert_eq!(
        (&made["entity_id"], &made["new_values"]["username"]),
        (&json!(id.to_string()), &json!("kim"))
    );
    assert!(
        made["user_id"].is_i64() && made["ip_address"].is_string() && made["created_at"].is_string(),
        "{made}"
    );
    let changed = find("UPDATE", "user");
    assert_eq!(
        (&changed["old_values"]["department"], &changed["new_values"]["department"]),
        (&json!(null), &json!("Line 2"))
    );
    assert_eq!(find("DELETE", "user")["old_values"]["username"], "kim");
    assert_eq!(find("CREATE", "machine_token")["entity_id"], token_id.to_string());
    for action in ["LOGIN", "LOGOUT", "LOGIN_FAILED"] {
        assert!(all.iter().any(|row| row["action"] == action), "{action}: {shown}");
    }
    let refused: Vec<&Value> = all.iter().filter(|row| row["action"] == "REFUSED").collect();
    assert_eq!(refused.len(), 1, "one line a minute: {refused:?}");
    assert_eq!(
        (&refused[0]["user_id"], &refused[0]["entity_id"]),
        (&json!(id), &json!("GET /api/v1/audit-logs"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_asked_as_clients_do() {
    let server = Server::start().await;
    let id = user(&server, "kim", "OPERATOR").await;
    for n in 0..3 {
        let change = json!({ "department": format!("Line {n}") });
        assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    }
    let newest = rows(&server, "/api/v1/audit-logs?limit=1").await;
    let (row_id, shown) = (newest[0]["id"].as_i64().expect("id"), id.to_string());
    assert_eq!(server.get(&format!("/api/v1/audit-logs/{row_id}")).await.json(), newest[0]);
    assert_eq!(server.get("/api/v1/audit-logs/999999").await.code(), "AUDIT_NOT_FOUND");
    for path in [
        format!("/api/v1/audit-logs/entity/user/{id}"),
        format!("/api/v1/audit-logs/entity/user/{id}/history"),
    ] {
        let found = rows(&server, &path).await;
        assert_eq!(found.len(), 4, "{path}: {found:?}");
        assert!(found.iter().all(|row| row["entity_type"] == "user" && row["entity_id"] == shown));
    }
    let page = server.get("/api/v1/audit-logs/action/UPDATE?limit=2&skip=1").await;
    assert_eq!((page.header("x-total-count"), page.json().as_array().map(Vec::len)), ("3", Some(2)));
    let admin = server.get("/api/v1/users/username/admin").await.json()["id"].as_i64().expect("id");
    assert!(
        rows(&server, &format!("/api/v1/audit-logs/user/{admin}"))
            .await
            .iter()
            .all(|row| row["user_id"] == admin)
    );
    let days = "start_date=2020-01-01T00:00:00Z&end_date=2100-01-01T00:00:00Z";
    assert!(rows(&server, &format!("/api/v1/audit-logs/date-range?{days}")).await.len() >= 5);
    assert!(rows(&server, "/api/v1/audit-logs?end_date=2020-01-01T00:00:00Z").await.is_empty());
    let filtered =
        rows(&server, &format!("/api/v1/audit-logs?user_id={admin}&entity_type=user&action=CREATE")).await;
    assert_eq!(filtered.len(), 1, "{filtered:?}");
    for query in [
        "action=DROP",
        "user_id=x",
        "limit=0",
        "start_date=x",
        "start_date=2021-01-01T00:00:00Z&end_date=2020-01-01T00:00:00Z",
    ] {
        assert_eq!(server.get(&format!("/api/v1/audit-logs?{query}")).await.status, 422, "{query}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = server.send(method.clone(), &format!("/api/v1/audit-logs/{row_id}"), &json!({})).await;
        assert_eq!(refused.status, 405, "{method}");
    }
    assert!(run(server.dir.path(), &["audit", "verify", "--data-dir", "data"]).status.success());
}

/// Whoever owns the database can take its triggers away, and is found out all the same.
async fn tampering_is_found(home: TestDb) {
    let server = Server::start_with(&[("DATABASE__URL", &home.options.url)]).await;
    let id = user(&server, "kim", "OPERATOR").await;
    let verify = || {
        let args = ["audit", "verify", "--data-dir", "data", "--json", "--database", &home.options.url];
        let output = run(server.dir.path(), &args);
        let said: Value = serde_json::from_slice(&output.stdout).expect("json");
        (output.status.success(), said)
    };
    let (whole, said) = verify();
    assert!(whole && said["rows"].as_i64().is_some_and(|rows| rows >= 3), "{said}");
    let by_route = server.send(Method::DELETE, "/api/v1/audit-logs/1", &json!({})).await;
    assert_eq!(by_route.status, 405);
    assert!(home.try_sql("UPDATE audit_log SET entity_id = '1'").await.is_err(), "the triggers hold");
    home.run_sql(match home.db.engine() {
        Engine::Sqlite => "DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete",
        Engine::Postgres => "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    })
    .await;
    let change = |to: &str, of: &str| {
        format!("UPDATE audit_log SET actor_name = '{to}' WHERE seq = 2 AND actor_name = '{of}'")
    };
    home.run_sql(&change("eve", "admin")).await;
    let (whole, said) = verify();
    assert_eq!(
        (whole, &said["fault"]["fault"], &said["fault"]["seq"]),
        (false, &json!("changed"), &json!(2)),
        "{said}"
    );
    home.run_sql(&change("admin", "eve")).await;
    assert!(verify().0, "as it was");
    home.run_sql("DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)").await;
    let (whole, said) = verify();
    assert_eq!((whole, &said["fault"]["fault"]), (false, &json!("missing_at_end")), "{said}");
    assert_eq!(server.get(&format!("/api/v1/users/{id}")).await.status, 200, "the plant goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_sqlite() {
    tampering_is_found(testing::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tampering_is_found_on_postgres() {
    let Some(home) = testing::postgres().await else { return };
    tampering_is_found(home).await;
}
