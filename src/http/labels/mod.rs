//! `/api/v1/label/…` and `/api/v1/printers…`: labels, their jobs and their printers.

mod answers;
pub(super) mod jobs;
pub(super) mod print;
pub(super) mod printers;
mod views;

use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    let (read, print, manage) =
        (Permission::ProductionRead, Permission::LabelPrint, Permission::PrinterManage);
    Doors::default()
        .needs(print, routes!(print::print))
        .needs(print, routes!(print::reprint))
        .needs(read, routes!(print::preview))
        .needs(read, routes!(print::templates))
        .needs(read, routes!(jobs::list))
        .needs(read, routes!(jobs::show))
        .needs(print, routes!(jobs::cancel))
        .needs(print, routes!(jobs::settle))
        .needs(read, routes!(printers::list))
        .needs(manage, routes!(printers::create))
        .needs(read, routes!(printers::show))
        .needs(manage, routes!(printers::change, printers::remove))
}
