//! The detector's tensors, device-independent.

use super::{CHANNELS, DEPTH_TAPS, DILATIONS, EMBEDDING, FEATURES, STEM_TAPS};
use crate::state::{State, StateError};

/// One depthwise-separable convolution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockWeights {
    /// `[taps, channels]`.
    pub(crate) depth: Vec<f32>,
    /// `[channels in, channels out]`.
    pub(crate) point: Vec<f32>,
    /// `[channels]`.
    pub(crate) bias: Vec<f32>,
}

/// All tensors of the network, row-major, inputs before outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DetectorWeights {
    /// `[taps · features, channels]`; the features of a tap lie side by side.
    pub(crate) stem: Vec<f32>,
    /// `[channels]`.
    pub(crate) stem_bias: Vec<f32>,
    /// One for each dilation.
    pub(crate) blocks: Vec<BlockWeights>,
    /// `[channels, embedding]`; a bias would cancel out of every distance.
    pub(crate) head: Vec<f32>,
    /// `[1, 1]`: logarithm of the factor on the readings of an embedding.
    pub(crate) readings: Vec<f32>,
}

/// Whether these names are those of this network.
pub(crate) fn recognises(state: &State) -> bool {
    state.names().any(|name| name.starts_with("stem."))
}

impl DetectorWeights {
    /// Takes the tensors out of a state; anything missing, misshapen or left over is an error.
    pub(crate) fn from_state(state: &State) -> Result<Self, StateError> {
        let weights = Self {
            stem: state.take("stem.weight", &[STEM_TAPS * FEATURES, CHANNELS])?,
            stem_bias: state.take("stem.bias", &[CHANNELS])?,
            blocks: (0..DILATIONS.len()).map(|b| block_from(state, b)).collect::<Result<_, _>>()?,
            head: state.take("head.weight", &[CHANNELS, EMBEDDING])?,
            readings: state.take("readings.log_scale", &[1, 1])?,
        };
        let own = weights.to_state();
        match state.names().find(|name| own.get(name).is_none()) {
            Some(stranger) => Err(StateError::Unknown(stranger.to_owned())),
            None => Ok(weights),
        }
    }

    /// The tensors under their names.
    pub(crate) fn to_state(&self) -> State {
        let mut state = State::default();
        state.insert("stem.weight", &[STEM_TAPS * FEATURES, CHANNELS], self.stem.clone());
        state.insert("stem.bias", &[CHANNELS], self.stem_bias.clone());
        for (b, block) in self.blocks.iter().enumerate() {
            state.insert(format!("blocks.{b}.depth.weight"), &[DEPTH_TAPS, CHANNELS], block.depth.clone());
            state.insert(format!("blocks.{b}.point.weight"), &[CHANNELS, CHANNELS], block.point.clone());
            state.insert(format!("blocks.{b}.point.bias"), &[CHANNELS], block.bias.clone());
        }
        state.insert("head.weight", &[CHANNELS, EMBEDDING], self.head.clone());
        state.insert("readings.log_scale", &[1, 1], self.readings.clone());
        state
    }
}

fn block_from(state: &State, b: usize) -> Result<BlockWeights, StateError> {
    Ok(BlockWeights {
        depth: state.take(&format!("blocks.{b}.depth.weight"), &[DEPTH_TAPS, CHANNELS])?,
        point: state.take(&format!("blocks.{b}.point.weight"), &[CHANNELS, CHANNELS])?,
        bias: state.take(&format!("blocks.{b}.point.bias"), &[CHANNELS])?,
    })
}
