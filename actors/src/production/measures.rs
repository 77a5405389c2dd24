//! What production and alerts measure, in words.

use metrics::Unit::{Count, Seconds};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use nightshift_domain::alerts::AlertType;
use nightshift_domain::production::RunResult;

const COUNTERS: [(&str, &str); 5] = [
    ("nightshift_production_runs_started_total", "Process runs started, or recorded as a whole."),
    ("nightshift_production_defects_total", "Defects that runs found."),
    ("nightshift_production_reworks_total", "Reworks approved."),
    ("nightshift_production_overrides_total", "Starts for which a manager set the order of processes aside."),
    ("nightshift_production_abnormal_spans_total", "Times that sensors made equipment count as abnormal."),
];

const GAUGES: [(&str, &str); 6] = [
    ("nightshift_production_open_runs", "Process runs that are started and not completed."),
    (
        "nightshift_production_delayed_runs",
        "Open runs that take longer than one and a half times their plan.",
    ),
    ("nightshift_production_units_in_progress", "Units that are in progress."),
    ("nightshift_production_holds", "Pieces of equipment on which nothing may be started."),
    ("nightshift_alerts_unread", "Alerts that nobody has read."),
    ("nightshift_alerts_unread_high", "Alerts of severity HIGH that nobody has read."),
];

/// Describes the metrics and registers the counters.
pub(crate) fn describe_metrics() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
        counter!(name).absolute(0);
    }
    for (name, help) in GAUGES {
        describe_gauge!(name, help);
        gauge!(name).set(0.0_f64);
    }
    describe_counter!(
        "nightshift_production_commands_total",
        "Stations' commands by what became of them; `reason` is the kind of rule that refused."
    );
    for command in ["start", "complete", "record"] {
        for (outcome, reason) in [("done", ""), ("failed", ""), ("refused", "rule"), ("refused", "conflict")]
        {
            counter!(
                "nightshift_production_commands_total",
                "command" => command, "outcome" => outcome, "reason" => reason
            )
            .absolute(0);
        }
    }
    describe_counter!("nightshift_production_runs_total", "Process runs that ended, by result.");
    for result in [RunResult::Pass, RunResult::Fail, RunResult::Rework] {
        counter!("nightshift_production_runs_total", "result" => result.as_str()).absolute(0);
    }
    describe_counter!("nightshift_alerts_raised_total", "Alerts raised, repeats included.");
    for alert_type in AlertType::ALL {
        counter!("nightshift_alerts_raised_total", "type" => alert_type.as_str()).absolute(0);
    }
    describe_histogram!("nightshift_production_batch_commands", Count, "Commands in one unit of work.");
    describe_histogram!(
        "nightshift_production_command_duration_seconds",
        Seconds,
        "Time from a station's command to its answer."
    );
    describe_histogram!(
        "nightshift_production_cycle_seconds",
        Seconds,
        "Time from a run's start to its completion, by process."
    );
}
