//! Every route of the facade, on one screen.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use nightshift_domain::identity::Permission;
use tower::util::MapRequest;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::normalize_path::NormalizePath;
use utoipa_axum::routes;

use super::briefing;
use super::doors::Doors;
use super::problem::Problem;
use super::{
    App, alerts, alias, boundary, cors, diagnosis, docs, events, firmware, fleet, health, house, identity,
    labels, load, metrics, openapi, page, production, rate, sensing, system,
};

/// Routes that do the plant's work; under overload they are answered 503.
fn work() -> Doors {
    Doors::default()
        .needs(Permission::SensingRead, routes!(sensing::sensors::list))
        .needs(Permission::SensingManage, routes!(sensing::sensors::register))
        .needs(Permission::SensingRead, routes!(sensing::sensors::show))
        .needs(Permission::SensingManage, routes!(sensing::sensors::change, sensing::sensors::remove))
        .needs(Permission::SensingPush, routes!(sensing::push::push))
        .needs(Permission::SensingRead, routes!(sensing::readings::readings))
        .needs(Permission::SensingRead, routes!(sensing::scores::scores))
        .needs(Permission::SensingRead, routes!(sensing::scores::sparklines))
        .needs(Permission::SensingAnalyze, routes!(sensing::analyze::values))
        .needs(Permission::SensingAnalyze, routes!(sensing::analyze::all))
        .needs(Permission::SensingAnalyze, routes!(sensing::analyze::one))
        .needs(Permission::SensingRead, routes!(sensing::results::all))
        .needs(Permission::SensingRead, routes!(sensing::results::one))
        .needs(Permission::SensingRead, routes!(sensing::schedule::show))
        .needs(Permission::SensingManage, routes!(sensing::schedule::set))
        .needs(Permission::SensingRead, routes!(sensing::proxy::read))
        .needs(Permission::SystemRead, routes!(sensing::models::list))
        .needs(Permission::SensingRead, routes!(sensing::models::compare))
        .needs(Permission::SystemManage, routes!(sensing::models::promote))
        .needs(Permission::SystemManage, routes!(sensing::models::roll_back))
        .and(production::doors())
        .and(alerts::doors())
        .and(fleet::doors())
        .and(labels::doors())
        .and(firmware::doors())
        .and(diagnosis::doors())
        .and(briefing::doors())
}

/// Routes by which people get in and look at the plant; they answer under overload too.
fn watch() -> Doors {
    identity::doors()
        .open(routes!(health::summary))
        .needs(Permission::SystemRead, routes!(health::full))
        .open(routes!(health::liveness))
        .open(routes!(health::readiness))
        .needs(Permission::SystemRead, routes!(health::circuit_breakers))
        .needs(Permission::SystemRead, routes!(system::tree))
        .needs(Permission::SystemRead, routes!(system::inference))
        .needs(Permission::SystemRead, routes!(house::overview))
        .needs(Permission::SystemManage, routes!(house::restart))
        .needs(Permission::SystemManage, routes!(house::release))
        .stream(Permission::EventsRead, routes!(events::follow))
        .and(fleet::sockets())
        .needs(Permission::MetricsRead, routes!(metrics::exposition))
        .and(diagnosis::streams())
}

/// Every route that is described, with its door.
pub(super) fn described() -> Doors {
    work().and(watch())
}

/// The whole service, with a trailing slash taken off every path.
pub(crate) fn router(app: &App) -> NormalizePath<Router> {
    let routes = work()
        .into_router(app)
        .layer(from_fn_with_state(app.clone(), load::shed_load))
        .merge(watch().into_router(app))
        .merge(openapi::routes())
        .merge(docs::routes())
        .merge(page::routes())
        .merge(diagnosis::mock::routes());
    within_boundary(routes, app)
}

/// `routes` with everything around them that all requests pass.
fn within_boundary(routes: Router<App>, app: &App) -> NormalizePath<Router> {
    let compression = CompressionLayer::new().compress_when(
        DefaultPredicate::new()
            .and(NotForContentType::const_new("text/event-stream"))
            // Images have digests of their own, and parts of them are asked for.
            .and(NotForContentType::const_new("application/octet-stream")),
    );
    let router = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(compression)
        .layer(from_fn_with_state(app.clone(), rate::strangers));
    let router = match cors::layer(&app.config.http) {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let router = router.layer(from_fn_with_state(app.clone(), boundary::boundary)).with_state(app.clone());
    // Around the routing, because it decides where that leads.
    let router = Router::new().fallback_service(MapRequest::new(router, alias::canonical));
    NormalizePath::trim_trailing_slash(router)
}

async fn unknown_route(request: Request) -> Problem {
    nothing_at(request.uri().path())
}

/// 404 for a path that leads nowhere.
pub(super) fn nothing_at(path: &str) -> Problem {
    let text = format!("there is nothing at {}; /docs lists every route", short(path));
    Problem::new(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", text)
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
            .layer(from_fn_with_state(app.clone(), load::shed_load))
            .route("/well", get(|| async { "well" }));
        let service = within_boundary(routes, &app);
        let ask = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).expect("request");
            let answer = service.clone().oneshot(request).await.expect("answered");
            let (status, id) = (answer.status(), answer.headers().get("x-request-id").cloned());
            let body = answer.into_body().collect().await.expect("body").to_bytes();
            (status, id, String::from_utf8(body.to_vec()).expect("text"))
        };
        let slots = app.capacity.free();
        for _ in 0..3 {
            let (status, id, text) = ask("/broken").await;
            let body: serde_json::Value = serde_json::from_str(&text).expect("json");
            assert_eq!((status.as_u16(), body["code"].as_str()), (500, Some("INTERNAL_ERROR")));
            assert_eq!(body["request_id"].as_str(), id.as_ref().and_then(|id| id.to_str().ok()));
            assert!(!text.contains("secret"), "{text}");
        }
        assert_eq!(app.capacity.free(), slots, "a panic gives its slot back");
        assert_eq!(ask("/well").await.2, "well");
    }
}
