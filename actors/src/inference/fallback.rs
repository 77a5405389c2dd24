//! Whether the best device is out and another one does its work.

use super::DeviceView;

const METRIC: &str = "nightshift_inference_fallback";

/// The best device has failed and does not work yet again, while another one does. Warming up at a start is no failure.
fn stands_in(devices: &[DeviceView]) -> bool {
    let Some((best, others)) = devices.split_first() else { return false };
    !best.state.works() && best.failures > 0 && others.iter().any(|device| device.state.works())
}

pub(super) fn measure(devices: &[DeviceView]) {
    metrics::gauge!(METRIC).set(f64::from(u8::from(stands_in(devices))));
}

/// Describes the metric.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!(METRIC, "1 while another device stands in for the best one, which has failed.");
    metrics::gauge!(METRIC).set(0.0);
}

#[cfg(test)]
mod tests {
    use super::super::DeviceState;
    use super::*;

    fn device(state: DeviceState, failures: u64) -> DeviceView {
        DeviceView {
            label: "cpu".into(),
            state,
            batches: 0,
            windows: 0,
            failures,
            last_failure: None,
            canary_difference: None,
            warm_up_s: None,
        }
    }

    #[test]
    fn only_work_that_another_device_does_for_a_failed_one_counts() {
        let (idle, busy) = (device(DeviceState::Idle, 0), device(DeviceState::Busy, 3));
        let (starting, down) = (device(DeviceState::Starting, 0), device(DeviceState::Down, 1));
        let again = device(DeviceState::Starting, 1);
        let told = |devices: &[&DeviceView]| stands_in(&devices.iter().copied().cloned().collect::<Vec<_>>());
        assert!(told(&[&down, &idle]) && told(&[&again, &busy]));
        assert!(!told(&[&starting, &idle]), "it warms up");
        assert!(!told(&[&busy, &down]), "the best one works");
        assert!(!told(&[&down, &down]) && !told(&[&down]) && !told(&[]), "nobody stands in");
    }
}
