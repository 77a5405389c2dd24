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
            FleetError::NotFound { what, .. } => {
                let code = match what {
                    "map" => "MAP_NOT_FOUND",
                    "vehicle event" => "VEHICLE_EVENT_NOT_FOUND",
                    _ => "VEHICLE_NOT_FOUND",
                };
                Self::new(StatusCode::NOT_FOUND, code, text)
            }
            FleetError::NameInUse(_) => Self::new(StatusCode::CONFLICT, "NAME_IN_USE", text),
            FleetError::Invalid { field, reason } => invalid_body(&[field], reason),
            FleetError::Setback(setback) => setback.into(),
        }
    }
}

/// The number in a path.
fn id(name: &'static str, text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        let loc = vec!["path".into(), name.into()];
        Problem::field(loc, "must be a whole number from 0 to 4294967295", "int_parsing")
    })
}
