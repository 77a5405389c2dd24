//! What the server says of itself meanwhile: memory, processor time, and what waits where, from `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde::Serialize;

use super::access::Access;
use super::pace::Time;

/// Looks at most; a longer run is looked at less often.
const LOOKS_MAX: u32 = 600;
/// Time between two looks, at least.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Gauges of what waits, by their names in the report.
const QUEUES: [(&str, &str); 5] = [
    ("writes", "nightshift_store_pending_writes"),
    ("windows", "nightshift_inference_queued_windows"),
    ("positions", "nightshift_fleet_waiting_positions"),
    ("labels", "nightshift_labels_waiting_jobs"),
    ("requests", "nightshift_http_requests_open"),
];

/// One look.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Look {
    pub(super) at_s: f64,
    /// Resident memory.
    pub(super) memory_mib: f64,
    /// Processors kept busy since the look before.
    pub(super) cpus: f64,
    /// Open files.
    pub(super) files: f64,
    /// Actors alive.
    pub(super) actors: f64,
    /// What waits.
    pub(super) queues: BTreeMap<&'static str, f64>,
    /// What has no outcome, over all domains.
    pub(super) unaccounted: f64,
}

/// The sums of all metrics by name, labels aside.
pub(super) fn sums(text: &str) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or_default();
        if let Ok(value) = value.parse::<f64>() {
            *sums.entry(name.to_owned()).or_default() += value;
        }
    }
    sums
}

/// Looks until the run is over.
pub(super) async fn watch(access: Arc<Access>, time: Time) -> Vec<Look> {
    let pause = (time.length / LOOKS_MAX).max(LOOK_PAUSE);
    let mut looks: Vec<Look> = Vec::new();
    let mut used = None;
    for n in 1.. {
        let at = pause * n;
        if at > time.length {
            break;
        }
        time.clock.sleep_until(time.start + at).await;
        looks.extend(look(&access, &time, &mut used).await);
    }
    looks
}

/// One look; none when the server does not answer. `used` is when it was last looked at and how many seconds of processors
/// had been used by then.
pub(super) async fn look(access: &Access, time: &Time, used: &mut Option<(f64, f64)>) -> Option<Look> {
    let answer = access.request(Method::GET, "/metrics").send().await.ok()?.error_for_status().ok()?;
    let sums = sums(&answer.text().await.ok()?);
    let of = |name: &str| sums.get(name).copied().unwrap_or(0.0);
    let (now, cpu_s) = (time.elapsed().as_secs_f64(), of("process_cpu_seconds_total"));
    let before = used.replace((now, cpu_s));
    let cpus = before.map_or(0.0, |(at, before)| (cpu_s - before).max(0.0) / (now - at).max(1e-3));
    Some(Look {
        at_s: now,
        memory_mib: of("process_resident_memory_bytes") / 1_048_576.0,
        cpus,
        files: of("process_open_fds"),
        actors: of("nightshift_kernel_actors"),
        queues: QUEUES.map(|(word, name)| (word, of(name))).into(),
        unaccounted: of("nightshift_unaccounted"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_one_metric_are_added_up() {
        let text = "# HELP a words\n# TYPE a gauge\na{domain=\"x\"} 2\na{domain=\"y z\"} 3.5\nb 7\nbad\n";
        let sums = sums(text);
        assert_eq!((sums["a"], sums["b"], sums.len()), (5.5, 7.0, 2));
    }
}
