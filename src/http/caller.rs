//! Who asks, and from where: what the guard of a route found out.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use nightshift_actors::{By, Origin};
use nightshift_domain::audit::Actor;
use nightshift_domain::identity::{Access, Permission, Principal, SessionId, UserId};

use super::App;
use super::client::ClientAddress;
use super::identity::forbidden;
use super::problem::Problem;

/// Longest user agent that is kept, characters.
const AGENT_CHARS_MAX: usize = 200;

/// The id under which the log knows a request, as an extension of it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Who asks. Handlers take it as an argument; behind an open door it is nobody.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    principal: Option<Arc<Principal>>,
    origin: Origin,
}

impl Caller {
    pub(crate) fn new(principal: Option<Principal>, origin: Origin) -> Self {
        Self { principal: principal.map(Arc::new), origin }
    }

    /// The person or machine, if there is a token.
    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_deref()
    }

    /// Where the request comes from.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Who does what is done here, for the audit.
    pub(crate) fn by(&self) -> By {
        By { actor: self.principal().map_or(Actor::Anonymous, Principal::actor), origin: self.origin.clone() }
    }

    /// The person's number and session. A machine is refused.
    pub(crate) fn person(&self) -> Result<(UserId, SessionId), Problem> {
        match self.principal() {
            Some(Principal::User { user_id, session_id, .. }) => Ok((*user_id, *session_id)),
            _ => Err(forbidden()),
        }
    }

    /// Refuses whoever has not this permission too: for routes where it depends on what is asked for.
    pub(crate) async fn expect(&self, app: &App, permission: Permission) -> Result<(), Problem> {
        match self.principal() {
            Some(principal) if principal.may(Access::Needs(permission)) => Ok(()),
            Some(principal) => {
                app.plant.identity().refused(principal, permission.as_str(), &self.origin).await;
                Err(forbidden())
            }
            None => Err(forbidden()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Behind a door there always is one; a route that has none knows nobody.
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.unwrap_or_else(|| Self::new(None, origin(parts))))
    }
}

/// Where a request comes from.
pub(crate) fn origin(parts: &Parts) -> Origin {
    let address: Option<IpAddr> = parts.extensions.get::<ClientAddress>().map(|client| client.0);
    let agent = parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .map(|text| text.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect());
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
    Origin { address, agent, request_id }
}
