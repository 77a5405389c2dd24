//! How many sensors speak: counted in memory, in each round of house-keeping, for the metric and its alert.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::SensorSpec;

use super::shared::Roster;

/// Nobody has read it since the start.
const UNREAD_US: i64 = i64::MIN;
/// There is none.
const NONE_US: i64 = i64::MIN + 1;

const METRIC: &str = "nightshift_sensing_freshness_sensors";
const WORDS: [&str; 4] = ["fresh", "stale", "never", "unread"];

/// When a sensor's newest reading was. It outlives the lives of the sensor's actor, which writes it.
#[derive(Debug, Clone)]
pub(crate) struct Newest(Arc<AtomicI64>);

impl Default for Newest {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNREAD_US)))
    }
}

impl Newest {
    pub(super) fn set(&self, newest: Option<Timestamp>) {
        self.0.store(newest.map_or(NONE_US, Timestamp::us), Ordering::Relaxed);
    }

    /// The word for a sensor, as its place in [`WORDS`].
    fn word(&self, spec: &SensorSpec, now: Timestamp) -> usize {
        match self.0.load(Ordering::Relaxed) {
            UNREAD_US => 3,
            NONE_US => 2,
            us if now.since(Timestamp::from_us(us)) <= spec.freshness() => 0,
            _ => 1,
        }
    }
}

/// Counts the sensors that are judged on schedule; who is switched off need not speak.
pub(crate) fn measure(roster: &Roster, now: Timestamp) {
    let mut counts = [0_u32; WORDS.len()];
    roster.each(|seat| {
        let sensor = seat.registration.get();
        if sensor.spec.enabled {
            counts[seat.newest.word(&sensor.spec, now)] += 1;
        }
    });
    for (word, count) in WORDS.into_iter().zip(counts) {
        metrics::gauge!(METRIC, "freshness" => word).set(f64::from(count));
    }
}

/// Describes the metric.
pub(crate) fn describe_metrics() {
    metrics::describe_gauge!(
        METRIC,
        "Enabled sensors by whether they speak: fresh, stale, never (no reading yet), unread (not asked since the start)."
    );
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_sensor_is_fresh_until_its_limit_has_passed() {
        let spec = SensorSpec::new("s1".parse().expect("an id"));
        let (newest, at) = (Newest::default(), Timestamp::from_s(1_800_000_000));
        let word = |now| WORDS[newest.word(&spec, now)];
        assert_eq!(word(at), "unread");
        newest.set(None);
        assert_eq!(word(at), "never");
        newest.set(Some(at));
        assert_eq!((word(at), word(at + spec.freshness())), ("fresh", "fresh"));
        assert_eq!(word(at + spec.freshness() + Duration::from_micros(1)), "stale");
        assert_eq!(word(at - Duration::from_secs(60)), "fresh", "from the future a little");
    }
}
