//! How often a client should ask for alerts.

use std::time::Duration;

use crate::Timestamp;

/// A manager's dashboard asks this often, seconds.
pub const POLL_MANAGER_S: u32 = 30;
/// A worker's screen asks this often, seconds.
pub const POLL_OPERATOR_S: u32 = 60;
/// Everybody asks this often after a HIGH alert, seconds.
pub const POLL_FAST_S: u32 = 10;
/// For this long after a HIGH alert, seconds.
pub const FAST_FOR_S: u64 = 300;

/// Seconds after which the list should be asked for again.
#[must_use]
pub fn poll_after_s(is_manager: bool, last_high_at: Option<Timestamp>, now: Timestamp) -> u32 {
    let fast = last_high_at.is_some_and(|at| now.since(at) < Duration::from_secs(FAST_FOR_S));
    match (fast, is_manager) {
        (true, _) => POLL_FAST_S,
        (false, true) => POLL_MANAGER_S,
        (false, false) => POLL_OPERATOR_S,
    }
}
