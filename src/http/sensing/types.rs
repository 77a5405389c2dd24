//! What the sensing routes answer with.

use nightshift_actors::{DirectVerdict, Freshness, SensorView};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Account, AnomalyKind, Basis, CalibrationMethod, Explanation, Provenance, ResultRecord, ScoreMode,
    SensorSpec, Verdict, WINDOW_READINGS, WindowFacts,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};

/// How a time is given: RFC 3339, or milliseconds since 1970.
pub(crate) struct Time;

impl utoipa::PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let of = |kind, format| ObjectBuilder::new().schema_type(kind).format(Some(format));
        let ms = of(Type::Integer, SchemaFormat::KnownFormat(KnownFormat::Int64));
        let times = OneOfBuilder::new()
            .item(Object::from(of(Type::String, SchemaFormat::KnownFormat(KnownFormat::DateTime))))
            .item(Object::from(ms.minimum(Some(0)).maximum(Some(Timestamp::MAX.us() / 1_000))))
            .description(Some("RFC 3339, or milliseconds since 1970."));
        Schema::from(times).into()
    }
}

impl ToSchema for Time {}

/// The `{sensor_id}` of a path.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes what the extractor reads")]
pub(crate) struct SensorIdParam {
    /// The sensor.
    #[param(example = "wando01", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    sensor_id: String,
}

/// A registered sensor with its live state.
#[derive(Serialize, ToSchema)]
#[schema(as = Sensor)]
pub(crate) struct SensorOut {
    /// What was registered.
    #[serde(flatten)]
    #[schema(value_type = SensorFields)]
    spec: SensorSpec,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// How it is now.
    state: SensorState,
}

/// How a sensor is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct SensorState {
    /// `never` sent a reading, `fresh`, or `stale`: silent for longer than its limit.
    #[schema(value_type = String, example = "fresh")]
    freshness: Freshness,
    /// Seconds of silence after which it is stale.
    #[schema(example = 1800)]
    freshness_limit_s: u64,
    /// Time of its newest reading.
    #[schema(value_type = Option<String>, format = DateTime)]
    newest: Option<Timestamp>,
    /// Its newest value, in the precision of the nets.
    last_value: Option<f32>,
    /// Readings held of its window.
    #[schema(example = 720)]
    window_readings: usize,
    /// Readings that a window needs.
    #[schema(example = 720)]
    window_needed: usize,
    /// What became of every reading it was sent.
    account: AccountOut,
    /// Its newest verdict.
    last_result: Option<ResultOut>,
}

/// The account of readings: `offered = stored + duplicate + late + rejected`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountOut {
    /// Readings that arrived.
    #[schema(example = 722)]
    offered: i64,
    /// Readings that are durable.
    #[schema(example = 720)]
    stored: i64,
    /// Readings stored before, with the same time and value.
    #[schema(example = 1)]
    duplicate: i64,
    /// Readings older than the sensor's retention.
    #[schema(example = 0)]
    late: i64,
    /// Readings that were refused.
    #[schema(example = 1)]
    rejected: i64,
    /// Readings without an outcome: always 0.
    #[schema(example = 0)]
    unaccounted: i64,
}

impl From<Account> for AccountOut {
    fn from(account: Account) -> Self {
        let unaccounted = account.unaccounted();
        let Account { offered, stored, duplicate, late, rejected } = account;
        Self { offered, stored, duplicate, late, rejected, unaccounted }
    }
}

impl From<SensorView> for SensorOut {
    fn from(view: SensorView) -> Self {
        let state = SensorState {
            freshness: view.freshness,
            freshness_limit_s: view.sensor.spec.freshness().as_secs(),
            newest: view.newest,
            last_value: view.last_value,
            window_readings: view.window_readings,
            window_needed: WINDOW_READINGS,
            account: view.account.into(),
            last_result: view.last_result.map(Into::into),
        };
        let (created_at, updated_at) = (view.sensor.created_at, view.sensor.updated_at);
        Self { spec: view.sensor.spec, created_at, updated_at, state }
    }
}

/// A verdict with what anybody needs to recompute it.
#[derive(Serialize, ToSchema)]
#[schema(as = Result)]
pub(crate) struct ResultOut {
    /// Its id; absent for values that were not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 42)]
    id: Option<i64>,
    /// The sensor; absent for values that were handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wando01")]
    sensor_id: Option<String>,
    /// `normal`, `abnormal`, `insufficient_data` or `unscored`.
    #[schema(example = "normal")]
    result: &'static str,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime, example = "2024-11-17T10:00:00Z")]
    inference_time: Timestamp,
    /// The instant that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
    /// Score of the window.
    #[schema(example = 0.31)]
    score: Option<f64>,
    /// The bound that the score, or the last value, was compared with.
    #[schema(example = 1.0)]
    threshold: Option<f64>,
    /// The rule that decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The model that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "detector")]
    model: Option<String>,
    /// SHA-256 of the model's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// What a model compared the window with: itself alone (`window`), or what its sensor did before as well (`bank`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "bank")]
    mode: Option<ScoreMode>,
    /// The bank, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    bank: Option<BankOut>,
    /// Whether the threshold is the sensor's own, from its past. Before there is enough of it, it is the model's.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibrated: Option<bool>,
    /// Where the threshold comes from: the sensor's own past; absent where it is the model's or was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<CalibrationOut>,
    /// Where it was computed: `cpu`, `vulkan:…`, `wgpu:…`, `rule`.
    #[schema(example = "cpu")]
    device: Option<String>,
    /// What the window covers.
    window: Option<WindowOut>,
    /// Why there is no verdict, or what degraded on the way to it.
    reason: Option<String>,
    /// What an abnormal window looks like, and where; absent for other results.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationOut>,
    /// Score of each reading, for values that were handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading_scores: Option<Vec<f32>>,
}

/// What an abnormal window looks like, and where.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationOut {
    /// `spike`, `level_shift`, `drift`, `stuck`, `noise_burst`, `saturation`, `periodicity`, `dropout`, `gap`,
    /// `out_of_bounds`, or `unusual` where it fits none of them.
    #[schema(value_type = String, example = "level_shift")]
    kind: AnomalyKind,
    /// Its first reading, counted from 0 in the window.
    #[schema(example = 430)]
    first_reading: u32,
    /// Its last reading.
    #[schema(example = 719)]
    last_reading: u32,
    /// Time of the first reading; absent for values that were handed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    start: Option<Timestamp>,
    /// Time of the last reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<Timestamp>,
    /// Whether it reaches the window's last reading: it may go on.
    ongoing: bool,
    /// The sentence for people, in the plant's local time.
    text: SentenceOut,
}

/// A sentence in each language.
#[derive(Serialize, ToSchema)]
#[schema(as = Sentence)]
pub(crate) struct SentenceOut {
    /// English.
    #[schema(example = "Level shift at 14:20: 3.1 mg/L higher")]
    en: String,
    /// Korean.
    #[schema(example = "14:20 수준 변화: 3.1 mg/L 높아짐")]
    ko: String,
}

impl From<Explanation> for ExplanationOut {
    fn from(explanation: Explanation) -> Self {
        let Explanation { kind, first_reading, last_reading, start, end, ongoing, text } = explanation;
        let text = SentenceOut { en: text.en, ko: text.ko };
        Self { kind, first_reading, last_reading, start, end, ongoing, text }
    }
}

/// What a sensor's own threshold rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = Calibration)]
pub(crate) struct CalibrationOut {
    /// Past windows that it was set from.
    #[schema(example = 199)]
    windows: u32,
    /// The share of windows like those that may be called abnormal.
    #[schema(example = 0.02)]
    false_alarm_rate: f64,
    /// What that comes to in 30 days of the schedule: at most so many false alarms.
    #[schema(example = 14.4)]
    false_alarms_per_month: Option<f64>,
    /// `conformal`: at most that share of past windows, well apart, scored higher. `extreme_value`: from a distribution
    /// fitted to fewer windows that overlap, until there are enough others.
    #[schema(value_type = String, example = "conformal")]
    method: CalibrationMethod,
}

/// The readings before a window that it was compared with: the newest ones before its first.
#[derive(Serialize, ToSchema)]
#[schema(as = Bank)]
pub(crate) struct BankOut {
    /// How many.
    #[schema(example = 3630)]
    readings: u32,
    /// The oldest so many of them set the scale and the usual distance.
    #[schema(example = 3600)]
    anchor_readings: u32,
}

/// What a window covers.
#[derive(Serialize, ToSchema)]
#[schema(as = Window)]
pub(crate) struct WindowOut {
    /// Time of its first reading.
    #[schema(value_type = String, format = DateTime)]
    start: Timestamp,
    /// Time of its last reading.
    #[schema(value_type = String, format = DateTime)]
    end: Timestamp,
    /// Readings in it.
    #[schema(example = 720)]
    count: u32,
    /// Places where at least one reading is missing.
    #[schema(example = 0)]
    gaps: u32,
}

impl From<WindowFacts> for WindowOut {
    fn from(facts: WindowFacts) -> Self {
        let WindowFacts { start, end, count, gaps } = facts;
        Self { start, end, count, gaps }
    }
}

impl ResultOut {
    fn new(result: &'static str, inference_time: Timestamp, provenance: Provenance) -> Self {
        let (rule, decided) = match provenance.basis {
            Some(Basis::Rule { rule }) => (Some(rule), None),
            Some(Basis::Model { id, digest, calibration, bank }) => {
                (None, Some((id, digest, calibration, bank)))
            }
            None => (None, None),
        };
        let calibrated = decided.as_ref().map(|(_, _, calibration, _)| calibration.is_some());
        let mode = decided.as_ref().map(|(.., bank)| bank.map_or(ScoreMode::Window, |_| ScoreMode::Bank));
        let (model, digest, calibration, bank) = match decided {
            Some((id, digest, calibration, bank)) => (Some(id), Some(digest), calibration, bank),
            None => (None, None, None, None),
        };
        let calibration = calibration.map(|facts| CalibrationOut {
            windows: facts.windows,
            false_alarm_rate: facts.false_alarm_rate,
            false_alarms_per_month: facts.false_alarms_per_month,
            method: facts.method,
        });
        let bank =
            bank.map(|facts| BankOut { readings: facts.readings, anchor_readings: facts.anchor_readings });
        Self {
            id: None,
            sensor_id: None,
            result,
            inference_time,
            as_of: None,
            score: provenance.score,
            threshold: provenance.threshold,
            rule,
            model,
            digest,
            mode,
            bank,
            calibrated,
            calibration,
            device: provenance.device,
            window: provenance.window.map(Into::into),
            reason: provenance.reason,
            explanation: provenance.explanation.map(Into::into),
            reading_scores: None,
        }
    }
}

impl ResultOut {
    /// Of a window that was judged and not stored.
    pub(super) fn of_window(verdict: Verdict, inference_time: Timestamp, provenance: Provenance) -> Self {
        Self::new(verdict.as_str(), inference_time, provenance)
    }
}

impl From<ResultRecord> for ResultOut {
    fn from(record: ResultRecord) -> Self {
        let result = record.result;
        Self {
            id: Some(record.id),
            sensor_id: Some(result.sensor_id.into()),
            as_of: Some(result.as_of),
            ..Self::new(result.verdict.as_str(), result.inference_time, result.provenance)
        }
    }
}

impl From<DirectVerdict> for ResultOut {
    fn from(direct: DirectVerdict) -> Self {
        Self {
            reading_scores: direct.reading_scores,
            ..Self::new(direct.verdict.as_str(), direct.inference_time, direct.provenance)
        }
    }
}

/// The fields of a registration. Only `sensor_id` is needed.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the domain's SensorSpec, which knows nothing of OpenAPI; a test compares the two"
)]
pub(crate) struct SensorFields {
    /// 1–64 characters of `A-Z a-z 0-9 . _ -`.
    #[schema(example = "wando01", max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    sensor_id: String,
    /// A name for people.
    #[schema(example = "Wando buoy 1", max_length = 100)]
    name: Option<String>,
    /// Unit of the readings.
    #[schema(example = "mg/L", max_length = 100)]
    unit: Option<String>,
    /// Seconds between two readings.
    #[schema(default = 120, minimum = 1, maximum = 86400)]
    interval_s: Option<u32>,
    /// `push`: it sends its readings; `vendor`: the plant fetches them.
    #[schema(default = "push", example = "push")]
    source: Option<String>,
    /// The feed of a vendor sensor.
    vendor: Option<VendorFeedFields>,
    /// Whether the schedule scores it.
    #[schema(default = true)]
    enabled: Option<bool>,
    /// Id of the model that judges it; the plant's default when absent.
    #[schema(example = "detector")]
    model: Option<String>,
    /// Its bounds.
    thresholds: Option<ThresholdFields>,
    /// Days that readings are kept; older ones are late.
    #[schema(default = 365, minimum = 1, maximum = 3650)]
    retention_days: Option<u32>,
    /// Seconds of silence after which it is stale; fifteen intervals when absent.
    #[schema(minimum = 1, maximum = 2592000)]
    freshness_s: Option<u32>,
    /// Production line it belongs to.
    #[schema(max_length = 100)]
    line: Option<String>,
    /// Equipment it watches.
    #[schema(max_length = 100)]
    equipment: Option<String>,
    /// Where it stands.
    location: Option<LocationFields>,
}

/// Bounds that turn a reading or a score into a verdict.
#[derive(ToSchema)]
#[schema(as = Thresholds)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct ThresholdFields {
    /// The last reading at or below this is abnormal at once.
    #[schema(example = 3.0)]
    low: Option<f64>,
    /// The last reading at or above this is abnormal at once.
    high: Option<f64>,
    /// A score above this is abnormal; the model's own threshold when absent.
    score: Option<f64>,
}

/// Where in the vendor's service a sensor's readings are.
#[derive(ToSchema)]
#[schema(as = VendorFeed)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct VendorFeedFields {
    /// The vendor's name for the device.
    #[schema(example = "wando01")]
    device_id: String,
    /// `oxygen`, `hydrogen` or `conductivity`.
    #[schema(default = "oxygen")]
    resource: Option<String>,
    /// The measured field of a record.
    #[schema(default = "oxygen_mpl")]
    field: Option<String>,
}

/// Degrees.
#[derive(ToSchema)]
#[schema(as = Location)]
#[expect(dead_code, reason = "describes a type of the domain")]
pub(crate) struct LocationFields {
    /// Degrees north.
    #[schema(example = 34.31, minimum = -90, maximum = 90)]
    latitude: f64,
    /// Degrees east.
    #[schema(example = 126.75, minimum = -180, maximum = 180)]
    longitude: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use utoipa::PartialSchema;

    #[test]
    fn the_description_of_a_sensor_has_its_fields() {
        let spec = SensorSpec::new("a".parse().expect("id"));
        let mut actual: Vec<String> =
            serde_json::to_value(spec).expect("json").as_object().expect("object").keys().cloned().collect();
        let schema = serde_json::to_value(SensorFields::schema()).expect("schema");
        let mut described: Vec<String> =
            schema["properties"].as_object().expect("properties").keys().cloned().collect();
        actual.sort();
        described.sort();
        assert_eq!(described, actual);
    }
}
