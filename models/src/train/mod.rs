//! Training the detector: seeded, resumable, on the CPU.

mod card;
pub mod corpus;
pub mod inject;
mod loss;
mod measure;
mod optimiser;
mod sample;
mod unseen;

use std::ops::ControlFlow;
use std::path::PathBuf;

use burn::tensor::{Device, Tensor};
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

pub use card::{BankFigures, HeldOut, ModelCard, TrainingFacts};
pub use corpus::{Corpus, CorpusError, Recording};
pub use measure::measure;
pub use unseen::{Unseen, UnseenFigures, unseen};

use crate::catalog::Model;
use crate::detector::{
    BlockWeights, CHANNELS, DEPTH_TAPS, DILATIONS, DetectorWeights, EMBEDDING, FEATURES, SPAN, STEM_TAPS,
};
use crate::engine::features_of;
use crate::scorer::ScoreError;
use crate::state::StateError;
use loss::Ranking;
use optimiser::Training;
use sample::{batch, rng_of};

/// Most steps of one training; the count is kept in a 32-bit number.
pub const STEPS_MAX: usize = 10_000_000;

/// Most windows in a batch.
pub const BATCH_MAX: usize = 1_024;

/// Share of the steps in which the learning rate rises to its full size.
const RISE: f64 = 0.03;

/// Share of the learning rate that is left at the end.
const REST: f64 = 0.01;

/// Most windows on which a threshold is set.
pub const HELD_OUT_WINDOWS_MAX: usize = 100_000;

/// Step whose random numbers are kept for the held-out windows.
const HELD_OUT_STEP: usize = usize::MAX;

/// How a training runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Seed of weights, draws and anomalies.
    pub seed: u64,
    /// Steps in all.
    pub steps: usize,
    /// Windows in a step.
    pub batch: usize,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Where the state is kept; a state found there is taken up.
    pub checkpoint: Option<PathBuf>,
    /// Steps between two states.
    pub checkpoint_every: usize,
    /// Clean windows of held-out sensors on which the threshold is set.
    pub held_out_windows: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            steps: 900,
            batch: 16,
            learning_rate: 1e-3,
            checkpoint: None,
            checkpoint_every: 200,
            held_out_windows: 2_000,
        }
    }
}

/// Where a training stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Loss of the last step.
    pub loss: f32,
}

/// What came of a training.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The detector; its threshold is set on held-out windows.
    pub model: Model,
    /// How it did on held-out sensors.
    pub held_out: HeldOut,
    /// Steps done: fewer than asked for if it was stopped.
    pub steps: usize,
    weights: DetectorWeights,
}

/// Why a training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is out of its limits.
    #[error("{0}")]
    Setting(String),
    /// The recordings give no windows: too short, too flat, or all held out.
    #[error("the recordings give no windows to train on")]
    NoWindows,
    /// The kept state belongs to a training with other settings.
    #[error("{0} was made with another seed, count of steps, batch or learning rate")]
    OtherSettings(PathBuf),
    /// The kept state could not be read or written.
    #[error("kept state is unusable")]
    Kept(#[from] StateError),
    /// The loss is no number any more.
    #[error("the loss of step {0} is not finite")]
    Diverged(usize),
    /// The trained network could not be scored.
    #[error("held-out windows could not be scored")]
    HeldOut(#[from] ScoreError),
}

impl Trained {
    /// The weights as a safetensors file.
    pub fn to_safetensors(&self) -> Vec<u8> {
        self.weights.to_state().to_safetensors()
    }
}

/// Trains a detector on `corpus` and sets its threshold on `held_out`.
///
/// `watch` is told after each step and may stop the training, which then keeps its state and sets a threshold for
/// what it has. With the same corpus and settings every run gives the same losses, taken up again or not.
///
/// # Errors
///
/// Settings out of limits, recordings without windows, a kept state of other settings, a loss that diverges.
pub fn train(
    corpus: &Corpus,
    held_out: &Corpus,
    config: &TrainConfig,
    mut watch: impl FnMut(Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    check(config)?;
    let device = Device::flex().autodiff();
    let mut training = match &config.checkpoint {
        Some(path) if path.exists() => Training::load(path, config, &device)?,
        _ => Training::new(&initial(config.seed), &device),
    };
    let ranking = Ranking::new(training.device());
    while training.step < config.steps {
        let loss = step(&mut training, &ranking, corpus, config)?;
        let kept = training.step.is_multiple_of(config.checkpoint_every) || training.step == config.steps;
        let stop = watch(Progress { step: training.step, steps: config.steps, loss }).is_break();
        if let Some(path) = config.checkpoint.as_ref().filter(|_| kept || stop) {
            training.save(path, config)?;
        }
        if stop {
            break;
        }
    }
    let weights = training.net.weights();
    let model = Model::of_detector("detector", &weights, 0.0, None);
    let figures = measure(&model, held_out, config.held_out_windows, config.seed)?;
    let bank = figures.bank.as_ref().map(|bank| bank.threshold);
    let model = Model::of_detector("detector", &weights, figures.threshold, bank);
    Ok(Trained { model, held_out: figures, steps: training.step, weights })
}

fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let within = |what: &str, value: usize, max: usize| {
        if (1..=max).contains(&value) {
            return Ok(());
        }
        Err(TrainError::Setting(format!("{what} is {value}, from 1 to {max} are allowed")))
    };
    within("steps", config.steps, STEPS_MAX)?;
    within("batch", config.batch, BATCH_MAX)?;
    within("checkpoint_every", config.checkpoint_every, STEPS_MAX)?;
    within("held_out_windows", config.held_out_windows, HELD_OUT_WINDOWS_MAX)?;
    if !(config.learning_rate > 0.0 && config.learning_rate <= 1.0) {
        return Err(TrainError::Setting(format!("learning_rate is {}", config.learning_rate)));
    }
    Ok(())
}

fn step(
    training: &mut Training,
    ranking: &Ranking,
    corpus: &Corpus,
    config: &TrainConfig,
) -> Result<f32, TrainError> {
    let mut rng = rng_of(config.seed, training.step);
    let drawn = batch(corpus, config.batch, &mut rng).ok_or(TrainError::NoWindows)?;
    let views: Vec<&[f32]> = drawn.windows.iter().map(Vec::as_slice).collect();
    let features = Tensor::from_data(features_of(&views), training.device());
    let loss = ranking.loss(&training.net, features, &drawn, &mut rng);
    let value = loss.clone().into_scalar::<f32>();
    if !value.is_finite() {
        return Err(TrainError::Diverged(training.step));
    }
    training.descend(&loss, learning_rate(config, training.step));
    Ok(value)
}

/// Rises evenly, then falls along half a cosine.
fn learning_rate(config: &TrainConfig, step: usize) -> f64 {
    let done = (step + 1) as f64 / config.steps as f64;
    if done < RISE {
        return config.learning_rate * done / RISE;
    }
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * (done - RISE) / (1.0 - RISE)).cos());
    config.learning_rate * (REST + (1.0 - REST) * fall)
}

/// Weights before the first step: normal, of a size that keeps the scale from layer to layer.
fn initial(seed: u64) -> DetectorWeights {
    let mut rng = rng_of(seed, HELD_OUT_STEP - 1);
    let normals = |count: usize, inputs: usize, rng: &mut StdRng| -> Vec<f32> {
        let size = (2.0 / inputs as f32).sqrt();
        (0..count).map(|_| size * inject::normal(rng)).collect()
    };
    let stem = normals(STEM_TAPS * FEATURES * CHANNELS, STEM_TAPS * FEATURES, &mut rng);
    let blocks = DILATIONS.map(|_| BlockWeights {
        depth: normals(DEPTH_TAPS * CHANNELS, 2 * DEPTH_TAPS, &mut rng),
        point: normals(CHANNELS * CHANNELS, CHANNELS, &mut rng),
        bias: vec![0.0; CHANNELS],
    });
    let head = normals(CHANNELS * EMBEDDING, 2 * CHANNELS, &mut rng);
    let readings = vec![-0.5 * (SPAN as f32).ln()];
    DetectorWeights { stem, stem_bias: vec![0.0; CHANNELS], blocks: blocks.to_vec(), head, readings }
}
