//! The roadblock: cars are placed so that the runner cannot leave the map, or can leave it by as few exits as possible.
//!
//! A car may block a node that it reaches before the runner could. Of all sets of such nodes that cut the runner off from the
//! exits, with a car for each, the smallest is taken, and of these the one with the least travel time. Where there is none, most
//! exits are closed, the plan names the others, and the nearest car chases. `docs/fleet.md` states what is guaranteed.

mod cover;
mod dispatch;
mod effort;
mod flow;
mod matching;
mod network;
mod search;
mod situation;
mod travel;

#[cfg(test)]
mod dispatch_tests;
#[cfg(test)]
mod plan_tests;

pub use dispatch::{Assignment, Chaser, Dispatch, Order, Place, Plan, REPLAN_PERIOD};
pub use situation::{OFF_ROAD_M_MAX, PLAN_CARS_MAX, PlanError, Planner, Seen};
pub use travel::{TravelModel, TravelModelError};
