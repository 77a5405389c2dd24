//! Every route, for every role and every scope, with every token that is not good: compared with the one table.
//!
//! The routes come from the description that the server gives, so a route that is new is covered by itself.

use nightshift_domain::identity::{Permission, Role, Scope};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::forge::Forge;
use super::{machine, token, user, with};
use crate::common::{Server, client_with};

/// A route as it is described.
struct Route {
    method: Method,
    path: String,
    door: Door,
}

enum Door {
    Open,
    SignedIn,
    Needs(Permission),
}

/// Routes that end the session that asks: each gets one of its own.
const SIGNS_OUT: &str = "/api/v1/auth/logout";

fn routes(document: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let open = operation["security"].as_array().expect("every route says who may").is_empty();
            let door = match operation["x-permission"].as_str() {
                None => {
                    assert!(open, "{method} {path} needs a token and says nothing of whom");
                    Door::Open
                }
                Some("signed_in") => Door::SignedIn,
                Some(word) => {
                    let known = Permission::ALL.iter().find(|p| p.as_str() == word).expect(word);
                    let who = known.who();
                    let roles: Vec<&str> = who.roles.iter().map(|r| r.as_str()).collect();
                    let scopes: Vec<&str> = who.scopes.iter().map(|s| s.as_str()).collect();
                    assert_eq!(
                        (&operation["x-roles"], &operation["x-scopes"]),
                        (&json!(roles), &json!(scopes))
                    );
                    Door::Needs(*known)
                }
            };
            if !matches!(door, Door::Open) {
                for status in ["401", "403"] {
                    assert!(operation["responses"][status].is_object(), "{method} {path} hides its {status}");
                }
            }
            let real: Vec<&str> =
                path.split('/').map(|p| if p.starts_with('{') { "none" } else { p }).collect();
            let method = method.to_uppercase().parse().expect("method");
            routes.push(Route { method, path: real.join("/"), door });
        }
    }
    routes
}

impl Route {
    /// The status of an empty request, and the code of its error.
    async fn status(&self, server: &Server, client: &Client) -> (u16, String) {
        let request = client.request(self.method.clone(), server.url(&self.path));
        let answer = request.header("content-type", "application/json").send().await.expect("answer");
        let status = answer.status().as_u16();
        // A stream that is let in has no end.
        let body: Value =
            if status == 200 { Value::Null } else { answer.json().await.unwrap_or(Value::Null) };
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn expect(&self, server: &Server, client: &Client, who: &str, let_in: bool) {
        let (status, code) = self.status(server, client).await;
        let passed = !matches!(code.as_str(), "NOT_AUTHENTICATED" | "TOKEN_EXPIRED" | "FORBIDDEN");
        assert_eq!(passed, let_in, "{who}: {} {}: {status} {code}", self.method, self.path);
        assert!(status < 500 || status == 503, "{who}: {} {}: {status} {code}", self.method, self.path);
        if !let_in {
            assert_eq!((status, code.as_str()), (403, "FORBIDDEN"), "{who}: {} {}", self.method, self.path);
        }
    }

    async fn expect_unknown(&self, server: &Server, client: &Client, what: &str) {
        let (status, code) = self.status(server, client).await;
        let unknown = status == 401 && matches!(code.as_str(), "NOT_AUTHENTICATED" | "TOKEN_EXPIRED");
        assert!(unknown, "{what}: {} {}: {status} {code}", self.method, self.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_whom_the_table_names() {
    let server = Server::start().await;
    let routes = routes(&server.get("/openapi.json").await.json());
    assert!(routes.len() > 40, "{}", routes.len());
    for role in Role::ALL {
        let name = format!("walker.{role}");
        user(&server, &name, role.as_str()).await;
        let session = client_with(&token(&server, &name).await);
        for route in &routes {
            let let_in = match route.door {
                Door::Open | Door::SignedIn => true,
                Door::Needs(permission) => permission.who().roles.contains(&role),
            };
            let own = (route.path == SIGNS_OUT).then_some(token(&server, &name));
            let client = match own {
                Some(own) => client_with(&own.await),
                None => session.clone(),
            };
            route.expect(&server, &client, role.as_str(), let_in).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_machines_with_its_scope_alone() {
    let server = Server::start().await;
    let routes = routes(&server.get("/openapi.json").await.json());
    for scope in Scope::ALL {
        let (_, token) = machine(&server, scope.as_str(), &[scope.as_str()]).await;
        let client = client_with(&token);
        for route in &routes {
            let let_in = match route.door {
                Door::Open => true,
                Door::SignedIn => false,
                Door::Needs(permission) => permission.who().scopes.contains(&scope),
            };
            route.expect(&server, &client, scope.as_str(), let_in).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_a_token_that_is_not_good() {
    let server = Server::start_with(&[("IDENTITY__OPEN_METRICS", "false")]).await;
    let routes = routes(&server.get("/openapi.json").await.json());
    let forge = Forge::new(&server, &server.token);
    assert!(super::is_good(&server, &forge.claiming(&json!({}))).await, "the forge makes good tokens too");
    let mut bad = forge.bad_tokens();
    bad.extend(ended_tokens(&server).await);
    bad.push(("none".into(), String::new()));
    for (what, token) in bad {
        let client = client_with(&token);
        for route in routes.iter().filter(|route| !matches!(route.door, Door::Open)) {
            route.expect_unknown(&server, &client, &what).await;
        }
    }
}

/// Tokens that were good once.
async fn ended_tokens(server: &Server) -> Vec<(String, String)> {
    let mut ended = Vec::new();
    user(server, "signed.out", "ADMIN").await;
    let signed_out = token(server, "signed.out").await;
    assert_eq!(with(server, &signed_out, Method::POST, SIGNS_OUT, None).await.status, 200);
    ended.push(("signed out".to_owned(), signed_out));

    let id = user(server, "disabled", "ADMIN").await;
    let disabled = token(server, "disabled").await;
    assert!(super::is_good(server, &disabled).await);
    let change = json!({ "is_active": false });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}"), &change).await.status, 200);
    ended.push(("a disabled user's".to_owned(), disabled));

    let id = user(server, "removed", "ADMIN").await;
    let removed = token(server, "removed").await;
    assert!(super::is_good(server, &removed).await);
    let gone = server.send_text(Method::DELETE, &format!("/api/v1/users/{id}"), "application/json", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    ended.push(("a removed user's".to_owned(), removed));

    let id = user(server, "reset", "ADMIN").await;
    let reset = token(server, "reset").await;
    let body = json!({ "new_password": "Another-horse-8" });
    assert_eq!(server.send(Method::PUT, &format!("/api/v1/users/{id}/password"), &body).await.status, 200);
    ended.push(("of a password before".to_owned(), reset));

    let scopes: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    let (id, revoked) = machine(server, "revoked", &scopes).await;
    assert_eq!(with(server, &revoked, Method::GET, "/api/sensors", None).await.status, 200);
    let gone =
        server.send_text(Method::DELETE, &format!("/api/v1/tokens/{id}"), "application/json", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    ended.push(("a revoked machine's".to_owned(), revoked));

    let body = json!({ "name": "short", "scopes": scopes, "expires_at": crate::common::now_ms() + 1_500 });
    let made = server.post("/api/v1/tokens", &body).await.json();
    let short = super::text(&made, "token");
    let over = async || with(server, &short, Method::GET, "/api/sensors", None).await.status == 401;
    server.until("the machine's token has ended", over).await;
    ended.push(("an expired machine's".to_owned(), short));
    ended
}
