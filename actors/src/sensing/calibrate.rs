//! The calibrator: learns from each sensor's own past which scores are usual for it.
//!
//! Owned by the `sensing` supervisor. Once a day per sensor it scores past windows, keeps the scores, and hands them to the
//! sensor; its threshold is then the one that at most the wanted share of such windows exceeds. A past that holds
//! anomalies makes the threshold higher, never lower. Windows are compared with a bank of what was before them where the
//! sensor has enough of that and the plant has room for it: what a calibration was made under is what the sensor is
//! judged under. Until there are enough windows that are well apart (split-conformal), closer ones do (extreme values).
//! It works only while a device is ready, a few sensors at a time; what it does not get to is the next round's work. A
//! shadow is calibrated on the same sensors, after all others and with what they leave of the devices: promoted, it begins
//! with thresholds of its own.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    CalibrationFacts, CalibrationMethod, History, Reading, ScoreMode, Sensor, WINDOW_READINGS,
};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_models::{BANK_READINGS_MAX, CALIBRATION_WINDOWS_MAX, Calibration, CalibrationPlan};
use nightshift_store::sensing::{self as store, CalibrationsDue, StoredCalibration};

use super::error::SensingError;
use super::sensor::SensorMessage;
use super::shared::{BACKGROUND_WRITE, Shared};
use crate::inference::Walk;

/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
/// Sensors in one round: a bound on how long scoring on request may have to share the devices.
const SENSORS_PER_ROUND: u32 = 32;
/// Age at which a calibration is made anew: sensors drift.
const AGE_MAX: Duration = Duration::from_secs(86_400);
/// Windows of one sensor that are scored at once.
const WINDOWS_AT_ONCE: usize = 64;
/// Age at which a calibration under a model that is not used any more is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(30 * 86_400);
/// Readings that one step of a walk takes up: others wait for the bank keeper meanwhile.
const WALK_READINGS: usize = WINDOW_READINGS;

/// What is usual for a sensor, under each model that may judge it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usuals(Arc<[Arc<Usual>]>);

impl FromIterator<StoredCalibration> for Usuals {
    fn from_iter<I: IntoIterator<Item = StoredCalibration>>(stored: I) -> Self {
        Self(stored.into_iter().map(|stored| Arc::new(Usual::new(stored))).collect())
    }
}

impl Usuals {
    /// What is usual under the model with that digest.
    pub(crate) fn under(&self, digest: &str) -> Option<&Usual> {
        self.0.iter().find(|usual| *usual.digest == *digest).map(AsRef::as_ref)
    }

    /// The same with `learnt` in place of what was known under its model.
    pub(super) fn with(&self, learnt: Arc<Usual>) -> Self {
        let others = self.0.iter().filter(|usual| usual.digest != learnt.digest).cloned();
        Self(others.chain([Arc::clone(&learnt)]).collect())
    }
}

/// What is usual for a sensor under one model.
#[derive(Debug, Clone)]
pub(crate) struct Usual {
    digest: Box<str>,
    mode: ScoreMode,
    provisional: bool,
    calibration: Calibration,
}

impl Usual {
    pub(super) fn new(stored: StoredCalibration) -> Self {
        let StoredCalibration { model_digest, mode, provisional, scores, .. } = stored;
        Self { digest: model_digest.into(), mode, provisional, calibration: Calibration::from(scores) }
    }

    /// Whether it says what is usual against a bank.
    pub(super) fn is_banked(&self) -> bool {
        self.mode == ScoreMode::Bank
    }

    /// The threshold for the wanted rate of false alarms, if the scores are of this model and mode and enough. `model` is
    /// the threshold for all sensors.
    pub(super) fn threshold(
        &self,
        digest: &str,
        mode: ScoreMode,
        rate: f64,
        model: f64,
    ) -> Option<(f64, CalibrationFacts)> {
        if *self.digest != *digest || self.mode != mode {
            return None;
        }
        let (bank, provisional) = (mode == ScoreMode::Bank, self.provisional);
        let plan = CalibrationPlan::under(bank, provisional);
        let threshold = plan.threshold(&self.calibration, rate, model)?;
        let method = if provisional { CalibrationMethod::ExtremeValue } else { CalibrationMethod::Conformal };
        let windows = u32::try_from(self.calibration.windows()).unwrap_or(u32::MAX);
        let facts =
            CalibrationFacts { windows, false_alarm_rate: rate, method, false_alarms_per_month: None };
        Some((threshold, facts))
    }
}

/// What the calibrator takes.
pub(crate) enum CalibratorMessage {
    /// Calibrate the sensors that are due.
    Round,
}

/// The actor.
pub(super) struct Calibrator {
    shared: Arc<Shared>,
}

impl Calibrator {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn round(&self, ctx: &Context<CalibratorMessage>) -> Result<(), SensingError> {
        let (shared, lineup) = (&self.shared, self.shared.lineup.get());
        let live = Trial { model: &lineup.live, spare: false };
        let mut left = self.due(ctx, live, None, SENSORS_PER_ROUND).await?;
        for model in shared.inference.model_ids() {
            left = self.due(ctx, Trial { model, spare: false }, Some(&**model), left).await?;
        }
        if let Some(model) = &lineup.shadow {
            self.due(ctx, Trial { model, spare: true }, None, left).await?;
        }
        Ok(())
    }

    /// Calibrates up to `limit` sensors that name `named` and are due under that model; gives what is left of the limit.
    async fn due(
        &self,
        ctx: &Context<CalibratorMessage>,
        trial: Trial<'_>,
        named: Option<&str>,
        limit: u32,
    ) -> Result<u32, SensingError> {
        let (shared, now) = (&self.shared, self.shared.now());
        let digest = shared.inference.digest(trial.model)?;
        let stored_min = i64::try_from(CalibrationPlan::readings_min(WINDOW_READINGS)).unwrap_or(i64::MAX);
        let due = CalibrationsDue { named, digest: &digest, stored_min, before: now - AGE_MAX, limit };
        let mut left = limit;
        for sensor in store::calibrations_due(&shared.db, due).await? {
            ctx.progress();
            if !shared.inference.ready() || trial.spare && !shared.inference.has_spare() {
                break;
            }
            calibrate(shared, &sensor, trial, now).await?;
            left = left.saturating_sub(1);
        }
        Ok(left)
    }
}

/// The model that a sensor is calibrated under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial<'m> {
    pub(super) model: &'m str,
    /// Whether it only gets what the others leave.
    pub(super) spare: bool,
}

/// Scores a sensor's past windows, keeps the scores, and tells the sensor.
pub(super) async fn calibrate(
    shared: &Shared,
    sensor: &Sensor,
    trial: Trial<'_>,
    now: Timestamp,
) -> Result<(), SensingError> {
    let digest = shared.inference.digest(trial.model)?;
    let most = CalibrationPlan::under(true, false);
    let wanted = BANK_READINGS_MAX + most.readings(CALIBRATION_WINDOWS_MAX);
    let horizon = sensor.spec.horizon(now);
    let readings = store::readings_latest(&shared.db, sensor.key, now, wanted, horizon).await?;
    let bank = has_room(shared, sensor, trial.model, &digest).await?;
    let rate = shared.config.false_alarm_rate;
    let plan = CalibrationPlan::of(readings.len(), WINDOW_READINGS, rate, bank);
    let scores = match plan {
        None => Vec::new(),
        Some(plan) if plan.bank => walk(shared, sensor, trial, plan, &readings).await?,
        Some(plan) => alone(shared, sensor, trial, plan, &readings).await?,
    };
    let banked = plan.is_some_and(|plan| plan.bank);
    let made = StoredCalibration {
        sensor_key: sensor.key,
        model_digest: digest.to_string(),
        made_at: now,
        mode: if banked { ScoreMode::Bank } else { ScoreMode::Window },
        provisional: plan.is_some_and(|plan| plan.provisional),
        scores,
    };
    let (kept, forget) = (made.clone(), now - FORGET_AFTER);
    shared
        .writer
        .run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { store::calibration_save(tx, &kept, forget).await })
        })
        .await?;
    tell(shared, sensor, made);
    Ok(())
}

/// Whether the sensor has a bank already, or may have one.
async fn has_room(shared: &Shared, sensor: &Sensor, model: &str, digest: &str) -> Result<bool, SensingError> {
    let most = shared.inference.bank_sensors_max(model) as u64;
    if most == 0 {
        return Ok(false);
    }
    Ok(store::calibrations_count(&shared.db, ScoreMode::Bank, digest, sensor.key).await? < most)
}

fn tell(shared: &Shared, sensor: &Sensor, made: StoredCalibration) {
    let seat = shared.roster.get(&sensor.spec.sensor_id).filter(|seat| seat.key == sensor.key);
    if let Some(seat) = seat {
        // A sensor that is too busy to hear reads it from the store in its next life, or a day later.
        let _ = seat.address.try_send(SensorMessage::Calibrated(Arc::new(Usual::new(made))));
    }
}

/// The values of a window, if its readings make one.
fn whole(sensor: &Sensor, readings: &[Reading]) -> Option<Vec<f32>> {
    let history = History::from_readings(readings);
    let spec = &sensor.spec;
    let cut = history.window(history.newest()?, spec.interval(), spec.freshness(), spec.window_span_max());
    cut.ok().map(|window| window.values)
}

/// Scores of windows that are compared with themselves alone.
async fn alone(
    shared: &Shared,
    sensor: &Sensor,
    trial: Trial<'_>,
    plan: CalibrationPlan,
    readings: &[Reading],
) -> Result<Vec<f32>, SensingError> {
    let starts = plan.starts(readings.len());
    let windows: Vec<Vec<f32>> =
        starts.iter().filter_map(|at| whole(sensor, &readings[*at..*at + WINDOW_READINGS])).collect();
    let scored: Vec<_> = stream::iter(windows)
        .map(|values| async move {
            if trial.spare {
                shared.inference.score_spare(trial.model, values).await
            } else {
                shared.inference.score(trial.model, values).await
            }
        })
        .buffer_unordered(WINDOWS_AT_ONCE)
        .collect()
        .await;
    #[expect(clippy::cast_possible_truncation, reason = "it was an f32 before")]
    scored.into_iter().map(|outcome| Ok(outcome?.score as f32)).collect()
}

/// Scores of windows that are compared with what was before them, one after the other.
async fn walk(
    shared: &Shared,
    sensor: &Sensor,
    trial: Trial<'_>,
    plan: CalibrationPlan,
    readings: &[Reading],
) -> Result<Vec<f32>, SensingError> {
    let starts = plan.starts(readings.len());
    let Some(first) = starts.first().copied() else { return Ok(Vec::new()) };
    #[expect(clippy::cast_possible_truncation, reason = "the nets take f32")]
    let values = |range: std::ops::Range<usize>| readings[range].iter().map(|r| r.value as f32).collect();
    let end = starts[starts.len() - 1] + WINDOW_READINGS;
    let step = (WALK_READINGS / plan.stride()).max(1) * plan.stride();
    let (mut memory, mut bank): (_, Vec<f32>) =
        (None, values(first.saturating_sub(BANK_READINGS_MAX)..first));
    let (mut at, mut scores) = (first, Vec::with_capacity(starts.len()));
    let mut next = first + WINDOW_READINGS;
    while at < end {
        let walk =
            Walk { memory, bank: std::mem::take(&mut bank), fresh: values(at..next), stride: plan.stride() };
        let (reached, mut passed) = if trial.spare {
            shared.inference.walk_spare(trial.model, walk).await?
        } else {
            shared.inference.walk(trial.model, sensor.key, walk).await?
        };
        memory = Some(reached);
        scores.append(&mut passed);
        (at, next) = (next, (next + step).min(end));
    }
    // A window with a hole is no window: its readings were walked over, its score does not count.
    let counted = scores.into_iter().zip(&starts);
    let counted = counted.filter(|(_, at)| whole(sensor, &readings[**at..**at + WINDOW_READINGS]).is_some());
    Ok(counted.map(|(score, _)| score).collect())
}

impl Actor for Calibrator {
    type Message = CalibratorMessage;

    async fn start(&mut self, ctx: &Context<CalibratorMessage>) -> Result<(), Fault> {
        ctx.send_every(ROUND_INTERVAL, || CalibratorMessage::Round)
    }

    async fn handle(
        &mut self,
        ctx: &Context<CalibratorMessage>,
        CalibratorMessage::Round: CalibratorMessage,
    ) -> Result<(), Fault> {
        if self.shared.inference.ready()
            && let Err(error) = self.round(ctx).await
        {
            tracing::warn!(error = %error, "a round of calibrations failed; the next one goes on");
        }
        Ok(())
    }
}
