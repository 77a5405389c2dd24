//! Every route of the facade, on one screen.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::normalize_path::NormalizePath;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::Problem;
use super::{App, boundary, docs, events, health, metrics, openapi, page, sensing, system};

/// Routes that do the plant's work; under overload they are answered 503.
fn work() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sensing::sensors::list, sensing::sensors::register))
        .routes(routes!(sensing::sensors::show, sensing::sensors::change, sensing::sensors::remove))
        .routes(routes!(sensing::push::push, sensing::readings::readings))
        .routes(routes!(sensing::analyze::values))
        .routes(routes!(sensing::analyze::all))
        .routes(routes!(sensing::analyze::one))
        .routes(routes!(sensing::results::all))
        .routes(routes!(sensing::results::one))
        .routes(routes!(sensing::schedule::show, sensing::schedule::set))
        .routes(routes!(sensing::proxy::read))
}

/// Routes by which people and machines look at the plant; they answer under overload too.
fn watch() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::summary))
        .routes(routes!(health::full))
        .routes(routes!(health::liveness))
        .routes(routes!(health::readiness))
        .routes(routes!(health::circuit_breakers))
        .routes(routes!(system::tree))
        .routes(routes!(system::inference))
        .routes(routes!(events::follow))
        .routes(routes!(metrics::exposition))
}

/// The routes and their description, which cannot differ: both come from the same list.
pub(super) fn described() -> (OpenApiRouter<App>, OpenApiRouter<App>) {
    (work(), watch())
}

/// The whole service, with a trailing slash taken off every path.
pub(crate) fn router(app: &App) -> NormalizePath<Router> {
    let (work, watch) = described();
    let work: Router<App> = work.into();
    let watch: Router<App> = watch.into();
    let compression = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream")));
    let router = work
        .layer(from_fn_with_state(app.clone(), boundary::shed_load))
        .merge(watch)
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(page::routes())
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(compression)
        .layer(from_fn_with_state(app.clone(), boundary::boundary))
        .with_state(app.clone());
    NormalizePath::trim_trailing_slash(router)
}

async fn unknown_route(request: Request) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "ROUTE_NOT_FOUND",
        format!("there is nothing at {}; /docs lists every route", short(request.uri().path())),
    )
}

async fn wrong_method(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        format!("{} is not possible at {}", short(request.method().as_str()), short(request.uri().path())),
    )
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
