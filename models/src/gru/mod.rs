//! The first site's classifier: GRU(1 → 32, one layer), then linear 32 → 2 on the last step.
//!
//! Gates are in PyTorch's order (reset, update, new) with two biases each; readings go in unscaled.
//! `h' = (1 − z) ⊙ n + z ⊙ h` with `n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))`.

pub(crate) mod kernel;
pub(crate) mod net;

use crate::state::{State, StateError};

/// Width of the hidden state.
pub(crate) const HIDDEN: usize = 32;

/// Rows of the gate matrices: reset, update and new, one below the other.
pub(crate) const GATES: usize = 3 * HIDDEN;

/// Classes: normal, abnormal.
pub(crate) const CLASSES: usize = 2;

/// A window is abnormal when softmax gives class 1 more than this, which is what argmax says.
pub(crate) const THRESHOLD: f64 = 0.5;

/// The tensors of the network, row-major as PyTorch has them.
#[derive(Clone, Debug)]
pub(crate) struct GruWeights {
    /// `[96, 1]`: input to gates.
    pub(crate) input: Vec<f32>,
    /// `[96, 32]`: hidden state to gates.
    pub(crate) hidden: Vec<f32>,
    /// `[96]`.
    pub(crate) input_bias: Vec<f32>,
    /// `[96]`.
    pub(crate) hidden_bias: Vec<f32>,
    /// `[2, 32]`.
    pub(crate) head: Vec<f32>,
    /// `[2]`.
    pub(crate) head_bias: Vec<f32>,
}

/// Whether these names are those of this network.
pub(crate) fn recognises(state: &State) -> bool {
    state.names().any(|name| name.starts_with("gru."))
}

impl GruWeights {
    /// Takes the tensors out of a state; anything missing, misshapen or left over is an error.
    pub(crate) fn from_state(state: &State) -> Result<Self, StateError> {
        const NAMES: [&str; 6] = [
            "gru.weight_ih_l0",
            "gru.weight_hh_l0",
            "gru.bias_ih_l0",
            "gru.bias_hh_l0",
            "fc.weight",
            "fc.bias",
        ];
        if let Some(stranger) = state.names().find(|name| !NAMES.contains(name)) {
            return Err(StateError::Unknown(stranger.to_owned()));
        }
        Ok(Self {
            input: state.take(NAMES[0], &[GATES, 1])?,
            hidden: state.take(NAMES[1], &[GATES, HIDDEN])?,
            input_bias: state.take(NAMES[2], &[GATES])?,
            hidden_bias: state.take(NAMES[3], &[GATES])?,
            head: state.take(NAMES[4], &[CLASSES, HIDDEN])?,
            head_bias: state.take(NAMES[5], &[CLASSES])?,
        })
    }
}

/// Softmax's share of class 1.
pub(crate) fn abnormal_share(logits: [f32; CLASSES]) -> f32 {
    1.0 / (1.0 + (logits[0] - logits[1]).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_softmax_of_two() {
        assert!((abnormal_share([0.0, 0.0]) - 0.5).abs() < 1e-7);
        let exact = 2.0_f32.exp() / (2.0_f32.exp() + (-1.0_f32).exp());
        assert!((abnormal_share([-1.0, 2.0]) - exact).abs() < 1e-6);
        assert_eq!(abnormal_share([200.0, -200.0]), 0.0);
        assert_eq!(abnormal_share([-200.0, 200.0]), 1.0);
    }

    #[test]
    fn a_stranger_among_the_tensors_is_named() {
        let mut state =
            State::from_safetensors(include_bytes!("../../fixtures/gru/model.safetensors")).unwrap();
        GruWeights::from_state(&state).unwrap();
        state.insert("gru.weight_ih_l1", &[1], vec![0.0]);
        let read = GruWeights::from_state(&state);
        assert!(matches!(read, Err(StateError::Unknown(name)) if name == "gru.weight_ih_l1"));
    }
}
