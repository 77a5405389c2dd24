//! `/`: a small page that shows the sensors as they are. No inline script, nothing from elsewhere.

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::App;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { file("text/html; charset=utf-8", include_str!("../console/index.html")) }))
        .route(
            "/console/app.js",
            get(|| async { file("text/javascript", include_str!("../console/app.js")) }),
        )
        .route("/console/app.css", get(|| async { file("text/css", include_str!("../console/app.css")) }))
        .route("/favicon.ico", get(|| async { file("image/svg+xml", include_str!("../console/icon.svg")) }))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
