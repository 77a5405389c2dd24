//! What the program says of itself: whatever a test asks, the answer's status must be one that the route is described with.

use std::sync::OnceLock;

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A route as it is described.
struct Route {
    method: String,
    parts: Vec<String>,
    statuses: Vec<String>,
}

impl Route {
    fn matches(&self, method: &Method, parts: &[&str]) -> bool {
        let fits = |(own, asked): (&String, &&str)| own == asked || (is_open(own) && !asked.is_empty());
        self.method == method.as_str()
            && self.parts.len() == parts.len()
            && self.parts.iter().zip(parts).all(fits)
    }

    /// How many of its parts are words: of two routes that match, the server takes the one with more.
    fn words(&self) -> usize {
        self.parts.iter().filter(|part| !is_open(part)).count()
    }
}

/// Whether a part of a path stands for any text.
fn is_open(part: &str) -> bool {
    part.contains('{')
}

fn routes() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let place = tempfile::TempDir::new().expect("directory");
        let told = super::run(place.path(), &["openapi"]);
        let described: Value = serde_json::from_slice(&told.stdout).expect("a description");
        let paths = described["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let operations = item.as_object().expect("operations").iter();
            operations.filter_map(move |(method, operation)| {
                Some(Route {
                    method: method.to_uppercase(),
                    parts: path.split('/').map(str::to_owned).collect(),
                    statuses: operation["responses"].as_object()?.keys().cloned().collect(),
                })
            })
        });
        operations.collect()
    })
}

/// Has the program describe itself, once.
pub(crate) fn read() {
    routes();
}

/// Fails when a described route gives an answer that its description does not have.
pub(crate) fn check(method: &Method, path: &str, status: StatusCode) {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let parts: Vec<&str> = path.split('/').collect();
    let Some(route) =
        routes().iter().filter(|route| route.matches(method, &parts)).max_by_key(|route| route.words())
    else {
        return;
    };
    let shown = route.parts.join("/");
    assert!(
        route.statuses.iter().any(|described| described == status.as_str()),
        "{method} {path}: {status} is not described for {shown}, only {:?}",
        route.statuses
    );
}
