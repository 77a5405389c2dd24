//! What a shadow model says of windows that the live one judged, apart from the verdicts that count.

use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{ResultRecord, ScoreMode, SensorId, Tally, Verdict};

use super::result_row::{ResultRow, records, select_result};
use crate::dialect::{Ladder, LazyLadder};
use crate::{Db, StoreError, Tx, text};

static SHADOW_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO shadow_result (result_id, model_id, model_digest, verdict, score, threshold, mode, \
         calibrated, decided_at) VALUES",
        9,
        "ON CONFLICT (result_id, model_digest) DO NOTHING RETURNING id",
    )
});

/// A shadow's verdict on the window of a stored result.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowResult {
    /// The result of the live model.
    pub result_id: i64,
    /// The shadow.
    pub model_id: String,
    /// SHA-256 of its weights, hexadecimal.
    pub model_digest: String,
    /// `Normal` or `Abnormal`.
    pub verdict: Verdict,
    /// Its score.
    pub score: f64,
    /// What the score was compared with; nothing where the model has no threshold for it.
    pub threshold: Option<f64>,
    /// What the window was compared with.
    pub mode: ScoreMode,
    /// Whether the threshold is the sensor's own.
    pub calibrated: bool,
    /// When.
    pub decided_at: Timestamp,
}

/// Which of a shadow's verdicts are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowQuery {
    /// The shadow.
    pub model_id: String,
    /// Its weights.
    pub model_digest: String,
    /// Decided at or after this.
    pub since: Timestamp,
}

/// A window on which the models disagree.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// The live model's result.
    pub result_id: i64,
    /// The sensor.
    pub sensor_id: SensorId,
    /// The instant that was judged.
    pub as_of: Timestamp,
    /// Live: verdict, score, threshold.
    pub live: (Verdict, Option<f64>, Option<f64>),
    /// Shadow: verdict, score, threshold.
    pub shadow: (Verdict, f64, Option<f64>),
}

/// Figures of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShadowFigures {
    /// Who said what how often.
    pub tally: Tally,
    /// Sensors whose windows were compared.
    pub sensors: u64,
    /// The first verdict compared.
    pub first: Option<Timestamp>,
    /// The last one.
    pub last: Option<Timestamp>,
}

/// Keeps verdicts; one that is there already stays. Gives how many are new.
///
/// # Errors
/// [`StoreError::Query`] (an unknown result among the reasons), [`StoreError::Aborted`].
pub async fn shadow_results_insert(tx: &mut Tx, results: &[ShadowResult]) -> Result<u64, StoreError> {
    for result in results {
        text::check("shadow_result.model_id", &result.model_id)?;
    }
    let rows = write_rows!(
        tx,
        "shadow_results_insert",
        (i64,),
        SHADOW_INSERT,
        results,
        |r| r.result_id,
        r.model_id.as_str(),
        r.model_digest.as_str(),
        r.verdict.as_str(),
        r.score,
        r.threshold.filter(|t| t.is_finite()),
        r.mode.as_str(),
        r.calibrated,
        r.decided_at.us(),
    )?;
    Ok(rows.len() as u64)
}

/// Up to `limit` results after the one with id `after` in which a model judged a sensor that is still registered, in the
/// order of their ids.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn results_to_shadow(db: &Db, after: i64, limit: u32) -> Result<Vec<ResultRecord>, StoreError> {
    let sql = select_result!(
        "result r JOIN sensor s ON s.key = r.sensor_key AND s.removed_at IS NULL \
         WHERE r.id > $1 AND r.score IS NOT NULL AND r.verdict IN ('normal', 'abnormal') ORDER BY r.id LIMIT $2"
    );
    records(read_all!(db, "results_to_shadow", ResultRow, sql, after, i64::from(limit))?)
}

/// The id of the newest result; 0 without any.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn result_newest_id(db: &Db) -> Result<i64, StoreError> {
    let row = read_one!(db, "result_newest_id", (i64,), "SELECT coalesce(max(id), 0) FROM result")?;
    Ok(row.map_or(0, |(id,)| id))
}

/// How a shadow's verdicts compare with those that count.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn shadow_figures(db: &Db, query: &ShadowQuery) -> Result<ShadowFigures, StoreError> {
    let sql = "SELECT coalesce(CAST(sum(CASE WHEN h.verdict = 'normal' AND r.verdict = 'normal' THEN 1 ELSE 0 END) AS BIGINT), 0), \
               coalesce(CAST(sum(CASE WHEN h.verdict = 'abnormal' AND r.verdict = 'abnormal' THEN 1 ELSE 0 END) AS BIGINT), 0), \
               coalesce(CAST(sum(CASE WHEN h.verdict = 'normal' AND r.verdict = 'abnormal' THEN 1 ELSE 0 END) AS BIGINT), 0), \
               coalesce(CAST(sum(CASE WHEN h.verdict = 'abnormal' AND r.verdict = 'normal' THEN 1 ELSE 0 END) AS BIGINT), 0), \
               count(DISTINCT r.sensor_key), min(h.decided_at), max(h.decided_at) \
               FROM shadow_result h JOIN result r ON r.id = h.result_id \
               WHERE h.model_id = $1 AND h.model_digest = $2 AND h.decided_at >= $3";
    type Row = (i64, i64, i64, i64, i64, Option<i64>, Option<i64>);
    let (model, digest) = (query.model_id.as_str(), query.model_digest.as_str());
    let row = read_one!(db, "shadow_figures", Row, sql, model, digest, query.since.us())?;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(row.map_or_else(ShadowFigures::default, |(normal, abnormal, live, shadow, sensors, first, last)| {
        let tally = Tally {
            both_normal: count(normal),
            both_abnormal: count(abnormal),
            live_only: count(live),
            shadow_only: count(shadow),
        };
        let (first, last) = (first.map(Timestamp::from_us), last.map(Timestamp::from_us));
        ShadowFigures { tally, sensors: count(sensors), first, last }
    }))
}

/// The newest windows on which a shadow and the live model disagree.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn shadow_disagreements(
    db: &Db,
    query: &ShadowQuery,
    limit: u32,
) -> Result<Vec<Disagreement>, StoreError> {
    let sql = "SELECT h.result_id, r.sensor_id, r.as_of, r.verdict, r.score, r.threshold, h.verdict, h.score, \
               h.threshold FROM shadow_result h JOIN result r ON r.id = h.result_id \
               WHERE h.model_id = $1 AND h.model_digest = $2 AND h.decided_at >= $3 \
               AND h.verdict <> r.verdict ORDER BY h.decided_at DESC, h.id DESC LIMIT $4";
    type Row = (i64, String, i64, String, Option<f64>, Option<f64>, String, f64, Option<f64>);
    let (model, digest) = (query.model_id.as_str(), query.model_digest.as_str());
    let rows =
        read_all!(db, "shadow_disagreements", Row, sql, model, digest, query.since.us(), i64::from(limit))?;
    let read = |row: Row| {
        let (id, sensor, as_of, live, score, threshold, shadow, shadow_score, shadow_threshold) = row;
        let word = |word: &str| {
            let unknown =
                || StoreError::row("shadow_result", "verdict", id, format!("`{word}` is no verdict"));
            Verdict::from_word(word).ok_or_else(unknown)
        };
        Ok(Disagreement {
            result_id: id,
            sensor_id: sensor.parse().map_err(|e| StoreError::row("result", "sensor_id", id, e))?,
            as_of: Timestamp::from_us(as_of),
            live: (word(&live)?, score, threshold),
            shadow: (word(&shadow)?, shadow_score, shadow_threshold),
        })
    };
    rows.into_iter().map(read).collect()
}

/// Takes away up to `limit` of the oldest verdicts decided before `before`. Gives how many.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn shadow_results_expire(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM shadow_result WHERE id IN (SELECT id FROM shadow_result WHERE decided_at < $1 \
               ORDER BY decided_at, id LIMIT $2)";
    write_exec!(tx, "shadow_results_expire", sql, before.us(), i64::from(limit))
}
