//! The calibrator: learns from each sensor's own past which scores are usual for it.
//!
//! Owned by the `sensing` supervisor. Once a day per sensor it scores past windows, keeps the scores, and hands them to the
//! sensor; its threshold is then the one that at most the wanted share of such windows exceeds (split-conformal). A past
//! that holds anomalies makes the threshold higher, never lower. It works only while a device is ready, a few sensors at
//! a time; what it does not get to is the next round's work.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{CalibrationFacts, History, Reading, Sensor, WINDOW_READINGS};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_models::{Calibration, STRIDE};
use nightshift_store::sensing::{self as store, StoredCalibration};

use super::error::SensingError;
use super::sensor::SensorMessage;
use super::shared::{BACKGROUND_WRITE, Shared};

/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
/// Sensors in one round: a bound on how long scoring on request may have to share the devices.
const SENSORS_PER_ROUND: u32 = 32;
/// Age at which a calibration is made anew: sensors drift.
const AGE_MAX: Duration = Duration::from_secs(86_400);
/// Most past windows that a calibration rests on.
const WINDOWS_MAX: usize = 199;
/// Windows of one sensor that are scored at once.
const WINDOWS_AT_ONCE: usize = 64;

/// What is usual for a sensor under one model.
#[derive(Debug, Clone)]
pub(crate) struct Usual {
    digest: Box<str>,
    calibration: Calibration,
}

impl Usual {
    pub(super) fn new(stored: StoredCalibration) -> Self {
        Self { digest: stored.model_digest.into(), calibration: Calibration::from(stored.scores) }
    }

    /// The threshold for the wanted rate of false alarms, if the scores are of this model and enough.
    pub(super) fn threshold(&self, digest: &str, rate: f64) -> Option<(f64, CalibrationFacts)> {
        let threshold = self.calibration.threshold(rate).filter(|_| *self.digest == *digest)?;
        let windows = u32::try_from(self.calibration.windows()).unwrap_or(u32::MAX);
        Some((threshold, CalibrationFacts { windows, false_alarm_rate: rate }))
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
        let (now, rate) = (self.shared.now(), self.shared.config.false_alarm_rate);
        let due =
            store::calibrations_due(&self.shared.db, readings_needed(rate), now - AGE_MAX, SENSORS_PER_ROUND);
        for sensor in due.await? {
            ctx.progress();
            if !self.shared.inference.ready() {
                break;
            }
            calibrate(&self.shared, &sensor, now).await?;
        }
        Ok(())
    }
}

/// Past windows without which no score can be called unusual at this rate.
fn windows_needed(rate: f64) -> usize {
    // From 1 / rate - 1 windows on; a rate of 2 % needs 49.
    ((1.0 / rate) - 1.0).ceil().max(1.0) as usize
}

/// Readings that a calibration needs: the windows, and the present one, which must not be judged by itself.
fn readings_needed(rate: f64) -> i64 {
    i64::try_from(2 * WINDOW_READINGS + STRIDE * (windows_needed(rate) - 1)).unwrap_or(i64::MAX)
}

/// Scores a sensor's past windows, keeps the scores, and tells the sensor.
pub(super) async fn calibrate(shared: &Shared, sensor: &Sensor, now: Timestamp) -> Result<(), SensingError> {
    let model = sensor.spec.model.as_deref().unwrap_or(&shared.config.default_model);
    let windows = past_windows(shared, sensor, now).await?;
    let scored: Vec<_> = stream::iter(windows)
        .map(|values| shared.inference.score(model, values))
        .buffer_unordered(WINDOWS_AT_ONCE)
        .collect()
        .await;
    let mut scores = Vec::with_capacity(scored.len());
    let mut digest = shared.inference.digest(model)?;
    for outcome in scored {
        let window = outcome?;
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32 before")]
        scores.push(window.score as f32);
        digest = window.model_digest;
    }
    let made =
        StoredCalibration { sensor_key: sensor.key, model_digest: digest.to_string(), made_at: now, scores };
    let kept = made.clone();
    shared
        .writer
        .run(BACKGROUND_WRITE, move |tx| Box::pin(async move { store::calibration_save(tx, &kept).await }))
        .await?;
    tell(shared, sensor, made);
    Ok(())
}

fn tell(shared: &Shared, sensor: &Sensor, made: StoredCalibration) {
    let seat = shared.roster.get(&sensor.spec.sensor_id).filter(|seat| seat.key == sensor.key);
    if let Some(seat) = seat {
        // A sensor that is too busy to hear reads it from the store in its next life, or a day later.
        let _ = seat.address.try_send(SensorMessage::Calibrated(Arc::new(Usual::new(made))));
    }
}

/// Whole windows of the sensor's past, none of them overlapping its present one, the newest ones.
async fn past_windows(
    shared: &Shared,
    sensor: &Sensor,
    now: Timestamp,
) -> Result<Vec<Vec<f32>>, SensingError> {
    let wanted = 2 * WINDOW_READINGS + STRIDE * (WINDOWS_MAX - 1);
    let horizon = sensor.spec.horizon(now);
    let readings = store::readings_latest(&shared.db, sensor.key, now, wanted, horizon).await?;
    let past = &readings[..readings.len().saturating_sub(WINDOW_READINGS)];
    let values = |window: &[Reading]| -> Option<Vec<f32>> {
        let history = History::from_readings(window);
        let spec = &sensor.spec;
        let cut =
            history.window(history.newest()?, spec.interval(), spec.freshness(), spec.window_span_max());
        cut.ok().map(|window| window.values)
    };
    Ok(past.windows(WINDOW_READINGS).rev().step_by(STRIDE).filter_map(values).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_says_how_much_past_it_needs() {
        assert_eq!(windows_needed(0.05), 19);
        assert_eq!(windows_needed(0.02), 49);
        assert_eq!(readings_needed(0.05), 1_440 + 180 * 18);
    }
}
