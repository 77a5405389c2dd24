//! The classifier in burn: the reference, and what runs on a GPU.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::{CLASSES, GATES, GruWeights, HIDDEN};

/// The network on a device.
#[derive(Module, Debug)]
pub(crate) struct GruNet {
    input: Param<Tensor<2>>,
    hidden: Param<Tensor<2>>,
    input_bias: Param<Tensor<2>>,
    hidden_bias: Param<Tensor<2>>,
    head: Param<Tensor<2>>,
    head_bias: Param<Tensor<2>>,
}

impl GruNet {
    /// Puts the weights on the device, transposed so that rows of readings multiply from the left.
    pub(crate) fn new(weights: &GruWeights, device: &Device) -> Self {
        let tensor = |values: &[f32], shape: [usize; 2]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device)
        };
        Self {
            input: Param::from_tensor(tensor(&weights.input, [1, GATES])),
            hidden: Param::from_tensor(tensor(&weights.hidden, [GATES, HIDDEN]).transpose()),
            input_bias: Param::from_tensor(tensor(&weights.input_bias, [1, GATES])),
            hidden_bias: Param::from_tensor(tensor(&weights.hidden_bias, [1, GATES])),
            head: Param::from_tensor(tensor(&weights.head, [CLASSES, HIDDEN]).transpose()),
            head_bias: Param::from_tensor(tensor(&weights.head_bias, [1, CLASSES])),
        }
    }

    /// `[batch, steps]` readings to `[batch, 2]` logits.
    pub(crate) fn forward(&self, windows: Tensor<2>) -> Tensor<2> {
        let [batch, steps] = windows.dims();
        let hidden_weights = self.hidden.val();
        let hidden_bias = self.hidden_bias.val();
        let mut h = Tensor::<2>::zeros([batch, HIDDEN], &windows.device());
        for step in 0..steps {
            let reading = windows.clone().narrow(1, step, 1);
            let from_input = reading.matmul(self.input.val()) + self.input_bias.val();
            let from_hidden = h.clone().matmul(hidden_weights.clone()) + hidden_bias.clone();
            let gates = activation::sigmoid(
                from_input.clone().narrow(1, 0, 2 * HIDDEN) + from_hidden.clone().narrow(1, 0, 2 * HIDDEN),
            );
            let reset = gates.clone().narrow(1, 0, HIDDEN);
            let update = gates.narrow(1, HIDDEN, HIDDEN);
            let new = activation::tanh(
                from_input.narrow(1, 2 * HIDDEN, HIDDEN) + reset * from_hidden.narrow(1, 2 * HIDDEN, HIDDEN),
            );
            h = new.clone() + update * (h - new);
        }
        h.matmul(self.head.val()) + self.head_bias.val()
    }
}
