//! `/ws/…`, `/maps`, `/vehicles` and `/api/v1/fleet/…`: vehicles, dashboards and the roadblock.

pub(super) mod front;
pub(super) mod maps;
pub(super) mod plans;
pub(super) mod vehicles;
pub(super) mod views;
pub(super) mod wire;

use axum::http::StatusCode;
use nightshift_actors::FleetError;
use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::doors::Doors;
use super::extract::invalid_body;
use super::problem::Problem;

/// The routes and who may use them. Vehicles come in without a token: their frames are signed.
pub(super) fn doors() -> Doors {
    let (read, manage) = (Permission::FleetRead, Permission::FleetManage);
    Doors::default()
        .needs(read, routes!(maps::list))
        .needs(read, routes!(maps::show))
        .needs(read, routes!(vehicles::list))
        .needs(read, routes!(vehicles::events))
        .needs(read, routes!(vehicles::show))
        .needs(manage, routes!(vehicles::change, vehicles::remove))
        .needs(read, routes!(vehicles::positions))
        .needs(read, routes!(plans::list))
}

/// The sockets. They take no place of a request: each has its own.
pub(super) fn sockets() -> Doors {
    let read = Permission::FleetRead;
    Doors::default()
        .open(routes!(wire::vehicles))
        .open(routes!(wire::events))
        .stream(read, routes!(front::vehicles))
        .stream(read, routes!(front::events))
}

impl From<FleetError> for Problem {
    fn from(error: FleetError) -> Self {
        let text = error.to_string();
        match error {
            FleetError::Off(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "FLEET_OFF", text).retry_after(60)
            }
            FleetError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, code(&error), text),
            FleetError::NameInUse(_) => Self::new(StatusCode::CONFLICT, code(&error), text),
            FleetError::Invalid { field, reason } => invalid_body(&[field], reason),
            FleetError::Overloaded { retry_after } => Self::overloaded(retry_after.as_secs()),
            FleetError::Unavailable { what, retry_after } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                format!("{what} is not available at the moment; try again"),
            )
            .retry_after(retry_after.as_secs()),
            FleetError::Deadline => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "DEADLINE_EXCEEDED",
                "not done in time; it may or may not have taken effect, and it is safe to send it again",
            ),
            FleetError::Failed(cause) => Self::internal(cause),
        }
    }
}

/// What went wrong, for programs.
fn code(error: &FleetError) -> &'static str {
    match error {
        FleetError::Off(_) => "FLEET_OFF",
        FleetError::NotFound { what: "map", .. } => "MAP_NOT_FOUND",
        FleetError::NotFound { what: "vehicle event", .. } => "VEHICLE_EVENT_NOT_FOUND",
        FleetError::NotFound { .. } => "VEHICLE_NOT_FOUND",
        FleetError::NameInUse(_) => "NAME_IN_USE",
        FleetError::Invalid { .. } => "VALIDATION_ERROR",
        FleetError::Overloaded { .. } => "SERVICE_OVERLOADED",
        FleetError::Unavailable { .. } => "UNAVAILABLE",
        FleetError::Deadline => "DEADLINE_EXCEEDED",
        FleetError::Failed(_) => "INTERNAL_ERROR",
    }
}

/// The number in a path.
fn id(name: &'static str, text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        let loc = vec!["path".into(), name.into()];
        Problem::field(loc, "must be a whole number from 0 to 4294967295", "int_parsing")
    })
}
