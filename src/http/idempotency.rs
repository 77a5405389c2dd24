//! `Idempotency-Key`: a POST that is sent again under its key is answered as the first time, and takes effect once.
//!
//! A key belongs to its sender and route. What took effect (2xx) is kept for a day; what was refused is looked at afresh
//! when it comes again. The work on a keyed request runs to its end even when its client has gone: the answer that the
//! client missed is there when it asks again. That a key is being worked on is known to this process alone and forgotten
//! with it, so a crash leaves nothing that blocks a key. Answers that show a secret are never kept.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use nightshift_actors::{Once, Ticket};
use nightshift_domain::identity::{Principal, UserId};
use nightshift_store::system::{Claim as Found, StoredAnswer};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use super::caller::Caller;
use super::extract::read_body;
use super::problem::Problem;
use super::{App, boundary};

/// The header of requests.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, characters.
const KEY_CHARS_MAX: usize = 255;
/// Largest answer that is kept, bytes; a larger one takes effect again when it is asked for again.
const ANSWER_BYTES_MAX: usize = 1_024 * 1_024;
/// Keys that are worked on at once.
const UNDER_WAY_MAX: usize = 10_000;
/// Seconds after which a request whose key is being worked on may come again.
const RETRY_AFTER_S: u64 = 1;
/// Headers that are kept with an answer.
const KEPT_HEADERS: [HeaderName; 4] = [header::CONTENT_TYPE, header::ETAG, header::LINK, header::LOCATION];

/// The keys that are being worked on.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<HashSet<(String, String)>>>);

/// A key that is being worked on until this is dropped.
struct Claim {
    all: UnderWay,
    own: (String, String),
}

impl UnderWay {
    fn claim(&self, scope: &str, key: &str) -> Result<Claim, Problem> {
        let own = (scope.to_owned(), key.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= UNDER_WAY_MAX {
            return Err(Problem::overloaded(RETRY_AFTER_S));
        }
        if !all.insert(own.clone()) {
            return Err(in_progress());
        }
        drop(all);
        Ok(Claim { all: self.clone(), own })
    }
}

fn in_progress() -> Problem {
    let text = "a request with this key is being worked on; its answer comes when you send it again";
    Problem::new(StatusCode::CONFLICT, "IDEMPOTENCY_KEY_IN_PROGRESS", text).retry_after(RETRY_AFTER_S)
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.own);
    }
}

/// Marks an answer that shows a secret and must not be kept.
#[derive(Clone)]
pub(crate) struct Secret;

/// The ticket of a keyed request, for handlers whose unit of work keeps the answer itself; none without a key.
pub(crate) struct IdempotentUnit(Option<Ticket>);

impl FromRequestParts<App> for IdempotentUnit {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get().cloned()))
    }
}

impl IdempotentUnit {
    /// The ticket with its answer, as the handler gives it: `status`, and of the effect where it is and how it is shown.
    pub(crate) fn answering<T, V: Serialize>(
        self,
        status: StatusCode,
        view: impl FnOnce(&T) -> (String, V) + Send + 'static,
    ) -> Option<Once<T>> {
        self.0.map(|ticket| {
            ticket.answered_by(move |done| {
                let (location, shown) = view(done);
                let json = HeaderValue::from_static("application/json");
                let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
                if let Ok(location) = HeaderValue::from_str(&location) {
                    headers.insert(header::LOCATION, location);
                }
                pack(status, &headers, &serde_json::to_vec(&shown).unwrap_or_default())
            })
        })
    }
}

/// Stands between every guard and its handlers.
pub(super) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    let principal = request.extensions().get::<Caller>().and_then(Caller::principal).cloned();
    // Nobody's key could be everybody's: without a principal there is no scope.
    let Some(principal) = principal else { return next.run(request).await };
    match keyed(&app, &principal, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn keyed(app: &App, principal: &Principal, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let scope = match principal {
        Principal::User { user_id, .. } => scope_of_user(*user_id, &route),
        Principal::Machine { token_id, .. } => format!("machine {} {route}", token_id.0),
    };
    let claim = app.under_way.claim(&scope, &key)?;
    let (mut request, body_hash) = hashed(app, request).await?;
    let ticket = Ticket::new(&scope, &key, &body_hash);
    match app.plant.answers().find(&ticket).await {
        Ok(None) => {}
        Ok(Some(Found::Fresh | Found::InProgress)) => return Err(in_progress()),
        Ok(Some(Found::Answered(answer))) => return replay(&answer),
        Ok(Some(Found::OtherBody)) => {
            let text = "this key was used for another request: make a new one for each";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED", text));
        }
        Err(error) => return Err(Problem::overloaded(RETRY_AFTER_S).caused_by(error)),
    }
    request.extensions_mut().insert(ticket.clone());
    let limit = boundary::time_limit(app, &route);
    let app = app.clone();
    let work = async move {
        let worked = tokio::time::timeout(limit, next.run(request)).await;
        let answer = match worked {
            Ok(response) => keep(&app, ticket, response).await,
            Err(_) => boundary::too_late(limit).into_response(),
        };
        drop(claim);
        answer
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => Ok(response),
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Err(_) => Err(Problem::overloaded(RETRY_AFTER_S)),
    }
}

/// What the keys of a person's requests to a route are kept under.
pub(crate) fn scope_of_user(user_id: UserId, route: &str) -> String {
    format!("user {user_id} {route}")
}

/// The one key of a request.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let text = given.next().and_then(|value| value.to_str().ok()).filter(|_| given.next().is_none());
    let formed = |text: &&str| {
        (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b))
    };
    text.filter(formed).map(str::to_owned).ok_or_else(|| {
        let msg = format!("one key of 1 to {KEY_CHARS_MAX} printable ASCII characters is needed");
        Problem::field(vec!["header".into(), "Idempotency-Key".into()], msg, "value_error")
    })
}

/// The request with its body read, and the hash of all that it says.
async fn hashed(app: &App, request: Request) -> Result<(Request, String), Problem> {
    let (parts, body) = request.into_parts();
    let http = &app.config.http;
    // The handler's own limit may be narrower; it reads what was read here.
    let bytes_max = http.body_bytes_max.max(http.readings_bytes_max);
    let whole = Request::from_parts(parts.clone(), body);
    let bytes = read_body(whole, bytes_max, app.body_timeout()).await?;
    let kind = parts.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let path = parts.uri.path_and_query().map_or("", |p| p.as_str());
    let mut hash = Sha256::new();
    for part in [path.as_bytes(), kind, &bytes] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((Request::from_parts(parts, bytes.into()), hash))
}

/// Keeps what took effect, unless its unit of work has kept it.
async fn keep(app: &App, ticket: Ticket, response: Response) -> Response {
    if !response.status().is_success() {
        if let Err(error) = app.plant.answers().forget_undone(ticket).await {
            tracing::warn!(error = %error, "a keyed request that was undone is not forgotten; sent again, it is not done");
        }
        return response;
    }
    let secret = response.extensions().get::<Secret>().is_some();
    if secret || ticket.is_kept() {
        return response;
    }
    let (parts, body) = response.into_parts();
    // An answer of unknown or great length is a stream: it goes out as it comes.
    let known = HttpBody::size_hint(&body).exact().is_some_and(|n| n <= ANSWER_BYTES_MAX as u64);
    if !known {
        return Response::from_parts(parts, body);
    }
    let bytes: Bytes = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) => return Problem::internal(error).into_response(),
    };
    let packed = pack(parts.status, &parts.headers, &bytes);
    if let Err(error) = app.plant.answers().keep(ticket, packed).await {
        tracing::warn!(error = %error, "the answer of a keyed request was not kept; sent again, it may be done again");
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// An answer as it is kept: its status; the headers that are kept, on a line, and the body.
fn pack(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> StoredAnswer {
    let text =
        |name: &HeaderName| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned()));
    let kept: Vec<(String, String)> = KEPT_HEADERS.iter().filter_map(text).collect();
    let mut packed = serde_json::to_vec(&kept).unwrap_or_default();
    packed.push(b'\n');
    packed.extend_from_slice(body);
    StoredAnswer { status: status.as_u16(), response: packed }
}

/// The answer that was kept.
fn replay(answer: &StoredAnswer) -> Result<Response, Problem> {
    let unreadable = || Problem::internal("a kept answer cannot be read");
    let end = answer.response.iter().position(|b| *b == b'\n').ok_or_else(unreadable)?;
    let (head, body) = (&answer.response[..end], &answer.response[end + 1..]);
    let headers: Vec<(String, String)> = serde_json::from_slice(head).map_err(|_| unreadable())?;
    let status = StatusCode::from_u16(answer.status).map_err(|_| unreadable())?;
    let mut response = Response::new(Body::from(body.to_vec()));
    *response.status_mut() = status;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| unreadable())?;
        response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| unreadable())?);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(keys: &[&'static str]) -> HeaderMap {
        keys.iter().map(|key| (IDEMPOTENCY_KEY, HeaderValue::from_static(key))).collect()
    }

    #[test]
    fn a_key_is_one_short_printable_text() {
        assert_eq!(key(&with(&["order 17/b"])).expect("formed"), "order 17/b");
        assert!(key(&with(&["a", "b"])).is_err());
        assert!(key(&with(&[""])).is_err());
        let mut long = HeaderMap::new();
        long.insert(IDEMPOTENCY_KEY, HeaderValue::try_from("k".repeat(256)).expect("value"));
        assert!(key(&long).is_err());
        long.insert(IDEMPOTENCY_KEY, HeaderValue::from_bytes("schlüssel".as_bytes()).expect("value"));
        assert!(key(&long).is_err());
    }

    #[test]
    fn a_key_is_worked_on_by_one_at_a_time() {
        let all = UnderWay::default();
        let one = all.claim("user 1 /a", "k").expect("free");
        assert!(all.claim("user 1 /a", "k").is_err());
        let _other = all.claim("user 2 /a", "k").expect("another's");
        drop(one);
        all.claim("user 1 /a", "k").expect("free again");
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was() {
        let headers = HeaderMap::from_iter([
            (header::LOCATION, HeaderValue::from_static("/api/sensors/a")),
            (header::SET_COOKIE, HeaderValue::from_static("never=kept")),
        ]);
        let response = replay(&pack(StatusCode::CREATED, &headers, b"{\"a\":1}\n")).expect("readable");
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()[header::LOCATION], "/api/sensors/a");
        assert_eq!(response.headers()[REPLAYED], "true");
        assert!(!response.headers().contains_key(header::SET_COOKIE));
        let body = response.into_body().collect().await.expect("body").to_bytes();
        assert_eq!(&body[..], b"{\"a\":1}\n");
        assert!(replay(&StoredAnswer { status: 201, response: b"no line".to_vec() }).is_err());
    }
}
