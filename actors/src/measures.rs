//! What the actors measure, in words, and every counter at zero from the start: a rate over a series that does not exist
//! yet is no rate.

use metrics::Unit::{Count, Seconds};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Names without labels that only rise.
const COUNTERS: [(&str, &str); 9] = [
    ("nightshift_store_commits_total", "Group commits done."),
    ("nightshift_store_failed_commits_total", "Group commits that failed; nothing in them was acknowledged."),
    ("nightshift_store_readings_written_total", "Readings made durable."),
    ("nightshift_sensing_readings_offered_total", "Readings that arrived in well-formed pushes."),
    ("nightshift_inference_windows_total", "Windows scored."),
    ("nightshift_inference_shed_total", "Windows refused because too many were waiting."),
    ("nightshift_inference_expired_total", "Windows that waited too long for a device."),
    ("nightshift_inference_retried_windows_total", "Windows that a device failed and another one got."),
    ("nightshift_inference_device_failures_total", "Failures of inference devices."),
];

/// Names with one label and all its words.
const LABELLED: [(&str, &str, &[&str], &str); 4] = [
    (
        "nightshift_sensing_readings_total",
        "outcome",
        &["stored", "duplicate", "late", "rejected"],
        "What became of offered readings.",
    ),
    (
        "nightshift_sensing_verdicts_total",
        "verdict",
        &["normal", "abnormal", "insufficient_data", "unscored"],
        "Verdicts stored.",
    ),
    ("nightshift_sensing_runs_total", "outcome", &["done", "failed"], "Scheduled runs."),
    ("nightshift_sensing_vendor_pulls_total", "outcome", &["ok", "failed"], "Pulls of vendor sensors."),
];

/// Describes every metric of the tree and registers its counters. Call it once, after the recorder is installed.
pub fn describe_metrics() {
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
    for (name, help) in [
        ("nightshift_store_pending_writes", "Units of work that wait for the next commit."),
        ("nightshift_inference_queued_windows", "Windows that wait for a device."),
        ("nightshift_inference_ready_devices", "Devices that can score."),
        (
            "nightshift_sensing_unaccounted_readings",
            "Readings without an outcome at the last check; anything but 0 is a defect.",
        ),
        ("nightshift_plant_children_quarantined", "Actors in quarantine."),
    ] {
        describe_gauge!(name, help);
        gauge!(name).set(0.0_f64);
    }
    describe_gauge!(
        "nightshift_sensing_schedule_period_seconds",
        Seconds,
        "Seconds between two scheduled runs."
    );
    describe_gauge!(
        "nightshift_sensing_last_run_timestamp_seconds",
        Seconds,
        "When the last run done was due."
    );
    describe_histogram!("nightshift_store_group_units", Count, "Units of work in one group commit.");
    describe_histogram!("nightshift_inference_batch_windows", Count, "Windows in one batch.");
    describe_histogram!(
        "nightshift_inference_batch_duration_seconds",
        Seconds,
        "Time a device took for one batch."
    );
}
