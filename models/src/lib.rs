//! The plant's neural nets: networks, weights, calibration, training and evaluation on a chosen device.
//!
//! The way in is [`Model`] (weights from a file, or the built-in detector), put on a device that
//! [`select`] chose by [`Scorer::new`], which then scores windows of [`WINDOW`] readings. Everything here is
//! synchronous and knows no clock, no actor and no database; burn stays behind these names.

mod bank;
mod canary;
mod catalog;
mod conformal;
mod detector;
mod device;
mod engine;
pub mod evaluate;
mod gru;
mod plan;
mod scorer;
mod series;
mod simd;
mod state;
pub mod train;

pub use bank::{BANK_MEMORY_BYTES_MAX, BankMemory, BankScorer};
pub use catalog::{Model, ModelError, ModelInfo, ModelKind};
pub use conformal::{CALIBRATION_SCORES_MAX, Calibration, EXTREME_SCORES_MIN};
pub use device::{
    Adapter, AdapterKind, DeviceChoice, DeviceError, DeviceSpec, GraphicsApi, Selection, adapters, select,
};
pub use plan::{CALIBRATION_WINDOWS_MAX, CalibrationPlan};
pub use scorer::{CanaryReport, ScoreError, Scorer, WarmUp, WindowScore};
pub use series::{STRIDE, score_series, window_starts};
pub use state::{FILE_BYTES_MAX, StateError, TENSORS_MAX};

/// Readings in a window.
pub const WINDOW: usize = 720;

/// Fewest readings that make a bank.
pub const BANK_READINGS_MIN: usize = 480;

/// Most readings of a bank; of a longer one the newest count.
pub const BANK_READINGS_MAX: usize = 3_600;

/// The batch sizes that a device sees at least: any other count is filled up to the next of them, so that kernels are
/// compiled and tuned once. A GPU with large buffers takes larger ones too.
pub const BATCHES: [usize; 4] = [1, 8, 32, 256];
