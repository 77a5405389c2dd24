//! A model on a device: the one thing that the rest of the plant sees of a net.
//!
//! On the CPU the fused kernels run; elsewhere, and as the reference, the same network in burn. A scorer is
//! synchronous, belongs to one thread at a time and never panics: what goes wrong below becomes an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::catalog::{Model, ModelInfo};
use crate::device::DeviceSpec;
use crate::engine::{BankEngine, Engine, Raw};
use crate::{BANK_READINGS_MAX, BANK_READINGS_MIN, WINDOW, canary};

/// What a model says of one window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowScore {
    /// The model's score; the classifier's is a share from 0 to 1, the detector's a contrast from 0 up, without a
    /// unit: how far the window's most unusual stretch stands out from what is usual in it, or in its bank.
    pub score: f32,
    /// Whether the score is above the model's threshold.
    pub abnormal: bool,
    /// Scores of the 720 readings, from the detector, for charts: mean squared distances to the most similar
    /// stretch, in a unit of the window's own (of its bank's, where one was given). Not to be compared with `score`.
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
    /// A bank is shorter than [`BANK_READINGS_MIN`].
    #[error("the bank of window {window} has {readings} readings, at least {BANK_READINGS_MIN} are needed")]
    BankTooShort {
        /// Place of the window in the call.
        window: usize,
        /// Length of its bank.
        readings: usize,
    },
    /// A reading of a bank is not a finite number.
    #[error("reading {reading} of the bank of window {window} is not a finite number")]
    BankNotFinite {
        /// Place of the window in the call.
        window: usize,
        /// Place of the reading in the bank, as it was given.
        reading: usize,
    },
    /// The model takes no bank.
    #[error("this model takes no bank")]
    NoBank,
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
    /// None for a model that takes no bank.
    bank: Option<BankEngine>,
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
        Ok(Self {
            info: model.info().clone(),
            label: device.label.clone(),
            engine,
            bank: BankEngine::new(model),
            expected,
            broken: None,
        })
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

    /// Runs every fixed batch size twice, so that nothing is compiled or tuned while somebody waits; says how long each took.
    ///
    /// # Errors
    ///
    /// As [`Scorer::score`].
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a device takes is its own time, not the plant's: on simulated time it would be nothing"
    )]
    pub fn warm_up(&mut self) -> Result<Vec<WarmUp>, ScoreError> {
        let windows = canary::windows();
        let views = canary::views(&windows);
        let sizes = self.engine.sizes();
        let mut timings = Vec::with_capacity(sizes.len());
        for &batch in sizes {
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
        judged(raw, self.info.threshold)
    }

    /// Scores windows that are given with a bank each: up to [`BANK_READINGS_MAX`] readings of the sensor before the
    /// window, oldest first, [`BANK_READINGS_MIN`] at least; of a longer bank the newest count.
    ///
    /// The contrast is to the bank, has its own threshold ([`ModelInfo::bank_threshold`]; without one nothing is
    /// abnormal) and calls for calibration of its own. Always computed on the CPU, about twenty times as long as
    /// a window alone.
    ///
    /// # Errors
    ///
    /// [`ScoreError::NoBank`] for a classifier; no window, windows and banks of other lengths or with numbers that
    /// are not finite.
    pub fn score_with_bank(&mut self, windows: &[(&[f32], &[f32])]) -> Result<Vec<WindowScore>, ScoreError> {
        let engine = self.bank.as_ref().ok_or(ScoreError::NoBank)?;
        check(&windows.iter().map(|(window, _)| *window).collect::<Vec<_>>())?;
        check_banks(windows)?;
        let newest = |bank: &'_ [f32]| bank.len().saturating_sub(BANK_READINGS_MAX);
        let windows: Vec<(&[f32], &[f32])> =
            windows.iter().map(|(window, bank)| (*window, &bank[newest(bank)..])).collect();
        let raw = guarded(|| Ok(engine.run(&windows)))?;
        judged(raw, self.info.bank_threshold.unwrap_or(f64::INFINITY))
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
}

pub(crate) fn judged(raw: Vec<Raw>, threshold: f64) -> Result<Vec<WindowScore>, ScoreError> {
    if raw.iter().any(|raw| !raw.score().is_finite()) {
        return Err(ScoreError::Nonsense);
    }
    let judge = |raw: Raw| {
        let score = raw.score();
        let abnormal = f64::from(score) > threshold;
        let (readings, logits) = match raw {
            Raw::Logits(logits) => (None, Some(logits)),
            Raw::Readings { readings, .. } => (Some(readings), None),
        };
        WindowScore { score, abnormal, readings, logits }
    };
    Ok(raw.into_iter().map(judge).collect())
}

pub(crate) fn check_banks(windows: &[(&[f32], &[f32])]) -> Result<(), ScoreError> {
    for (window, (_, bank)) in windows.iter().enumerate() {
        if bank.len() < BANK_READINGS_MIN {
            return Err(ScoreError::BankTooShort { window, readings: bank.len() });
        }
        if let Some(reading) = bank.iter().position(|v| !v.is_finite()) {
            return Err(ScoreError::BankNotFinite { window, reading });
        }
    }
    Ok(())
}

pub(crate) fn check(windows: &[&[f32]]) -> Result<(), ScoreError> {
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
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, ScoreError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(done) => done.map_err(ScoreError::Device),
        Err(panic) => Err(ScoreError::Device(words(&*panic))),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".to_owned())
}
