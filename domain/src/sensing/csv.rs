//! Readings as CSV: two columns, a time and a value, with or without a header.

use super::Reading;

/// What a CSV file got wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The text is no CSV.
    #[error("line {line}: not readable as CSV")]
    Form {
        /// Line in the file, from 1.
        line: u64,
    },
    /// A row does not have a time and a value.
    #[error("line {line}: expected `time,value`, found {found} columns")]
    Columns {
        /// Line in the file, from 1.
        line: u64,
        /// Columns in the row.
        found: usize,
    },
    /// A time cannot be read.
    #[error("line {line}: `{text}` is not a time (RFC 3339 or milliseconds since 1970)")]
    Time {
        /// Line in the file, from 1.
        line: u64,
        /// What stands there, shortened.
        text: String,
    },
    /// A value is no finite number.
    #[error("line {line}: `{text}` is not a finite number")]
    Value {
        /// Line in the file, from 1.
        line: u64,
        /// What stands there, shortened.
        text: String,
    },
    /// More rows than one request may hold.
    #[error("more than {rows_max} rows: send them in several requests")]
    TooMany {
        /// The limit.
        rows_max: usize,
    },
}

/// Reads `time,value` rows; a first row of two words is taken as the header. A row that begins like a time is never a
/// header: a reading that cannot be read must not pass as nothing at all.
///
/// # Errors
/// The first row that is wrong, by its line.
pub fn parse_csv(text: &[u8], rows_max: usize) -> Result<Vec<Reading>, CsvError> {
    // Spreadsheets put a byte order mark in front.
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(::csv::Trim::All)
        .from_reader(text);
    let mut readings = Vec::new();
    for (row, record) in reader.records().enumerate() {
        let line_of = |p: Option<&::csv::Position>| p.map_or(row as u64 + 1, ::csv::Position::line);
        let record = record.map_err(|e| CsvError::Form { line: line_of(e.position()) })?;
        let line = line_of(record.position());
        let (Some(time), Some(value), 2) = (record.get(0), record.get(1), record.len()) else {
            return Err(CsvError::Columns { line, found: record.len() });
        };
        let value_read = value.parse::<f64>();
        if row == 0 && value_read.is_err() && time.starts_with(char::is_alphabetic) {
            continue;
        }
        if readings.len() == rows_max {
            return Err(CsvError::TooMany { rows_max });
        }
        let short = |s: &str| s.chars().take(40).collect::<String>();
        let at = time.parse().map_err(|_| CsvError::Time { line, text: short(time) })?;
        let value = value_read
            .ok()
            .filter(|v| v.is_finite())
            .ok_or_else(|| CsvError::Value { line, text: short(value) })?;
        readings.push(Reading { at, value });
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_with_and_without_header() {
        let rows = "2024-11-17T10:00:00Z,7.5\r\n1731837720000, 7.25\r\n";
        let bare = parse_csv(rows.as_bytes(), 10).expect("bare");
        assert_eq!(bare.len(), 2);
        assert_eq!(bare[1].at.us_since(bare[0].at), 120_000_000);
        assert_eq!(parse_csv(format!("time,value\n{rows}").as_bytes(), 10), Ok(bare));
        assert_eq!(parse_csv(format!("\u{feff}{rows}").as_bytes(), 10).map(|r| r.len()), Ok(2));
        assert_eq!(parse_csv(b"", 10), Ok(vec![]));
    }

    #[test]
    fn says_which_line_is_wrong() {
        let wrong = |text: &str| parse_csv(text.as_bytes(), 2).expect_err("wrong").to_string();
        assert_eq!(wrong("time,value\n2024-11-17T10:00:00Z,abc"), "line 2: `abc` is not a finite number");
        assert!(wrong("2024-11-17T10:00:00Z,NaN").starts_with("line 1"));
        assert!(wrong("soon,1.0").starts_with("line 1: `soon`"));
        assert!(wrong("2024-13-17T10:00:00Z,n/a").starts_with("line 1: `2024-13"));
        assert!(wrong("[null, null]").starts_with("line 1"));
        assert!(wrong("1731837720000,1,2").contains("3 columns"));
        assert!(wrong("1,1\n2,2\n3,3").contains("more than 2 rows"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_csv(&bytes, 100);
        }
    }
}
