//! `/test/mock-vr`: a page that acts as a headset. It speaks the same protocol as any headset, with the same rights.

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::http::problem::Problem;
use crate::http::{App, router};

/// Scripts, styles and sockets of this server alone.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                   form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/test/mock-vr", get(page))
        .route("/test/mock-vr/app.js", get(script))
        .route("/test/mock-vr/app.css", get(style))
}

async fn page(State(app): State<App>) -> Result<Response, Problem> {
    file(&app, "text/html; charset=utf-8", include_str!("mock_vr/index.html"))
}

async fn script(State(app): State<App>) -> Result<Response, Problem> {
    file(&app, "text/javascript; charset=utf-8", include_str!("mock_vr/app.js"))
}

async fn style(State(app): State<App>) -> Result<Response, Problem> {
    file(&app, "text/css; charset=utf-8", include_str!("mock_vr/app.css"))
}

fn file(app: &App, kind: &'static str, text: &'static str) -> Result<Response, Problem> {
    if !app.config.diagnosis.mock_vr {
        return Err(router::nothing_at("/test/mock-vr"));
    }
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}
