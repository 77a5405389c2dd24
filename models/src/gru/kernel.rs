//! The classifier on a CPU, all 720 steps in one loop.
//!
//! A step is one product of a 96 × 32 matrix with the hidden state and 96 gates: far too little work for
//! a tensor library, whose calls would cost more than the arithmetic. Here the gates of a step stay in
//! registers, the matrix (12 KiB) stays in the first cache, and a few windows share each load of it.

#![expect(
    clippy::needless_range_loop,
    reason = "several arrays share an index; ranges of constant length unroll"
)]

use super::{CLASSES, GATES, GruWeights, HIDDEN};
use crate::WINDOW;
use crate::simd::{LANES, Lanes, sigmoid, tanh, widest};

/// Vectors per gate.
const PER_GATE: usize = HIDDEN / LANES;

/// Vectors per step.
const PER_STEP: usize = GATES / LANES;

/// Windows that go through the steps together.
const ABREAST: usize = 4;

/// The weights, transposed: one row of all gates for each element of the hidden state.
#[derive(Clone)]
pub(crate) struct GruKernel {
    hidden: Vec<[Lanes; PER_STEP]>,
    input: [Lanes; PER_STEP],
    input_bias: [Lanes; PER_STEP],
    /// Only of the new gate, whose hidden part is scaled by the reset gate before the sum.
    new_hidden_bias: [Lanes; PER_GATE],
    head: [[f32; HIDDEN]; CLASSES],
    head_bias: [f32; CLASSES],
}

impl GruKernel {
    pub(crate) fn new(weights: &GruWeights) -> Self {
        let rows = |values: &[f32]| std::array::from_fn(|g| Lanes::load(&values[g * LANES..]));
        // Reset and update add both their biases to the same sum: they are one.
        let bias: Vec<f32> = (0..GATES)
            .map(|g| weights.input_bias[g] + if g < 2 * HIDDEN { weights.hidden_bias[g] } else { 0.0 })
            .collect();
        let column = |k: usize| -> Vec<f32> { (0..GATES).map(|g| weights.hidden[g * HIDDEN + k]).collect() };
        Self {
            hidden: (0..HIDDEN).map(|k| rows(&column(k))).collect(),
            input: rows(&weights.input),
            input_bias: rows(&bias),
            new_hidden_bias: std::array::from_fn(|g| {
                Lanes::load(&weights.hidden_bias[2 * HIDDEN + g * LANES..])
            }),
            head: std::array::from_fn(|c| std::array::from_fn(|k| weights.head[c * HIDDEN + k])),
            head_bias: std::array::from_fn(|c| weights.head_bias[c]),
        }
    }

    /// Logits of each window; every window must have [`WINDOW`] readings.
    pub(crate) fn score(&self, windows: &[&[f32]], logits: &mut [[f32; CLASSES]]) {
        assert_eq!(windows.len(), logits.len(), "one pair of logits for each window");
        assert!(windows.iter().all(|w| w.len() == WINDOW), "a window has {WINDOW} readings");
        score_all(self, windows, logits);
    }

    fn head_of(&self, h: &[f32; HIDDEN]) -> [f32; CLASSES] {
        std::array::from_fn(|c| {
            self.head_bias[c] + self.head[c].iter().zip(h).map(|(w, h)| w * h).sum::<f32>()
        })
    }
}

widest! {
    fn score_all(kernel: &GruKernel, windows: &[&[f32]], logits: &mut [[f32; CLASSES]]) = score_all_on
}

#[inline(always)]
fn score_all_on<const FMA: bool>(kernel: &GruKernel, windows: &[&[f32]], logits: &mut [[f32; CLASSES]]) {
    let mut done = 0;
    while windows.len() - done >= ABREAST {
        let group: [&[f32]; ABREAST] = std::array::from_fn(|w| windows[done + w]);
        logits[done..done + ABREAST].copy_from_slice(&run::<ABREAST, FMA>(kernel, group));
        done += ABREAST;
    }
    for (window, out) in windows[done..].iter().zip(&mut logits[done..]) {
        [*out] = run::<1, FMA>(kernel, [window]);
    }
}

#[inline(always)]
fn run<const N: usize, const FMA: bool>(kernel: &GruKernel, windows: [&[f32]; N]) -> [[f32; CLASSES]; N] {
    let mut hidden = [[0.0_f32; HIDDEN]; N];
    for step in 0..WINDOW {
        let readings: [Lanes; N] = std::array::from_fn(|w| Lanes::splat(windows[w][step]));
        let mut sums = [[Lanes::ZERO; PER_STEP]; N];
        for w in 0..N {
            for g in 0..2 * PER_GATE {
                sums[w][g] = kernel.input_bias[g].add_mul::<FMA>(readings[w], kernel.input[g]);
            }
            for g in 0..PER_GATE {
                sums[w][2 * PER_GATE + g] = kernel.new_hidden_bias[g];
            }
        }
        for k in 0..HIDDEN {
            let row = &kernel.hidden[k];
            for w in 0..N {
                let h = Lanes::splat(hidden[w][k]);
                for g in 0..PER_STEP {
                    sums[w][g] = sums[w][g].add_mul::<FMA>(h, row[g]);
                }
            }
        }
        for w in 0..N {
            for g in 0..PER_GATE {
                let reset = sums[w][g].map(sigmoid);
                let update = sums[w][PER_GATE + g].map(sigmoid);
                let from_input = kernel.input_bias[2 * PER_GATE + g]
                    .add_mul::<FMA>(readings[w], kernel.input[2 * PER_GATE + g]);
                let new = from_input.add_mul::<FMA>(reset, sums[w][2 * PER_GATE + g]).map(tanh);
                let old = Lanes::load(&hidden[w][g * LANES..]);
                let next = new.add_mul::<FMA>(update, old.zip(new, |old, new| old - new));
                next.store(&mut hidden[w][g * LANES..]);
            }
        }
    }
    std::array::from_fn(|w| kernel.head_of(&hidden[w]))
}
