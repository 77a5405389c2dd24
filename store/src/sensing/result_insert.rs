//! Verdicts, stored: each with its event in the same transaction, a scheduled run's at most once.

use std::collections::HashMap;
use std::sync::LazyLock;

use nightshift_domain::NewEvent;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{NewResult, ResultRecord, Verdict};
use sqlx::types::Json;

use super::result_row::{ResultRow, records, select_result};
use crate::dialect::{self, Ladder, LazyLadder};
use crate::{StoreError, Tx, text};

/// Kind of the event that each newly stored verdict journals.
const EVENT_KIND: &str = "sensing.verdict";

static RESULTS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO result (sensor_key, sensor_id, verdict, as_of, inference_time, run_at, score, threshold, \
         basis, device, window_start, window_end, window_count, window_gaps, reason, explanation) VALUES",
        16,
        "RETURNING id",
    )
});

/// What becomes of one result of a group.
enum Fate {
    /// It is new: its place among the new ones.
    Fresh(usize),
    /// It is the verdict that a stored `unscored` one waited for.
    Replaces(i64),
    /// Another one holds its run.
    Kept(Box<ResultRecord>),
    /// Another one of this group, at this place among the new ones, holds its run.
    Same(usize),
}

/// Stores results and journals an event for each that is new. A sensor has one result per scheduled run: a stored
/// `unscored` one is replaced, any other stays. Gives what is stored now, in the order of `results`.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`] (an unknown sensor key among the reasons), [`StoreError::Aborted`].
pub async fn results_insert(tx: &mut Tx, results: &[NewResult]) -> Result<Vec<ResultRecord>, StoreError> {
    let held = held_runs(tx, results).await?;
    let (fresh, fates) = decide(results, held);
    let ids = insert_fresh(tx, &fresh).await?;
    let record = |place: usize| ResultRecord { id: ids[place], result: fresh[place].clone() };
    let mut stored = Vec::with_capacity(results.len());
    let mut news = Vec::with_capacity(results.len());
    for (fate, result) in fates.into_iter().zip(results) {
        match fate {
            Fate::Fresh(place) => {
                news.push(event(&record(place)));
                stored.push(record(place));
            }
            Fate::Replaces(id) => {
                update(tx, id, result).await?;
                let record = ResultRecord { id, result: result.clone() };
                news.push(event(&record));
                stored.push(record);
            }
            Fate::Kept(record) => stored.push(*record),
            Fate::Same(place) => stored.push(record(place)),
        }
    }
    tx.journal_many(news).await?;
    Ok(stored)
}

/// Replaces an `unscored` result by its verdict, under its id, and journals the event. A result that has a verdict
/// already stays. Gives what is stored now.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such result; [`StoreError::Nul`], [`StoreError::Query`],
/// [`StoreError::Aborted`].
pub async fn result_replace(tx: &mut Tx, id: i64, result: &NewResult) -> Result<ResultRecord, StoreError> {
    let sql = select_result!("result r WHERE r.id = $1");
    let found = records(write_all!(tx, "result_replace", ResultRow, sql, id)?)?.into_iter().next();
    let Some(found) = found else { return Err(StoreError::Missing { what: format!("result {id}") }) };
    if found.result.verdict != Verdict::Unscored || result.verdict == Verdict::Unscored {
        return Ok(found);
    }
    update(tx, id, result).await?;
    let record = ResultRecord { id, result: result.clone() };
    tx.journal(event(&record)).await?;
    Ok(record)
}

/// The stored results of the runs that `results` belong to.
async fn held_runs(
    tx: &mut Tx,
    results: &[NewResult],
) -> Result<HashMap<(i64, Timestamp), ResultRecord>, StoreError> {
    let mut keys_by_run: HashMap<Timestamp, Vec<i64>> = HashMap::new();
    for result in results {
        if let Some(run_at) = result.run_at {
            keys_by_run.entry(run_at).or_default().push(result.sensor_key.0);
        }
    }
    let engine = tx.engine();
    let sql = dialect::pick(
        engine,
        select_result!(
            "result r WHERE r.run_at = $1 AND r.run_at IS NOT NULL \
             AND r.sensor_key IN (SELECT value FROM json_each($2))"
        ),
        select_result!(
            "result r WHERE r.run_at = $1 AND r.run_at IS NOT NULL \
             AND r.sensor_key = ANY(CAST(CAST($2 AS TEXT) AS BIGINT[]))"
        ),
    );
    let mut held = HashMap::new();
    for (run_at, keys) in keys_by_run {
        let list = dialect::int_list(engine, keys);
        let rows = write_all!(tx, "results_insert", ResultRow, sql, run_at.us(), list)?;
        held.extend(records(rows)?.into_iter().map(|r| ((r.result.sensor_key.0, run_at), r)));
    }
    Ok(held)
}

fn decide(
    results: &[NewResult],
    mut held: HashMap<(i64, Timestamp), ResultRecord>,
) -> (Vec<NewResult>, Vec<Fate>) {
    let mut fresh: Vec<NewResult> = Vec::with_capacity(results.len());
    let mut fresh_runs: HashMap<(i64, Timestamp), usize> = HashMap::new();
    let mut fates = Vec::with_capacity(results.len());
    for result in results {
        let run = result.run_at.map(|run_at| (result.sensor_key.0, run_at));
        let fate = match run.and_then(|run| held.get_mut(&run)) {
            Some(old) if old.result.verdict == Verdict::Unscored && result.verdict != Verdict::Unscored => {
                old.result = result.clone();
                Fate::Replaces(old.id)
            }
            Some(old) => Fate::Kept(Box::new(old.clone())),
            None => match run.and_then(|run| fresh_runs.get(&run).copied()) {
                Some(place) => {
                    if fresh[place].verdict == Verdict::Unscored {
                        fresh[place] = result.clone();
                    }
                    Fate::Same(place)
                }
                None => {
                    fresh.push(result.clone());
                    if let Some(run) = run {
                        fresh_runs.insert(run, fresh.len() - 1);
                    }
                    Fate::Fresh(fresh.len() - 1)
                }
            },
        };
        fates.push(fate);
    }
    (fresh, fates)
}

async fn insert_fresh(tx: &mut Tx, fresh: &[NewResult]) -> Result<Vec<i64>, StoreError> {
    fresh.iter().try_for_each(check_text)?;
    let rows = write_rows!(
        tx,
        "results_insert",
        (i64,),
        RESULTS_INSERT,
        fresh,
        |r| r.sensor_key.0,
        r.sensor_id.as_str(),
        r.verdict.as_str(),
        r.as_of.us(),
        r.inference_time.us(),
        r.run_at.map(Timestamp::us),
        finite(r.provenance.score),
        finite(r.provenance.threshold),
        r.provenance.basis.as_ref().map(Json),
        r.provenance.device.as_deref(),
        r.provenance.window.map(|w| w.start.us()),
        r.provenance.window.map(|w| w.end.us()),
        r.provenance.window.map(|w| i64::from(w.count)),
        r.provenance.window.map(|w| i64::from(w.gaps)),
        r.provenance.reason.as_deref(),
        r.provenance.explanation.as_ref().map(Json),
    )?;
    // Ids are given in the order of the rows, but not every engine promises to return them in it.
    let mut ids: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

async fn update(tx: &mut Tx, id: i64, result: &NewResult) -> Result<(), StoreError> {
    check_text(result)?;
    let sql = "UPDATE result SET verdict = $2, as_of = $3, inference_time = $4, score = $5, threshold = $6, \
               basis = $7, device = $8, window_start = $9, window_end = $10, window_count = $11, \
               window_gaps = $12, reason = $13, explanation = $14 WHERE id = $1";
    let p = &result.provenance;
    write_exec!(
        tx,
        "result_replace",
        sql,
        id,
        result.verdict.as_str(),
        result.as_of.us(),
        result.inference_time.us(),
        finite(p.score),
        finite(p.threshold),
        p.basis.as_ref().map(Json),
        p.device.as_deref(),
        p.window.map(|w| w.start.us()),
        p.window.map(|w| w.end.us()),
        p.window.map(|w| i64::from(w.count)),
        p.window.map(|w| i64::from(w.gaps)),
        p.reason.as_deref(),
        p.explanation.as_ref().map(Json),
    )
    .map(|_| ())
}

/// What is no number is stored as none: SQLite would do so by itself, PostgreSQL would not.
fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|n| n.is_finite())
}

fn check_text(result: &NewResult) -> Result<(), StoreError> {
    let p = &result.provenance;
    text::check("result.device", p.device.as_deref().unwrap_or(""))?;
    text::check("result.reason", p.reason.as_deref().unwrap_or(""))?;
    text::check_all("result.basis", &p.basis)?;
    text::check_all("result.explanation", &p.explanation)
}

fn event(record: &ResultRecord) -> NewEvent {
    let result = &record.result;
    let data = serde_json::json!({
        "result_id": record.id,
        "verdict": result.verdict,
        "score": finite(result.provenance.score),
        "threshold": finite(result.provenance.threshold),
        "device": result.provenance.device,
        "inference_time": result.inference_time,
        "window_end": result.provenance.window.map(|w| w.end),
        "explanation": result.provenance.explanation,
    });
    NewEvent::new(result.inference_time, EVENT_KIND, result.sensor_id.as_str(), data)
}
