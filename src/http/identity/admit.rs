//! The guard at every door: finds out who asks, and whether this may pass.

use axum::extract::MatchedPath;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use nightshift_domain::identity::{Access, Permission};

use super::{forbidden, not_authenticated};
use crate::http::App;
use crate::http::caller::{Caller, origin};
use crate::http::client::ClientAddress;
use crate::http::doors::Gate;
use crate::http::problem::Problem;

/// Who asks, if this may pass the gate.
pub(crate) async fn admit(app: &App, gate: Gate, parts: &Parts) -> Result<Caller, Problem> {
    let origin = origin(parts);
    if gate.access == Access::Open {
        return Ok(Caller::new(None, origin));
    }
    let in_query = gate.token_in_query.then(|| token_in_query(parts.uri.query().unwrap_or_default()));
    let Some(token) = bearer(&parts.headers)?.or(in_query.flatten()) else {
        return if opened(app, gate.access, parts) {
            Ok(Caller::new(None, origin))
        } else {
            Err(not_authenticated())
        };
    };
    let identity = app.plant.identity();
    let principal = identity.authenticate(&token).await?;
    if !principal.may(gate.access) {
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        identity.refused(&principal, &format!("{} {path}", parts.method), &origin).await;
        return Err(forbidden());
    }
    Ok(Caller::new(Some(principal), origin))
}

/// The token of the `Authorization` header. Two of them, or another scheme, are none that could be trusted.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    });
    match (token, given.next()) {
        (Some(token), None) if !token.is_empty() => Ok(Some(token)),
        _ => Err(not_authenticated()),
    }
}

pub(crate) fn token_in_query(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "token").map(|(_, value)| value.into_owned()).filter(|t| !t.is_empty())
}

/// Whether the configuration lets somebody without a token pass.
fn opened(app: &App, access: Access, parts: &Parts) -> bool {
    let Access::Needs(permission) = access else { return false };
    match permission {
        Permission::SensingRead
        | Permission::SensingPush
        | Permission::SensingAnalyze
        | Permission::SensingManage => app.config.sensing.open,
        Permission::FleetRead | Permission::FleetManage => app.config.fleet.open_fronts,
        Permission::BriefingRead => app.config.briefing.open_login,
        Permission::MetricsRead => {
            app.config.identity.open_metrics.unwrap_or_else(|| from_this_machine(parts))
        }
        _ => false,
    }
}

/// Whether a program on this machine asks for itself.
fn from_this_machine(parts: &Parts) -> bool {
    parts.extensions.get::<ClientAddress>().is_some_and(|client| client.asks_for_itself(&parts.headers))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn given(values: &[&'static str]) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map_err(|_| 401)
    }

    #[test]
    fn one_bearer_token_is_read_and_nothing_else() {
        assert_eq!(given(&[]), Ok(None));
        assert_eq!(given(&["Bearer abc"]), Ok(Some("abc".to_owned())));
        assert_eq!(given(&["bearer  abc "]), Ok(Some("abc".to_owned())));
        for refused in [&["Basic YTpi"][..], &["Bearer"], &["Bearer "], &["Bearer a", "Bearer b"], &["abc"]] {
            assert_eq!(given(refused), Err(401), "{refused:?}");
        }
    }

    #[test]
    fn a_token_of_the_query_is_decoded() {
        assert_eq!(token_in_query("live=true&token=a%2Eb"), Some("a.b".to_owned()));
        assert_eq!(token_in_query("token="), None);
        assert_eq!(token_in_query("tokens=a"), None);
    }
}
