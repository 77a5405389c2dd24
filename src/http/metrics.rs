//! `/metrics`: what Prometheus reads. Nothing is measured here; every part of the plant measures itself.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::boundary::{DURATION_METRIC, OPEN_METRIC};

/// Upper bounds of durations, seconds: from a read in memory to the longest request.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Upper bounds of the times of process runs, seconds: from a label to half a shift.
const CYCLE_BUCKETS: [f64; 12] =
    [5.0, 15.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 450.0, 900.0, 3_600.0, 21_600.0];
/// Upper bounds of counts: batches, groups, queues.
const COUNT_BUCKETS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

/// The recorder of this process, installed at first use.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)
                .and_then(|b| {
                    b.set_buckets_for_metric(
                        Matcher::Full("nightshift_production_cycle_seconds".to_owned()),
                        &CYCLE_BUCKETS,
                    )
                })
                .and_then(|b| b.set_buckets(&COUNT_BUCKETS))
                .and_then(PrometheusBuilder::install_recorder)
                .map_err(|e| tracing::error!(error = %e, "no metrics: the recorder cannot be installed"))
                .ok()
        })
        .as_ref()
}

/// Installs the recorder and writes down what the facade's own metrics mean.
pub(crate) fn describe() {
    recorder();
    metrics::describe_histogram!(
        DURATION_METRIC,
        metrics::Unit::Seconds,
        "Time from a request's headers to its answer's, by method, route template and status class."
    );
    metrics::describe_gauge!(OPEN_METRIC, "Requests under way now.");
    metrics::describe_gauge!("nightshift_http_connections_open", "Connections open now.");
    metrics::describe_gauge!("nightshift_http_streams_open", "Event streams open now.");
    super::socket::describe_metrics();
    for (name, help) in [
        ("nightshift_http_rate_limited_total", "Requests answered 429."),
        ("nightshift_http_tls_failures_total", "TLS handshakes that failed."),
    ] {
        metrics::describe_counter!(name, help);
        metrics::counter!(name).absolute(0);
    }
    metrics::describe_gauge!("nightshift_build_info", "1; the labels say which version this is.");
    metrics::gauge!("nightshift_build_info", "version" => crate::VERSION).set(1.0);
    Collector::default().describe();
    nightshift_kernel::describe_metrics();
    nightshift_actors::describe_metrics();
}

/// Keeps the histograms small.
pub(super) fn keep_small() {
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
    }
}

/// Every metric in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics",
    operation_id = "metrics_exposition", tag = "system",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn exposition() -> impl IntoResponse {
    Collector::default().collect();
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
