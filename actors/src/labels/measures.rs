//! What labels and firmware measure, in words.

use metrics::Unit::Seconds;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{DeploymentStatus, RolloutStatus};
use nightshift_domain::labels::{JobStatus, PrinterFault};
use nightshift_store::{Db, StoreError, labels as store};

use super::desk::Desk;

/// Describes the metrics and registers the counters.
pub(crate) fn describe_metrics() {
    describe_counter!("nightshift_labels_jobs_total", "Print jobs, by the state that they came to.");
    for status in JobStatus::ALL {
        counter!("nightshift_labels_jobs_total", "state" => status.as_str()).absolute(0);
    }
    describe_counter!(
        "nightshift_labels_printer_troubles_total",
        "Times that a printer with work began not to print, by what stopped it."
    );
    describe_histogram!(
        "nightshift_labels_wait_seconds",
        Seconds,
        "Time from queueing a label to its being printed."
    );
    describe_gauge!("nightshift_labels_waiting_jobs", "Print jobs that wait or are on their way.");
    describe_gauge!(
        "nightshift_labels_waiting_oldest_seconds",
        Seconds,
        "How long the print job has waited that has waited longest; 0 when none waits."
    );
    describe_gauge!(
        "nightshift_labels_unknown_jobs",
        "Print jobs of which nobody knows whether they were printed."
    );
    for name in [
        "nightshift_labels_waiting_jobs",
        "nightshift_labels_waiting_oldest_seconds",
        "nightshift_labels_unknown_jobs",
    ] {
        gauge!(name).set(0.0_f64);
    }
    describe_gauge!(
        "nightshift_labels_printers_stopped",
        "Printers that did not print when they were last looked at, by what stops them."
    );
    show_stopped(|_| 0);
    describe_counter!("nightshift_firmware_uploads_total", "Firmware versions uploaded.");
    counter!("nightshift_firmware_uploads_total").absolute(0);
    describe_counter!(
        "nightshift_firmware_deployments_total",
        "Deployments, by the state that they came to."
    );
    for status in DeploymentStatus::ALL {
        counter!("nightshift_firmware_deployments_total", "state" => status.as_str()).absolute(0);
    }
    describe_counter!("nightshift_firmware_rollouts_total", "Roll-outs, by the state that they came to.");
    for status in RolloutStatus::ALL {
        counter!("nightshift_firmware_rollouts_total", "state" => status.as_str()).absolute(0);
    }
    describe_gauge!(
        "nightshift_firmware_stations_away",
        "Stations whose agent was heard of within a week, and not lately."
    );
    gauge!("nightshift_firmware_stations_away").set(0.0_f64);
    describe_counter!(
        "nightshift_firmware_orphans_removed_total",
        "Objects removed that no firmware version named."
    );
    counter!("nightshift_firmware_orphans_removed_total").absolute(0);
    describe_gauge!(
        "nightshift_firmware_orphan_objects",
        "Objects that no firmware version names and that were left, because they are too many to be plausible."
    );
    gauge!("nightshift_firmware_orphan_objects").set(0.0_f64);
}

/// Measures what waits for printers, and which of them do not print.
pub(crate) async fn measure(db: &Db, desk: &Desk, now: Timestamp) -> Result<(), StoreError> {
    gauge!("nightshift_labels_waiting_jobs").set(store::jobs_open(db).await? as f64);
    let since = store::jobs_open_since(db).await?;
    let waited_us = since.map_or(0, |since| now.us_since(since).max(0));
    gauge!("nightshift_labels_waiting_oldest_seconds").set(waited_us as f64 / 1e6);
    let unknown = store::jobs_count(db, JobStatus::Unknown).await?;
    gauge!("nightshift_labels_unknown_jobs").set(unknown as f64);
    let stopped: Vec<PrinterFault> =
        desk.seats().iter().filter_map(|(_, seat)| Some(seat.seen().trouble?.fault)).collect();
    show_stopped(|fault| stopped.iter().filter(|stopped| **stopped == fault).count());
    Ok(())
}

fn show_stopped(count: impl Fn(PrinterFault) -> usize) {
    for fault in PrinterFault::ALL {
        gauge!("nightshift_labels_printers_stopped", "fault" => fault.as_str()).set(count(fault) as f64);
    }
}
