use reqwest::{Client, Method};
use serde_json::Value;

use crate::common::Server;

/// Every `$ref` below `value`.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                found.push(target);
            }
            fields.values().for_each(|v| references(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_valid_and_every_route_in_it_exists() {
    let server = Server::start().await;
    let document = server.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().expect("version").starts_with("3.1"));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    let mut targets = Vec::new();
    references(&document, &mut targets);
    assert!(!targets.is_empty());
    for target in targets {
        let pointer = target.strip_prefix('#').expect("a reference into this document");
        assert!(document.pointer(pointer).is_some(), "{target} leads nowhere");
    }
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 18, "{:?}", paths.keys());
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let what = format!("{method} {path}");
            assert!(!path.contains('*'), "{what}");
            let responses = operation["responses"].as_object().expect("responses");
            // A socket's success is 101.
            let succeeds = |s: &String| s.starts_with('2') || s == "101";
            assert!(responses.keys().any(succeeds), "{what} has no success");
            assert!(operation["tags"][0].is_string() && operation["summary"].is_string(), "{what}");
            let id = operation["operationId"].as_str().expect("operationId");
            assert!(ids.insert(format!("{}.{id}", operation["tags"][0])), "{id} is there twice");
            if path != "/api/v1/events" {
                let real: Vec<&str> =
                    path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
                let real = real.join("/");
                let method: Method = method.to_uppercase().parse().expect("method");
                let answer = server.send_text(method, &real, "application/json", "").await;
                assert_ne!(answer.status, 405, "{what}");
                assert!(!answer.text.contains("ROUTE_NOT_FOUND"), "{what}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_from_here_alone() {
    let server = Server::start().await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/docs/", "text/html"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-initializer.js", "text/javascript"),
        ("/redoc", "text/html"),
        ("/redoc/redoc.standalone.js", "text/javascript"),
    ] {
        let answer =
            server.client.get(server.url(path)).header("accept-encoding", "gzip").send().await.expect(path);
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| {
            answer.headers().get(name).map_or(String::new(), |v| v.to_str().expect("text").to_owned())
        };
        assert!(header("content-type").starts_with(kind), "{path}: {}", header("content-type"));
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("script-src 'self' 'unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        if kind == "text/html" {
            let page = server.get(path).await.text;
            assert!(!page.contains("http://") && !page.contains("https://"), "{path} loads from elsewhere");
            assert!(!page.contains("<script>") && !page.contains("onclick="), "{path} has inline script");
        }
    }
    assert_eq!(server.get("/docs/nothing.js").await.code(), "FILE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_headers_have_one_shape() {
    let server = Server::start().await;
    let client = Client::builder().no_proxy().build().expect("client");
    let asked = client
        .get(server.url("/nothing/here"))
        .header("accept", "application/problem+json")
        .header("x-request-id", "my-id.1")
        .send()
        .await
        .expect("answer");
    assert_eq!(asked.headers()["content-type"], "application/problem+json");
    assert_eq!(asked.headers()["x-request-id"], "my-id.1");
    let body: Value = asked.json().await.expect("json");
    assert_eq!(
        (body["code"].as_str(), body["request_id"].as_str()),
        (Some("ROUTE_NOT_FOUND"), Some("my-id.1"))
    );

    let wrong = server.send_text(Method::PUT, "/api/sensors", "application/json", "{}").await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (405, "METHOD_NOT_ALLOWED"));
    assert!(wrong.header("allow").contains("POST"), "{}", wrong.header("allow"));
    assert_eq!(
        (wrong.header("cache-control"), wrong.header("content-type")),
        ("no-store", "application/json")
    );
    let packed = client
        .get(server.url("/openapi.json"))
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("answer");
    assert_eq!(packed.headers()["content-encoding"], "gzip");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_kept_by_browsers_and_asked_for_once() {
    let server = Server::start().await;
    let page = server.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("cache-control")), (200, "no-cache"));
    let named: Vec<String> =
        page.text.split('"').filter(|part| part.starts_with("/console/")).map(str::to_owned).collect();
    assert!(named.len() > 40, "{named:?}");
    let mut packed = 0;
    for path in &named {
        let asked = server.client.get(server.url(path)).header("accept-encoding", "gzip");
        let answer = asked.send().await.expect("answer");
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| {
            answer.headers().get(name).map_or(String::new(), |v| v.to_str().expect("text").to_owned())
        };
        assert_eq!(header("content-encoding"), "gzip", "{path}");
        assert!(header("cache-control").contains("immutable"), "{path}");
        let kind = if path.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert_eq!(header("content-type"), kind, "{path}");
        packed += answer.bytes().await.expect("body").len();
    }
    assert!(packed < 400 * 1_024, "{packed} bytes");

    let again = server.client.get(server.url("/")).header("if-none-match", page.header("etag"));
    assert_eq!(again.send().await.expect("answer").status(), 304);
    let (digest, _) = named[0]["/console/".len()..].split_once('/').expect("a digest");
    let other = named[0].replace(digest, "0000000000000000");
    assert_eq!(server.get(&other).await.code(), "FILE_NOT_FOUND");
    assert_eq!(server.get(&format!("/console/{digest}/../../Cargo.toml")).await.status, 404);
}
