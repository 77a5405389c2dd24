//! Other paths under which today's clients ask for the same: they are turned into the one that the routes know.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// Where the routes of sign-in are.
const AUTH: &str = "/api/v1/auth/";
/// Where older clients look for them.
const AUTH_ALIASES: [&str; 2] = ["/auth/", "/api/auth/"];

/// Where clinicians' pages and headsets look for what is also at these paths.
const CLINIC_PREFIX: &str = "/api";
/// Those paths; a `/` at the end stands for all below.
const CLINIC: [&str; 6] =
    ["/patients", "/patients/", "/diagnosis/", "/ws/diagnosis/", "/test/mock-vr", "/test/mock-vr/"];

/// Before the paths of briefings' sockets in some documents.
const SOCKETS: &str = "/websocket";
/// Those paths.
const SOCKET_PATHS: [&str; 2] = ["/ws", "/reloadBriefing"];

/// The request with the path that the routes know.
pub(super) fn canonical(mut request: Request) -> Request {
    if let Some(path) = path(request.uri().path()) {
        let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The path that the routes know; nothing when it is this one.
fn path(given: &str) -> Option<Cow<'static, str>> {
    if let Some(rest) = given.strip_prefix(CLINIC_PREFIX)
        && CLINIC.iter().any(|known| rest == *known || (known.ends_with('/') && rest.starts_with(known)))
    {
        return Some(Cow::Owned(rest.to_owned()));
    }
    if let Some(rest) = given.strip_prefix(SOCKETS) {
        return SOCKET_PATHS
            .iter()
            .find(|path| rest.trim_end_matches('/') == **path)
            .map(|path| Cow::Borrowed(*path));
    }
    let alias = AUTH_ALIASES.iter().find_map(|alias| given.strip_prefix(alias));
    let rest = alias.or_else(|| given.strip_prefix(AUTH))?;
    match (rest, alias.is_some()) {
        ("login/json", _) => Some(Cow::Borrowed("/api/v1/auth/login")),
        (rest, true) => Some(Cow::Owned(format!("{AUTH}{rest}"))),
        (_, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_paths_lead_to_the_same_routes() {
        for (given, known) in [
            ("/auth/login", Some("/api/v1/auth/login")),
            ("/api/auth/refresh", Some("/api/v1/auth/refresh")),
            ("/api/v1/auth/login/json", Some("/api/v1/auth/login")),
            ("/auth/login/json", Some("/api/v1/auth/login")),
            ("/api/v1/auth/login", None),
            ("/login", None),
            ("/websocket/ws", Some("/ws")),
            ("/websocket/reloadBriefing/", Some("/reloadBriefing")),
            ("/websocket/other", None),
            ("/websocketws", None),
            ("/api/sensors", None),
            ("/authors/x", None),
            ("/api/patients", Some("/patients")),
            ("/api/patients/1/export", Some("/patients/1/export")),
            ("/api/patientsx", None),
            ("/api/diagnosis/5/status", Some("/diagnosis/5/status")),
            ("/api/ws/diagnosis/007-000", Some("/ws/diagnosis/007-000")),
            ("/api/test/mock-vr", Some("/test/mock-vr")),
            ("/api/test/mock-vr/app.js", Some("/test/mock-vr/app.js")),
            ("/diagnosis/5/status", None),
        ] {
            assert_eq!(path(given).as_deref(), known, "{given}");
        }
    }

    #[test]
    fn the_query_stays() {
        let request =
            Request::builder().uri("/auth/me?a=1&b=%2F").body(axum::body::Body::empty()).expect("request");
        assert_eq!(canonical(request).uri().to_string(), "/api/v1/auth/me?a=1&b=%2F");
    }
}
