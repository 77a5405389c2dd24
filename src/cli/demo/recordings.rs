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
