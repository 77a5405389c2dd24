//! What bodies and queries of the MES have in common: names that come as a text or a number, documents, changes of some fields.

use std::borrow::Cow;
use std::marker::PhantomData;

use axum::extract::{FromRequest, Request};
use nightshift_domain::production::NOTE_CHARS_MAX;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::App;
use crate::http::extract::{expect_json, invalid_body, parse_object, read_body};
use crate::http::problem::Problem;

/// Largest body of a completion, bytes: a document of measurements of 1 MiB, and what stands around it.
pub(super) const RUN_BYTES_MAX: usize = 1_280 * 1_024;
/// Largest body of a catalogue's row, bytes: two free documents of 256 KiB, and what stands around them.
pub(super) const ROW_BYTES_MAX: usize = 640 * 1_024;

/// A JSON body that carries measurements.
pub(crate) struct RunJson<T>(pub(crate) T);

/// A JSON body that carries free documents.
pub(crate) struct RowJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for RunJson<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read(request, app, RUN_BYTES_MAX).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for RowJson<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        read(request, app, ROW_BYTES_MAX).await.map(Self)
    }
}

async fn read<T: DeserializeOwned>(request: Request, app: &App, bytes_max: usize) -> Result<T, Problem> {
    expect_json(request.headers())?;
    let bytes_max = bytes_max.max(app.config.http.body_bytes_max);
    parse_object(&read_body(request, bytes_max, app.body_timeout()).await?)
}

/// A name that clients send as a text or as a number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a text or a whole number")]
pub(crate) enum Name {
    /// `7`.
    Number(i64),
    /// `"PROC-007"`.
    Text(String),
}

impl Name {
    /// As it was sent.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(n) => Cow::Owned(n.to_string()),
            Self::Text(text) => Cow::Borrowed(text.trim()),
        }
    }
}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        Schema::from(OneOfBuilder::new().item(of(Type::Integer)).item(of(Type::String))).into()
    }
}

impl ToSchema for Name {}

/// Some of the fields of `T`: an absent field stays, `null` clears an optional one.
pub(crate) struct AnyOf<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for AnyOf<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(fields)) = &mut schema {
            fields.required.clear();
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for AnyOf<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Change", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// Fields that a body gives; which ones is up to the client.
pub(crate) type Fields = Map<String, Value>;

/// A note of people: of a length that is kept.
pub(super) fn note(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > NOTE_CHARS_MAX => {
            Err(invalid_body(&[name], format!("must be at most {NOTE_CHARS_MAX} characters")))
        }
        text => Ok(text),
    }
}

/// A text of the body as a checked type; the error names the field.
pub(crate) fn field<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|e: T::Err| invalid_body(&[name], e.to_string()))
}

/// A value of the query, if it is there.
pub(crate) fn asked<T>(name: &str, text: Option<String>) -> Result<Option<T>, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let wrong =
        |error: T::Err| Problem::field(vec!["query".into(), name.into()], error.to_string(), "value_error");
    text.map(|text| text.parse::<T>().map_err(wrong)).transpose()
}

/// A word of the query that is one of `all`, if it is there.
pub(crate) fn asked_word<T: Copy>(
    name: &str,
    text: Option<String>,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let found = all.iter().copied().find(|one| as_str(*one) == text);
    found.map(Some).ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|one| as_str(*one)).collect();
        let detail = format!("must be one of {}", words.join(", "));
        Problem::field(vec!["query".into(), name.into()], detail, "value_error")
    })
}

/// A word of the query or path as one of a list.
pub(crate) fn word<T>(
    place: &str,
    name: &str,
    text: &str,
    of: impl Fn(&str) -> Option<T>,
    all: &str,
) -> Result<T, Problem> {
    of(&text.to_ascii_uppercase()).ok_or_else(|| {
        Problem::field(vec![place.into(), name.into()], format!("must be one of {all}"), "enum")
    })
}
