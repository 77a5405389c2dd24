//! `/api/v1/firmware…`, `/api/v1/stations…` and `/api/v1/agents/…`: versions, where they run, and what agents ask for.

pub(super) mod agents;
mod answers;
pub(super) mod deployments;
pub(super) mod download;
pub(super) mod rollouts;
pub(super) mod upload;
pub(super) mod versions;
mod views;

use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;

/// Where images are uploaded: the one route with a large body.
pub(super) const UPLOAD_ROUTE: &str = "/api/v1/firmware";

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    let (read, manage, deploy) =
        (Permission::FirmwareRead, Permission::FirmwareManage, Permission::FirmwareDeploy);
    Doors::default()
        .needs(read, routes!(versions::list))
        .needs(manage, routes!(upload::upload))
        .needs(read, routes!(versions::latest))
        .needs(read, routes!(download::download))
        .needs(deploy, routes!(deployments::deploy))
        .needs(read, routes!(deployments::list))
        .needs(read, routes!(deployments::show))
        .needs(deploy, routes!(deployments::cancel))
        .needs(read, routes!(rollouts::list))
        .needs(manage, routes!(rollouts::begin))
        .needs(read, routes!(rollouts::show))
        .needs(manage, routes!(rollouts::cancel))
        .needs(read, routes!(versions::show))
        .needs(manage, routes!(versions::remove))
        .needs(read, routes!(agents::stations))
        .needs(read, routes!(agents::station))
        .needs(Permission::AgentConnect, routes!(agents::poll))
        .needs(Permission::AgentConnect, routes!(agents::report))
}
