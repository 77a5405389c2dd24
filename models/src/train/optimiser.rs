//! Weights and their AdamW moments between steps, and the file they are kept in.
//!
//! burn's own optimizer record is loaded onto whatever device is the default of the build, which may be a GPU
//! that a training on the CPU must not touch; so the moments are kept with the weights.

use std::path::Path;

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::{TrainConfig, TrainError};
use crate::detector::DetectorWeights;
use crate::detector::net::{DetectorNet, numbers};
use crate::state::{State, StateError, read_limited};

/// Longest step in the space of weights; a longer gradient is shortened to it.
const GRADIENT_NORM_MAX: f32 = 1.0;

/// Decoupled weight decay.
const DECAY: f32 = 1e-4;

/// The network in training.
pub(crate) struct Training {
    pub(crate) net: DetectorNet,
    /// Steps done.
    pub(crate) step: usize,
    moments: Vec<Option<AdamWState<2>>>,
    rule: AdamW,
    device: Device,
}

impl Training {
    pub(crate) fn new(weights: &DetectorWeights, device: &Device) -> Self {
        let net = DetectorNet::new(weights, device);
        let moments = vec![None; net.tensors().len()];
        let rule = AdamWConfig::new().with_weight_decay(DECAY).with_epsilon(1e-8).build();
        Self { net, step: 0, moments, rule, device: device.clone() }
    }

    /// Takes one step against the gradient of `loss`.
    pub(crate) fn descend(&mut self, loss: &Tensor<1>, learning_rate: f64) {
        let gradients = loss.backward();
        let tensors = self.net.tensors();
        let slopes: Vec<Option<Tensor<2>>> = tensors.iter().map(|t| t.grad(&gradients)).collect();
        let square: f32 =
            slopes.iter().flatten().map(|g| g.clone().square().sum().into_scalar::<f32>()).sum();
        let shorten = (GRADIENT_NORM_MAX / square.sqrt().max(1e-12)).min(1.0);
        let moments = std::mem::take(&mut self.moments);
        let mut next = Vec::with_capacity(tensors.len());
        for ((tensor, slope), moment) in tensors.into_iter().zip(slopes).zip(moments) {
            let tensor = tensor.inner();
            let (tensor, moment) = match slope {
                Some(slope) => self.rule.step(learning_rate, tensor, slope.mul_scalar(shorten), moment),
                None => (tensor, moment),
            };
            next.push(tensor.autodiff());
            self.moments.push(moment);
        }
        self.net = DetectorNet::of(next);
        self.step += 1;
    }

    /// Writes weights, moments and the step, whole or not at all.
    pub(crate) fn save(&self, path: &Path, config: &TrainConfig) -> Result<(), StateError> {
        let mut state = self.net.weights().to_state();
        for (i, moment) in self.moments.iter().enumerate() {
            let Some(AdamWState { momentum }) = moment else { continue };
            for (which, tensor) in [("first", &momentum.moment_1), ("second", &momentum.moment_2)] {
                state.insert(format!("moment.{which}.{i}"), &tensor.dims(), numbers(tensor.clone()));
            }
        }
        state.insert("settings", &[SETTINGS], settings(self.step, config).to_vec());
        state.save(path)
    }

    /// Takes a training up where [`Training::save`] left it.
    pub(crate) fn load(path: &Path, config: &TrainConfig, device: &Device) -> Result<Self, TrainError> {
        let state = State::from_safetensors(&read_limited(path)?)?;
        let kept = state.take("settings", &[SETTINGS])?;
        let step = kept[0] as usize;
        if kept != settings(step, config) {
            return Err(TrainError::OtherSettings(path.to_path_buf()));
        }
        let mut weights = State::default();
        for name in state.names().filter(|name| !name.starts_with("moment.") && *name != "settings") {
            let tensor = state.get(name).expect("the name is from the state itself");
            weights.insert(name, &tensor.shape, tensor.values.clone());
        }
        let mut training = Self::new(&DetectorWeights::from_state(&weights)?, device);
        let plain = device.clone().without_autodiff();
        for (i, tensor) in training.net.tensors().iter().enumerate() {
            let shape = tensor.dims();
            let moment = |which: &str| -> Result<Tensor<2>, StateError> {
                let values = state.take(&format!("moment.{which}.{i}"), &shape)?;
                Ok(Tensor::from_data(TensorData::new(values, shape), &plain))
            };
            if step > 0 {
                let momentum = AdaptiveMomentumState::new(step, moment("first")?, moment("second")?);
                training.moments[i] = Some(AdamWState::new(momentum));
            }
        }
        training.step = step;
        Ok(training)
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }
}

/// Numbers in [`settings`].
const SETTINGS: usize = 8;

/// The step and all that the coming steps depend on, each exact in 32 bits.
fn settings(step: usize, config: &TrainConfig) -> [f32; SETTINGS] {
    let seed = |part: u32| ((config.seed >> (16 * part)) & 0xFFFF) as f32;
    let rate = config.learning_rate as f32;
    [step as f32, config.steps as f32, config.batch as f32, rate, seed(0), seed(1), seed(2), seed(3)]
}
