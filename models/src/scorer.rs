//! A model on a device: the one thing that the rest of the plant sees of a net.
//!
//! On the CPU the fused kernels run; elsewhere, and as the reference, the same network in burn. A scorer is
//! synchronous, belongs to one thread at a time and never panics: what goes wrong below becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::catalog::{Model, ModelInfo};
use crate::device::DeviceSpec;
use crate::engine::{Engine, Raw};
use crate::{BATCHES, WINDOW, canary};

/// What a model says of one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowScore {
    /// The model's score; the classifier's is a share from 0 to 1, the detector's is 0 or more.
    pub score: f32,
    /// Whether the score is above the model's threshold.
    pub abnormal: bool,
    /// Scores of the 720 readings, from the detector.
    pub readings: Option<Box<[f32]>>,
    /// Logits of normal and abnormal, from the classifier.
    pub logits: Option<[f32; 2]>,
}

/// How long one batch size took in [`Scorer::warm_up`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WarmUp {
    /// Windows in the batch.
    pub batch: usize,
    /// The first run, with whatever is compiled and tuned at first use.
    pub first: Duration,
    /// The run after it.
    pub second: Duration,
}

/// Whether this device still computes what the reference computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CanaryReport {
    /// Windows compared.
    pub windows: usize,
    /// Largest difference of a score from the reference, relative to scores above 1.
    pub worst: f32,
    /// What `worst` may be.
    pub tolerance: f32,
    /// Whether it was within the tolerance.
    pub passed: bool,
}

/// Why windows could not be scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// There was no window.
    #[error("there is no window to score")]
    NoWindow,
    /// A window has another length than [`WINDOW`].
    #[error("window {window} has {readings} readings, {WINDOW} are needed")]
    Length {
        /// Its place in the call.
        window: usize,
        /// Its length.
        readings: usize,
    },
    /// A reading is not a finite number.
    #[error("reading {reading} of window {window} is not a finite number")]
    NotFinite {
        /// Place of the window in the call.
        window: usize,
        /// Place of the reading in the window.
        reading: usize,
    },
    /// The device could not be opened.
    #[error("device {label} could not be opened: {reason}")]
    Open {
        /// The device.
        label: String,
        /// What the driver said.
        reason: String,
    },
    /// The device failed while it computed; a new scorer is needed.
    #[error("device failed: {0}")]
    Device(String),
    /// The device answered with numbers that are not finite.
    #[error("device answered with numbers that are not finite")]
    Nonsense,
}

/// A model on a device.
pub struct Scorer {
    info: ModelInfo,
    label: String,
    engine: Engine,
    /// Scores of the canary windows by the reference.
    expected: Vec<f32>,
    /// Why the device can't be used any more: its state after a failure is unknown.
    broken: Option<String>,
}

impl Scorer {
    /// Puts a model on a device.
    ///
    /// # Errors
    ///
    /// [`ScoreError::Open`] where the device can't be opened, and whatever the reference run on the CPU meets.
    pub fn new(model: &Model, device: &DeviceSpec) -> Result<Self, ScoreError> {
        let mut reference = Engine::reference(model);
        let windows = canary::windows();
        let raw = guarded(|| reference.run(&canary::views(&windows)))?;
        let expected = raw.iter().map(|raw| raw.score()).collect();
        let open = |reason| ScoreError::Open { label: device.label.clone(), reason };
        let engine = catch_unwind(AssertUnwindSafe(|| Engine::open(model, device)))
            .map_err(|panic| open(words(&*panic)))?
            .map_err(open)?;
        Ok(Self { info: model.info().clone(), label: device.label.clone(), engine, expected, broken: None })
    }

    /// The same model as burn computes it on the CPU: slow, and the measure of every other path.
    pub fn reference(model: &Model) -> Result<Self, ScoreError> {
        let mut scorer = Self::new(model, &DeviceSpec::cpu())?;
        scorer.engine = Engine::reference(model);
        scorer.label = "reference".to_owned();
        Ok(scorer)
    }

    /// The model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The device's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Sets the score above which a window is abnormal.
    pub fn set_threshold(&mut self, threshold: f64) {
        self.info.threshold = threshold;
    }

    /// Runs every fixed batch size twice, so that nothing is compiled or tuned while somebody waits.
    ///
    /// # Errors
    ///
    /// As [`Scorer::score`].
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the device took is measured, no decision depends on it"
    )]
    pub fn warm_up(&mut self) -> Result<Vec<WarmUp>, ScoreError> {
        let windows = canary::windows();
        let views = canary::views(&windows);
        let mut timings = Vec::with_capacity(BATCHES.len());
        for batch in BATCHES {
            let many: Vec<&[f32]> = views.iter().copied().cycle().take(batch).collect();
            let start = Instant::now();
            self.score(&many)?;
            let first = start.elapsed();
            self.score(&many)?;
            timings.push(WarmUp { batch, first, second: start.elapsed().saturating_sub(first) });
        }
        Ok(timings)
    }

    /// Scores any number of windows of [`WINDOW`] finite readings each; one answer for each, in their order.
    ///
    /// # Errors
    ///
    /// No window, a window of another length or with a number that is not finite, or a failing device.
    pub fn score(&mut self, windows: &[&[f32]]) -> Result<Vec<WindowScore>, ScoreError> {
        check(windows)?;
        let raw = self.compute(windows)?;
        if raw.iter().any(|raw| !raw.score().is_finite()) {
            return Err(ScoreError::Nonsense);
        }
        Ok(raw.into_iter().map(|raw| self.judge(raw)).collect())
    }

    /// Scores a few fixed windows and compares them with what the reference said when this scorer was made.
    ///
    /// # Errors
    ///
    /// As [`Scorer::score`].
    pub fn canary(&mut self) -> Result<CanaryReport, ScoreError> {
        let windows = canary::windows();
        let raw = self.compute(&canary::views(&windows))?;
        let worst = raw
            .iter()
            .zip(&self.expected)
            .map(|(raw, expected)| (raw.score() - expected).abs() / expected.abs().max(1.0))
            .fold(0.0, |worst: f32, d| if d.is_nan() { f32::INFINITY } else { worst.max(d) });
        let passed = worst <= canary::TOLERANCE;
        Ok(CanaryReport { windows: raw.len(), worst, tolerance: canary::TOLERANCE, passed })
    }

    fn compute(&mut self, windows: &[&[f32]]) -> Result<Vec<Raw>, ScoreError> {
        if let Some(reason) = &self.broken {
            return Err(ScoreError::Device(reason.clone()));
        }
        let computed = guarded(|| self.engine.run(windows));
        if let Err(ScoreError::Device(reason)) = &computed {
            self.broken = Some(reason.clone());
        }
        computed
    }

    fn judge(&self, raw: Raw) -> WindowScore {
        let score = raw.score();
        let abnormal = f64::from(score) > self.info.threshold;
        match raw {
            Raw::Logits(logits) => WindowScore { score, abnormal, readings: None, logits: Some(logits) },
            Raw::Readings(readings) => {
                WindowScore { score, abnormal, readings: Some(readings), logits: None }
            }
        }
    }
}

fn check(windows: &[&[f32]]) -> Result<(), ScoreError> {
    if windows.is_empty() {
        return Err(ScoreError::NoWindow);
    }
    for (window, readings) in windows.iter().enumerate() {
        if readings.len() != WINDOW {
            return Err(ScoreError::Length { window, readings: readings.len() });
        }
        if let Some(reading) = readings.iter().position(|v| !v.is_finite()) {
            return Err(ScoreError::NotFinite { window, reading });
        }
    }
    Ok(())
}

/// Runs what may panic below: burn and wgpu report most failures of a device that way.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, ScoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(ScoreError::Device),
        Err(panic) => Err(ScoreError::Device(words(&*panic))),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".to_owned())
}
