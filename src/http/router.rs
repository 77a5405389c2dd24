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
    let routes = work
        .layer(from_fn_with_state(app.clone(), boundary::shed_load))
        .merge(watch)
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(page::routes());
    within_boundary(routes, app)
}

/// `routes` with everything around them that all requests pass.
fn within_boundary(routes: Router<App>, app: &App) -> NormalizePath<Router> {
    let compression = CompressionLayer::new()
        .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream")));
    let router = routes
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use nightshift_actors::{Plant, PlantConfig};
    use nightshift_kernel::Clock;
    use nightshift_models::{DeviceChoice, select};
    use nightshift_store::testing::sqlite;
    use tokio_util::sync::CancellationToken;
    use tower::ServiceExt;

    use super::*;
    use crate::config::Config;

    async fn broken() {
        panic!("on purpose, with a secret");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_handler_that_panics_is_a_problem_of_its_request_alone() {
        let (home, clock) = (sqlite().await, Clock::system());
        let devices = select(DeviceChoice::Cpu).expect("there is always a CPU");
        let plant = Plant::start(PlantConfig::default(), home.db.clone(), clock.clone(), devices);
        let plant = plant.await.expect("the plant starts");
        let app = App::new(Config::default(), plant, home.db.clone(), clock, CancellationToken::new());
        let routes = Router::new()
            .route("/broken", get(broken))
            .layer(from_fn_with_state(app.clone(), boundary::shed_load))
            .route("/well", get(|| async { "well" }));
        let service = within_boundary(routes, &app);
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).expect("request");
            let answer = service.clone().oneshot(request).await.expect("answered");
            let (status, id) = (answer.status(), answer.headers().get("x-request-id").cloned());
            let body = answer.into_body().collect().await.expect("body").to_bytes();
            (status, id, String::from_utf8(body.to_vec()).expect("text"))
        };
        let slots = app.in_flight.available_permits();
        for _ in 0..3 {
            let (status, id, text) = ask("/broken").await;
            let body: serde_json::Value = serde_json::from_str(&text).expect("json");
            assert_eq!((status.as_u16(), body["code"].as_str()), (500, Some("INTERNAL_ERROR")));
            assert_eq!(body["request_id"].as_str(), id.as_ref().and_then(|id| id.to_str().ok()));
            assert!(!text.contains("secret"), "{text}");
        }
        assert_eq!(app.in_flight.available_permits(), slots, "a panic gives its slot back");
        assert_eq!(ask("/well").await.2, "well");
    }
}
