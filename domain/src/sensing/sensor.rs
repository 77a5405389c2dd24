//! A registered sensor: who it is, how often it speaks, what it is judged by.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::WINDOW_READINGS;
use crate::Timestamp;

/// Longest sensor id, characters.
const ID_CHARS_MAX: usize = 64;
/// Longest name, unit, line, equipment or place, characters.
const TEXT_CHARS_MAX: usize = 100;
/// Seconds between two readings when a registration does not say: the first site's buoys.
pub const INTERVAL_S_DEFAULT: u32 = 120;
/// Longest interval, seconds: one reading a day.
const INTERVAL_S_MAX: u32 = 86_400;
/// Days that readings are kept when a registration does not say.
pub const RETENTION_DAYS_DEFAULT: u32 = 365;
/// Longest retention, days.
pub const RETENTION_DAYS_MAX: u32 = 3_650;
/// A sensor that says nothing for this many intervals is stale unless its registration sets a limit of its own.
const FRESHNESS_INTERVALS: u32 = 15;
/// Shortest default freshness limit, seconds: a sensor of one reading a second may pause for a minute.
const FRESHNESS_S_MIN: u32 = 60;

/// What a registration got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SensorError {
    /// The id does not have the allowed form.
    #[error(
        "sensor_id must be 1 to {ID_CHARS_MAX} characters of A-Z, a-z, 0-9, '.', '_' and '-', and not only dots"
    )]
    Id,
    /// A text field is too long or holds control characters.
    #[error("{field} must be at most {TEXT_CHARS_MAX} characters without control characters")]
    Text {
        /// Name of the field.
        field: &'static str,
    },
    /// A number is outside its range.
    #[error("{field} must be {allowed}")]
    Range {
        /// Name of the field.
        field: &'static str,
        /// The allowed range in words.
        allowed: &'static str,
    },
    /// A vendor sensor without the feed it is read from.
    #[error(
        "a sensor with source \"vendor\" needs `vendor` with at least a device_id; a pushed sensor must not have it"
    )]
    Vendor,
}

/// The name a plant gives a sensor: 1–64 characters of `[A-Za-z0-9._-]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SensorId(Box<str>);

impl SensorId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SensorId {
    type Err = SensorError;
    fn from_str(s: &str) -> Result<Self, SensorError> {
        let formed = (1..=ID_CHARS_MAX).contains(&s.len())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
            // `.` and `..` would be eaten by URL normalisation and could never be addressed.
            && s.bytes().any(|b| b != b'.');
        if formed { Ok(Self(s.into())) } else { Err(SensorError::Id) }
    }
}

impl TryFrom<String> for SensorId {
    type Error = SensorError;
    fn try_from(s: String) -> Result<Self, SensorError> {
        s.parse()
    }
}

impl From<SensorId> for String {
    fn from(id: SensorId) -> Self {
        id.0.into()
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One registration of a sensor. An id that is removed and used again gets a new key, so that the two never mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SensorKey(pub i64);

/// Where readings come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The sensor, or a gateway, sends them.
    #[default]
    Push,
    /// The plant fetches them from a vendor's service.
    Vendor,
}

/// Where in a vendor's service a sensor's readings are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorFeed {
    /// The vendor's name for the device.
    pub device_id: String,
    /// `oxygen`, `hydrogen` or `conductivity`: the path of the vendor's resource.
    #[serde(default = "VendorFeed::default_resource")]
    pub resource: String,
    /// The measured field of a record, for example `oxygen_mpl`.
    #[serde(default = "VendorFeed::default_field")]
    pub field: String,
}

impl VendorFeed {
    fn default_resource() -> String {
        "oxygen".to_owned()
    }
    fn default_field() -> String {
        "oxygen_mpl".to_owned()
    }
}

/// Bounds that turn a reading or a score into a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The last reading at or below this is abnormal at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The last reading at or above this is abnormal at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// The model's score above this is abnormal; the model's own threshold when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
}

/// Where a sensor stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// Everything a registration says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorSpec {
    /// The sensor's name in the plant.
    pub sensor_id: SensorId,
    /// A name for people; the id when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Unit of the readings, for example `mg/L`.
    #[serde(default)]
    pub unit: Option<String>,
    /// Seconds between two readings.
    #[serde(default = "SensorSpec::default_interval_s")]
    pub interval_s: u32,
    /// Where readings come from.
    #[serde(default)]
    pub source: Source,
    /// The feed of a vendor sensor.
    #[serde(default)]
    pub vendor: Option<VendorFeed>,
    /// Whether the schedule scores it and its vendor feed is read.
    #[serde(default = "SensorSpec::default_enabled")]
    pub enabled: bool,
    /// Id of the model that judges it; the plant's default when absent.
    #[serde(default)]
    pub model: Option<String>,
    /// Its bounds.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// Days that readings are kept; older ones are late.
    #[serde(default = "SensorSpec::default_retention_days")]
    pub retention_days: u32,
    /// Seconds without a reading after which it is stale; fifteen intervals when absent.
    #[serde(default)]
    pub freshness_s: Option<u32>,
    /// Production line it belongs to.
    #[serde(default)]
    pub line: Option<String>,
    /// Equipment it watches.
    #[serde(default)]
    pub equipment: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub location: Option<Location>,
}

impl SensorSpec {
    fn default_interval_s() -> u32 {
        INTERVAL_S_DEFAULT
    }
    fn default_enabled() -> bool {
        true
    }
    fn default_retention_days() -> u32 {
        RETENTION_DAYS_DEFAULT
    }

    /// A pushed sensor with every default.
    #[must_use]
    pub fn new(sensor_id: SensorId) -> Self {
        Self {
            sensor_id,
            name: None,
            unit: None,
            interval_s: INTERVAL_S_DEFAULT,
            source: Source::Push,
            vendor: None,
            enabled: true,
            model: None,
            thresholds: Thresholds::default(),
            retention_days: RETENTION_DAYS_DEFAULT,
            freshness_s: None,
            line: None,
            equipment: None,
            location: None,
        }
    }

    /// Refuses what no sensor can be.
    ///
    /// # Errors
    /// The first field that is out of its range, by name.
    pub fn validated(self) -> Result<Self, SensorError> {
        // `/api/analyze/all` and `/api/results/all` would never reach it.
        range(
            "sensor_id",
            self.sensor_id.as_str() != "all",
            "another word than `all`, which names every sensor",
        )?;
        text("name", self.name.as_deref())?;
        text("unit", self.unit.as_deref())?;
        text("model", self.model.as_deref())?;
        text("line", self.line.as_deref())?;
        text("equipment", self.equipment.as_deref())?;
        range("interval_s", (1..=INTERVAL_S_MAX).contains(&self.interval_s), "1 to 86400")?;
        range("retention_days", (1..=RETENTION_DAYS_MAX).contains(&self.retention_days), "1 to 3650")?;
        range(
            "freshness_s",
            self.freshness_s.is_none_or(|s| (1..=30 * 86_400).contains(&s)),
            "1 to 2592000",
        )?;
        let Thresholds { low, high, score } = self.thresholds;
        let finite = [low, high, score].into_iter().flatten().all(f64::is_finite);
        range("thresholds", finite, "finite numbers")?;
        range("thresholds", low.zip(high).is_none_or(|(l, h)| l < h), "low below high")?;
        if let Some(Location { latitude, longitude }) = self.location {
            range("location.latitude", (-90.0..=90.0).contains(&latitude), "-90 to 90")?;
            range("location.longitude", (-180.0..=180.0).contains(&longitude), "-180 to 180")?;
        }
        if let Some(feed) = &self.vendor {
            text("vendor.device_id", Some(&feed.device_id))?;
            let path_safe =
                |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
            range("vendor", path_safe(&feed.device_id), "a device_id of letters, digits, '_' and '-'")?;
            let known = ["oxygen", "hydrogen", "conductivity"].contains(&feed.resource.as_str());
            range("vendor.resource", known, "oxygen, hydrogen or conductivity")?;
            range("vendor.field", path_safe(&feed.field), "a field of letters, digits, '_' and '-'")?;
        }
        if (self.source == Source::Vendor) != self.vendor.is_some() {
            return Err(SensorError::Vendor);
        }
        Ok(self)
    }

    /// Time between two readings.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s.into())
    }

    /// How old the last reading may be before the sensor is stale.
    #[must_use]
    pub fn freshness(&self) -> Duration {
        let default = self.interval_s.saturating_mul(FRESHNESS_INTERVALS).max(FRESHNESS_S_MIN);
        Duration::from_secs(self.freshness_s.unwrap_or(default).into())
    }

    /// How far back a window may reach: twice its nominal length, as the first site asked its vendor for.
    #[must_use]
    pub fn window_span_max(&self) -> Duration {
        self.interval() * u32::try_from(2 * WINDOW_READINGS).expect("1440 fits")
    }

    /// Readings before this instant are late.
    #[must_use]
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        now - Duration::from_secs(u64::from(self.retention_days) * 86_400)
    }
}

/// The fields of a registration that may be changed later. An absent field stays; `null` clears an optional one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SensorChange(serde_json::Map<String, serde_json::Value>);

impl SensorChange {
    /// From the JSON object of a merge patch (RFC 7396).
    #[must_use]
    pub fn new(fields: serde_json::Map<String, serde_json::Value>) -> Self {
        Self(fields)
    }

    /// The registration with the change applied and checked.
    ///
    /// # Errors
    /// Text that says which field is unknown, of the wrong type, fixed (`sensor_id`), or out of its range.
    pub fn apply(&self, spec: &SensorSpec) -> Result<SensorSpec, String> {
        if self.0.contains_key("sensor_id") {
            return Err("sensor_id cannot be changed: register a new sensor instead".to_owned());
        }
        let mut fields = serde_json::to_value(spec).map_err(|e| e.to_string())?;
        let object = fields.as_object_mut().expect("a struct serialises to an object");
        for (name, value) in &self.0 {
            // An unknown name is left to the reader below, which refuses it.
            if value.is_null() && object.remove(name).is_some() {
                continue;
            }
            merge(object.entry(name.clone()).or_insert(serde_json::Value::Null), value);
        }
        let changed: SensorSpec = serde_json::from_value(fields).map_err(|e| e.to_string())?;
        changed.validated().map_err(|e| e.to_string())
    }
}

/// RFC 7396, one level at a time: objects merge, everything else replaces.
fn merge(target: &mut serde_json::Value, patch: &serde_json::Value) {
    match (target, patch) {
        (serde_json::Value::Object(target), serde_json::Value::Object(patch)) => {
            for (name, value) in patch {
                if value.is_null() {
                    target.remove(name);
                } else {
                    merge(target.entry(name.clone()).or_insert(serde_json::Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// A sensor as it is registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// This registration's key.
    pub key: SensorKey,
    /// What it says.
    pub spec: SensorSpec,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

fn text(field: &'static str, value: Option<&str>) -> Result<(), SensorError> {
    let fits = value.is_none_or(|v| v.chars().count() <= TEXT_CHARS_MAX && !v.chars().any(char::is_control));
    if fits { Ok(()) } else { Err(SensorError::Text { field }) }
}

fn range(field: &'static str, holds: bool, allowed: &'static str) -> Result<(), SensorError> {
    if holds { Ok(()) } else { Err(SensorError::Range { field, allowed }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(id: &str) -> SensorSpec {
        SensorSpec::new(id.parse().expect("id"))
    }

    #[test]
    fn ids_are_addressable() {
        for good in ["wando01", "a", "A.b_c-9", &"x".repeat(64)] {
            assert!(good.parse::<SensorId>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "é", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<SensorId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_registration_needs_only_its_id() {
        let read: SensorSpec = serde_json::from_str(r#"{"sensor_id":"wando01"}"#).expect("minimal");
        assert_eq!(read, spec("wando01"));
        assert_eq!(read.freshness(), Duration::from_secs(1_800));
        let typo = serde_json::from_str::<SensorSpec>(r#"{"sensor_id":"a","intervall_s":1}"#);
        assert!(typo.expect_err("typo").to_string().contains("intervall_s"));
    }

    #[test]
    fn refuses_the_impossible_by_name() {
        let mut s = spec("a");
        s.interval_s = 0;
        assert!(s.validated().expect_err("zero").to_string().starts_with("interval_s"));
        let mut s = spec("a");
        s.thresholds = Thresholds { low: Some(5.0), high: Some(3.0), score: None };
        assert!(s.validated().is_err());
        let mut s = spec("a");
        s.source = Source::Vendor;
        assert_eq!(s.validated(), Err(SensorError::Vendor));
        assert!(spec("all").validated().expect_err("a route").to_string().starts_with("sensor_id"));
    }

    #[test]
    fn a_change_merges_and_clears() {
        let mut s = spec("a");
        s.unit = Some("mg/L".into());
        s.thresholds.low = Some(3.0);
        let change: SensorChange =
            serde_json::from_str(r#"{"unit":null,"interval_s":60,"thresholds":{"high":12.0}}"#)
                .expect("change");
        let changed = change.apply(&s).expect("applies");
        assert_eq!((changed.unit, changed.interval_s), (None, 60));
        assert_eq!(changed.thresholds, Thresholds { low: Some(3.0), high: Some(12.0), score: None });
        let change: SensorChange = serde_json::from_str(r#"{"thresholds":null}"#).expect("change");
        assert_eq!(change.apply(&s).expect("applies").thresholds, Thresholds::default());
        for refused in [
            r#"{"sensor_id":"b"}"#,
            r#"{"sensor_id":null}"#,
            r#"{"intervall_s":1}"#,
            r#"{"intervall_s":null}"#,
            r#"{"interval_s":"x"}"#,
            r#"{"interval_s":0}"#,
        ] {
            let change: SensorChange = serde_json::from_str(refused).expect("json");
            assert!(change.apply(&s).is_err(), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn every_accepted_id_survives_json(text in ".{0,70}") {
            if let Ok(id) = text.parse::<SensorId>() {
                let json = serde_json::to_string(&id).expect("json");
                prop_assert_eq!(serde_json::from_str::<SensorId>(&json).expect("back"), id);
            }
        }
    }
}
