//! What a request carries, read with limits and with errors that name the field.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures::FutureExt;
use http_body_util::BodyExt;
use nightshift_domain::sensing::SensorId;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::App;
use super::load::Place;
use super::problem::{FieldError, Problem};

/// Most that is read and thrown away of a body that is too large, bytes.
const DISCARD_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Longest that it is done for.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(2);

/// A JSON body of the ordinary size.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be absent.
pub(crate) struct OptionalJson<T>(pub(crate) Option<T>);

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

/// The `{sensor_id}` of the path.
pub(crate) struct SensorPath(pub(crate) SensorId);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        expect_json(request.headers())?;
        let body = read_body(request, app.config.http.body_bytes_max, app.body_timeout()).await?;
        parse_object(&body).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for OptionalJson<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let is_json = expect_json(request.headers());
        let body = read_body(request, app.config.http.body_bytes_max, app.body_timeout()).await?;
        if body.iter().all(u8::is_ascii_whitespace) || body.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        is_json?;
        parse_object(&body).map(|value| Self(Some(value)))
    }
}

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        let fields = serde_urlencoded::Deserializer::new(form_pairs(text));
        serde_path_to_error::deserialize(fields).map(Self).map_err(|e| {
            let mut loc = vec![Value::from("query")];
            loc.extend(segments(e.path()));
            Problem::field(loc, e.inner().to_string(), "value_error")
        })
    }
}

impl FromRequestParts<App> for SensorPath {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let loc = || vec!["path".into(), "sensor_id".into()];
        let params = RawPathParams::from_request_parts(parts, app)
            .await
            .map_err(|e| Problem::field(loc(), e.body_text(), "value_error"))?;
        let id = params.iter().find(|(name, _)| *name == "sensor_id").map_or("", |(_, value)| value);
        id.parse().map(Self).map_err(|e: nightshift_domain::sensing::SensorError| {
            Problem::field(loc(), e.to_string(), "value_error")
        })
    }
}

fn form_pairs(query: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(query.as_bytes())
}

/// The media type of a request, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Refuses a body that says it is something else than JSON.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers) {
        None => Ok(()),
        Some(kind) if kind == "application/json" || kind.ends_with("+json") => Ok(()),
        Some(kind) => Err(unsupported(&kind, "application/json")),
    }
}

/// 415 that says what would be read.
pub(crate) fn unsupported(kind: &str, expected: &str) -> Problem {
    let kind: String = kind.chars().take(60).collect();
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("the content type `{kind}` is not read here: send {expected}"),
    )
}

/// The whole body, at most `bytes_max`, within `timeout`. While it is under way the request leaves its place to others.
pub(crate) async fn read_body(
    request: Request,
    bytes_max: usize,
    timeout: Duration,
) -> Result<Vec<u8>, Problem> {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let place = request.extensions().get::<Place>().cloned();
    let mut body = request.into_body();
    if declared.is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large(body, bytes_max).await);
    }
    match tokio::time::timeout(timeout, arriving(&mut body, bytes_max, place.as_ref())).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(too_large(body, bytes_max).await),
        Ok(Err(problem)) => Err(problem),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            format!("the body did not arrive within {} s", timeout.as_secs()),
        )),
    }
}

/// The body's bytes as they come; `None` when there are more than `bytes_max`.
async fn arriving(
    body: &mut Body,
    bytes_max: usize,
    place: Option<&Place>,
) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    let mut share = place.map(Place::share);
    let mut left = None;
    loop {
        let frame = match body.frame().now_or_never() {
            Some(ready) => ready,
            None => {
                left = left.or(place).inspect(|place| place.leave());
                body.frame().await
            }
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|e| {
            Problem::new(StatusCode::BAD_REQUEST, "BODY_UNREADABLE", "the body broke off").caused_by(e)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Ok(None);
        }
        share.as_mut().map_or(Ok(()), |share| share.grow(data.len()))?;
        bytes.extend_from_slice(&data);
    }
    left.map_or(Ok(()), Place::retake)?;
    Ok(Some(bytes))
}

/// 413, after throwing away a part of what still comes: most clients read an answer only once they have sent everything,
/// and would report a broken connection instead.
async fn too_large(mut body: Body, bytes_max: usize) -> Problem {
    let discard = async {
        let mut left = DISCARD_BYTES_MAX;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard).await;
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        format!("the body is larger than {bytes_max} bytes: send it in several requests"),
    )
}

/// A JSON object from a body. Asked for by its first byte: a derived type would take an array for its fields in order.
pub(crate) fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match body.trim_ascii_start().first() {
        None | Some(b'{') => parse_json(body),
        Some(_) => Err(Problem::field(vec!["body".into()], "a JSON object is needed: {…}", "object_type")),
    }
}

/// The fields of a form; the error names the field.
pub(crate) fn parse_form<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let fields = serde_urlencoded::Deserializer::new(form_urlencoded::parse(body));
    serde_path_to_error::deserialize(fields).map_err(|e| {
        let mut loc = vec![Value::from("body")];
        loc.extend(segments(e.path()));
        Problem::field(loc, e.inner().to_string(), "value_error")
    })
}

/// JSON from a body; the error names the field, and says so when the text holds a NaN or an infinity.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::field(vec!["body".into()], "a body is needed: it is empty", "missing"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let mut loc = vec![Value::from("body")];
        loc.extend(segments(e.path()));
        json_problem(loc, e.inner(), body)
    })?;
    json.end().map_err(|e| json_problem(vec!["body".into()], &e, body))?;
    Ok(parsed)
}

fn json_problem(loc: Vec<Value>, error: &serde_json::Error, body: &[u8]) -> Problem {
    if let Some(word) = not_a_number_at(body, error.line(), error.column()) {
        let msg = format!("{word} is not a number in JSON: leave the reading out, a gap is a fact");
        return Problem::field(loc, msg, "finite_number");
    }
    let kind = if error.is_data() { "value_error" } else { "json_invalid" };
    Problem::field(loc, error.to_string(), kind)
}

/// The `NaN` or `Infinity` that stands where parsing stopped.
fn not_a_number_at(body: &[u8], line: usize, column: usize) -> Option<&'static str> {
    let line = body.split(|b| *b == b'\n').nth(line.checked_sub(1)?)?;
    // The column may point at the word's first letter, its sign, or one letter into it.
    let from = column.saturating_sub(3);
    let near = line.get(from..line.len().min(from + 14))?;
    ["NaN", "Infinity"]
        .into_iter()
        .find(|word| near.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes())))
}

fn segments(path: &serde_path_to_error::Path) -> impl Iterator<Item = Value> {
    path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(Value::from(*index)),
        Segment::Map { key } => Some(Value::from(key.as_str())),
        Segment::Enum { variant } => Some(Value::from(variant.as_str())),
        Segment::Unknown => None,
    })
}

/// 422 for a value of the body that has the right type and breaks a rule.
pub(crate) fn invalid_body(loc: &[&str], msg: impl Into<String>) -> Problem {
    let loc = std::iter::once("body").chain(loc.iter().copied()).map(Value::from).collect();
    Problem::fields("VALIDATION_ERROR", vec![FieldError { loc, msg: msg.into(), kind: "value_error" }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use nightshift_domain::sensing::Reading;

    fn refused(text: &str) -> String {
        let problem = parse_json::<Vec<Reading>>(text.as_bytes()).expect_err(text);
        format!("{problem:?}")
    }

    #[test]
    fn an_error_names_its_field() {
        let text = refused(r#"[{"time":"2024-11-17T10:00:00Z","value":1},{"time":"x","value":1}]"#);
        assert!(text.contains("Number(1), String(\"time\")"), "{text}");
        assert!(refused(r#"[{"time":1,"value":1,"unit":"C"}]"#).contains("unit"));
        assert!(refused("  ").contains("empty"));
        assert!(refused("[] x").contains("json_invalid"));
    }

    #[test]
    fn what_python_writes_for_no_number_is_explained() {
        for word in ["NaN", "Infinity", "-Infinity"] {
            let text = refused(&format!(r#"[{{"time":1731837600000,"value":{word}}}]"#));
            assert!(text.contains("finite_number"), "{word}: {text}");
        }
        assert!(!refused(r#"[{"time":1731837600000,"value":nope}]"#).contains("finite_number"));
        assert!(refused(r#"[{"time":1731837600000,"value":1e999}]"#).contains("out of range"));
    }
}
