//! The detector on a CPU, one window at a time, without ever writing down the matrix of distances.
//!
//! Products run over a few rows at once with all their outputs in registers. Distances are symmetric and
//! only pairs at least [`SPAN`] apart count, so each pair is computed once and serves both its positions.

#![expect(
    clippy::needless_range_loop,
    reason = "several arrays share an index; ranges of constant length unroll"
)]

pub(crate) mod bank;
pub(crate) mod memory;

use super::normalise::features_into;
use super::{
    CHANNELS, DEPTH_TAPS, DILATIONS, DetectorWeights, EMBEDDING, FEATURES, MARGIN, PADDED, POSITIONS, SPAN,
    STEM_TAPS,
};
use crate::WINDOW;
use crate::simd::{LANES, Lanes, widest};

/// Vectors per row of channels.
const WIDE: usize = CHANNELS / LANES;

/// Vectors per embedding.
const NARROW: usize = EMBEDDING / LANES;

/// Rows that share each load of a weight.
const ROWS: usize = 4;

/// Positions that share each load of another position's embedding.
const BLOCK: usize = 4;

/// Vectors of other positions handled together.
const STRIP: usize = 3;

/// Positions, rounded up to whole strips.
const PADDED_POSITIONS: usize = POSITIONS.next_multiple_of(STRIP * LANES);

/// Distance from or to a place where there is no position.
const FAR: f32 = 1e30;

type Wide = [Lanes; WIDE];
type Narrow = [Lanes; NARROW];
type Channels = [f32; CHANNELS];
type Embedding = [f32; EMBEDDING];

#[derive(Clone)]
struct BlockKernel {
    depth: [Wide; DEPTH_TAPS],
    point: Vec<Wide>,
    bias: Wide,
}

/// The weights in vectors.
#[derive(Clone)]
pub(crate) struct DetectorKernel {
    stem: Vec<Wide>,
    stem_bias: Wide,
    blocks: Vec<BlockKernel>,
    head: Vec<Narrow>,
    /// Factor on the readings of an embedding.
    readings: f32,
}

/// Memory of one window's way through the network, kept between windows.
#[derive(Clone)]
pub(crate) struct DetectorScratch {
    features: Vec<f32>,
    rows: Vec<Channels>,
    mixed: Vec<Channels>,
    narrow: Vec<Embedding>,
    half: Vec<Embedding>,
    /// Embeddings by component: row k holds component k of every position.
    columns: Vec<f32>,
    /// Scaled readings: component k of a position's stretch is k places on.
    readings: Vec<f32>,
    norms: Vec<f32>,
    nearest: Vec<Lanes>,
}

impl Default for DetectorScratch {
    fn default() -> Self {
        Self {
            features: vec![0.0; PADDED * FEATURES],
            rows: vec![[0.0; CHANNELS]; PADDED],
            mixed: vec![[0.0; CHANNELS]; PADDED],
            narrow: vec![[0.0; EMBEDDING]; WINDOW],
            half: vec![[0.0; EMBEDDING]; WINDOW],
            columns: vec![0.0; EMBEDDING * PADDED_POSITIONS],
            readings: vec![0.0; PADDED_POSITIONS + SPAN],
            norms: vec![FAR; PADDED_POSITIONS],
            nearest: vec![Lanes::splat(FAR); PADDED_POSITIONS / LANES],
        }
    }
}

fn rows_of<const N: usize>(values: &[f32]) -> Vec<[Lanes; N]> {
    values.chunks_exact(N * LANES).map(row_of).collect()
}

fn row_of<const N: usize>(values: &[f32]) -> [Lanes; N] {
    std::array::from_fn(|g| Lanes::load(&values[g * LANES..]))
}

impl DetectorKernel {
    pub(crate) fn new(weights: &DetectorWeights) -> Self {
        let blocks = weights.blocks.iter().map(|block| BlockKernel {
            depth: std::array::from_fn(|k| row_of(&block.depth[k * CHANNELS..])),
            point: rows_of(&block.point),
            bias: row_of(&block.bias),
        });
        Self {
            stem: rows_of(&weights.stem),
            stem_bias: row_of(&weights.stem_bias),
            blocks: blocks.collect(),
            head: rows_of(&weights.head),
            readings: weights.readings[0].exp(),
        }
    }

    /// Fills `distances` (one per position) for a window of [`WINDOW`] finite readings.
    pub(crate) fn distances(&self, window: &[f32], scratch: &mut DetectorScratch, distances: &mut [f32]) {
        assert_eq!(distances.len(), POSITIONS, "one distance for each position");
        features_into(window, &mut scratch.features);
        distances_of(self, scratch);
        let nearest = scratch.nearest.iter().flat_map(|lanes| lanes.0);
        distances.iter_mut().zip(nearest).for_each(|(to, from)| *to = from.max(0.0));
    }
}

widest! {
    fn distances_of(kernel: &DetectorKernel, scratch: &mut DetectorScratch) = distances_on
}

#[inline(always)]
fn distances_on<const FMA: bool>(kernel: &DetectorKernel, scratch: &mut DetectorScratch) {
    encode::<FMA>(kernel, &scratch.features, &mut scratch.rows, &mut scratch.mixed, &mut scratch.narrow);
    pool(&mut scratch.narrow, &mut scratch.half);
    let rows = &scratch.narrow[..POSITIONS];
    embed(rows, &mean_of(rows), PADDED_POSITIONS, 0, &mut scratch.columns, &mut scratch.norms);
    let norms = &mut scratch.norms[..POSITIONS];
    stretches(&scratch.features, kernel.readings, &mut scratch.readings, norms);
    nearest::<FMA>(&scratch.columns, &scratch.readings, &scratch.norms, &mut scratch.nearest);
}

/// One vector per reading, from the features of readings with their margins.
#[inline(always)]
fn encode<const FMA: bool>(
    kernel: &DetectorKernel,
    features: &[f32],
    rows: &mut [Channels],
    mixed: &mut [Channels],
    out: &mut [Embedding],
) {
    let mut count = features.len() / FEATURES - (STEM_TAPS - 1);
    stem::<FMA>(kernel, features, &mut rows[..count]);
    for (block, dilation) in kernel.blocks.iter().zip(DILATIONS) {
        count -= dilation * (DEPTH_TAPS - 1);
        depth::<FMA>(block, dilation, rows, &mut mixed[..count]);
        point::<FMA>(block, dilation * (DEPTH_TAPS - 1) / 2, mixed, rows, count);
    }
    head::<FMA>(kernel, &rows[..count], out);
}

/// The taps of a reading lie side by side in the features already, so the convolution is a product.
#[inline(always)]
fn stem<const FMA: bool>(kernel: &DetectorKernel, features: &[f32], rows: &mut [Channels]) {
    let taps = STEM_TAPS * FEATURES;
    let mut at = 0;
    for group in rows.chunks_mut(ROWS) {
        let mut sums = [kernel.stem_bias; ROWS];
        for (k, weights) in kernel.stem.iter().enumerate().take(taps) {
            for (r, sum) in sums.iter_mut().enumerate() {
                let from = ((at + r) * FEATURES + k).min(features.len() - 1);
                let x = Lanes::splat(features[from]);
                for g in 0..WIDE {
                    sum[g] = sum[g].add_mul::<FMA>(x, weights[g]);
                }
            }
        }
        for (row, sum) in group.iter_mut().zip(sums) {
            for g in 0..WIDE {
                sum[g].map(|v| v.max(0.0)).store(&mut row[g * LANES..]);
            }
        }
        at += ROWS;
    }
}

#[inline(always)]
fn depth<const FMA: bool>(block: &BlockKernel, dilation: usize, rows: &[Channels], mixed: &mut [Channels]) {
    for (at, out) in mixed.iter_mut().enumerate() {
        let mut sum = [Lanes::ZERO; WIDE];
        for (k, weights) in block.depth.iter().enumerate() {
            let row = &rows[at + k * dilation];
            for g in 0..WIDE {
                sum[g] = sum[g].add_mul::<FMA>(Lanes::load(&row[g * LANES..]), weights[g]);
            }
        }
        for g in 0..WIDE {
            sum[g].store(&mut out[g * LANES..]);
        }
    }
}

/// Mixes the channels and adds the way around. Row `at` is written after every row up to `at + shift` was
/// last needed, so this works in place.
#[inline(always)]
fn point<const FMA: bool>(
    block: &BlockKernel,
    shift: usize,
    mixed: &[Channels],
    rows: &mut [Channels],
    count: usize,
) {
    for at in (0..count).step_by(ROWS) {
        let mut inputs = [&mixed[at]; ROWS];
        for r in 1..ROWS {
            inputs[r] = &mixed[(at + r).min(count - 1)];
        }
        let mut sums = [block.bias; ROWS];
        for (k, weights) in block.point.iter().enumerate().take(CHANNELS) {
            for (input, sum) in inputs.iter().zip(&mut sums) {
                let x = Lanes::splat(input[k]);
                for g in 0..WIDE {
                    sum[g] = sum[g].add_mul::<FMA>(x, weights[g]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate().take(count - at) {
            let around = rows[at + r + shift];
            for g in 0..WIDE {
                let around = Lanes::load(&around[g * LANES..]);
                around.zip(sum[g], |around, v| around + v.max(0.0)).store(&mut rows[at + r][g * LANES..]);
            }
        }
    }
}

#[inline(always)]
fn head<const FMA: bool>(kernel: &DetectorKernel, rows: &[Channels], out: &mut [Embedding]) {
    for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS)) {
        let mut inputs = [&rows[0]; ROWS];
        for r in 1..ROWS {
            inputs[r] = &rows[r.min(rows.len() - 1)];
        }
        let mut sums = [[Lanes::ZERO; NARROW]; ROWS];
        for (k, weights) in kernel.head.iter().enumerate().take(CHANNELS) {
            for (input, sum) in inputs.iter().zip(&mut sums) {
                let x = Lanes::splat(input[k]);
                for g in 0..NARROW {
                    sum[g] = sum[g].add_mul::<FMA>(x, weights[g]);
                }
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            for g in 0..NARROW {
                sum[g].store(&mut out[g * LANES..]);
            }
        }
    }
}

/// Means over [`SPAN`] rows from each on: sums of 2, 4 … 64 rows, and 96 = 64 + 32.
#[inline(always)]
fn pool(rows: &mut [Embedding], half: &mut [Embedding]) {
    let mut width = 1;
    let mut count = rows.len();
    while 2 * width <= SPAN {
        if 4 * width > SPAN {
            half[..count].copy_from_slice(&rows[..count]);
        }
        count -= width;
        for at in 0..count {
            let ahead = rows[at + width];
            for (sum, ahead) in rows[at].iter_mut().zip(ahead) {
                *sum += ahead;
            }
        }
        width *= 2;
    }
    for at in 0..rows.len() - SPAN + 1 {
        for (sum, tail) in rows[at].iter_mut().zip(half[at + width]) {
            *sum = (*sum + tail) * (1.0 / SPAN as f32);
        }
    }
}

#[inline(always)]
fn mean_of(rows: &[Embedding]) -> Embedding {
    let mut mean = [0.0_f32; EMBEDDING];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(mean, v)| *mean += v);
    }
    mean.map(|v| v / rows.len() as f32)
}

/// Centres the embeddings, turns them by component, `width` positions each from `first` on, and adds up their squares.
#[inline(always)]
fn embed(
    rows: &[Embedding],
    mean: &Embedding,
    width: usize,
    first: usize,
    columns: &mut [f32],
    norms: &mut [f32],
) {
    for (at, row) in rows.iter().enumerate() {
        let mut norm = 0.0;
        for k in 0..EMBEDDING {
            let v = row[k] - mean[k];
            columns[k * width + first + at] = v;
            norm += v * v;
        }
        norms[first + at] = norm;
    }
}

/// Scales the readings and adds the squares of each stretch to its position's norm.
#[inline(always)]
fn stretches(features: &[f32], factor: f32, readings: &mut [f32], norms: &mut [f32]) {
    let values = features[MARGIN * FEATURES..].iter().step_by(FEATURES);
    readings[..norms.len() + SPAN - 1].iter_mut().zip(values).for_each(|(to, value)| *to = value * factor);
    let mut sum: f64 = readings[..SPAN].iter().map(|v| f64::from(*v).powi(2)).sum();
    for (at, norm) in norms.iter_mut().enumerate() {
        *norm += sum as f32;
        sum += f64::from(readings[at + SPAN]).powi(2) - f64::from(readings[at]).powi(2);
    }
}

/// The smallest distance of each position, from every pair at least [`SPAN`] apart.
#[inline(always)]
fn nearest<const FMA: bool>(columns: &[f32], readings: &[f32], norms: &[f32], out: &mut [Lanes]) {
    out.fill(Lanes::splat(FAR));
    for block in (0..POSITIONS - SPAN).step_by(BLOCK) {
        let mut best = [Lanes::splat(FAR); BLOCK];
        let first_strip = (block + SPAN) / (STRIP * LANES);
        for strip in first_strip..PADDED_POSITIONS / (STRIP * LANES) {
            let at = strip * STRIP * LANES;
            let products = products::<FMA>(columns, readings, PADDED_POSITIONS, block, at);
            for g in 0..STRIP {
                let to = at + g * LANES;
                let others = Lanes::load(&norms[to..]);
                let mut column_best = out[to / LANES];
                for r in 0..BLOCK {
                    let mut distance = others;
                    for (lane, d) in distance.0.iter_mut().enumerate() {
                        let value = *d + norms[block + r] - 2.0 * products[r][g].0[lane];
                        *d = if to + lane >= block + r + SPAN { value } else { FAR };
                    }
                    best[r] = best[r].zip(distance, f32::min);
                    column_best = column_best.zip(distance, f32::min);
                }
                out[to / LANES] = column_best;
            }
        }
        for (r, best) in best.iter().enumerate() {
            let smallest = best.0.into_iter().fold(FAR, f32::min);
            let lane = &mut out[(block + r) / LANES].0[(block + r) % LANES];
            *lane = lane.min(smallest);
        }
    }
}

#[inline(always)]
fn products<const FMA: bool>(
    columns: &[f32],
    readings: &[f32],
    width: usize,
    block: usize,
    at: usize,
) -> [[Lanes; STRIP]; BLOCK] {
    let mut sums = [[Lanes::ZERO; STRIP]; BLOCK];
    for column in columns.chunks_exact(width) {
        add_products::<FMA>(column, block, at, &mut sums);
    }
    for tap in 0..SPAN {
        add_products::<FMA>(&readings[tap..tap + width], block, at, &mut sums);
    }
    sums
}

#[inline(always)]
fn add_products<const FMA: bool>(
    column: &[f32],
    block: usize,
    at: usize,
    sums: &mut [[Lanes; STRIP]; BLOCK],
) {
    let mut others = [Lanes::ZERO; STRIP];
    for g in 0..STRIP {
        others[g] = Lanes::load(&column[at + g * LANES..]);
    }
    for r in 0..BLOCK {
        let x = Lanes::splat(column[block + r]);
        for g in 0..STRIP {
            sums[r][g] = sums[r][g].add_mul::<FMA>(x, others[g]);
        }
    }
}
