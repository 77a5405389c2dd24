use super::{connect, exchange, rest};
use crate::common::{Server, client_with, read};

/// How many answers there are in what a connection said.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_requests_are_refused_or_end_the_connection() {
    let server = Server::start().await;
    let hidden = "GET /api/v1/health/liveness HTTP/1.1\r\nhost: hidden\r\n\r\n";
    // Both lengths: the chunks count, and nothing behind them is taken for another request.
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 5\r\ntransfer-encoding: chunked\r\ncontent-length: 5",
    ] {
        let text = format!("POST /api/sensors HTTP/1.1\r\nhost: plant\r\n{lengths}\r\n\r\n0\r\n\r\n{hidden}");
        let said = rest(connect(&server, text.as_bytes()).await).await;
        assert_eq!(answers(&said), 1, "{lengths}: {said}");
        assert!(said.contains("connection: close"), "{lengths}: {said}");
        assert!((400..500).contains(&status(&said)), "{lengths}: {said}");
    }
    for head in [
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: +5",
        "content-length: -1",
        "content-length: 0x5",
        "content-length: 99999999999999999999",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding : chunked",
        "x-folded: one\r\n two",
        "x-colonless",
        "x\0null: a",
        "x-null: a\0b",
        "x-return: a\rb",
    ] {
        let text = format!("POST /api/sensors HTTP/1.1\r\nhost: plant\r\n{head}\r\n\r\nhello{hidden}");
        let said = rest(connect(&server, text.as_bytes()).await).await;
        assert_eq!((answers(&said), status(&said)), (1, 400), "{head:?}: {said}");
    }
    // A line feed alone ends a line or is refused, but it never makes two requests out of one.
    for text in [
        "GET /api/v1/health/liveness HTTP/1.1\nhost: plant\nconnection: close\n\n",
        "GET /api/v1/health/liveness HTTP/1.1\r\nhost: plant\r\nx: a\nGET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n",
    ] {
        let said = rest(connect(&server, text.as_bytes()).await).await;
        assert_eq!(answers(&said), 1, "{text:?}: {said}");
        assert!([200, 400].contains(&status(&said)), "{text:?}: {said}");
    }
    for chunks in ["ffffffffffffffffff\r\n", "-1\r\n", "5;x=\"\0\"\r\nhello\r\nzz\r\n", "g\r\n"] {
        let text = format!(
            "POST /api/sensors HTTP/1.1\r\nhost: plant\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunks}",
            server.token
        );
        let said = exchange(&server, text.as_bytes()).await;
        assert!(answers(&said) <= 1 && status(&said) < 500, "{chunks:?}: {said}");
    }
    assert_eq!(server.get("/api/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_no_http_is_refused() {
    let server = Server::start().await;
    let one = format!("GET / HTTP/1.1\r\nhost: plant\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nhost: plant\r\n{}\r\n", "x: a\r\n".repeat(5_000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: plant\r\n\r\n", "a".repeat(200_000));
    for text in [one, many, long] {
        let said = exchange(&server, text.as_bytes()).await;
        // It may be cut before its client reads: then there is no answer, and never a good one.
        assert!(said.is_empty() || [400, 414, 431].contains(&status(&said)), "{said}");
    }
    for bytes in [
        &b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
        b"GET /\0 HTTP/1.1\r\nhost: plant\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: plant\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client that speaks TLS to a port in the clear",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let said = exchange(&server, bytes).await;
        assert!(!said.contains(" 200 ") && !said.contains(" 500 "), "{said}");
    }
    assert_eq!(server.get("/api/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_pages() {
    let server = Server::start().await;
    let token = &server.token;
    for root in ["", "/docs", "/redoc", "/console", "/api/sensors", "/api/proxy/oden"] {
        for way in [
            "/../../../../../../etc/passwd",
            "/..%2f..%2f..%2f..%2fetc%2fpasswd",
            "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "/%252e%252e%252f%252e%252e%252fetc%252fpasswd",
            "/..%5c..%5cetc%5cpasswd",
            "/....//....//etc/passwd",
            "//etc/passwd",
            "/%00/etc/passwd",
            "/swagger-ui.css%00.html",
            "/%c0%ae%c0%ae/etc/passwd",
        ] {
            let text = format!(
                "GET {root}{way} HTTP/1.1\r\nhost: plant\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
            );
            let said = rest(connect(&server, text.as_bytes()).await).await;
            assert!((400..500).contains(&status(&said)), "{root}{way}: {said}");
            assert!(!said.contains("root:"), "{root}{way}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_do_nothing() {
    let server = Server::start().await;
    let stranger = client_with("");
    for name in ["session", "nightshift_session", "access_token", "Authorization"] {
        let asked = stranger
            .get(server.url("/api/v1/auth/me"))
            .header("cookie", format!("{name}={}; {name}=Bearer {}", server.token, server.token))
            .header("origin", "https://evil.example");
        let answer = read(asked.send().await.expect("answer")).await;
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(answer.header("set-cookie"), "");
    }
    let credentials = serde_json::json!({ "username": "admin", "password": crate::common::ADMIN_PASSWORD });
    let answer = server.post("/api/v1/auth/login", &credentials).await;
    assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (200, ""), "signing in sets no cookie");
}
