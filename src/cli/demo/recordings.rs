//! The recordings that come with the program: real machines that really failed (Numenta Anomaly Benchmark, MIT licence;
//! `demo/recordings/README.md` says which part of which file).

use nightshift_domain::sensing::parse_csv;
use serde_json::{Value, json};

/// Most readings in a recording.
const READINGS_MAX: usize = 100_000;

/// A recording and the sensor it plays.
pub(super) struct Recording {
    /// The sensor's id.
    pub(super) id: &'static str,
    name: &'static str,
    unit: &'static str,
    equipment: &'static str,
    /// Seconds between two readings when it was recorded.
    recorded_interval_s: u32,
    /// Readings before the live part.
    history: usize,
    csv: &'static str,
}

/// Five sensors of a plant; each has an anomaly soon after the live part begins.
pub(super) const RECORDINGS: [Recording; 5] = [
    Recording {
        id: "machine-temperature",
        name: "Press 1, bearing temperature",
        unit: "°F",
        equipment: "press-1",
        recorded_interval_s: 300,
        history: 3_600,
        csv: include_str!("../../../demo/recordings/machine_temperature_system_failure.csv"),
    },
    Recording {
        id: "ambient-temperature",
        name: "Hall A, air temperature",
        unit: "°F",
        equipment: "hall-a",
        recorded_interval_s: 3_600,
        history: 3_600,
        csv: include_str!("../../../demo/recordings/ambient_temperature_system_failure.csv"),
    },
    Recording {
        id: "server-response-time",
        name: "Line controller, response time",
        unit: "ms",
        equipment: "controller",
        recorded_interval_s: 300,
        history: 3_240,
        csv: include_str!("../../../demo/recordings/ec2_request_latency_system_failure.csv"),
    },
    Recording {
        id: "database-cpu",
        name: "Production database, CPU",
        unit: "%",
        equipment: "database",
        recorded_interval_s: 300,
        history: 2_400,
        csv: include_str!("../../../demo/recordings/rds_cpu_utilization_e47b3b.csv"),
    },
    Recording {
        id: "gate-occupancy",
        name: "Gate road, occupancy",
        unit: "%",
        equipment: "gate",
        recorded_interval_s: 300,
        history: 1_560,
        csv: include_str!("../../../demo/recordings/occupancy_6005.csv"),
    },
];

/// The camera at the gate.
pub(super) const CAMERA: &str = "gate-camera";
/// The recording that it is made of.
const GATE: &str = "gate-occupancy";
/// Share of the gate's road that a car takes, percent.
const CAR_PERCENT: f64 = 2.0;

/// What a camera at the gate counts with the `n`th reading: the road's recorded occupancy as cars.
pub(super) fn cars(tapes: &[Tape], n: usize) -> Value {
    let gate = RECORDINGS.iter().position(|recording| recording.id == GATE).and_then(|i| tapes.get(i));
    let cars = gate.map_or(0.0, |tape| (tape.live(n) / CAR_PERCENT).round().clamp(0.0, 1_000.0));
    json!({ "car": cars as u32 })
}

/// The values of a recording, cut where the live part begins.
pub(super) struct Tape {
    values: Vec<f64>,
    history: usize,
}

impl Recording {
    /// How it is registered: one reading a second, whatever it was when recorded.
    pub(super) fn registration(&self, interval_s: u32) -> Value {
        let speed = self.recorded_interval_s / interval_s.max(1);
        json!({
            "sensor_id": self.id,
            "name": format!("{} (replayed ×{speed})", self.name),
            "unit": self.unit,
            "equipment": self.equipment,
            "line": "demo",
            "interval_s": interval_s,
            "retention_days": 1,
        })
    }

    pub(super) fn tape(&self) -> Result<Tape, String> {
        let readings =
            parse_csv(self.csv.as_bytes(), READINGS_MAX).map_err(|e| format!("{}: {e}", self.id))?;
        Ok(Tape { values: readings.iter().map(|r| r.value).collect(), history: self.history })
    }
}

impl Tape {
    /// What was recorded before the live part.
    pub(super) fn history(&self) -> &[f64] {
        &self.values[..self.history.min(self.values.len())]
    }

    /// The `n`th value of the live part, which begins again when it is over.
    pub(super) fn live(&self, n: usize) -> f64 {
        let live = &self.values[self.history.min(self.values.len())..];
        if live.is_empty() { f64::NAN } else { live[n % live.len()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_camera_counts_what_was_recorded() {
        let tapes: Vec<Tape> = RECORDINGS.iter().map(|r| r.tape().expect(r.id)).collect();
        let counts: Vec<u64> = (0..600).map(|n| cars(&tapes, n)["car"].as_u64().expect("a count")).collect();
        assert!(counts.iter().max() > counts.iter().min(), "the road is not always the same");
        assert!(counts.iter().all(|n| *n <= 50), "{counts:?}");
    }

    #[test]
    fn every_recording_fills_a_window_and_has_a_live_part() {
        for recording in &RECORDINGS {
            let tape = recording.tape().expect(recording.id);
            assert!(tape.history().len() >= nightshift_domain::sensing::WINDOW_READINGS, "{}", recording.id);
            assert!(tape.values.len() > tape.history + 500, "{}: {}", recording.id, tape.values.len());
            assert!(tape.values.iter().all(|v| v.is_finite()));
            assert_eq!(tape.live(0).to_bits(), tape.live(tape.values.len() - tape.history).to_bits());
        }
    }
}
