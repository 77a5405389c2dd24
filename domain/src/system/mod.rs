//! The plant as a whole: how long nobody had to step in, and how often it helped itself.

mod attendance;
mod drill;

pub use attendance::{Attendance, Intervention, RECENT_MAX};
pub use drill::{DrillPlan, NoHour};
