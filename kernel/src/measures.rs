//! The crate's metrics, all in one place. No ids in labels: a supervisor's or breaker's name at most.

use metrics::{counter, describe_counter, describe_gauge, gauge};

const RESTARTS: &str = "nightshift_kernel_restarts_total";
const QUARANTINED: &str = "nightshift_kernel_quarantined";
const REJECTED: &str = "nightshift_kernel_mailbox_rejected_total";
const COALESCED: &str = "nightshift_kernel_mailbox_coalesced_total";
const FROZEN: &str = "nightshift_kernel_frozen_total";
const ACTORS: &str = "nightshift_kernel_actors";
const BREAKER_STATE: &str = "nightshift_breaker_state";
const BREAKER_TRIPS: &str = "nightshift_breaker_trips_total";

/// Gives the recorder the help texts; call it once after the recorder is installed.
pub fn describe() {
    describe_counter!(RESTARTS, "Children started again after a failure, by supervisor.");
    describe_gauge!(QUARANTINED, "Children parked because they failed too often.");
    describe_counter!(REJECTED, "Messages refused because a mailbox was full, by supervisor.");
    describe_counter!(COALESCED, "Waiting messages replaced by a newer one of the same key, by supervisor.");
    describe_counter!(FROZEN, "Handlers that ran past their budget.");
    describe_gauge!(ACTORS, "Actors alive.");
    describe_gauge!(BREAKER_STATE, "State of a breaker: 0 closed, 1 open, 2 half-open.");
    describe_counter!(BREAKER_TRIPS, "Times a breaker opened.");
}

pub(crate) fn restarted(supervisor: &str) {
    counter!(RESTARTS, "supervisor" => supervisor.to_owned()).increment(1);
}

pub(crate) fn rejected(supervisor: &str) {
    counter!(REJECTED, "supervisor" => supervisor.to_owned()).increment(1);
}

pub(crate) fn coalesced(supervisor: &str) {
    counter!(COALESCED, "supervisor" => supervisor.to_owned()).increment(1);
}

pub(crate) fn frozen() {
    counter!(FROZEN).increment(1);
}

pub(crate) fn quarantined(children: i64) {
    gauge!(QUARANTINED).set(as_f64(children));
}

pub(crate) fn actors(alive: i64) {
    gauge!(ACTORS).set(as_f64(alive));
}

pub(crate) fn breaker_state(breaker: &str, code: u8) {
    gauge!(BREAKER_STATE, "breaker" => breaker.to_owned()).set(f64::from(code));
}

pub(crate) fn breaker_tripped(breaker: &str) {
    counter!(BREAKER_TRIPS, "breaker" => breaker.to_owned()).increment(1);
}

/// Counts of children stay far below 2^53, where the conversion is exact.
fn as_f64(count: i64) -> f64 {
    count as f64
}
