//! What is kept of a session that was completed.

use serde::Serialize;

use super::{DiagnosisId, Kind, KoreaTime, Level, PatientId};
use crate::Timestamp;

/// The figures of a result file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// The score of the last row.
    pub score: f64,
    /// Seconds from the first row to the last.
    pub time_spent: f64,
    /// Rows a second, to three places; 0 when no time passed.
    pub fps: f64,
    /// Rows in which the state rose.
    pub successes: u64,
    /// Rows in which it fell.
    pub fails: u64,
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The session; the record has its number.
    pub id: DiagnosisId,
    /// Whose it is.
    pub patient_id: PatientId,
    /// What was played.
    pub kind: Kind,
    /// How hard.
    pub level: Level,
    /// When it was completed.
    pub created_at: Timestamp,
    /// The files' name.
    pub filename: String,
    /// Size of the original, bytes.
    pub original_bytes: u64,
    /// Size of the processed file, bytes.
    pub processed_bytes: u64,
    /// SHA-256 of the processed file, in hexadecimal digits.
    pub processed_sha256: String,
    /// The figures.
    pub summary: Summary,
}

/// The name of a result's files: `TENNISBALL_2_20251110140300.csv`, in Korea time.
#[must_use]
pub fn file_name(kind: Kind, level: Level, at: Timestamp) -> String {
    let t = KoreaTime(at).civil();
    format!(
        "{kind}_{level}_{:04}{:02}{:02}{:02}{:02}{:02}.csv",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// What the keys of a diagnosis' files begin with: of the one that the headset sent, and of the processed one.
#[must_use]
pub fn file_folders(id: DiagnosisId) -> [String; 2] {
    ["original", "processed"].map(|which| format!("diagnosis/{id}/{which}"))
}

/// Where the file that the headset sent is kept.
#[must_use]
pub fn original_key(id: DiagnosisId, name: &str) -> String {
    let [original, _] = file_folders(id);
    format!("{original}/{name}")
}

/// Where the processed file is kept.
#[must_use]
pub fn processed_key(id: DiagnosisId, name: &str) -> String {
    let [_, processed] = file_folders(id);
    format!("{processed}/{name}")
}

/// What two records must have in common to be compared.
#[must_use]
pub fn series_of(record: &Record) -> (Kind, Level) {
    (record.kind, record.level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_in_korea_time() {
        let at: Timestamp = "2025-11-10T15:03:09.9Z".parse().expect("instant");
        let name = file_name(Kind::TennisBall, 2.try_into().expect("level"), at);
        assert_eq!(name, "TENNISBALL_2_20251111000309.csv");
        assert_eq!(
            original_key(DiagnosisId(5), &name),
            "diagnosis/5/original/TENNISBALL_2_20251111000309.csv"
        );
        assert_eq!(
            processed_key(DiagnosisId(5), &name),
            "diagnosis/5/processed/TENNISBALL_2_20251111000309.csv"
        );
    }
}
