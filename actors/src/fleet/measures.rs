//! What the fleet measures, in words.

use metrics::Unit::Seconds;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

const COUNTERS: [(&str, &str); 9] = [
    ("nightshift_fleet_frames_total", "Authentic frames from vehicles."),
    ("nightshift_fleet_positions_total", "Positions taken."),
    ("nightshift_fleet_positions_stored_total", "Positions made durable."),
    ("nightshift_fleet_expired_positions_total", "Positions that retention took away."),
    ("nightshift_fleet_lost_positions_total", "Positions given up because the store was away for too long."),
    (
        "nightshift_fleet_superseded_positions_total",
        "Positions that a newer one overtook before dashboards were told.",
    ),
    ("nightshift_fleet_statuses_total", "Reports of police cars stored."),
    (
        "nightshift_fleet_second_connections_total",
        "Times a vehicle spoke on a further connection while another was open.",
    ),
    ("nightshift_fleet_off_map_total", "Plans not made because the runner was beside every road."),
];

const LABELLED: [(&str, &str, &[&str], &str); 5] = [
    (
        "nightshift_fleet_dropped_frames_total",
        "reason",
        &["size", "tag", "type", "content", "channel", "no_session", "replay", "overload"],
        "Frames from vehicles that were dropped.",
    ),
    (
        "nightshift_fleet_nacks_total",
        "code",
        &["invalid_format", "duplicate_name", "invalid_coordinate", "invalid_data", "internal", "database"],
        "Frames that were refused with a NACK.",
    ),
    ("nightshift_fleet_registrations_total", "version", &["1", "2"], "Registrations taken."),
    ("nightshift_fleet_events_total", "status", &["run", "catch", "failed"], "Events of chases stored."),
    (
        "nightshift_fleet_plans_total",
        "closed",
        &["yes", "no"],
        "Roadblocks decided on, by whether every exit is closed.",
    ),
];

const GAUGES: [(&str, &str); 4] = [
    ("nightshift_fleet_vehicles", "Vehicles registered."),
    ("nightshift_fleet_waiting_positions", "Positions that wait for the store."),
    ("nightshift_fleet_standing_plans", "Roadblocks that stand."),
    ("nightshift_fleet_open_plans", "Roadblocks that stand and leave exits open."),
];

/// Describes the metrics and registers the counters.
pub(crate) fn describe_metrics() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
        counter!(name).absolute(0);
    }
    for (name, label, words, help) in LABELLED {
        describe_counter!(name, help);
        for word in words {
            counter!(name, label => *word).absolute(0);
        }
    }
    for (name, help) in GAUGES {
        describe_gauge!(name, help);
        gauge!(name).set(0.0_f64);
    }
    describe_counter!("nightshift_fleet_orders_total", "Orders to cars, by kind and whether they were sent.");
    for order in ["deploy", "control"] {
        for outcome in ["sent", "unreachable"] {
            counter!("nightshift_fleet_orders_total", "order" => order, "outcome" => outcome).absolute(0);
        }
    }
    describe_gauge!("nightshift_fleet_freshness_vehicles", "Vehicles by how much their last word is worth.");
    for state in ["online", "stale", "offline"] {
        gauge!("nightshift_fleet_freshness_vehicles", "state" => state).set(0.0_f64);
    }
    describe_histogram!(
        "nightshift_fleet_fanout_delay_seconds",
        Seconds,
        "Time from a position's frame to its being handed to every dashboard."
    );
    describe_histogram!("nightshift_fleet_replan_duration_seconds", Seconds, "Time that a plan took.");
}
