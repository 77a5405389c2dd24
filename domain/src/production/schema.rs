//! The schema of a process's data: compiled once, and turned into messages that name the field and the allowed range.
//!
//! It is JSON Schema 2020-12 in the process's row, with six words of our own:
//! - `$defs.pass`: what the data must be besides when the result is PASS. It also derives the result of a completion
//!   that does not say one.
//! - `x-defects` (at the root): the defects that data of a FAIL show, each `{"when": schema, "code", "severity"?,
//!   "measured"?: pointer, "expected"?}`, or `{"each": pointer, "code": pointer, "severity"?: pointer}` for a list in the
//!   data whose entries are defects themselves.
//! - `x-component`: beside a property of the root, that its value is the lot number of a built-in component of that kind.
//! - `x-measures` (at the root): see [`super::Measure`].
//! - `x-message`: beside a keyword, what the field must be, in place of the words made here.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fault::has_nul;
use super::{DefectSeverity, DefectSpec, FieldFault, Measure, Measurement, RunResult};

/// Most faults that are told at once.
const FAULTS_MAX: usize = 20;
/// Most rules of `x-defects`.
const DEFECT_RULES_MAX: usize = 100;
/// Most characters of a value that a message quotes.
const QUOTED_CHARS_MAX: usize = 60;

/// The schema of a row can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a JSON Schema: {0}")]
pub struct SchemaError(String);

/// What is asked of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// All of the schema: `process_data`.
    Whole,
    /// All but the required fields of the root: `measurement_data`, which may say anything, but nothing out of range.
    Known,
}

/// A compiled schema.
#[derive(Debug)]
pub struct DataSchema {
    whole: Checked,
    known: Checked,
    defects: Vec<DefectRule>,
    /// Property and kind of component.
    components: Vec<(String, String)>,
    measures: Vec<Measure>,
}

/// A component lot that was built into a unit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    /// Its kind, for example `BUSBAR`.
    pub kind: String,
    /// The component's own lot number.
    pub lot_number: String,
}

/// One strictness, with what PASS asks besides.
#[derive(Debug)]
struct Checked {
    schema: Value,
    base: Validator,
    pass: Option<Validator>,
}

#[derive(Debug)]
enum DefectRule {
    When {
        validator: Validator,
        code: String,
        severity: DefectSeverity,
        measured: String,
        expected: Option<String>,
    },
    Each {
        list: String,
        code: String,
        severity: Option<String>,
    },
}

impl DataSchema {
    /// Compiles the schema of a row; an empty one lets everything through.
    ///
    /// # Errors
    /// When it is no JSON Schema, refers to something outside itself, or its own words are misspelt.
    pub fn compile(schema: &Map<String, Value>) -> Result<Self, SchemaError> {
        let mut known = schema.clone();
        known.remove("required");
        if let Some(Value::Object(pass)) = known.get_mut("$defs").and_then(|defs| defs.get_mut("pass")) {
            pass.remove("required");
        }
        let rules = match schema.get("x-defects") {
            None => &[][..],
            Some(Value::Array(rules)) if rules.len() <= DEFECT_RULES_MAX => rules,
            Some(_) => {
                return Err(SchemaError(format!("x-defects must be at most {DEFECT_RULES_MAX} rules")));
            }
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        let components = properties
            .filter_map(|(name, p)| Some((name.clone(), p.get("x-component")?.as_str()?.to_owned())))
            .collect();
        Ok(Self {
            components,
            measures: Measure::of(schema).map_err(|e| SchemaError(format!("x-measures: {e}")))?,
            whole: Checked::compile(schema.clone())?,
            known: Checked::compile(known)?,
            defects: rules.iter().map(DefectRule::compile).collect::<Result<_, _>>()?,
        })
    }

    /// What is wrong with `data` of a run that ended with `result`; of many things the first.
    ///
    /// # Errors
    /// The faults, each with its field.
    pub fn check(
        &self,
        data: &Value,
        result: RunResult,
        strictness: Strictness,
    ) -> Result<(), Vec<FieldFault>> {
        let checked = self.of(strictness);
        let mut faults: Vec<FieldFault> = Vec::new();
        if has_nul(data) {
            faults.push(FieldFault::new("process_data", "must not hold the character U+0000"));
        }
        let pass = checked.pass.as_ref().filter(|_| result.is_pass());
        for validator in [Some(&checked.base), pass].into_iter().flatten() {
            for error in validator.iter_errors(data).take(FAULTS_MAX) {
                let fault = fault_of(&error, &checked.schema);
                if faults.iter().all(|f| f.field != fault.field) {
                    faults.push(fault);
                }
            }
        }
        faults.truncate(FAULTS_MAX);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The result that the data themselves show; `None` when the schema does not say what PASS is.
    #[must_use]
    pub fn judge(&self, data: &Value) -> Option<RunResult> {
        let pass = self.whole.pass.as_ref()?;
        Some(if pass.is_valid(data) { RunResult::Pass } else { RunResult::Fail })
    }

    /// The defects that the data themselves show.
    #[must_use]
    pub fn defects(&self, data: &Value) -> Vec<DefectSpec> {
        self.defects.iter().flat_map(|rule| rule.find(data)).collect()
    }

    /// The component lots that the data name: what a unit's trace leads back to.
    #[must_use]
    pub fn components(&self, data: &Map<String, Value>) -> Vec<Component> {
        let named = |(field, kind): &(String, String)| {
            let lot_number = data.get(field)?.as_str()?.trim();
            let named = !lot_number.is_empty();
            named.then(|| Component { kind: kind.clone(), lot_number: lot_number.to_owned() })
        };
        self.components.iter().filter_map(named).collect()
    }

    /// The values that the data give to process capability, at most [`super::MEASUREMENTS_MAX`].
    #[must_use]
    pub fn measurements(&self, data: &Value) -> Vec<Measurement> {
        let mut found = Vec::new();
        for measure in &self.measures {
            measure.find(data, &mut found);
        }
        found
    }

    /// What the process measures, with its limits.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    fn of(&self, strictness: Strictness) -> &Checked {
        match strictness {
            Strictness::Whole => &self.whole,
            Strictness::Known => &self.known,
        }
    }
}

impl Checked {
    fn compile(schema: Map<String, Value>) -> Result<Self, SchemaError> {
        let defs = schema.get("$defs").cloned();
        let has_pass = defs.as_ref().is_some_and(|d| d.get("pass").is_some());
        let schema = Value::Object(schema);
        let base = compiled(&schema)?;
        let pass = match defs {
            Some(defs) if has_pass => Some(compiled(&json!({ "$defs": defs, "$ref": "#/$defs/pass" }))?),
            Some(_) | None => None,
        };
        Ok(Self { schema, base, pass })
    }
}

/// Offline and in linear time: a row of the database must not reach out, and its patterns must not stall a station.
fn compiled(schema: &Value) -> Result<Validator, SchemaError> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|e| SchemaError(e.to_string().chars().take(300).collect()))
}

impl DefectRule {
    fn compile(rule: &Value) -> Result<Self, SchemaError> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str).map(str::to_owned);
        let code = text("code").ok_or_else(|| SchemaError("a rule of x-defects needs a code".to_owned()))?;
        if let Some(list) = text("each") {
            return Ok(Self::Each { list, code, severity: text("severity") });
        }
        let when = rule
            .get("when")
            .ok_or_else(|| SchemaError("a rule of x-defects needs when or each".to_owned()))?;
        let severity = match text("severity") {
            None => DefectSeverity::default(),
            Some(word) => DefectSeverity::from_word(&word)
                .ok_or_else(|| SchemaError(format!("`{word}` is no severity: minor, major or critical")))?,
        };
        Ok(Self::When {
            validator: compiled(when)?,
            code,
            severity,
            measured: text("measured").unwrap_or_default(),
            expected: text("expected"),
        })
    }

    fn find(&self, data: &Value) -> Vec<DefectSpec> {
        match self {
            Self::When { validator, code, severity, measured, expected } => {
                if !validator.is_valid(data) {
                    return Vec::new();
                }
                let measured = if measured.is_empty() { None } else { data.pointer(measured).cloned() };
                vec![DefectSpec {
                    severity: *severity,
                    measured_value: measured,
                    expected_range: expected.clone(),
                    ..DefectSpec::of(code.clone())
                }]
            }
            Self::Each { list, code, severity } => {
                let entries = data.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let one = |entry: &Value| {
                    let code = entry.pointer(code)?.as_str()?.to_uppercase();
                    let word = severity.as_ref().and_then(|at| entry.pointer(at)).and_then(Value::as_str);
                    let severity = word.and_then(DefectSeverity::from_word).unwrap_or_default();
                    Some(DefectSpec { severity, ..DefectSpec::of(code) })
                };
                entries.iter().filter_map(one).collect()
            }
        }
    }
}

/// `/test_results/0/displacement` as `test_results[0].displacement`.
fn field_name(pointer: &str) -> String {
    let mut name = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|b| b.is_ascii_digit()) && !segment.is_empty() && !name.is_empty() {
            name.push_str(&format!("[{segment}]"));
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&segment.replace("~1", "/").replace("~0", "~"));
        }
    }
    if name.is_empty() { "process_data".to_owned() } else { name }
}

fn fault_of(error: &ValidationError<'_>, schema: &Value) -> FieldFault {
    let mut field = field_name(error.instance_path().as_str());
    if let ValidationErrorKind::Required { property } = error.kind() {
        let property = property.as_str().unwrap_or_default();
        field = if error.instance_path().is_empty() {
            property.to_owned()
        } else {
            format!("{field}.{property}")
        };
        return FieldFault::new(field, "is required");
    }
    let keyword_at = error.schema_path().as_str();
    let parent = keyword_at.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent));
    let must = parent
        .and_then(|p| p.get("x-message"))
        .and_then(Value::as_str)
        .map_or_else(|| words(error.kind(), parent.unwrap_or(&Value::Null)), str::to_owned);
    let found = error.instance();
    let scalar = !found.is_object() && !found.is_array() && found.as_str() != Some("");
    let shown = if scalar { format!(" (is {})", quoted(found)) } else { String::new() };
    FieldFault::new(field, format!("{must}{shown}"))
}

fn quoted(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cut: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// What the field must be, in words.
fn words(kind: &ValidationErrorKind, parent: &Value) -> String {
    match kind {
        ValidationErrorKind::Minimum { .. }
        | ValidationErrorKind::Maximum { .. }
        | ValidationErrorKind::ExclusiveMinimum { .. }
        | ValidationErrorKind::ExclusiveMaximum { .. } => range_words(parent),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(quoted).collect();
            format!("must be one of {}", options.join(", "))
        }
        ValidationErrorKind::Constant { expected_value } => format!("must be {}", quoted(expected_value)),
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => format!("must be of type {kind}"),
        ValidationErrorKind::Pattern { pattern } => format!("must have the form {pattern}"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must be at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must be at most {limit} characters"),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} entries"),
        ValidationErrorKind::MaxItems { limit: 0 } => "must be empty".to_owned(),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} entries"),
        ValidationErrorKind::FalseSchema => "is not allowed".to_owned(),
        ValidationErrorKind::Format { format } => format!("must be a {format}"),
        other => format!("breaks the rule `{}` of the process's data schema", other.keyword()),
    }
}

fn range_words(parent: &Value) -> String {
    let bound = |name: &str| parent.get(name).map(ToString::to_string);
    match (bound("minimum"), bound("exclusiveMinimum"), bound("maximum"), bound("exclusiveMaximum")) {
        (Some(low), _, Some(high), _) => format!("must be {low} to {high}"),
        (Some(low), _, None, None) => format!("must be at least {low}"),
        (None, Some(low), None, None) => format!("must be above {low}"),
        (None, None, Some(high), _) => format!("must be at most {high}"),
        (None, None, None, Some(high)) => format!("must be below {high}"),
        (Some(low), _, None, Some(high)) => format!("must be at least {low} and below {high}"),
        (None, Some(low), Some(high), _) => format!("must be above {low} and at most {high}"),
        (None, Some(low), None, Some(high)) => format!("must be above {low} and below {high}"),
        (None, None, None, None) => "must be in its range".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::seed_processes;
    use super::*;
    use proptest::prelude::*;

    fn schema(process: usize) -> DataSchema {
        DataSchema::compile(&seed_processes()[process - 1].data_schema).expect("the seed compiles")
    }

    fn faults(process: usize, data: &Value, result: RunResult) -> Vec<String> {
        let found = schema(process).check(data, result, Strictness::Whole);
        found.err().into_iter().flatten().map(|f| f.to_string()).collect()
    }

    fn sensor(temp: f64, result: &str) -> Value {
        json!({ "temp_sensor": { "measured_temp": temp, "target_temp": 60, "tolerance": 1, "result": result },
                "tof_sensor": { "i2c_communication": true, "result": "PASS" } })
    }

    #[test]
    fn the_temperature_passes_iff_it_is_59_to_61() {
        for temp in [59.0, 60.0, 61.0] {
            assert_eq!(faults(3, &sensor(temp, "PASS"), RunResult::Pass), Vec::<String>::new(), "{temp}");
            assert_eq!(
                faults(3, &sensor(temp, "FAIL"), RunResult::Fail),
                ["temp_sensor.result must be PASS when measured_temp is 59.0 to 61.0 (is FAIL)"]
            );
        }
        for temp in [58.999, 61.001, -40.0] {
            assert_eq!(faults(3, &sensor(temp, "FAIL"), RunResult::Fail), Vec::<String>::new(), "{temp}");
            let told = faults(3, &sensor(temp, "PASS"), RunResult::Pass);
            assert!(
                told.contains(&format!(
                    "temp_sensor.measured_temp must be 59.0 to 61.0 when the result is PASS (is {temp:?})"
                )),
                "{told:?}"
            );
        }
    }

    #[test]
    fn messages_name_the_field_and_what_is_allowed() {
        let point =
            json!({ "test_point_id": 1, "displacement": 250.5, "measured_force": -1, "result": "PASS" });
        let data = json!({ "test_results": [point], "overall_result": "PASS" });
        assert_eq!(
            faults(6, &data, RunResult::Pass),
            [
                "test_results[0].displacement must be 0 to 250 (is 250.5)",
                "test_results[0].measured_force must be 0 to 30 (is -1)",
            ]
        );
        let data = json!({ "sma_spring_lot": "", "assembly_time": 0, "visual_inspection": "good" });
        assert_eq!(
            faults(2, &data, RunResult::Fail),
            [
                "busbar_lot is required",
                "assembly_time must be above 0 and at most 1440 (is 0)",
                "sma_spring_lot must not be empty",
                "visual_inspection must be one of PASS, FAIL (is good)",
            ]
        );
        let data = json!({ "firmware_version": "1.2", "upload_result": "FAIL" });
        assert_eq!(
            faults(4, &data, RunResult::Pass),
            [
                "firmware_version must have the form vX.Y.Z, for example v1.2.3 (is 1.2)",
                "upload_result must be SUCCESS when the result is PASS (is FAIL)",
            ]
        );
        assert_eq!(faults(1, &json!([1]), RunResult::Pass), ["process_data must be of type object"]);
    }

    #[test]
    fn measurements_besides_may_say_anything_but_nothing_out_of_range() {
        let free = json!({ "temperature": 25.5, "humidity": 60 });
        assert_eq!(schema(1).check(&free, RunResult::Pass, Strictness::Known), Ok(()));
        let wrong = json!({ "assembly_time": -1 });
        assert!(schema(2).check(&wrong, RunResult::Pass, Strictness::Known).is_err());
        let nul = json!({ "note": "a\u{0}b" });
        assert!(schema(2).check(&nul, RunResult::Pass, Strictness::Known).is_err());
    }

    #[test]
    fn data_show_their_result_and_their_defects() {
        assert_eq!(schema(3).judge(&sensor(60.0, "PASS")), Some(RunResult::Pass));
        let bad = sensor(65.0, "FAIL");
        assert_eq!(schema(3).judge(&bad), Some(RunResult::Fail));
        let found = schema(3).defects(&bad);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].code.as_str(), &found[0].measured_value),
            ("SENSOR_TEMP_FAIL", &Some(json!(65.0)))
        );
        assert_eq!(found[0].expected_range.as_deref(), Some("59.0–61.0 °C"));
        let dirty = json!({ "inspection_result": "FAIL", "visual_defects": [{ "type": "dent", "severity": "critical" }] });
        let found = schema(8).defects(&dirty);
        assert_eq!((found[0].code.as_str(), found[0].severity), ("DENT", DefectSeverity::Critical));
        assert_eq!(faults(8, &dirty, RunResult::Pass).len(), 2);
    }

    #[test]
    fn components_are_named_by_the_schema() {
        let data = json!({ "sma_spring_lot": "S-9", "busbar_lot": " B-3 ", "other": "x" });
        let found = schema(2).components(data.as_object().expect("object"));
        let pairs: Vec<_> = found.iter().map(|c| (c.kind.as_str(), c.lot_number.as_str())).collect();
        assert_eq!(pairs, [("BUSBAR", "B-3"), ("SMA_SPRING", "S-9")]);
    }

    #[test]
    fn measured_values_are_named_by_the_schema() {
        let found = schema(3).measurements(&sensor(60.5, "PASS"));
        assert_eq!(found, [Measurement { name: "temp_sensor.measured_temp".into(), value: 60.5 }]);
        let point =
            |force: f64| json!({ "measured_force": force, "spec": { "target_force": 12, "tolerance": 2 } });
        let bare = json!({ "measured_force": 9, "spec": { "target_force": 12, "tolerance": 0 } });
        let data = json!({ "test_results": [point(13.0), point(11.0), bare] });
        let values: Vec<f64> = schema(6).measurements(&data).iter().map(|m| m.value).collect();
        assert_eq!(values, [0.5, -0.5], "in tolerances; none without a tolerance");
        assert_eq!((schema(3).measures()[0].lower, schema(3).measures()[0].upper), (Some(59.0), Some(61.0)));
    }

    #[test]
    fn a_row_can_neither_reach_out_nor_hold_what_is_no_schema() {
        for bad in [
            json!({ "$ref": "http://127.0.0.1:1/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "type": "nonsense" }),
            json!({ "properties": { "a": { "pattern": "(" } } }),
            json!({ "x-defects": [{ "code": "A" }] }),
        ] {
            assert!(DataSchema::compile(bad.as_object().expect("object")).is_err(), "{bad}");
        }
        let any = DataSchema::compile(&Map::new()).expect("empty");
        assert_eq!(any.check(&json!({ "a": 1 }), RunResult::Pass, Strictness::Whole), Ok(()));
        assert_eq!(any.judge(&json!({})), None);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            prop::sample::select(vec!["PASS", "FAIL", "SUCCESS"]).prop_map(Value::from),
        ];
        let name = prop::sample::select(vec![
            "temp_sensor",
            "measured_temp",
            "result",
            "test_results",
            "displacement",
            "visual_defects",
            "type",
            "x/~y",
        ]);
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_fault_of_any_data_names_a_field_and_says_what_it_must_be(data in any_json(), process in 1usize..=8) {
            let checked = schema(process);
            for result in [RunResult::Pass, RunResult::Fail] {
                for fault in checked.check(&data, result, Strictness::Whole).err().into_iter().flatten() {
                    prop_assert!(!fault.field.is_empty());
                    prop_assert!(fault.message.starts_with("must ") || fault.message.starts_with("is "), "{fault}");
                    prop_assert!(fault.message.len() < 400);
                }
            }
            let _ = (checked.judge(&data), checked.defects(&data));
        }
    }
}
