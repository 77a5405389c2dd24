//! A row of results, and the result that it holds.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{NewResult, Provenance, ResultRecord, SensorKey, Verdict, WindowFacts};

use crate::{StoreError, text};

/// The table, for errors.
const TABLE: &str = "result";

#[derive(sqlx::FromRow)]
pub(super) struct ResultRow {
    id: i64,
    sensor_key: i64,
    sensor_id: String,
    verdict: String,
    as_of: i64,
    inference_time: i64,
    run_at: Option<i64>,
    score: Option<f64>,
    threshold: Option<f64>,
    basis: Option<String>,
    device: Option<String>,
    window_start: Option<i64>,
    window_end: Option<i64>,
    window_count: Option<i64>,
    window_gaps: Option<i64>,
    reason: Option<String>,
    explanation: Option<String>,
}

/// The columns of a [`ResultRow`], of a table named or called `r`.
macro_rules! select_result {
    ($rest:literal) => {
        concat!(
            "SELECT r.id, r.sensor_key, r.sensor_id, r.verdict, r.as_of, r.inference_time, r.run_at, r.score, ",
            "r.threshold, CAST(r.basis AS TEXT) AS basis, r.device, r.window_start, r.window_end, ",
            "r.window_count, r.window_gaps, r.reason, CAST(r.explanation AS TEXT) AS explanation FROM ",
            $rest
        )
    };
}
pub(super) use select_result;

impl ResultRow {
    fn window(&self) -> Result<Option<WindowFacts>, StoreError> {
        let (Some(start), Some(end), Some(count), Some(gaps)) =
            (self.window_start, self.window_end, self.window_count, self.window_gaps)
        else {
            return Ok(None);
        };
        Ok(Some(WindowFacts {
            start: Timestamp::from_us(start),
            end: Timestamp::from_us(end),
            count: u32::try_from(count).map_err(|e| StoreError::row(TABLE, "window_count", self.id, e))?,
            gaps: u32::try_from(gaps).map_err(|e| StoreError::row(TABLE, "window_gaps", self.id, e))?,
        }))
    }
}

impl TryFrom<ResultRow> for ResultRecord {
    type Error = StoreError;

    fn try_from(row: ResultRow) -> Result<Self, StoreError> {
        let id = row.id;
        let window = row.window()?;
        let verdict = Verdict::from_word(&row.verdict).ok_or_else(|| {
            StoreError::row(TABLE, "verdict", id, format!("`{}` is no verdict", row.verdict))
        })?;
        let basis = row.basis.map(|b| text::from_json(TABLE, "basis", id, &b)).transpose()?;
        let explanation =
            row.explanation.map(|e| text::from_json(TABLE, "explanation", id, &e)).transpose()?;
        let result = NewResult {
            sensor_key: SensorKey(row.sensor_key),
            sensor_id: row.sensor_id.parse().map_err(|e| StoreError::row(TABLE, "sensor_id", id, e))?,
            verdict,
            as_of: Timestamp::from_us(row.as_of),
            inference_time: Timestamp::from_us(row.inference_time),
            run_at: row.run_at.map(Timestamp::from_us),
            provenance: Provenance {
                score: row.score,
                threshold: row.threshold,
                basis,
                device: row.device,
                window,
                reason: row.reason,
                explanation,
            },
        };
        Ok(Self { id, result })
    }
}

pub(super) fn records(rows: Vec<ResultRow>) -> Result<Vec<ResultRecord>, StoreError> {
    rows.into_iter().map(ResultRecord::try_from).collect()
}
