//! `/openapi.json`: the description of every route, made from the routes themselves.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use super::problem::{FieldError, ProblemBody};
use super::{App, router};

/// What stands at the head of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nightshift",
        description = "Keeps a plant running while nobody watches.\n\nErrors are RFC 9457 problems: `detail`, `code`, `title`, \
                       `status`, `request_id`. Every path answers with and without a trailing slash. Lists take `skip` and \
                       `limit` and answer arrays with `X-Total-Count` and `Link`. 503 and 504 may be tried again; 503 says when.",
    ),
    components(schemas(ProblemBody<'static>, FieldError)),
    tags(
        (name = "sensing", description = "Sensors send readings; windows of readings become verdicts."),
        (name = "system", description = "Whether the plant works, and what happens in it."),
    )
)]
struct Head;

/// The OpenAPI 3.1 document of this build.
#[must_use]
pub fn document() -> Document {
    let (work, watch) = router::described();
    let mut document = Head::openapi();
    document.merge(work.into_openapi());
    document.merge(watch.into_openapi());
    // A path parameter that takes the rest of the path is written `{*name}` for the router alone.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

async fn served() -> impl IntoResponse {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text.clone())
}

pub(super) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", get(served))
}
