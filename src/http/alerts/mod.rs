//! `/api/v1/alerts…`: what people must hear of.

pub(super) mod read;
pub(super) mod view;
pub(super) mod write;

use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    let (read, handle) = (Permission::AlertRead, Permission::AlertHandle);
    Doors::default()
        .needs(read, routes!(read::list))
        .needs(handle, routes!(write::create))
        .needs(read, routes!(read::unread_count))
        .needs(handle, routes!(write::bulk_read))
        .needs(read, routes!(read::show))
        .needs(handle, routes!(write::read))
        .needs(handle, routes!(write::archive))
        .needs(Permission::LotClose, routes!(write::remove))
}
