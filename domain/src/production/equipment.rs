//! Equipment: machines of a line, their maintenance, and holds on them.

use serde::{Deserialize, Serialize};

use super::fault::Faults;
use super::line::yes;
use super::{EquipmentId, FieldFault, HoldId, LineId, OperatorId, PlantDate, ProcessId};
use crate::Timestamp;

/// Days before the date on which equipment counts as needing maintenance.
pub const MAINTENANCE_NOTICE_DAYS: i64 = 7;
/// Longest time between two maintenances, days.
const MAINTENANCE_DAYS_MAX: i64 = 3_650;

/// Everything a piece of equipment says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquipmentSpec {
    /// Unique; sensors name it as their `equipment`, stations as `equipment_id`.
    pub equipment_code: String,
    /// Its name.
    pub equipment_name: String,
    /// Its kind.
    #[serde(default)]
    pub equipment_type: Option<String>,
    /// The process it serves.
    #[serde(default)]
    pub process_id: Option<ProcessId>,
    /// The line it stands in.
    #[serde(default)]
    pub production_line_id: Option<LineId>,
    /// Who made it.
    #[serde(default)]
    pub manufacturer: Option<String>,
    /// Its maker's model.
    #[serde(default)]
    pub model_number: Option<String>,
    /// Its maker's serial number.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// Last maintenance.
    #[serde(default)]
    pub last_maintenance_date: Option<PlantDate>,
    /// Next maintenance; reckoned from the last one and the interval when absent.
    #[serde(default)]
    pub next_maintenance_date: Option<PlantDate>,
    /// Days between two maintenances.
    #[serde(default)]
    pub maintenance_interval_days: Option<i64>,
    /// Whether it may be used.
    #[serde(default = "yes")]
    pub is_active: bool,
}

/// A stored piece of equipment.
#[derive(Debug, Clone, PartialEq)]
pub struct Equipment {
    /// Its id.
    pub id: EquipmentId,
    /// What it says about itself.
    pub spec: EquipmentSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl EquipmentSpec {
    /// Refuses what no equipment can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Faults::default();
        faults.code("equipment_code", &self.equipment_code);
        faults.name("equipment_name", &self.equipment_name);
        for (field, text) in [
            ("equipment_type", &self.equipment_type),
            ("manufacturer", &self.manufacturer),
            ("model_number", &self.model_number),
            ("serial_number", &self.serial_number),
        ] {
            faults.text(field, text.as_deref(), 100);
        }
        let days = self.maintenance_interval_days.is_none_or(|d| (1..=MAINTENANCE_DAYS_MAX).contains(&d));
        faults.unless(days, "maintenance_interval_days", format!("must be 1 to {MAINTENANCE_DAYS_MAX}"));
        let dates = self.last_maintenance_date.zip(self.next_maintenance_date).is_none_or(|(l, n)| l <= n);
        faults.unless(dates, "next_maintenance_date", "must not be before last_maintenance_date");
        faults.done(self)
    }

    /// When it is to be maintained next, if anybody said.
    #[must_use]
    pub fn maintenance_due(&self) -> Option<PlantDate> {
        self.next_maintenance_date.or_else(|| {
            let days = self.maintenance_interval_days?;
            self.last_maintenance_date?.checked_add(jiff::Span::new().days(days)).ok()
        })
    }

    /// Whether maintenance is due on `today`, or within [`MAINTENANCE_NOTICE_DAYS`].
    #[must_use]
    pub fn needs_maintenance(&self, today: PlantDate) -> bool {
        let last = today.checked_add(jiff::Span::new().days(MAINTENANCE_NOTICE_DAYS)).unwrap_or(today);
        self.is_active && self.maintenance_due().is_some_and(|due| due <= last)
    }
}

/// Equipment on which nothing may be started until somebody acknowledges why.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// What is held.
    pub equipment_id: EquipmentId,
    /// Why, for people at the station.
    pub reason: String,
    /// The event that verdict, alert, hold and marked runs have in common.
    pub event_id: String,
    /// Since when.
    pub since: Timestamp,
    /// Where it is in its life.
    pub state: HoldState,
}

/// Where a hold is in its life.
#[derive(Debug, Clone, PartialEq)]
pub enum HoldState {
    /// Starts are refused.
    Active,
    /// Somebody looked and let the equipment go on.
    Released {
        /// When.
        at: Timestamp,
        /// Who.
        by: OperatorId,
        /// What was found.
        note: Option<String>,
    },
}

impl Hold {
    /// Whether starts are refused.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == HoldState::Active
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::{Value, json};

    use super::*;

    fn spec(change: Value) -> Result<EquipmentSpec, Vec<String>> {
        let mut whole = json!({ "equipment_code": "EQ-001", "equipment_name": "Sensor check" });
        for (name, value) in change.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        let spec: EquipmentSpec = serde_json::from_value(whole).expect("fields of the right types");
        spec.validated().map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn equipment_has_its_limits() {
        assert!(spec(json!({})).expect("taken").is_active);
        let long = "x".repeat(101);
        let all = json!({
            "equipment_code": "", "equipment_name": "", "equipment_type": long, "manufacturer": long,
            "model_number": long, "serial_number": long, "maintenance_interval_days": 0,
            "last_maintenance_date": "2025-11-10", "next_maintenance_date": "2025-11-09",
        });
        let told = [
            "equipment_code",
            "equipment_name",
            "equipment_type",
            "manufacturer",
            "model_number",
            "serial_number",
            "maintenance_interval_days",
            "next_maintenance_date",
        ];
        assert_eq!(spec(all).expect_err("refused"), told);
        spec(json!({ "last_maintenance_date": "2025-11-10", "next_maintenance_date": "2025-11-10" }))
            .expect("taken");
        for (days, ok) in [(1, true), (3_650, true), (3_651, false), (-1, false)] {
            assert_eq!(spec(json!({ "maintenance_interval_days": days })).is_ok(), ok, "{days}");
        }
    }

    #[test]
    fn maintenance_is_due_as_said_or_as_reckoned() {
        let due = |change| spec(change).expect("taken").maintenance_due();
        assert_eq!(due(json!({})), None);
        assert_eq!(due(json!({ "last_maintenance_date": "2025-01-31" })), None);
        let reckoned = json!({ "last_maintenance_date": "2025-01-31", "maintenance_interval_days": 30 });
        assert_eq!(due(reckoned), Some(date(2025, 3, 2)));
        let said = json!({
            "last_maintenance_date": "2025-01-31", "maintenance_interval_days": 30,
            "next_maintenance_date": "2025-02-15",
        });
        assert_eq!(due(said), Some(date(2025, 2, 15)));
    }

    #[test]
    fn a_week_before_it_is_due_it_is_told() {
        let equipment = spec(json!({ "next_maintenance_date": "2025-11-17" })).expect("taken");
        assert!(!equipment.needs_maintenance(date(2025, 11, 9)));
        assert!(equipment.needs_maintenance(date(2025, 11, 10)));
        assert!(equipment.needs_maintenance(date(2026, 1, 1)), "overdue");
        let off = EquipmentSpec { is_active: false, ..equipment };
        assert!(!off.needs_maintenance(date(2025, 11, 17)), "it is not used");
        assert!(!spec(json!({})).expect("taken").needs_maintenance(date(2025, 11, 10)));
    }
}
