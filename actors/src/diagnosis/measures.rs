//! What diagnosis measures, in words.

use metrics::Unit::Seconds;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use nightshift_domain::diagnosis::StateKind;

const COUNTERS: [(&str, &str); 8] = [
    (
        "nightshift_diagnosis_storage_failures_total",
        "Result files that the object store did not take, in all tries.",
    ),
    ("nightshift_diagnosis_headsets_replaced_total", "Headsets whose place another one of the patient took."),
    ("nightshift_diagnosis_sessions_started_total", "Sessions that doctors started."),
    ("nightshift_diagnosis_uploads_total", "Result files that were worked on."),
    ("nightshift_diagnosis_upload_bytes_total", "Bytes of result files that were worked on."),
    ("nightshift_diagnosis_files_removed_total", "Files that belonged to nothing any more and were removed."),
    ("nightshift_diagnosis_patients_erased_total", "Patients that were erased."),
    (
        "nightshift_diagnosis_patients_handed_over_total",
        "Patients of doctors who are gone that were given to another one.",
    ),
];

/// Why what a headset says has no effect.
const IGNORED: [&str; 12] = [
    "malformed",
    "unknown_action",
    "wrong_data",
    "binary",
    "replaced",
    "other_session",
    "session_away",
    "late_start",
    "late_failure",
    "too_long",
    "second_upload",
    "upload_of_ended_session",
];

/// What is read of records.
const READS: [&str; 5] = ["list", "metadata", "file", "series", "compare"];
/// What is refused to strangers.
const REFUSED_READS: [&str; 6] = ["list", "metadata", "file", "series", "compare", "export"];

/// Describes the metrics and registers the counters.
pub(crate) fn describe_metrics() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
        counter!(name).absolute(0);
    }
    describe_gauge!("nightshift_diagnosis_headsets_connected", "Patients whose headset is connected.");
    gauge!("nightshift_diagnosis_headsets_connected").set(0.0_f64);
    describe_counter!(
        "nightshift_diagnosis_sessions_ended_total",
        "Sessions that ended, by their last state."
    );
    for state in StateKind::ALL.into_iter().filter(|state| state.is_final()) {
        counter!("nightshift_diagnosis_sessions_ended_total", "state" => state.as_str()).absolute(0);
    }
    describe_counter!(
        "nightshift_diagnosis_frames_ignored_total",
        "What headsets said without effect, by reason."
    );
    for reason in IGNORED {
        counter!("nightshift_diagnosis_frames_ignored_total", "reason" => reason).absolute(0);
    }
    describe_counter!("nightshift_diagnosis_record_reads_total", "Reads of records, by what was read.");
    for what in READS {
        counter!("nightshift_diagnosis_record_reads_total", "what" => what).absolute(0);
    }
    describe_counter!(
        "nightshift_diagnosis_refused_reads_total",
        "Looks at what is kept of another doctor's patient, refused, by what was asked for."
    );
    for what in REFUSED_READS {
        counter!("nightshift_diagnosis_refused_reads_total", "what" => what).absolute(0);
    }
    describe_histogram!(
        "nightshift_diagnosis_process_seconds",
        Seconds,
        "Time to process a result file, on one core."
    );
    describe_histogram!(
        "nightshift_diagnosis_upload_seconds",
        Seconds,
        "Time from an upload's last byte to its committed record."
    );
}
