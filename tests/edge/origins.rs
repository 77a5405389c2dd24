use reqwest::Method;

use crate::common::{Answer, Server, read};

const WALL: &str = "https://wall.example:8443";

async fn asked(server: &Server, method: Method, origin: &str) -> Answer {
    let mut request =
        server.client.request(method.clone(), server.url("/api/sensors")).header("origin", origin);
    if method == Method::OPTIONS {
        request = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, idempotency-key");
    }
    read(request.send().await.expect("answer")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_origin_may_read_answers_by_default() {
    let server = Server::start().await;
    for method in [Method::GET, Method::OPTIONS] {
        let answer = asked(&server, method, WALL).await;
        for name in answer.headers.keys() {
            assert!(!name.as_str().starts_with("access-control-"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn named_origins_may_and_others_may_not() {
    let server = Server::start_with(&[("HTTP__CORS_ORIGINS", &format!("https://a.example,{WALL}"))]).await;
    let answer = asked(&server, Method::GET, WALL).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, WALL));
    assert!(answer.header("access-control-expose-headers").contains("x-total-count"));
    assert!(answer.header("vary").contains("origin"), "{}", answer.header("vary"));
    assert_eq!(answer.header("access-control-allow-credentials"), "", "there are no cookies to send");

    let preflight = asked(&server, Method::OPTIONS, WALL).await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (200, WALL));
    let allowed = preflight.header("access-control-allow-headers");
    assert!(allowed.contains("authorization") && allowed.contains("idempotency-key"), "{allowed}");

    for other in
        ["https://wall.example", "http://wall.example:8443", "https://wall.example:8443.evil.example", "null"]
    {
        for method in [Method::GET, Method::OPTIONS] {
            assert_eq!(
                asked(&server, method, other).await.header("access-control-allow-origin"),
                "",
                "{other}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_headers() {
    let server = Server::start().await;
    for path in
        ["/", "/api/health", "/api/sensors", "/nothing", "/docs", "/redoc", "/openapi.json", "/metrics"]
    {
        let answer = server.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("unsafe-eval") && !policy.contains("http:"), "{path}: {policy}");
        assert_eq!(
            answer.header("strict-transport-security"),
            "",
            "{path}: not over a connection in the clear"
        );
        assert_eq!(answer.header("server"), "");
    }
}
