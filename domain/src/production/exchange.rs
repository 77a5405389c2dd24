//! Rows of an import or export: CSV and JSON lines of the same columns, checked, each fault with its line.
//!
//! Rows name things by what people know (codes and numbers), never by ids, so that a file of one plant fits another.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use Kind::{Flag, Json, Text, Time, Whole};

use crate::Timestamp;

/// Longest line of a JSON lines file, bytes: a run's measurements may be 1 MiB.
pub const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most faults that are told of one file.
pub const FILE_FAULTS_MAX: usize = 100;

/// A row, by column.
pub type Row = Map<String, Value>;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// An instant, RFC 3339.
    Time,
    /// JSON; in a CSV cell as text.
    Json,
}

/// A column of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row must have it.
    pub required: bool,
}

const fn must(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, required: false }
}

const PRODUCT_MODELS: &[Column] = &[
    must("model_code", Text),
    must("model_name", Text),
    may("version", Text),
    may("description", Text),
    may("category", Text),
    may("production_cycle_days", Whole),
    may("specifications", Json),
    may("bom_data", Json),
    may("status", Text),
];

const PRODUCTION_LINES: &[Column] = &[
    must("line_code", Text),
    must("line_name", Text),
    may("capacity_per_shift", Whole),
    may("location", Text),
    may("is_active", Flag),
];

const PROCESSES: &[Column] = &[
    must("process_number", Whole),
    must("process_code", Text),
    must("process_name_ko", Text),
    must("process_name_en", Text),
    may("description", Text),
    may("estimated_duration_seconds", Whole),
    may("quality_criteria", Json),
    may("is_active", Flag),
    may("sort_order", Whole),
    may("data_schema", Json),
    may("rework_allowed", Flag),
    may("needs_all_before", Flag),
    may("defect_kinds", Json),
];

const EQUIPMENT: &[Column] = &[
    must("equipment_code", Text),
    must("equipment_name", Text),
    may("equipment_type", Text),
    may("process_number", Whole),
    may("line_code", Text),
    may("manufacturer", Text),
    may("model_number", Text),
    may("serial_number", Text),
    may("last_maintenance_date", Text),
    may("next_maintenance_date", Text),
    may("maintenance_interval_days", Whole),
    may("is_active", Flag),
];

const LOTS: &[Column] = &[
    must("lot_number", Text),
    must("model_code", Text),
    may("line_code", Text),
    must("production_date", Text),
    must("shift", Text),
    must("target_quantity", Whole),
    may("work_order", Text),
    must("status", Text),
    may("started_at", Time),
    may("completed_at", Time),
    may("closed_at", Time),
    may("cancelled_at", Time),
    may("created_at", Time),
];

const SERIALS: &[Column] = &[
    must("serial_number", Text),
    must("lot_number", Text),
    must("sequence_in_lot", Whole),
    must("status", Text),
    may("rework_count", Whole),
    may("failure_reason", Text),
    may("scrapped", Flag),
    may("completed_at", Time),
    may("created_at", Time),
];

const PROCESS_DATA: &[Column] = &[
    must("lot_number", Text),
    may("serial_number", Text),
    must("process_number", Whole),
    must("operator", Text),
    may("equipment_code", Text),
    may("result", Text),
    may("measurements", Json),
    may("defects", Json),
    must("started_at", Time),
    may("completed_at", Time),
    may("notes", Text),
    may("override_reason", Text),
];

/// What can be imported and exported, in the order in which an import must bring it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Product models.
    ProductModels,
    /// Production lines.
    ProductionLines,
    /// Processes.
    Processes,
    /// Equipment.
    Equipment,
    /// Lots.
    Lots,
    /// Units.
    Serials,
    /// Runs.
    ProcessData,
}

impl Resource {
    /// Every one, in the order of an import.
    pub const ALL: [Self; 7] = [
        Self::ProductModels,
        Self::ProductionLines,
        Self::Processes,
        Self::Equipment,
        Self::Lots,
        Self::Serials,
        Self::ProcessData,
    ];

    /// Its word on the command line and in file names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProductModels => "product-models",
            Self::ProductionLines => "production-lines",
            Self::Processes => "processes",
            Self::Equipment => "equipment",
            Self::Lots => "lots",
            Self::Serials => "serials",
            Self::ProcessData => "process-data",
        }
    }

    /// The resource that [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == word)
    }

    /// Its columns, in the order of an export.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::ProductModels => PRODUCT_MODELS,
            Self::ProductionLines => PRODUCTION_LINES,
            Self::Processes => PROCESSES,
            Self::Equipment => EQUIPMENT,
            Self::Lots => LOTS,
            Self::Serials => SERIALS,
            Self::ProcessData => PROCESS_DATA,
        }
    }
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}: {column} {message}")]
pub struct RowFault {
    /// The line, from 1; a header is line 1.
    pub line: u64,
    /// The column, or `row` when it is about all of it.
    pub column: String,
    /// What it must be.
    pub message: String,
}

impl RowFault {
    fn new(line: u64, column: &str, message: impl Into<String>) -> Self {
        Self { line, column: column.to_owned(), message: message.into() }
    }
}

/// The columns of a CSV header, in the file's order.
///
/// # Errors
/// Unknown, repeated or missing columns.
pub fn csv_header(resource: Resource, header: &csv::StringRecord) -> Result<Vec<Column>, Vec<RowFault>> {
    let known = resource.columns();
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for name in header.iter().map(|name| name.trim_start_matches('\u{feff}').trim()) {
        match known.iter().find(|c| c.name == name) {
            None => faults.push(RowFault::new(1, name, format!("is no column of {}", resource.as_str()))),
            Some(column) if found.contains(column) => faults.push(RowFault::new(1, name, "is there twice")),
            Some(column) => found.push(*column),
        }
    }
    let missing = known.iter().filter(|c| c.required && !found.contains(c));
    faults.extend(missing.map(|c| RowFault::new(1, c.name, "is missing")));
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// A row of a CSV file. An empty cell is an absent value.
///
/// # Errors
/// Every cell that does not hold what its column holds.
pub fn csv_row(
    resource: Resource,
    columns: &[Column],
    record: &csv::StringRecord,
    line: u64,
) -> Result<Row, Vec<RowFault>> {
    let mut faults = Vec::new();
    let mut row = Row::new();
    if record.len() != columns.len() {
        return Err(vec![RowFault::new(line, "row", format!("must have {} cells", columns.len()))]);
    }
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        match cell_value(column.kind, cell) {
            Ok(value) => {
                row.insert(column.name.to_owned(), value);
            }
            Err(message) => faults.push(RowFault::new(line, column.name, message)),
        }
    }
    check(resource, &row, line, &mut faults);
    if faults.is_empty() { Ok(row) } else { Err(faults) }
}

fn cell_value(kind: Kind, cell: &str) -> Result<Value, &'static str> {
    match kind {
        Kind::Text => Ok(Value::from(cell)),
        Kind::Whole => cell.trim().parse::<i64>().map(Value::from).map_err(|_| "must be a whole number"),
        Kind::Flag => match cell.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Ok(Value::Bool(true)),
            "false" | "0" | "no" => Ok(Value::Bool(false)),
            _ => Err("must be true or false"),
        },
        Kind::Time => Ok(Value::from(cell.trim())),
        Kind::Json => serde_json::from_str(cell).map_err(|_| "must be JSON"),
    }
}

/// A row of a JSON lines file.
///
/// # Errors
/// A line that is no object, and every field that does not hold what its column holds.
pub fn json_row(resource: Resource, text: &str, line: u64) -> Result<Row, Vec<RowFault>> {
    if text.len() > LINE_BYTES_MAX {
        return Err(vec![RowFault::new(line, "row", format!("must be at most {LINE_BYTES_MAX} bytes"))]);
    }
    let mut row: Row = serde_json::from_str(text)
        .map_err(|e| vec![RowFault::new(line, "row", format!("must be a JSON object: {e}"))])?;
    row.retain(|_, value| !value.is_null());
    let mut faults = Vec::new();
    check(resource, &row, line, &mut faults);
    if faults.is_empty() { Ok(row) } else { Err(faults) }
}

fn check(resource: Resource, row: &Row, line: u64, faults: &mut Vec<RowFault>) {
    for column in resource.columns() {
        let told = faults.iter().any(|f| f.column == column.name);
        match row.get(column.name) {
            None if column.required && !told => faults.push(RowFault::new(line, column.name, "is missing")),
            None => {}
            Some(value) => {
                if let Err(message) = fits(column.kind, value) {
                    faults.push(RowFault::new(line, column.name, message));
                }
            }
        }
    }
    for name in row.keys().filter(|name| resource.columns().iter().all(|c| c.name != **name)) {
        faults.push(RowFault::new(line, name, format!("is no column of {}", resource.as_str())));
    }
}

fn fits(kind: Kind, value: &Value) -> Result<(), &'static str> {
    let (ok, message) = match kind {
        Kind::Text => (value.is_string(), "must be text"),
        Kind::Whole => (value.is_i64(), "must be a whole number"),
        Kind::Flag => (value.is_boolean(), "must be true or false"),
        Kind::Time => {
            let time = value.as_str().is_some_and(|t| t.parse::<Timestamp>().is_ok());
            (time, "must be a time: 2024-11-17T10:00:00Z")
        }
        Kind::Json => (value.is_object() || value.is_array(), "must be a JSON object or list"),
    };
    if super::fault::has_nul(value) {
        return Err("must not hold the character U+0000");
    }
    if ok { Ok(()) } else { Err(message) }
}

/// A row's cells in the order of [`Resource::columns`], for an export as CSV.
#[must_use]
pub fn csv_cells(resource: Resource, row: &Row) -> Vec<String> {
    let cell = |column: &Column| match row.get(column.name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    resource.columns().iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn record(cells: &[&str]) -> csv::StringRecord {
        csv::StringRecord::from(cells.to_vec())
    }

    #[test]
    fn a_csv_row_is_checked_cell_by_cell() {
        let header = record(&["\u{feff}line_code", "line_name", "is_active", "capacity_per_shift"]);
        let columns = csv_header(Resource::ProductionLines, &header).expect("header");
        let read = |cells: &[&str]| csv_row(Resource::ProductionLines, &columns, &record(cells), 7);
        let row = read(&["L1", "라인 1", "yes", ""]).expect("row");
        assert_eq!(
            Value::Object(row),
            json!({ "line_code": "L1", "line_name": "라인 1", "is_active": true })
        );
        let faults = read(&["", "x", "maybe", "1.5"]).expect_err("faults");
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 7: is_active must be true or false",
                "line 7: capacity_per_shift must be a whole number",
                "line 7: line_code is missing",
            ]
        );
        assert!(read(&["L1"]).is_err());
        let bad = csv_header(Resource::ProductionLines, &record(&["line_code", "line_code", "colour"]));
        assert_eq!(bad.expect_err("header").len(), 3);
    }

    #[test]
    fn a_json_row_is_checked_field_by_field() {
        let read = |text: &str| json_row(Resource::Serials, text, 3);
        let good = r#"{"serial_number":"A-1","lot_number":"A","sequence_in_lot":1,"status":"CREATED","failure_reason":null}"#;
        assert!(!read(good).expect("row").contains_key("failure_reason"));
        assert!(read("[]").is_err() && read("{").is_err());
        let bad = r#"{"serial_number":5,"lot_number":"A","sequence_in_lot":1,"completed_at":"soon","x":1}"#;
        assert_eq!(read(bad).expect_err("faults").len(), 4);
    }

    #[test]
    fn words_round_trip_and_columns_are_unique() {
        for resource in Resource::ALL {
            assert_eq!(Resource::from_word(resource.as_str()), Some(resource));
            let columns = resource.columns();
            assert!(columns.iter().all(|c| columns.iter().filter(|d| d.name == c.name).count() == 1));
        }
    }

    proptest! {
        #[test]
        fn what_is_exported_can_be_imported(code in "[A-Z0-9-]{1,9}", name in "[^\u{0}]{1,20}", days in any::<i64>(), note in "[^\u{0}]{0,9}") {
            let row: Row = json!({
                "model_code": code, "model_name": name, "production_cycle_days": days, "specifications": { "note": note }
            }).as_object().expect("object").clone();
            let resource = Resource::ProductModels;
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(resource.columns().iter().map(|c| c.name)).expect("header");
            writer.write_record(csv_cells(resource, &row)).expect("row");
            let bytes = writer.into_inner().expect("bytes");
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
            let mut records = reader.records();
            let header = records.next().expect("header").expect("utf-8");
            let columns = csv_header(resource, &header).expect("known");
            let back = csv_row(resource, &columns, &records.next().expect("row").expect("utf-8"), 2);
            prop_assert_eq!(back.as_ref(), Ok(&row));
            prop_assert_eq!(json_row(resource, &Value::Object(row.clone()).to_string(), 1), Ok(row));
        }

        #[test]
        fn no_line_panics(text in ".{0,200}") {
            let _ = json_row(Resource::ProcessData, &text, 1);
        }
    }
}
