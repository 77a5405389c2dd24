//! What things *are* in a plant and what is *allowed*: types, rules, wire formats.
//!
//! Everything here is pure. There is no clock (time is a parameter), no I/O, no async: whatever lives, is kept or is
//! served elsewhere asks this crate what is right.

pub mod alerts;
pub mod audit;
pub mod briefing;
pub mod diagnosis;
pub mod event;
pub mod firmware;
pub mod fleet;
pub mod identity;
pub mod labels;
pub mod production;
pub mod sensing;
pub mod system;
pub mod time;

pub use event::{Event, NewEvent};
pub use time::{ParseTimestampError, Timestamp};
