//! The doors of the facade: no route without a word on who may pass.
//!
//! A route can only be added with its [`Access`]. The door puts the guard before the handler, writes what it asks for into
//! the description (`security`, 401, 403, `x-permission`, `x-roles`, `x-scopes`), and is how tests know every route.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use nightshift_domain::identity::{Access, Permission};
use utoipa::openapi::OpenApi;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::identity::admit;
use super::problem::guard_answers;
use super::{App, idempotency, rate, retiring};

/// Name of the security scheme in the description.
pub(crate) const SCHEME: &str = "bearer";

/// A route, or several of one path, as `routes!` makes them.
pub(crate) type Routes = UtoipaMethodRouter<App>;

/// Routes, each behind its door.
#[derive(Default)]
pub(crate) struct Doors(Vec<Door>);

struct Door {
    gate: Gate,
    routes: Routes,
}

/// What a door asks of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) access: Access,
    /// Whether the token may stand in the query: a browser cannot set headers on the streams that it opens.
    pub(crate) token_in_query: bool,
}

impl Doors {
    /// Routes that anybody may use.
    pub(crate) fn open(self, routes: Routes) -> Self {
        self.behind(Access::Open, false, routes)
    }

    /// Routes that everybody who is signed in may use.
    pub(crate) fn signed_in(self, routes: Routes) -> Self {
        self.behind(Access::SignedIn, false, routes)
    }

    /// Routes for those whom the table of permissions names.
    pub(crate) fn needs(self, permission: Permission, routes: Routes) -> Self {
        self.behind(Access::Needs(permission), false, routes)
    }

    /// As [`Doors::needs`], for event streams and sockets, whose token may also come as `?token=`.
    pub(crate) fn stream(self, permission: Permission, routes: Routes) -> Self {
        self.behind(Access::Needs(permission), true, routes)
    }

    fn behind(mut self, access: Access, token_in_query: bool, routes: Routes) -> Self {
        self.0.push(Door { gate: Gate { access, token_in_query }, routes });
        self
    }

    /// These doors and those.
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The routes with their guards.
    pub(crate) fn into_router(self, app: &App) -> Router<App> {
        let mut router = OpenApiRouter::new();
        for Door { gate, routes: (schemas, paths, handlers) } in self.0 {
            let once = from_fn_with_state(app.clone(), idempotency::once);
            let guard = from_fn_with_state((app.clone(), gate), guard);
            router = router.routes((schemas, paths, handlers.route_layer(once).route_layer(guard)));
        }
        retiring::announce(router.into(), retiring::TABLE)
    }

    /// The description of the routes.
    pub(crate) fn into_openapi(self) -> OpenApi {
        let mut router = OpenApiRouter::new();
        for Door { gate, routes: (schemas, mut paths, handlers) } in self.0 {
            for (path, item) in &mut paths.paths {
                for (method, operation) in operations(item) {
                    describe(operation, gate);
                    if let Some(retiring) = retiring::find(retiring::TABLE, method, path) {
                        retiring.describe(operation);
                    }
                }
            }
            router = router.routes((schemas, paths, handlers));
        }
        router.into_openapi()
    }
}

/// Lets a request in with its [`super::caller::Caller`], or says why not.
async fn guard(State((app, gate)): State<(App, Gate)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit::admit(&app, gate, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller.clone());
            rate::known(&app, caller.principal(), Request::from_parts(parts, body), next).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The operations of a path with their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("DELETE", &mut item.delete),
        ("PATCH", &mut item.patch),
        ("HEAD", &mut item.head),
        ("OPTIONS", &mut item.options),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Writes into the description what the door asks for.
fn describe(operation: &mut Operation, gate: Gate) {
    let needed = match gate.access {
        Access::Open => {
            operation.security = Some(Vec::new());
            return;
        }
        Access::SignedIn => None,
        Access::Needs(permission) => Some(permission),
    };
    operation.security = Some(vec![SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
    for (status, response) in guard_answers() {
        operation.responses.responses.entry(status).or_insert(response);
    }
    let extensions = ExtensionsBuilder::new();
    let extensions = match needed {
        None => extensions.add("x-permission", "signed_in"),
        Some(permission) => {
            let who = permission.who();
            let roles: Vec<&str> = who.roles.iter().map(|role| role.as_str()).collect();
            let scopes: Vec<&str> = who.scopes.iter().map(|scope| scope.as_str()).collect();
            extensions.add("x-permission", permission.as_str()).add("x-roles", roles).add("x-scopes", scopes)
        }
    };
    operation.extensions.get_or_insert_default().merge(extensions.build());
}
