//! How much one client may ask: each has a bucket that holds a minute's worth and fills again evenly.
//!
//! Whoever shows no valid token is counted by address, a user by the role's rate, a machine by its token where a rate is
//! set. Signing in, and whatever else takes a password, has a narrow bucket per address of its own. An event stream counts
//! once, when it is opened.

use std::num::NonZeroU32;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nightshift_actors::{Allowance, Cache, Limit};
use nightshift_domain::identity::{Principal, Role};

use super::App;
use super::client::ClientAddress;
use super::page;
use super::problem::Problem;
use crate::config::RateLimitConfig;

/// What the sensing routes begin with.
const SENSING: [&str; 5] =
    ["/api/sensors", "/api/analyze", "/api/results", "/api/config/schedule", "/api/proxy"];

/// What the fleet's routes begin with.
const FLEET: [&str; 4] = ["/ws/front/", "/vehicles", "/maps", "/api/v1/fleet/"];

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

fn write(left: Allowance, headers: &mut HeaderMap) {
    headers.insert(LIMIT, left.per_minute.into());
    headers.insert(REMAINING, left.remaining.into());
    headers.insert(RESET, left.reset_s.into());
}

/// All limits.
pub(crate) struct Rates {
    addresses: Limit,
    signins: Limit,
    /// `None` when machines are exempt.
    tokens: Option<Limit>,
    roles: [(Role, Limit); 6],
}

impl Rates {
    /// The limits as configured; `None` when nothing is limited.
    pub(crate) fn new(config: &RateLimitConfig, cache: &Cache) -> Option<Self> {
        // The configuration was checked: only the rate of tokens may be nothing.
        let limit =
            |name, per_minute| cache.limit(name, NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        config.enabled.then(|| Self {
            addresses: limit("address", config.address_per_minute),
            signins: limit("signin", config.signin_per_minute),
            tokens: (config.token_per_minute > 0).then(|| limit("token", config.token_per_minute)),
            roles: [
                (Role::Admin, limit("admin", config.admin_per_minute)),
                (Role::Manager, limit("manager", config.manager_per_minute)),
                (Role::Operator, limit("operator", config.operator_per_minute)),
                (Role::Doctor, limit("doctor", config.doctor_per_minute)),
                (Role::Nurse, limit("nurse", config.nurse_per_minute)),
                (Role::Viewer, limit("viewer", config.viewer_per_minute)),
            ],
        })
    }

    /// What `principal` may still ask; `None` when nothing limits it.
    async fn known(&self, principal: &Principal) -> Option<Result<Allowance, Allowance>> {
        let (limit, id) = match principal {
            Principal::User { user_id, role, .. } => {
                let (_, limit) = self.roles.iter().find(|(of, _)| of == role)?;
                (limit, user_id.0)
            }
            Principal::Machine { token_id, .. } => (self.tokens.as_ref()?, token_id.0),
        };
        Some(limit.take(u128::from(id.cast_unsigned())).await)
    }

    /// Forgets the clients that have asked nothing lately.
    pub(crate) fn sweep(&self) {
        self.addresses.sweep();
        self.signins.sweep();
        self.tokens.iter().for_each(Limit::sweep);
        self.roles.iter().for_each(|(_, limit)| limit.sweep());
    }
}

/// Marks the answer to a request that was counted where its principal was known, or known to be nobody.
#[derive(Clone)]
struct Counted;

/// Counts those who show no token before anything is done for them, and those whose token turned out to be worth nothing
/// once that is known.
pub(super) async fn strangers(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(rates) = &app.rates else { return next.run(request).await };
    let client = request.extensions().get::<ClientAddress>().copied();
    let site = client.map_or(0, ClientAddress::site);
    if takes_password(&request) {
        return admitted(rates.signins.take(site).await, request, next).await;
    }
    if !shows_token(&request) {
        let watching = client.is_some_and(|c| c.asks_for_itself(request.headers())) && watches(&request);
        // A page has many files that lie ready and that a browser asks for once: a refusal would cost as much.
        let opened = route(&request) == page::FILE_ROUTE
            || app.config.sensing.open && senses(&request)
            || speaks_for_vehicles(&request)
            || app.config.fleet.open_fronts && watches_fleet(&request);
        if watching || opened {
            return next.run(request).await;
        }
        return admitted(rates.addresses.take(site).await, request, next).await;
    }
    let mut response = next.run(request).await;
    if response.extensions_mut().remove::<Counted>().is_some() {
        return response;
    }
    match rates.addresses.take(site).await {
        Ok(left) => {
            write(left, response.headers_mut());
            response
        }
        Err(none) => refused(none),
    }
}

/// Counts a request that its guard has let in, as a principal's or as nobody's, before its handler runs.
pub(super) async fn known(
    app: &App,
    principal: Option<&Principal>,
    request: Request,
    next: Next,
) -> Response {
    let Some(rates) = &app.rates else { return next.run(request).await };
    let taking = match principal {
        Some(principal) => rates.known(principal).await,
        None if shows_token(&request) && !takes_password(&request) => {
            let client = request.extensions().get::<ClientAddress>().copied();
            Some(rates.addresses.take(client.map_or(0, ClientAddress::site)).await)
        }
        // It was counted before it came here.
        None => return next.run(request).await,
    };
    let mut response = match taking {
        Some(taking) => admitted(taking, request, next).await,
        None => next.run(request).await,
    };
    response.extensions_mut().insert(Counted);
    response
}

async fn admitted(taking: Result<Allowance, Allowance>, request: Request, next: Next) -> Response {
    match taking {
        Ok(left) => {
            let mut response = next.run(request).await;
            write(left, response.headers_mut());
            response
        }
        Err(none) => refused(none),
    }
}

fn refused(none: Allowance) -> Response {
    metrics::counter!("nightshift_http_rate_limited_total").increment(1);
    let text = format!("more than {} requests a minute; try again in {} s", none.per_minute, none.reset_s);
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", text);
    let mut response = problem.retry_after(none.reset_s).into_response();
    write(none, response.headers_mut());
    response
}

fn route(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str)
}

/// Whether it carries a password: whoever guesses one has to ask often.
fn takes_password(request: &Request) -> bool {
    let route = route(request);
    let signs_in = route.contains("/auth/login") || route == "/login" || route.contains("/auth/register");
    request.method() == Method::POST && signs_in || route.ends_with("/password")
}

fn shows_token(request: &Request) -> bool {
    let in_query = || {
        let query = request.uri().query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "token" && !value.is_empty())
    };
    request.headers().contains_key(header::AUTHORIZATION) || in_query()
}

/// Whether it only looks how the plant is.
fn watches(request: &Request) -> bool {
    let route = route(request);
    route == "/metrics" || route == "/api/health" || route.starts_with("/api/v1/health")
}

/// Whether it is of the sensing routes, which a closed network may leave open to its sensors.
fn senses(request: &Request) -> bool {
    let route = route(request);
    SENSING.iter().any(|prefix| route.starts_with(prefix))
}

/// Whether it opens a vehicle's socket: some open one for every frame, and their number is limited.
fn speaks_for_vehicles(request: &Request) -> bool {
    matches!(route(request), "/ws/vehicles" | "/ws/events")
}

/// Whether it is of the fleet's routes, which a closed network may leave open to its dashboards.
fn watches_fleet(request: &Request) -> bool {
    let route = route(request);
    FLEET.iter().any(|prefix| route.starts_with(prefix))
}
