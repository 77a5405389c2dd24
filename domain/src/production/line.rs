//! Production lines, and the targets that are set for their days.

use serde::{Deserialize, Serialize};

use super::fault::Faults;
use super::{FieldFault, LineId, PlantDate, ProductModelId, TargetId};
use crate::Timestamp;

/// Most units of a shift or of a day's target.
const UNITS_MAX: i64 = 1_000_000;

/// Everything a production line says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSpec {
    /// Unique; sensors name it as their `line`.
    pub line_code: String,
    /// Its name.
    pub line_name: String,
    /// Units it makes in a shift.
    #[serde(default)]
    pub capacity_per_shift: Option<i64>,
    /// Where it stands.
    #[serde(default)]
    pub location: Option<String>,
    /// Whether lots may be put on it.
    #[serde(default = "yes")]
    pub is_active: bool,
}

pub(super) fn yes() -> bool {
    true
}

/// A stored production line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its id.
    pub id: LineId,
    /// What it says about itself.
    pub spec: LineSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl LineSpec {
    /// Refuses what no line can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        faults.code("line_code", &self.line_code);
        faults.name("line_name", &self.line_name);
        let capacity = self.capacity_per_shift.is_none_or(|n| (0..=UNITS_MAX).contains(&n));
        faults.unless(capacity, "capacity_per_shift", format!("must be 0 to {UNITS_MAX}"));
        faults.text("location", self.location.as_deref(), 100);
        faults.done(self)
    }
}

/// What a production day is to bring: units that pass, of the plant, of a line, of a model, or of a model on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// The production day.
    pub date: PlantDate,
    /// The line; every line when absent.
    #[serde(default)]
    pub production_line_id: Option<LineId>,
    /// The model; every model when absent.
    #[serde(default)]
    pub product_model_id: Option<ProductModelId>,
    /// Units that are to pass.
    pub quantity: i64,
}

/// A stored target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its id.
    pub id: TargetId,
    /// What it says.
    pub spec: TargetSpec,
    /// When it was set.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl TargetSpec {
    /// Refuses what no target can be.
    ///
    /// # Errors
    /// The quantity, when it is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        faults.unless(
            (1..=UNITS_MAX).contains(&self.quantity),
            "quantity",
            format!("must be 1 to {UNITS_MAX}"),
        );
        faults.done(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(faults: Vec<FieldFault>) -> Vec<String> {
        faults.into_iter().map(|fault| fault.field).collect()
    }

    fn line(change: Value) -> Result<LineSpec, Vec<String>> {
        let mut whole = json!({ "line_code": "L1", "line_name": "라인 1" });
        for (name, value) in change.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        let spec: LineSpec = serde_json::from_value(whole).expect("fields of the right types");
        spec.validated().map_err(fields)
    }

    #[test]
    fn a_line_has_its_limits() {
        assert!(line(json!({})).expect("taken").is_active);
        line(json!({ "capacity_per_shift": 0, "location": "x".repeat(100) })).expect("taken");
        line(json!({ "capacity_per_shift": 1_000_000, "is_active": false })).expect("taken");
        let all = json!({
            "line_code": "L 1", "line_name": "x".repeat(101), "capacity_per_shift": 1_000_001,
            "location": "x".repeat(101),
        });
        assert_eq!(
            line(all).expect_err("refused"),
            ["line_code", "line_name", "capacity_per_shift", "location"]
        );
        assert_eq!(line(json!({ "capacity_per_shift": -1 })).expect_err("refused"), ["capacity_per_shift"]);
    }

    #[test]
    fn a_target_is_one_to_a_million_units() {
        let target = |quantity: i64| {
            let spec = json!({ "date": "2025-11-10", "quantity": quantity });
            serde_json::from_value::<TargetSpec>(spec).expect("a target").validated().map_err(fields)
        };
        for good in [1, 1_000_000] {
            assert_eq!(target(good).expect("taken").quantity, good);
        }
        for bad in [i64::MIN, -1, 0, 1_000_001] {
            assert_eq!(target(bad).expect_err("refused"), ["quantity"], "{bad}");
        }
    }
}
