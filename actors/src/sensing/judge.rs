//! From a window to a verdict: the sensor's own bounds first, then a model, and honest words when neither can say.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    Basis, CalibrationFacts, NewResult, Provenance, ResultRecord, Seen, Sensor, SensorId, Thresholds,
    Verdict, WINDOW_READINGS, explain, out_of_bounds,
};

use nightshift_models::BANK_READINGS_MAX;
use nightshift_store::sensing as store;

use super::calibrate::Usual;
use super::error::SensingError;
use super::sensor::{SensorMessage, WindowAnswer};
use super::shared::{BACKGROUND_WRITE, Seat, Shared, Times, count_verdict, new_result, store_results};
use super::view::DirectVerdict;
use crate::inference::{BankWindow, InferenceError, ScoredWindow};

/// Sensors whose windows are under way at once in a run over all of them: enough to fill two of the largest batches.
const RUN_CONCURRENCY: usize = 1_024;
/// Results that a run stores in one unit of work.
const RUN_RESULTS_PER_WRITE: usize = 256;
/// Sensors that a run looks up at once.
const RUN_PAGE: usize = 4_096;

/// What a model, or its absence, says of a window.
pub(super) struct Opinion {
    pub(super) verdict: Verdict,
    pub(super) provenance: Provenance,
    pub(super) reading_scores: Option<Vec<f32>>,
}

/// Judges one sensor at `as_of` and stores the result.
pub(super) async fn judge_one(
    shared: &Arc<Shared>,
    id: &SensorId,
    seat: &Seat,
    as_of: Timestamp,
) -> Result<ResultRecord, SensingError> {
    let answer = ask_window(shared, seat, as_of).await?;
    let result = judge(shared, answer, as_of, None).await;
    if !shared.roster.holds(id, seat.key) {
        return Err(SensingError::NotFound(id.clone()));
    }
    let mut stored = store_results(shared, vec![result], shared.config.push_deadline).await?;
    stored.pop().ok_or_else(|| SensingError::Failed("the store kept no result".to_owned()))
}

/// Judges every sensor that `wanted` names, or every enabled one when it is empty; answers what was stored, by sensor.
pub(super) async fn judge_all(
    shared: &Arc<Shared>,
    wanted: &[SensorId],
    as_of: Timestamp,
    run_at: Option<Timestamp>,
) -> Result<Vec<ResultRecord>, SensingError> {
    let mut records = Vec::new();
    if wanted.is_empty() {
        let mut after: Option<SensorId> = None;
        loop {
            let page = shared.roster.page_after(after.as_ref(), RUN_PAGE);
            let Some((last, _)) = page.last() else { return Ok(records) };
            after = Some(last.clone());
            records.append(&mut judge_page(shared, page, as_of, run_at).await?);
        }
    }
    for chunk in wanted.chunks(RUN_PAGE) {
        let seated = |id: &SensorId| Some((id.clone(), shared.roster.get(id)?));
        let page = chunk.iter().filter_map(seated).collect();
        records.append(&mut judge_page(shared, page, as_of, run_at).await?);
    }
    Ok(records)
}

async fn judge_page(
    shared: &Arc<Shared>,
    page: Vec<(SensorId, Seat)>,
    as_of: Timestamp,
    run_at: Option<Timestamp>,
) -> Result<Vec<ResultRecord>, SensingError> {
    let judged = stream::iter(page.into_iter().filter(|(_, seat)| seat.enabled()))
        .map(|(id, seat)| async move {
            let result = match ask_window(shared, &seat, as_of).await {
                Ok(answer) => judge(shared, answer, as_of, run_at).await,
                Err(error) => unreachable(shared, &id, &seat, as_of, run_at, &error),
            };
            shared.roster.holds(&id, seat.key).then_some(result)
        })
        .buffer_unordered(RUN_CONCURRENCY)
        .filter_map(|result| async move { result })
        .chunks(RUN_RESULTS_PER_WRITE);
    let mut judged = std::pin::pin!(judged);
    let mut records = Vec::new();
    while let Some(chunk) = judged.next().await {
        records.append(&mut store_results(shared, chunk, BACKGROUND_WRITE).await?);
    }
    records.sort_by(|a, b| a.result.sensor_id.cmp(&b.result.sensor_id));
    Ok(records)
}

/// The result of a sensor that does not hand out its window: it is judged later.
fn unreachable(
    shared: &Shared,
    id: &SensorId,
    seat: &Seat,
    as_of: Timestamp,
    run_at: Option<Timestamp>,
    error: &SensingError,
) -> NewResult {
    NewResult {
        sensor_key: seat.key,
        sensor_id: id.clone(),
        verdict: Verdict::Unscored,
        as_of,
        inference_time: shared.now(),
        run_at,
        provenance: because(format!("the sensor did not hand out its window: {error}")),
    }
}

pub(super) async fn ask_window(
    shared: &Shared,
    seat: &Seat,
    at: Timestamp,
) -> Result<WindowAnswer, SensingError> {
    seat.address
        .ask(|reply| SensorMessage::Window { at, reply }, shared.config.push_deadline)
        .await
        .map_err(|error| SensingError::from_ask(error, "the sensor"))?
}

/// Judges a window that a sensor handed out.
pub(super) async fn judge(
    shared: &Shared,
    answer: WindowAnswer,
    as_of: Timestamp,
    run_at: Option<Timestamp>,
) -> NewResult {
    let opinion = opinion(shared, &answer).await;
    let times = Times { as_of, decided: shared.now(), run_at };
    new_result(&answer.sensor, opinion.verdict, times, opinion.provenance)
}

async fn opinion(shared: &Shared, answer: &WindowAnswer) -> Opinion {
    let window = match &answer.window {
        Ok(window) => window,
        Err(shortfall) => {
            let provenance = Provenance { window: shortfall.facts(), ..because(shortfall.to_string()) };
            return Opinion { verdict: Verdict::InsufficientData, provenance, reading_scores: None };
        }
    };
    let spec = &answer.sensor.spec;
    let model = shared.lineup.judge_of(spec);
    let interval = spec.interval();
    let seen = Seen {
        values: &window.values,
        times: &window.times,
        scores: None,
        interval,
        unit: spec.unit.as_deref(),
        calendar: &shared.calendar,
    };
    let mut opinion =
        on_values(shared, &spec.thresholds, &model, seen, Some(answer)).await.unwrap_or_else(|error| {
            let verdict = Verdict::Unscored;
            Opinion { verdict, provenance: because(error.to_string()), reading_scores: None }
        });
    opinion.provenance.window = Some(window.facts);
    opinion
}

/// A verdict on 720 values that are not stored.
pub(super) async fn judge_values(
    shared: &Shared,
    values: &[f32],
    model: Option<&str>,
) -> Result<DirectVerdict, SensingError> {
    if values.len() != WINDOW_READINGS {
        let text = format!(
            "values must hold exactly {WINDOW_READINGS} numbers, oldest first; there are {}",
            values.len()
        );
        return Err(SensingError::Invalid(text));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(SensingError::Invalid(format!("values[{index}] is not a finite number")));
    }
    let live = shared.lineup.get();
    let model = model.unwrap_or(&live.live);
    let seen = Seen {
        values,
        times: &[],
        scores: None,
        interval: Duration::ZERO,
        unit: None,
        calendar: &shared.calendar,
    };
    let opinion = on_values(shared, &Thresholds::default(), model, seen, None).await?;
    Ok(DirectVerdict {
        verdict: opinion.verdict,
        inference_time: shared.now(),
        provenance: opinion.provenance,
        reading_scores: opinion.reading_scores,
    })
}

async fn on_values(
    shared: &Shared,
    thresholds: &Thresholds,
    model: &str,
    seen: Seen<'_>,
    of: Option<&WindowAnswer>,
) -> Result<Opinion, InferenceError> {
    if let Some(judgement) = of.and_then(|answer| thresholds.judge(answer.last_value?)) {
        let provenance = Provenance {
            threshold: Some(judgement.threshold),
            basis: Some(Basis::Rule { rule: judgement.rule }),
            device: Some("rule".to_owned()),
            explanation: Some(out_of_bounds(&seen, judgement.threshold, judgement.low)),
            ..Provenance::default()
        };
        return Ok(Opinion { verdict: Verdict::Abnormal, provenance, reading_scores: None });
    }
    let digest = shared.inference.digest(model)?;
    let usual = of.and_then(|answer| answer.usual.under(&digest));
    let sensor = of.map(|answer| &*answer.sensor);
    let scored = score(shared, model, thresholds, usual, seen.values, seen.times, sensor).await?;
    let mut opinion = scored_opinion(shared, thresholds, usual, scored);
    if opinion.verdict == Verdict::Abnormal {
        let seen = Seen { scores: opinion.reading_scores.as_deref(), ..seen };
        opinion.provenance.explanation = Some(explain(&seen));
    }
    Ok(opinion)
}

/// Scores a window as its verdict needs it: with a bank where what is usual was learnt with one.
pub(super) async fn score(
    shared: &Shared,
    model: &str,
    thresholds: &Thresholds,
    usual: Option<&Usual>,
    values: &[f32],
    times: &[Timestamp],
    sensor: Option<&Sensor>,
) -> Result<ScoredWindow, InferenceError> {
    if takes_bank(shared, model, thresholds, usual)
        && let (Some(sensor), Some(first)) = (sensor, times.first())
    {
        let past = past_of(shared, sensor, *first);
        let (values, times) = (values.to_vec(), times.to_vec());
        let window = BankWindow { sensor: sensor.key, values, times, past: None };
        // Nothing where there is not enough of a past any more.
        if let Some(scored) = shared.inference.score_with_bank(model, window, past).await? {
            return Ok(scored);
        }
    }
    shared.inference.score(model, values.to_vec()).await
}

/// Whether a window is to be compared with a bank. A score that a person gave as the threshold is one of windows alone.
pub(super) fn takes_bank(
    shared: &Shared,
    model: &str,
    thresholds: &Thresholds,
    usual: Option<&Usual>,
) -> bool {
    thresholds.score.is_none()
        && shared.inference.bank_sensors_max(model) > 0
        && usual.is_some_and(Usual::is_banked)
}

/// What a sensor sent before `first`, oldest first, as far as a bank takes it.
pub(super) async fn past_of(
    shared: &Shared,
    sensor: &Sensor,
    first: Timestamp,
) -> Result<Vec<f32>, InferenceError> {
    let before = first - Duration::from_micros(1);
    let horizon = sensor.spec.horizon(shared.now());
    let readings = store::readings_latest(&shared.db, sensor.key, before, BANK_READINGS_MAX, horizon).await;
    let readings = readings.map_err(|error| InferenceError::Unavailable {
        reason: format!("the sensor's past could not be read: {error}"),
    })?;
    #[expect(clippy::cast_possible_truncation, reason = "the nets take f32")]
    Ok(readings.iter().map(|reading| reading.value as f32).collect())
}

/// The threshold is the one that was given, else the sensor's own, else the model's.
pub(super) fn scored_opinion(
    shared: &Shared,
    thresholds: &Thresholds,
    usual: Option<&Usual>,
    scored: ScoredWindow,
) -> Opinion {
    let (rate, mode) = (shared.config.false_alarm_rate, scored.mode());
    let own = usual.filter(|_| thresholds.score.is_none());
    let own = own.and_then(|usual| usual.threshold(&scored.model_digest, mode, rate, scored.threshold));
    let per_month = Some(shared.runs_per_month() * rate);
    let threshold = thresholds.score.or(own.map(|(threshold, _)| threshold)).unwrap_or(scored.threshold);
    let verdict = if scored.score > threshold { Verdict::Abnormal } else { Verdict::Normal };
    let basis = Basis::Model {
        id: scored.model_id.to_string(),
        digest: scored.model_digest.to_string(),
        calibration: own.map(|(_, facts)| CalibrationFacts { false_alarms_per_month: per_month, ..facts }),
        bank: scored.bank,
    };
    let provenance = Provenance {
        score: Some(scored.score),
        threshold: Some(threshold),
        basis: Some(basis),
        device: Some(scored.device.to_string()),
        reason: scored.degraded,
        ..Provenance::default()
    };
    Opinion { verdict, provenance, reading_scores: scored.readings.map(Vec::from) }
}

pub(super) fn because(reason: String) -> Provenance {
    Provenance { reason: Some(reason), ..Provenance::default() }
}

/// Scores again, from the store, what could not be scored before. Answers how many have a verdict now.
pub(super) async fn rescore(shared: &Arc<Shared>, limit: u32) -> Result<usize, SensingError> {
    let waiting = nightshift_store::sensing::results_unscored(&shared.db, limit).await?;
    let mut done = 0;
    for record in waiting {
        let Some(seat) =
            shared.roster.get(&record.result.sensor_id).filter(|s| s.key == record.result.sensor_key)
        else {
            continue;
        };
        // A sensor in quarantine, or one whose model is not loaded any more, must not hold up the others.
        let answer = match ask_window(shared, &seat, record.result.as_of).await {
            Err(SensingError::Unavailable { what, .. }) if what == "the sensor" => continue,
            answer => answer?,
        };
        let sensor: Arc<Sensor> = Arc::clone(&answer.sensor);
        let opinion = opinion(shared, &answer).await;
        if opinion.verdict == Verdict::Unscored {
            if shared.inference.ready() {
                continue;
            }
            break;
        }
        let times = Times { as_of: record.result.as_of, decided: shared.now(), run_at: record.result.run_at };
        let result = new_result(&sensor, opinion.verdict, times, opinion.provenance);
        let replaced = shared
            .writer
            .run(BACKGROUND_WRITE, move |tx| {
                Box::pin(
                    async move { nightshift_store::sensing::result_replace(tx, record.id, &result).await },
                )
            })
            .await?;
        count_verdict(&replaced);
        done += 1;
    }
    Ok(done)
}
