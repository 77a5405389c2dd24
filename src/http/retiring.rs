//! Routes that will be taken away, and how their clients hear of it: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link
//! to what takes their place, in every answer and in the description.
//!
//! What the API promises: nothing of a version is taken away within a year, and whoever uses it is told half a year before.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use nightshift_domain::production::PlantDate;
use utoipa::openapi::Deprecated;
use utoipa::openapi::path::Operation;

use super::App;

/// Days between the word that a route will go and its going, at least: half a year.
const NOTICE_DAYS_MIN: i64 = 182;
const DAY_S: i64 = 86_400;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// A route that will be taken away.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "mostly there is none")]
pub(super) struct Retiring {
    /// Its method.
    pub(super) method: &'static str,
    /// Its path as the description has it: `/api/v1/lots/{lot_id}/close`.
    pub(super) path: &'static str,
    /// Since when nobody should begin to use it.
    pub(super) since: PlantDate,
    /// From when on it may be gone.
    pub(super) until: PlantDate,
    /// The path that takes its place.
    pub(super) successor: Option<&'static str>,
}

/// All of them. A line here is all that it takes.
pub(super) const TABLE: &[Retiring] = &[];

impl Retiring {
    /// Whether its clients are told early enough.
    fn gives_notice(&self) -> bool {
        day(self.until) - day(self.since) >= NOTICE_DAYS_MIN
    }

    /// The headers that its answers have.
    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let since = format!("@{}", day(self.since) * DAY_S);
        let until = self.until.strftime("%a, %d %b %Y 00:00:00 GMT").to_string();
        let link = self.successor.map(|path| (header::LINK, format!("<{path}>; rel=\"successor-version\"")));
        [Some((DEPRECATION, since)), Some((SUNSET, until)), link]
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
    }

    /// Writes it into the description.
    pub(super) fn describe(&self, operation: &mut Operation) {
        operation.deprecated = Some(Deprecated::True);
        let instead = self.successor.map_or_else(String::new, |path| format!(" Use `{path}`."));
        let text = operation.description.get_or_insert_default();
        text.push_str(&format!(
            "\n\nDeprecated since {}; may be gone from {} on.{instead}",
            self.since, self.until
        ));
    }
}

/// Days since 1970.
fn day(date: PlantDate) -> i64 {
    date.duration_since(PlantDate::constant(1970, 1, 1)).as_secs() / DAY_S
}

/// The line of `table` for a route.
pub(super) fn find(table: &'static [Retiring], method: &str, path: &str) -> Option<&'static Retiring> {
    debug_assert!(table.iter().all(Retiring::gives_notice), "a route goes without notice");
    table.iter().find(|retiring| retiring.method == method && retiring.path == path)
}

/// `router` with the headers on the answers of the routes in `table`.
pub(super) fn announce(router: Router<App>, table: &'static [Retiring]) -> Router<App> {
    if table.is_empty() {
        return router;
    }
    router.route_layer(from_fn(move |request: Request, next: Next| told(table, request, next)))
}

async fn told(table: &'static [Retiring], request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // HEAD is answered by GET's route.
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    let mut response = next.run(request).await;
    if let Some(retiring) = path.and_then(|path| find(table, method.as_str(), &path)) {
        for (name, value) in retiring.headers() {
            response.headers_mut().append(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    static OLD: &[Retiring] = &[Retiring {
        method: "GET",
        path: "/old/{id}",
        since: PlantDate::constant(2026, 11, 26),
        until: PlantDate::constant(2027, 12, 1),
        successor: Some("/new/{id}"),
    }];
    static SUDDEN: &[Retiring] = &[Retiring {
        method: "DELETE",
        path: "/old/{id}",
        since: PlantDate::constant(2026, 1, 1),
        until: PlantDate::constant(2026, 3, 1),
        successor: None,
    }];

    #[test]
    fn whoever_uses_a_route_hears_of_its_end_half_a_year_before() {
        assert!(TABLE.iter().all(Retiring::gives_notice), "every line of the table gives notice");
        assert!(OLD[0].gives_notice() && !SUDDEN[0].gives_notice());
    }

    #[test]
    fn the_headers_are_as_the_rfcs_write_them() {
        let headers: Vec<(String, String)> = OLD[0]
            .headers()
            .map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()))
            .collect();
        let expected = [
            ("deprecation", "@1795651200"),
            ("sunset", "Wed, 01 Dec 2027 00:00:00 GMT"),
            ("link", "</new/{id}>; rel=\"successor-version\""),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(SUDDEN[0].headers().count(), 2);
    }

    #[test]
    fn the_description_says_it_too() {
        let mut operation = Operation::new();
        OLD[0].describe(&mut operation);
        assert!(matches!(operation.deprecated, Some(Deprecated::True)));
        let text = operation.description.expect("a text");
        assert!(text.contains("2026-11-26") && text.contains("2027-12-01") && text.contains("/new/{id}"));
    }

    #[tokio::test]
    async fn answers_of_a_retiring_route_say_so_and_others_do_not() {
        use axum::body::Body;
        use axum::routing::get;
        use tower::ServiceExt;

        let routes: Router<()> = Router::new()
            .route("/old/{id}", get(|| async { "old" }).post(|| async { "made" }))
            .route("/new/{id}", get(|| async { "new" }))
            .route_layer(from_fn(|request: Request, next: Next| told(OLD, request, next)));
        let ask = async |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).expect("a request");
            let answer = routes.clone().oneshot(request).await.expect("an answer");
            answer.headers().contains_key("deprecation") && answer.headers().contains_key("sunset")
        };
        assert!(ask(Method::GET, "/old/7").await && ask(Method::HEAD, "/old/7").await);
        assert!(!ask(Method::POST, "/old/7").await && !ask(Method::GET, "/new/7").await);
    }
}
