//! `/api/v1/product-models`, `/production-lines`, `/equipment`, `/processes`, `/lots`, `/serials`, `/process`,
//! `/process-data`, `/defects`, `/components`, `/holds`, `/targets`, `/dashboard` and `/analytics`: the MES.

pub(super) mod analytics;
pub(super) mod bodies;
pub(super) mod components;
pub(super) mod dashboard;
pub(super) mod defects;
mod entries;
pub(super) mod equipment;
mod figures;
pub(super) mod find;
pub(super) mod holds;
pub(super) mod lines;
pub(super) mod lots;
pub(super) mod models;
pub(super) mod processes;
pub(super) mod refusal;
mod reported;
mod run_view;
pub(super) mod runs;
pub(super) mod serials;
pub(super) mod spans;
pub(super) mod stations;
pub(super) mod targets;
pub(super) mod trace;
pub(super) mod views;

use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    catalogues().and(making()).and(running()).and(figures())
}

/// What is made, where, and in which steps.
fn catalogues() -> Doors {
    let (read, manage) = (Permission::ProductionRead, Permission::CatalogManage);
    Doors::default()
        .needs(read, routes!(models::list))
        .needs(manage, routes!(models::create))
        .needs(read, routes!(models::active))
        .needs(read, routes!(models::by_code))
        .needs(read, routes!(models::by_category))
        .needs(read, routes!(models::show))
        .needs(manage, routes!(models::change, models::remove))
        .needs(read, routes!(lines::list))
        .needs(manage, routes!(lines::create))
        .needs(read, routes!(lines::active))
        .needs(read, routes!(lines::by_code))
        .needs(read, routes!(lines::show))
        .needs(manage, routes!(lines::change, lines::remove))
        .needs(read, routes!(equipment::list))
        .needs(manage, routes!(equipment::create))
        .needs(read, routes!(equipment::active))
        .needs(read, routes!(equipment::needs_maintenance))
        .needs(read, routes!(equipment::by_code))
        .needs(read, routes!(equipment::show))
        .needs(manage, routes!(equipment::change, equipment::remove))
        .needs(read, routes!(processes::list))
        .needs(manage, routes!(processes::create))
        .needs(read, routes!(processes::active))
        .needs(read, routes!(processes::sequence))
        .needs(read, routes!(processes::by_number))
        .needs(read, routes!(processes::by_code))
        .needs(read, routes!(processes::show))
        .needs(manage, routes!(processes::change, processes::remove))
        .needs(read, routes!(targets::list))
        .needs(manage, routes!(targets::set))
        .needs(manage, routes!(targets::remove))
}

/// Lots and their units.
fn making() -> Doors {
    let (read, manage, close) = (Permission::ProductionRead, Permission::LotManage, Permission::LotClose);
    Doors::default()
        .needs(read, routes!(lots::read::list))
        .needs(manage, routes!(lots::write::create))
        .needs(read, routes!(lots::read::active))
        .needs(read, routes!(lots::read::by_dates))
        .needs(read, routes!(lots::read::by_number))
        .needs(read, routes!(lots::read::by_status))
        .needs(read, routes!(lots::read::by_product))
        .needs(read, routes!(lots::read::show))
        .needs(manage, routes!(lots::write::change))
        .needs(close, routes!(lots::write::remove))
        .needs(manage, routes!(lots::write::set_status))
        .needs(read, routes!(lots::read::quantities))
        .needs(close, routes!(lots::write::recount))
        .needs(close, routes!(lots::write::close, lots::write::put_close))
        .needs(read, routes!(serials::read::list))
        .needs(manage, routes!(serials::write::create))
        .needs(read, routes!(serials::read::failed))
        .needs(read, routes!(serials::read::by_number))
        .needs(read, routes!(serials::read::by_lot))
        .needs(read, routes!(serials::read::by_status))
        .needs(read, routes!(serials::read::show))
        .needs(close, routes!(serials::write::remove))
        .needs(manage, routes!(serials::write::set_status))
        .needs(read, routes!(serials::read::can_rework))
        .needs(Permission::ReworkApprove, routes!(serials::write::rework))
        .needs(read, routes!(trace::forward))
        .needs(read, routes!(components::serials))
}

/// What stations report.
fn running() -> Doors {
    let (read, report) = (Permission::ProductionRead, Permission::ProcessReport);
    Doors::default()
        .needs(report, routes!(stations::start))
        .needs(report, routes!(stations::complete))
        .needs(read, routes!(stations::history))
        .needs(read, routes!(runs::read::list))
        .needs(report, routes!(runs::write::record))
        .needs(read, routes!(runs::read::failures))
        .needs(read, routes!(runs::read::incomplete))
        .needs(read, routes!(runs::read::by_dates))
        .needs(read, routes!(runs::read::by_serial))
        .needs(read, routes!(runs::read::by_serial_and_process))
        .needs(read, routes!(runs::read::by_lot))
        .needs(read, routes!(runs::read::by_process))
        .needs(read, routes!(runs::read::by_result))
        .needs(read, routes!(runs::read::by_operator))
        .needs(read, routes!(runs::read::show))
        .needs(Permission::LotClose, routes!(runs::write::note))
        .needs(read, routes!(defects::list))
        .needs(read, routes!(defects::show))
        .needs(Permission::LotClose, routes!(defects::analyse))
        .needs(read, routes!(holds::list))
        .needs(Permission::LotClose, routes!(holds::acknowledge))
        .needs(Permission::LotClose, routes!(holds::review))
}

/// What it comes to.
fn figures() -> Doors {
    let read = Permission::ProductionRead;
    Doors::default()
        .needs(read, routes!(dashboard::summary))
        .needs(read, routes!(dashboard::lots))
        .needs(read, routes!(dashboard::processes))
        .needs(read, routes!(dashboard::process_wip))
        .needs(read, routes!(analytics::quality::overview))
        .needs(read, routes!(analytics::now::dashboard))
        .needs(read, routes!(analytics::pace::process_efficiency))
        .needs(read, routes!(analytics::pace::process_performance))
        .needs(read, routes!(analytics::pace::operator_performance))
        .needs(read, routes!(analytics::quality::quality_metrics))
        .needs(read, routes!(analytics::pace::production_stats))
        .needs(read, routes!(analytics::now::realtime_status))
        .needs(read, routes!(analytics::quality::defects))
        .needs(read, routes!(analytics::quality::defect_trends))
        .needs(read, routes!(analytics::pace::cycle_time))
}
