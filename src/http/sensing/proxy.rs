//! `GET /api/proxy/{upstream}/{path}`: reads the vendor's service for a dashboard; never an open proxy.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nightshift_actors::SensingError;

use crate::http::App;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Query parameters passed on at most.
const QUERY_PAIRS_MAX: usize = 16;
/// Longest query string passed on, bytes.
const QUERY_BYTES_MAX: usize = 1_024;

/// Reads an allowed path of the vendor with the plant's own credentials. Answers are kept for a short time; `Age` says
/// how old one is.
#[utoipa::path(
    get, path = "/api/proxy/{upstream}/{*path}",
    operation_id = "proxy_read", tag = "sensing",
    params(("upstream" = String, Path, example = "oden"), ("path" = String, Path, example = "devices/wando01/sensors/oxygen")),
    responses(
        (status = 200, description = "The vendor's answer.", body = serde_json::Value),
        (status = 403, description = "The path is not on the allow-list.", body = crate::http::problem::ProblemBody<'static>),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn read(
    State(app): State<App>,
    Path((upstream, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    if upstream != "oden" || app.config.sensing.vendor.oden.base_url.is_none() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "UPSTREAM_NOT_FOUND",
            "this upstream is not configured: the one there can be is `oden` (sensing.vendor.oden)",
        ));
    }
    let query = query.unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        let text = format!("at most {QUERY_BYTES_MAX} bytes");
        return Err(Problem::field(vec!["query".into()], text, "value_error"));
    }
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .take(QUERY_PAIRS_MAX)
        .map(|(k, v)| (k.into(), v.into()))
        .collect();
    let answer = app.plant.sensing().proxy(&upstream, &path, pairs).await.map_err(|error| match error {
        SensingError::Invalid(text) => Problem::new(StatusCode::FORBIDDEN, "PATH_NOT_ALLOWED", text),
        other => other.into(),
    })?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    // Never a type that a browser would run: the vendor's answers are data.
    let kind = if answer.content_type.starts_with("application/json") {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(age_s) = answer.age_s {
        headers.insert(header::AGE, age_s.into());
    }
    Ok(response)
}
