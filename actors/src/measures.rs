//! What the actors measure, in words, and every counter at zero from the start: a rate over a series that does not exist
//! yet is no rate.

use metrics::Unit::{Bytes, Count, Seconds};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Names without labels that only rise.
const COUNTERS: [(&str, &str); 14] = [
    ("nightshift_store_commits_total", "Group commits done."),
    ("nightshift_store_failed_commits_total", "Group commits that failed; nothing in them was acknowledged."),
    ("nightshift_store_readings_written_total", "Readings made durable."),
    ("nightshift_sensing_readings_offered_total", "Readings that arrived in well-formed pushes."),
    ("nightshift_identity_password_checks_total", "Passwords that were hashed to be checked."),
    ("nightshift_identity_rejected_tokens_total", "Tokens presented that were not good, or not any more."),
    ("nightshift_identity_refusals_total", "Requests by known principals for what they may not do."),
    ("nightshift_inference_windows_total", "Windows scored."),
    ("nightshift_inference_shed_total", "Windows refused because too many were waiting."),
    ("nightshift_inference_expired_total", "Windows that waited too long for a device."),
    ("nightshift_inference_retried_windows_total", "Windows that a device failed and another one got."),
    ("nightshift_inference_spare_windows_total", "Windows of models that are tried, given to idle devices."),
    ("nightshift_inference_device_failures_total", "Failures of inference devices."),
    ("nightshift_plant_recoveries_total", "Actors that ran again by themselves after a failure."),
];

/// Names with one label and all its words.
const LABELLED: [(&str, &str, &[&str], &str); 8] = [
    (
        "nightshift_system_drills_total",
        "outcome",
        &["recovered", "lost"],
        "Parts killed in drills, by whether they came back in time.",
    ),
    (
        "nightshift_inference_bank_windows_total",
        "cost",
        &["full", "incremental"],
        "Windows compared with a bank: from nothing, or following on.",
    ),
    ("nightshift_identity_signins_total", "outcome", &["done", "failed", "locked"], "Attempts to sign in."),
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
    (
        "nightshift_sensing_shadow_verdicts_total",
        "outcome",
        &["agree", "disagree", "passed", "skipped"],
        "Windows that the live model judged, by what became of them at the shadow.",
    ),
    ("nightshift_sensing_runs_total", "outcome", &["done", "failed"], "Scheduled runs."),
    ("nightshift_sensing_vendor_pulls_total", "outcome", &["ok", "failed"], "Pulls of vendor sensors."),
];

/// Describes every metric of the tree and registers its counters. Call it once, after the recorder is installed.
pub fn describe_metrics() {
    crate::cache::describe_metrics();
    crate::inference::describe_metrics();
    crate::sensing::describe_metrics();
    crate::production::describe_metrics();
    crate::fleet::describe_metrics();
    crate::labels::describe_metrics();
    crate::diagnosis::describe_metrics();
    crate::briefing::describe_metrics();
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
        (
            "nightshift_sensing_shadow_behind_results",
            "Results that the shadow has not looked at yet, at most.",
        ),
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
    describe_proof();
    describe_host();
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
    describe_histogram!(
        "nightshift_inference_bank_duration_seconds",
        Seconds,
        "Time a bank keeper took for one window."
    );
}

/// What shows that nothing is lost and that what dies comes back.
fn describe_proof() {
    let name = "nightshift_unaccounted";
    describe_gauge!(
        name,
        "What a domain took and cannot say the outcome of, at the last check; anything but 0 is a defect."
    );
    for domain in ["sensing", "production", "labels", "briefing", "diagnosis", "fleet"] {
        gauge!(name, "domain" => domain).set(0.0_f64);
    }
    describe_histogram!(
        "nightshift_system_drill_recovery_seconds",
        Seconds,
        "Time from a part's killing in a drill to its next start."
    );
}

/// The machine's figures have no value before it is measured.
fn describe_host() {
    describe_gauge!("nightshift_host_cpu_used_ratio", "Share of the processors' time that is used, 0 to 1.");
    for (name, help) in [
        ("nightshift_host_memory_total_bytes", "Memory of the machine, or of the container."),
        ("nightshift_host_memory_available_bytes", "Memory that can still be had."),
        ("nightshift_host_disk_total_bytes", "Size of the data directory's file system."),
        ("nightshift_host_disk_available_bytes", "Free space in the data directory's file system."),
    ] {
        describe_gauge!(name, Bytes, help);
    }
    for (name, help) in [
        (
            "nightshift_host_network_received_bytes_total",
            "Bytes received on all interfaces but the loopback.",
        ),
        ("nightshift_host_network_transmitted_bytes_total", "Bytes sent on all interfaces but the loopback."),
    ] {
        describe_counter!(name, Bytes, help);
    }
}
