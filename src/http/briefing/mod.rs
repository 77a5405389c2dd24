//! Briefings: the nine routes of today's mobile clients at the root, and the plant's own below `/api/v1`.

pub(super) mod asker;
pub(super) mod bodies;
pub(super) mod custom;
pub(super) mod daily;
pub(super) mod error;
pub(super) mod evidence;
pub(super) mod listen;
pub(super) mod login;
pub(super) mod observe;
pub(super) mod requests;

use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    let read = Permission::BriefingRead;
    Doors::default()
        .open(routes!(login::login))
        .stream(read, routes!(listen::start))
        .stream(read, routes!(listen::reload))
        .needs(read, routes!(requests::end))
        .needs(read, routes!(requests::list))
        .needs(read, routes!(requests::texts))
        .needs(read, routes!(evidence::list))
        .needs(read, routes!(requests::summary))
        .needs(read, routes!(custom::show))
        .needs(read, routes!(custom::set))
        .needs(read, routes!(daily::list))
        .needs(Permission::ObservationPush, routes!(observe::observe))
}
