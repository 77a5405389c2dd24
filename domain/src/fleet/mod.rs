//! Fleet: vehicles speak on the wire, drive on a map, and close a runner's ways out.

mod chase;
pub mod drive;
mod freshness;
pub mod map;
pub mod plan;
mod registry;
mod vehicle;
pub mod wire;

pub use chase::{CaptureError, CaptureRule, Chase, ChaseEvent, Outcome, breaks_down, nearest_runner};
pub use freshness::{Freshness, FreshnessRule, Link, SilenceReason};
pub use registry::{Registration, RegistrationRefusal, Request, register, rename};
pub use vehicle::{
    CAR_NAME_CHARS_MAX, CarId, CarName, Damage, Details, Kind, MapId, NameError, Side, StatusRefusal,
    Vehicle, VehicleId,
};
