//! What briefing measures, in words.

use metrics::Unit::{Count, Seconds};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use nightshift_domain::briefing::{Channel, EndReason, WordingFault};

/// Describes the metrics and registers the counters.
pub(crate) fn describe_metrics() {
    for (name, help) in [
        ("nightshift_briefing_started_total", "Briefings that people began."),
        ("nightshift_briefing_dailies_total", "Briefings of the day that the plant made by itself."),
    ] {
        describe_counter!(name, help);
        counter!(name).absolute(0);
    }
    for (name, help) in [
        ("nightshift_briefing_running", "Briefings that run."),
        ("nightshift_briefing_deliveries_waiting", "Deliveries of days' briefings that wait to be brought."),
    ] {
        describe_gauge!(name, help);
        gauge!(name).set(0.0_f64);
    }
    describe_gauge!(
        "nightshift_briefing_last_daily_timestamp_seconds",
        Seconds,
        "Until when the newest briefing of the day tells."
    );
    gauge!("nightshift_briefing_last_daily_timestamp_seconds").set(0.0_f64);
    describe_counter!("nightshift_briefing_ended_total", "Briefings that ended, by reason.");
    for reason in EndReason::ALL {
        counter!("nightshift_briefing_ended_total", "reason" => reason.as_str()).absolute(0);
    }
    describe_counter!("nightshift_briefing_texts_total", "Texts told, by who found the words.");
    for source in ["composed", "reworded"] {
        counter!("nightshift_briefing_texts_total", "source" => source).absolute(0);
    }
    describe_counter!(
        "nightshift_briefing_wordings_total",
        "Rewordings asked of the language model, by outcome."
    );
    for outcome in ["used", "rejected", "failed"] {
        counter!("nightshift_briefing_wordings_total", "outcome" => outcome).absolute(0);
    }
    describe_counter!(
        "nightshift_briefing_rejected_wordings_total",
        "Rewordings thrown away, by what was wrong."
    );
    for fault in WordingFault::WORDS {
        counter!("nightshift_briefing_rejected_wordings_total", "fault" => fault).absolute(0);
    }
    describe_counter!("nightshift_briefing_observations_total", "Observations of outside sources.");
    for outcome in ["new", "known"] {
        counter!("nightshift_briefing_observations_total", "outcome" => outcome).absolute(0);
    }
    describe_counter!("nightshift_briefing_deliveries_total", "Tries to bring a day's briefing, by outcome.");
    for channel in Channel::ALL {
        for outcome in ["delivered", "failed", "given_up"] {
            let channel = channel.as_str();
            counter!("nightshift_briefing_deliveries_total", "channel" => channel, "outcome" => outcome)
                .absolute(0);
        }
    }
    describe_histogram!(
        "nightshift_briefing_lateness_seconds",
        Seconds,
        "Time from when a text was due until it was told."
    );
    describe_histogram!("nightshift_briefing_batch_texts", Count, "Texts stored in one unit of work.");
}
