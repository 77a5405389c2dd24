//! Measured values in a process's data, for process capability: which they are, and their limits, is said by the
//! schema's `x-measures`.
//!
//! `{"name", "at": pointer, "lower"?, "upper"?}` is one value; with `"each": pointer` it is one per entry of a list. With
//! `"target"` and `"tolerance"` (pointers beside `at`) the value is the distance from the target in tolerances, so that
//! points with targets of their own can be compared: its limits are -1 and 1.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most values that one run gives to the figures.
pub const MEASUREMENTS_MAX: usize = 10_000;

/// A value that a run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured, for example `temp_sensor.measured_temp`.
    pub name: String,
    /// The value.
    pub value: f64,
}

/// A value that a process measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Its name.
    pub name: String,
    /// The list whose entries hold it.
    #[serde(default)]
    pub each: Option<String>,
    /// Where it stands.
    pub at: String,
    /// Where its target stands.
    #[serde(default)]
    pub target: Option<String>,
    /// Where its tolerance stands.
    #[serde(default)]
    pub tolerance: Option<String>,
    /// The lower specification limit.
    #[serde(default)]
    pub lower: Option<f64>,
    /// The upper specification limit.
    #[serde(default)]
    pub upper: Option<f64>,
}

impl Measure {
    /// The measures of a row's schema; misspelt ones are an error.
    pub(super) fn of(schema: &Map<String, Value>) -> Result<Vec<Self>, serde_json::Error> {
        schema.get("x-measures").map_or(Ok(Vec::new()), |list| serde_json::from_value(list.clone()))
    }

    pub(super) fn find(&self, data: &Value, found: &mut Vec<Measurement>) {
        let entries = match &self.each {
            None => std::slice::from_ref(data),
            Some(list) => data.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice),
        };
        let room = MEASUREMENTS_MAX.saturating_sub(found.len());
        let values = entries.iter().filter_map(|entry| self.value(entry)).take(room);
        found.extend(values.map(|value| Measurement { name: self.name.clone(), value }));
    }

    fn value(&self, entry: &Value) -> Option<f64> {
        let at = |pointer: &str| entry.pointer(pointer).and_then(Value::as_f64);
        let value = at(&self.at)?;
        let value = match (&self.target, &self.tolerance) {
            (Some(target), Some(tolerance)) => (value - at(target)?) / at(tolerance)?,
            _ => value,
        };
        value.is_finite().then_some(value)
    }
}
