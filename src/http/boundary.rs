//! The outermost layer of every request: its id, its log line, its figures, its headers, and the end of every failure.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;

use super::App;
use super::caller::RequestId;
use super::client::{ClientAddress, Connection};
use super::problem::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken over from a client, characters.
const REQUEST_ID_CHARS_MAX: usize = 64;
/// Histogram of how long requests took.
pub(crate) const DURATION_METRIC: &str = "nightshift_http_request_duration_seconds";

/// Gauge of requests under way.
pub(crate) const OPEN_METRIC: &str = "nightshift_http_requests_open";

/// Counts a request as under way until it is dropped.
struct Open;

impl Open {
    fn new() -> Self {
        metrics::gauge!(OPEN_METRIC).increment(1.0);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(OPEN_METRIC).decrement(1.0);
    }
}

/// Makes ids that no other process makes: a random number of this process and a count.
pub(crate) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { process: RandomState::new().hash_one("request ids"), count: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:016x}-{:x}", self.process, self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// The client's id if it is harmless, else a new one.
    fn of(&self, headers: &HeaderMap) -> String {
        let harmless = |id: &&str| {
            (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
        };
        let given = headers.get(&X_REQUEST_ID).and_then(|v| v.to_str().ok()).filter(harmless);
        given.map_or_else(|| self.next(), str::to_owned)
    }
}

/// The trace id of a W3C `traceparent`, if there is a well-formed one.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let id = text.split('-').nth(1)?;
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

/// Wraps every route.
pub(crate) async fn boundary(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (started, _open) = (app.clock.monotonic(), Open::new());
    let id = app.request_ids.of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let problem_json = accepts_problem_json(request.headers());
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        trace_id = trace_id(request.headers()),
        method = %method,
        route = %route,
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let timeout = time_limit(&app, &route);
    let client = ClientAddress::of(request.extensions(), request.headers(), &app.proxies);
    let by_tls = request.extensions().get::<Connection>().is_some_and(|connection| connection.tls);
    request.extensions_mut().insert(client);
    let handled = async {
        match tokio::time::timeout(timeout, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
            Ok(Ok(response)) => response,
            Ok(Err(panic)) => {
                Problem::internal(format!("a handler panicked: {}", panic_text(&*panic))).into_response()
            }
            Err(_) => too_late(timeout).into_response(),
        }
    };
    let mut response = handled.instrument(span.clone()).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        span.in_scope(|| log_problem(&problem, response.status()));
        response = problem.render(response, &id, problem_json);
    }
    let took = app.clock.monotonic().saturating_sub(started);
    span.in_scope(|| {
        tracing::debug!(status = response.status().as_u16(), took_ms = took.as_millis() as u64, "answered")
    });
    let class = match response.status().as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    metrics::histogram!(DURATION_METRIC, "method" => known_method(&method), "route" => route, "status" => class)
        .record(took.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    secure(response.headers_mut());
    if let Some(hsts) = app.hsts.as_ref().filter(|_| by_tls) {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
    }
    response
}

/// How long a request may take. Judging every sensor has a limit of its own, plus what it takes to say that it was passed.
pub(super) fn time_limit(app: &App, route: &str) -> Duration {
    let common = Duration::from_secs(app.config.http.request_timeout_s);
    match route.trim_end_matches('/') {
        "/api/analyze/all" => common + Duration::from_secs(app.config.sensing.run_deadline_s),
        super::firmware::UPLOAD_ROUTE => common + super::firmware::upload::UPLOAD_TIMEOUT,
        _ => common,
    }
}

/// The answer to a request that took longer.
pub(super) fn too_late(limit: Duration) -> Problem {
    let text = format!("not done within {} s; it may or may not have taken effect", limit.as_secs());
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED", text)
}

/// A method as a label: a client can invent methods, and labels must stay few.
fn known_method(method: &axum::http::Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
}

fn log_problem(problem: &Problem, status: StatusCode) {
    let (code, cause) = (problem.code(), problem.cause().unwrap_or_default());
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(status = status.as_u16(), code, cause, "request failed");
    } else {
        tracing::debug!(status = status.as_u16(), code, cause, "request refused");
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn accepts_problem_json(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|v| v.to_str().is_ok_and(|v| v.contains("application/problem+json")))
}

/// Headers that every answer carries unless its route set its own.
fn secure(headers: &mut HeaderMap) {
    let defaults: [(HeaderName, &str); 8] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_kept_only_when_it_is_harmless() {
        let ids = RequestIds::new();
        let with = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(id));
            ids.of(&headers)
        };
        assert_eq!(with("order-17.b"), "order-17.b");
        assert_ne!(with("a b"), "a b");
        assert_ne!(with(""), "");
        assert_ne!(ids.of(&HeaderMap::new()), ids.of(&HeaderMap::new()));
    }

    #[test]
    fn a_trace_id_is_read_from_a_traceparent() {
        let mut headers = HeaderMap::new();
        assert_eq!(trace_id(&headers), None);
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert("traceparent", HeaderValue::from_static(text));
        assert_eq!(trace_id(&headers), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        headers.insert("traceparent", HeaderValue::from_static("00-zz-1-01"));
        assert_eq!(trace_id(&headers), None);
    }
}
