//! The detector in burn: what is trained, the reference, and what runs on a GPU.
//!
//! Readings lie along the second dimension and channels along the last, so that every convolution is either
//! one matrix product over all readings or a few shifted products, both of which every backend does well.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::{
    BlockWeights, CHANNELS, DEPTH_TAPS, DILATIONS, DetectorWeights, EMBEDDING, FEATURES, MARGIN, POSITIONS,
    SPAN, STEM_TAPS,
};

use crate::WINDOW;

/// Added to the distance of positions that share readings, so that they are never the nearest.
const OVERLAPPING: f32 = 1e30;

/// One depthwise-separable convolution with a way around it.
#[derive(Module, Debug)]
pub(crate) struct BlockNet {
    depth: Param<Tensor<2>>,
    point: Param<Tensor<2>>,
    bias: Param<Tensor<2>>,
}

/// The encoder on a device.
#[derive(Module, Debug)]
pub(crate) struct DetectorNet {
    stem: Param<Tensor<2>>,
    stem_bias: Param<Tensor<2>>,
    blocks: Vec<BlockNet>,
    head: Param<Tensor<2>>,
    readings: Param<Tensor<2>>,
}

impl BlockNet {
    fn new(weights: &BlockWeights, device: &Device) -> Self {
        Self {
            depth: matrix(&weights.depth, [DEPTH_TAPS, CHANNELS], device),
            point: matrix(&weights.point, [CHANNELS, CHANNELS], device),
            bias: matrix(&weights.bias, [1, CHANNELS], device),
        }
    }

    /// `[batch, readings, channels]`; loses `dilation · (taps − 1)` readings.
    fn forward(&self, x: Tensor<3>, dilation: usize) -> Tensor<3> {
        let [_, readings, _] = x.dims();
        let kept = readings - dilation * (DEPTH_TAPS - 1);
        let depth = self.depth.val();
        let tap = |k: usize| {
            let weight: Tensor<3> = depth.clone().narrow(0, k, 1).unsqueeze();
            x.clone().narrow(1, k * dilation, kept) * weight
        };
        let mixed = (1..DEPTH_TAPS).fold(tap(0), |sum, k| sum + tap(k));
        let around = x.clone().narrow(1, dilation * (DEPTH_TAPS - 1) / 2, kept);
        activation::relu(project(mixed, self.point.val(), Some(self.bias.val()))) + around
    }

    fn weights(&self) -> BlockWeights {
        BlockWeights {
            depth: numbers(self.depth.val()),
            point: numbers(self.point.val()),
            bias: numbers(self.bias.val()),
        }
    }
}

impl DetectorNet {
    /// Puts the weights on the device.
    pub(crate) fn new(weights: &DetectorWeights, device: &Device) -> Self {
        Self {
            stem: matrix(&weights.stem, [STEM_TAPS * FEATURES, CHANNELS], device),
            stem_bias: matrix(&weights.stem_bias, [1, CHANNELS], device),
            blocks: weights.blocks.iter().map(|b| BlockNet::new(b, device)).collect(),
            head: matrix(&weights.head, [CHANNELS, EMBEDDING], device),
            readings: matrix(&weights.readings, [1, 1], device),
        }
    }

    /// The tensors in a fixed order.
    pub(crate) fn tensors(&self) -> Vec<Tensor<2>> {
        let blocks = self.blocks.iter().flat_map(|b| [b.depth.val(), b.point.val(), b.bias.val()]);
        [self.stem.val(), self.stem_bias.val()]
            .into_iter()
            .chain(blocks)
            .chain([self.head.val(), self.readings.val()])
            .collect()
    }

    /// A network out of as many tensors as [`DetectorNet::tensors`] gives, in its order.
    pub(crate) fn of(tensors: Vec<Tensor<2>>) -> Self {
        let mut tensors = tensors.into_iter().map(Param::from_tensor);
        let mut next = || tensors.next().expect("as many tensors as the network has");
        let (stem, stem_bias) = (next(), next());
        let blocks = DILATIONS.map(|_| BlockNet { depth: next(), point: next(), bias: next() });
        Self { stem, stem_bias, blocks: blocks.to_vec(), head: next(), readings: next() }
    }

    /// Reads the weights back.
    pub(crate) fn weights(&self) -> DetectorWeights {
        DetectorWeights {
            stem: numbers(self.stem.val()),
            stem_bias: numbers(self.stem_bias.val()),
            blocks: self.blocks.iter().map(BlockNet::weights).collect(),
            head: numbers(self.head.val()),
            readings: numbers(self.readings.val()),
        }
    }

    /// `[batch, padded readings, features]` to one vector per reading, `[batch, readings, embedding]`.
    pub(crate) fn encode(&self, features: Tensor<3>) -> Tensor<3> {
        let [_, padded, _] = features.dims();
        let kept = padded - (STEM_TAPS - 1);
        let taps = (0..STEM_TAPS).map(|k| features.clone().narrow(1, k, kept)).collect();
        let stem = project(Tensor::cat(taps, 2), self.stem.val(), Some(self.stem_bias.val()));
        let mut x = activation::relu(stem);
        for (block, dilation) in self.blocks.iter().zip(DILATIONS) {
            x = block.forward(x, dilation);
        }
        project(x, self.head.val(), None)
    }

    /// The scaled readings of every `step`th position, `[batch, positions, SPAN]`.
    pub(crate) fn stretches(&self, features: Tensor<3>, step: usize) -> Tensor<3> {
        let values: Tensor<2> = features.narrow(1, MARGIN, WINDOW).narrow(2, 0, 1).squeeze_dim(2);
        let stretches: Tensor<3> = values.unfold(1, SPAN, step);
        stretches * self.readings.val().exp().unsqueeze()
    }

    /// `[batch, padded readings, features]` to the distance of each position, `[batch, POSITIONS]`.
    pub(crate) fn distances(&self, features: Tensor<3>) -> Tensor<2> {
        let stretches = self.stretches(features.clone(), 1);
        let embeddings = Tensor::cat(vec![pool(self.encode(features)), stretches], 2);
        let apart = overlap_mask(POSITIONS, SPAN, &embeddings.device());
        nearest(embeddings, apart)
    }
}

/// Means over [`SPAN`] readings from each position on: sums of 2, 4 … 64 readings, and 96 = 64 + 32.
fn pool(x: Tensor<3>) -> Tensor<3> {
    let mut sum = x;
    let mut width = 1;
    let mut half = sum.clone();
    while 2 * width <= SPAN {
        let [_, n, _] = sum.dims();
        half = sum.clone();
        sum = sum.clone().narrow(1, 0, n - width) + sum.narrow(1, width, n - width);
        width *= 2;
    }
    let tail = half.narrow(1, width, POSITIONS);
    (sum.narrow(1, 0, POSITIONS) + tail).div_scalar(SPAN as f32)
}

/// `[1, n, n]`: large where two positions are less than `span` apart, else 0.
pub(crate) fn overlap_mask(n: usize, span: usize, device: &Device) -> Tensor<3> {
    let mask: Vec<f32> =
        (0..n * n).map(|cell| if (cell / n).abs_diff(cell % n) < span { OVERLAPPING } else { 0.0 }).collect();
    Tensor::from_data(TensorData::new(mask, [1, n, n]), device)
}

/// Smallest squared distance of each embedding to one that is not masked: `[batch, n, width]` to `[batch, n]`.
pub(crate) fn nearest(embeddings: Tensor<3>, mask: Tensor<3>) -> Tensor<2> {
    // Distances don't change when the middle moves to zero, but their rounding errors shrink.
    let z = embeddings.clone() - embeddings.mean_dim(1);
    let norms = z.clone().square().sum_dim(2);
    let products = z.clone().matmul(z.transpose());
    let distances = norms.clone() + norms.transpose() - products.mul_scalar(2.0) + mask;
    distances.min_dim(2).squeeze_dim::<2>(2).clamp_min(0.0)
}

/// A 1 × 1 convolution as one matrix product over all readings of the batch.
fn project(x: Tensor<3>, weight: Tensor<2>, bias: Option<Tensor<2>>) -> Tensor<3> {
    let [batch, readings, width] = x.dims();
    let [_, out] = weight.dims();
    let flat = x.reshape([batch * readings, width]).matmul(weight);
    let flat = match bias {
        Some(bias) => flat + bias,
        None => flat,
    };
    flat.reshape([batch, readings, out])
}

fn matrix(values: &[f32], shape: [usize; 2], device: &Device) -> Param<Tensor<2>> {
    Param::from_tensor(Tensor::from_data(TensorData::new(values.to_vec(), shape), device))
}

/// The tensor's numbers, row-major.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().as_slice::<f32>().expect("converted to f32 above").to_vec()
}
