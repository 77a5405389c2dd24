//! Product models: what the plant makes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::fault::{Faults, NOTE_CHARS_MAX};
use super::{FieldFault, ProductModelId};
use crate::Timestamp;

/// Longest production cycle, days.
const CYCLE_DAYS_MAX: i64 = 3_650;

/// Whether a model is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ModelStatus {
    /// It is made.
    #[default]
    Active,
    /// It is not made now.
    Inactive,
    /// It is never made again.
    Discontinued,
}

impl ModelStatus {
    /// The word used in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Discontinued => "DISCONTINUED",
        }
    }

    /// The status that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Discontinued].into_iter().find(|s| s.as_str() == word)
    }

    /// Clients say it in two ways, `status` and `is_active`.
    ///
    /// # Errors
    /// A fault when the two contradict each other.
    pub fn from_both(status: Option<Self>, is_active: Option<bool>) -> Result<Self, FieldFault> {
        match (status, is_active) {
            (None, None) => Ok(Self::Active),
            (None, Some(active)) => Ok(if active { Self::Active } else { Self::Inactive }),
            (Some(status), None) => Ok(status),
            (Some(status), Some(active)) if active == (status == Self::Active) => Ok(status),
            (Some(status), Some(_)) => {
                let must = format!("must be {} when status is {}", status == Self::Active, status.as_str());
                Err(FieldFault::new("is_active", must))
            }
        }
    }
}

/// Everything a product model says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductModelSpec {
    /// Unique; lot numbers begin with it.
    pub model_code: String,
    /// Its name.
    pub model_name: String,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// A description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its kind, for filters.
    #[serde(default)]
    pub category: Option<String>,
    /// Days from a lot's start to its end.
    #[serde(default)]
    pub production_cycle_days: Option<i64>,
    /// Free document.
    #[serde(default)]
    pub specifications: Map<String, Value>,
    /// Bill of materials, a free document.
    #[serde(default)]
    pub bom_data: Map<String, Value>,
    /// Whether it is made.
    #[serde(default)]
    pub status: ModelStatus,
}

/// A stored product model.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductModel {
    /// Its id.
    pub id: ProductModelId,
    /// What it says about itself.
    pub spec: ProductModelSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ProductModelSpec {
    /// Whether lots of it may be made.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == ModelStatus::Active
    }

    /// Refuses what no product model can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        faults.code("model_code", &self.model_code);
        faults.name("model_name", &self.model_name);
        faults.text("version", self.version.as_deref(), 50);
        faults.text("description", self.description.as_deref(), NOTE_CHARS_MAX);
        faults.text("category", self.category.as_deref(), 50);
        let cycle = self.production_cycle_days.is_none_or(|days| (0..=CYCLE_DAYS_MAX).contains(&days));
        faults.unless(cycle, "production_cycle_days", format!("must be 0 to {CYCLE_DAYS_MAX}"));
        faults.document("specifications", &self.specifications);
        faults.document("bom_data", &self.bom_data);
        faults.done(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(change: Value) -> Result<ProductModelSpec, Vec<String>> {
        let mut whole = json!({ "model_code": "NH-1000", "model_name": "NeuroHub Pro" });
        for (name, value) in change.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        let spec: ProductModelSpec = serde_json::from_value(whole).expect("fields of the right types");
        spec.validated().map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn a_model_within_its_limits_is_taken() {
        let least = spec(json!({})).expect("taken");
        assert!(least.is_active() && least.bom_data.is_empty());
        spec(json!({
            "model_code": "a".repeat(50), "model_name": "로봇 🦾".repeat(20), "version": "v".repeat(50),
            "description": "x".repeat(1_000), "category": "c".repeat(50), "production_cycle_days": 3_650,
            "specifications": { "note": "x".repeat(200_000) },
        }))
        .expect("taken");
        spec(json!({ "production_cycle_days": 0 })).expect("taken");
    }

    #[test]
    fn every_field_out_of_range_is_told_at_once() {
        let all = json!({
            "model_code": "", "model_name": " ", "version": "v".repeat(51), "description": "x".repeat(1_001),
            "category": "c".repeat(51), "production_cycle_days": -1, "specifications": { "a": "\u{0}" },
            "bom_data": { "x": "x".repeat(300_000) },
        });
        let told = [
            "model_code",
            "model_name",
            "version",
            "description",
            "category",
            "production_cycle_days",
            "specifications",
            "bom_data",
        ];
        assert_eq!(spec(all).expect_err("refused"), told);
    }

    #[test]
    fn a_code_is_what_can_be_printed_and_scanned() {
        for bad in ["-A", "A B", "A/B", "모델", "A\n", "a".repeat(51).as_str(), "_A", "A;"] {
            assert_eq!(spec(json!({ "model_code": bad })).expect_err(bad), ["model_code"]);
        }
        for good in ["A", "a-b_c.d", "9"] {
            assert!(spec(json!({ "model_code": good })).is_ok(), "{good}");
        }
        assert_eq!(spec(json!({ "model_name": "bell\u{7}" })).expect_err("control"), ["model_name"]);
        assert_eq!(
            spec(json!({ "production_cycle_days": 3_651 })).expect_err("long"),
            ["production_cycle_days"]
        );
    }

    #[test]
    fn both_ways_to_say_whether_it_is_made_must_agree() {
        use ModelStatus::{Active, Discontinued, Inactive};
        for (status, is_active, means) in [
            (None, None, Some(Active)),
            (None, Some(true), Some(Active)),
            (None, Some(false), Some(Inactive)),
            (Some(Discontinued), None, Some(Discontinued)),
            (Some(Discontinued), Some(false), Some(Discontinued)),
            (Some(Inactive), Some(false), Some(Inactive)),
            (Some(Active), Some(true), Some(Active)),
            (Some(Active), Some(false), None),
            (Some(Inactive), Some(true), None),
        ] {
            assert_eq!(ModelStatus::from_both(status, is_active).ok(), means, "{status:?} {is_active:?}");
        }
        for status in [Active, Inactive, Discontinued] {
            assert_eq!(ModelStatus::from_word(status.as_str()), Some(status));
        }
    }
}
