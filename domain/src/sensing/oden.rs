//! Records of the first site's sensor vendor ("오든", Oden): a list, or an object whose `result` is the list.

use serde_json::Value;

use super::Reading;
use crate::Timestamp;

/// What a vendor's answer got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OdenError {
    /// The answer is neither a list nor an object with a list in `result`.
    #[error("the vendor's answer is neither a list of records nor {{\"result\": [...]}}")]
    Shape,
    /// No record of the answer could be read.
    #[error("none of the vendor's {records} records has measure_time and {field}.value")]
    Nothing {
        /// Records in the answer.
        records: usize,
        /// The field that was looked for.
        field: String,
    },
}

/// The readings of `field` (for example `oxygen_mpl`) in a vendor's answer, in rising order of time, and the count of
/// records that could not be read.
///
/// # Errors
/// When the answer has another shape, or holds records of which none could be read.
pub fn parse_records(answer: &Value, field: &str) -> Result<(Vec<Reading>, usize), OdenError> {
    let records = answer
        .as_array()
        .or_else(|| answer.get("result").and_then(Value::as_array))
        .ok_or(OdenError::Shape)?;
    let mut readings: Vec<Reading> = records.iter().filter_map(|record| reading(record, field)).collect();
    if readings.is_empty() && !records.is_empty() {
        return Err(OdenError::Nothing { records: records.len(), field: field.to_owned() });
    }
    let unread = records.len() - readings.len();
    readings.sort_by_key(|r| r.at);
    Ok((readings, unread))
}

fn reading(record: &Value, field: &str) -> Option<Reading> {
    let at = Timestamp::from_ms(record.get("measure_time")?.as_i64()?)?;
    let measured = record.get(field)?;
    let value = measured.get("value").unwrap_or(measured).as_f64()?;
    value.is_finite().then_some(Reading { at, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(ms: i64, oxygen: f64) -> Value {
        json!({
            "device_id": "wando01", "serial_number": "x", "measure_time": ms,
            "coordinates": {"latitude": 34.3, "longitude": 126.7},
            "temperature": {"value": 17.2, "unit": "C"},
            "oxygen_mpl": {"value": oxygen, "unit": "mg/L"}
        })
    }

    #[test]
    fn both_shapes_are_read_in_order() {
        let list = json!([record(2_000, 8.1), record(1_000, 8.0)]);
        let (readings, unread) = parse_records(&list, "oxygen_mpl").expect("list");
        assert_eq!(unread, 0);
        assert_eq!(readings.iter().map(|r| r.value).collect::<Vec<_>>(), vec![8.0, 8.1]);
        assert_eq!(parse_records(&json!({ "result": list }), "oxygen_mpl").expect("wrapped").0, readings);
    }

    #[test]
    fn unreadable_records_are_counted_not_guessed() {
        let (readings, unread) =
            parse_records(&json!([record(1_000, 8.0), {"measure_time": "x"}]), "oxygen_mpl").expect("one");
        assert_eq!((readings.len(), unread), (1, 1));
        assert!(parse_records(&json!([record(1_000, 8.0)]), "ph").is_err());
        assert_eq!(parse_records(&json!({"error": 1}), "ph"), Err(OdenError::Shape));
        assert_eq!(parse_records(&json!([]), "ph"), Ok((vec![], 0)));
    }
}
