//! The one shape of every error answer: RFC 9457, with `detail` as today's clients read it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An error answer. It is written out by the outermost layer, which knows the request's id and what the client accepts.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Detail,
    retry_after_s: Option<u64>,
    extra: Map<String, Value>,
    /// For the log alone: no answer shows it.
    cause: Option<String>,
}

#[derive(Debug, Clone)]
enum Detail {
    Text(String),
    Fields(Vec<FieldError>),
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where it stands: `["body", 0, "value"]`, `["query", "start_time"]`, `["path", "sensor_id"]`.
    #[schema(value_type = Vec<Value>, example = json!(["body", 0, "value"]))]
    pub(crate) loc: Vec<Value>,
    /// What is wrong with it, for people.
    #[schema(example = "NaN is not a number in JSON: leave the reading out")]
    pub(crate) msg: String,
    /// What is wrong with it, for programs.
    #[serde(rename = "type")]
    #[schema(example = "json_invalid")]
    pub(crate) kind: &'static str,
}

/// How an error answer looks.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// What happened and what to do: text, or for 422 a list of `{loc, msg, type}`.
    #[schema(value_type = Value, example = "sensor `wando09` is not registered")]
    detail: Value,
    /// What happened, for programs.
    #[schema(example = "SENSOR_NOT_FOUND")]
    code: &'a str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// The id under which the log knows this request.
    #[schema(example = "5d1f0c2ab91e77d0-2a")]
    request_id: &'a str,
    /// More that some errors say.
    #[serde(flatten)]
    #[schema(ignore)]
    extra: &'a Map<String, Value>,
}

impl Problem {
    /// An error that says `detail`.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: Detail::Text(detail.into()),
            retry_after_s: None,
            extra: Map::new(),
            cause: None,
        }
    }

    /// 422 for one field.
    pub(crate) fn field(loc: Vec<Value>, msg: impl Into<String>, kind: &'static str) -> Self {
        Self::fields("VALIDATION_ERROR", vec![FieldError { loc, msg: msg.into(), kind }])
    }

    /// 422 for several fields.
    pub(crate) fn fields(code: &'static str, fields: Vec<FieldError>) -> Self {
        Self { detail: Detail::Fields(fields), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, "") }
    }

    /// 500; `cause` goes to the log and nowhere else.
    pub(crate) fn internal(cause: impl ToString) -> Self {
        let detail = "something failed here; the log has the reason under this request_id";
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", detail)
        }
    }

    /// 503 for too much work.
    pub(crate) fn overloaded(retry_after_s: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_OVERLOADED", "too much to do at once; try again")
            .retry_after(retry_after_s)
    }

    /// Adds `Retry-After`.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }

    /// Adds a member to the answer.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.extra.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// Adds the reason for the log.
    pub(crate) fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Begins the text with where it went wrong, as today's clients of a route show it.
    pub(crate) fn within(mut self, place: &str) -> Self {
        if let Detail::Text(text) = &mut self.detail {
            *text = format!("{place}: {text}");
        }
        self
    }

    /// The reason for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// What went wrong, for programs.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The answer itself. `response` is the marker answer whose other headers (`Allow`, `Retry-After`) are kept.
    pub(crate) fn render(&self, mut response: Response, request_id: &str, problem_json: bool) -> Response {
        let detail = match &self.detail {
            Detail::Text(text) => Value::from(text.as_str()),
            Detail::Fields(fields) => serde_json::to_value(fields).unwrap_or(Value::Null),
        };
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = ProblemBody {
            detail,
            code: self.code,
            title,
            status: self.status.as_u16(),
            request_id,
            extra: &self.extra,
        };
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let kind = if problem_json { "application/problem+json" } else { "application/json" };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(header::CONTENT_LENGTH, text.len().into());
        *response.body_mut() = text.into();
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            // The rest of the body may still be under way: this connection cannot carry another request.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The error answers that any route may give, for its description.
pub(crate) struct AnyError;

/// Those of a route that reads a body.
pub(crate) struct BodyError;

/// Those of a route that names one thing.
pub(crate) struct NotFoundError;

/// Answers by status, for a description.
pub(crate) type Answers =
    std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>>;

/// What any route answers a client that asks too much.
pub(crate) fn rate_answers() -> Answers {
    described(&[("429", "More than the client's rate; try again after `Retry-After` seconds.")])
}

/// What any POST answers to its `Idempotency-Key`.
pub(crate) fn keyed_answers() -> Answers {
    described(&[
        ("409", "A request with this `Idempotency-Key` is being worked on."),
        ("422", "The `Idempotency-Key` is malformed, or was used for another request."),
    ])
}

/// Those of a route that makes or changes what must be there once.
pub(crate) struct ConflictError;

/// Those of a route whose request may break a rule.
pub(crate) struct RuleError;

/// Those of a sign-in.
pub(crate) struct SignInError;

/// Those of the guard at the door of a route.
pub(crate) fn guard_answers() -> Answers {
    described(&[
        ("401", "No token, or none that is good (any more)."),
        ("403", "Known, and not allowed: `x-roles` and `x-scopes` say who is."),
    ])
}

fn described(statuses: &[(&str, &str)]) -> Answers {
    use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = |text: &str| {
        ResponseBuilder::new()
            .description(text)
            .content("application/json", content())
            .content("application/problem+json", content())
            .build()
            .into()
    };
    statuses.iter().map(|(status, text)| ((*status).to_owned(), response(text))).collect()
}

impl utoipa::IntoResponses for AnyError {
    fn responses() -> Answers {
        described(&[
            ("422", "A field is malformed; `detail` lists `{loc, msg, type}`."),
            ("500", "Something failed here; the log has the reason under `request_id`."),
            ("503", "Overloaded, or a part is away; try again after `Retry-After` seconds."),
            ("504", "Not done in time; it may or may not have taken effect."),
        ])
    }
}

impl utoipa::IntoResponses for BodyError {
    fn responses() -> Answers {
        described(&[
            ("400", "The body broke off, or a rule stands against what it says; `code` says which."),
            ("408", "The body did not arrive in time."),
            ("413", "The body is larger than allowed."),
            ("415", "The content type is not one that this route reads."),
        ])
    }
}

impl utoipa::IntoResponses for NotFoundError {
    fn responses() -> Answers {
        described(&[("404", "It is not registered.")])
    }
}

impl utoipa::IntoResponses for ConflictError {
    fn responses() -> Answers {
        described(&[("409", "It is there already, or something stands in its way.")])
    }
}

impl utoipa::IntoResponses for SignInError {
    fn responses() -> Answers {
        described(&[
            ("401", "The name, the password or the token is wrong."),
            ("423", "Too many wrong passwords; `Retry-After` says when to try again."),
        ])
    }
}

impl utoipa::IntoResponses for RuleError {
    fn responses() -> Answers {
        described(&[("400", "A rule stands against it; `code` says which.")])
    }
}
