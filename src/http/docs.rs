//! `/docs` and `/redoc`: the description for people. All scripts are in this binary: plants have no internet.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use super::App;
use super::problem::Problem;

/// Styles are set by these pages' scripts; scripts come from here alone.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'none'";
/// Redoc 2.5.4's standalone bundle; `assets/README.md` says where it is from.
const REDOC_GZIP: &[u8] = include_bytes!("assets/redoc.standalone.js.gz");
const SWAGGER_PAGE: &str = include_str!("assets/swagger.html");
const REDOC_PAGE: &str = include_str!("assets/redoc.html");

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/docs", get(|| async { page(SWAGGER_PAGE) }))
        .route("/docs/{file}", get(swagger_file))
        .route("/redoc", get(|| async { page(REDOC_PAGE) }))
        .route("/redoc/redoc.standalone.js", get(redoc_script))
}

fn page(html: &'static str) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, CSP), (header::CACHE_CONTROL, "no-cache")], Html(html))
        .into_response()
}

async fn swagger_file(Path(file): Path<String>) -> Result<Response, Problem> {
    let config = Arc::new(Config::from("/openapi.json"));
    let missing = || Problem::new(StatusCode::NOT_FOUND, "FILE_NOT_FOUND", "no such file");
    let found = utoipa_swagger_ui::serve(&file, config).map_err(Problem::internal)?.ok_or_else(missing)?;
    let kind = HeaderValue::from_str(&found.content_type).map_err(Problem::internal)?;
    let mut headers = HeaderMap::from_iter([
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    ]);
    if found.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok((headers, found.bytes.into_owned()).into_response())
}

async fn redoc_script() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/javascript"),
        (header::CONTENT_ENCODING, "gzip"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, REDOC_GZIP)
}
