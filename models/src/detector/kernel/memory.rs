//! A bank that grows with its sensor: what was computed for one window serves the next.
//!
//! The bank's leading readings, its *anchor*, set scale, centre and usual distance once, so that nothing that was
//! computed changes when readings come. New are the embeddings of the new positions, and of the last [`MARGIN`] before
//! them, whose layers looked over the end: those are *fleeting*, all others *settled*. Distances are kept as two minima,
//! to settled and to fleeting positions, and only the second is made anew; the distance to what was before a position never
//! changes once it is settled. The answer is that of
//! [`DetectorKernel::against_bank`] on the same readings with the same anchor.

use super::bank::{BankScratch, only, width_of};
use super::{BLOCK, DetectorKernel, Embedding, FAR, LANES, Lanes, STRIP, embed, encode, pool, products};
use crate::WINDOW;
use crate::detector::normalise::Normaliser;
use crate::detector::{EMBEDDING, FEATURES, MARGIN, POSITIONS, SPAN, contrast};
use crate::simd::widest;

/// Readings that a bank takes up after its anchor before it must be made anew.
pub(crate) const GROWTH: usize = WINDOW;

/// What is kept of one sensor.
#[derive(Clone)]
pub(crate) struct Memory {
    /// Bank and window, oldest first.
    raw: Vec<f32>,
    anchor: usize,
    scales: Normaliser,
    centre: Embedding,
    /// Usual distance inside the anchor.
    usual: f32,
    /// Settled rows before pooling, the last of them: the next positions need them.
    tail: Vec<Embedding>,
    columns: Vec<f32>,
    readings: Vec<f32>,
    norms: Vec<f32>,
    /// Smallest distance of each position of the window to settled positions.
    settled: Vec<f32>,
    /// The same to fleeting ones.
    fleeting: Vec<f32>,
    /// The same to what was before each.
    before: Vec<f32>,
    /// Positions from one column to the next.
    width: usize,
}

impl Memory {
    /// Bank and window, oldest first.
    pub(crate) fn raw(&self) -> &[f32] {
        &self.raw
    }

    /// Leading readings that set scale and usual distance.
    pub(crate) fn anchor(&self) -> usize {
        self.anchor
    }

    /// Whether so many more readings fit.
    pub(crate) fn has_room(&self, fresh: usize) -> bool {
        self.raw.len() + fresh <= self.anchor + WINDOW + GROWTH
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let (all, least) = (
            [&self.raw, &self.columns, &self.readings, &self.norms],
            [&self.settled, &self.fleeting, &self.before],
        );
        let floats: usize = all.iter().chain(&least).map(|values| values.capacity()).sum();
        floats * size_of::<f32>() + self.tail.capacity() * size_of::<Embedding>()
    }

    /// The distance of each position of the window, to bank and window.
    pub(crate) fn distances(&self) -> Vec<f32> {
        let first = self.positions() - POSITIONS;
        let both = self.settled[first..].iter().zip(&self.fleeting[first..]);
        both.take(POSITIONS).map(|(settled, fleeting)| settled.min(*fleeting).max(0.0)).collect()
    }

    /// Contrast of the window to the bank.
    pub(crate) fn contrast(&self) -> f32 {
        let first = self.positions() - POSITIONS;
        contrast::in_bank_of(&self.before[first..first + POSITIONS], self.usual)
    }

    fn positions(&self) -> usize {
        self.raw.len() - SPAN + 1
    }

    /// Positions before this one are settled.
    fn settled_end(&self) -> usize {
        self.positions() - MARGIN
    }
}

impl DetectorKernel {
    /// Embeds a bank and the window after it; all of the bank is the anchor.
    pub(crate) fn remember(&self, bank: &[f32], window: &[f32], scratch: &mut BankScratch) -> Memory {
        self.embed_bank(window, bank, bank.len(), scratch);
        let (from, width) = (scratch.width(), width_of(bank.len() + WINDOW + GROWTH));
        let wider = |values: &[f32], length: usize, fill: f32| {
            let mut wider = vec![fill; length];
            wider[..values.len()].copy_from_slice(values);
            wider
        };
        let mut columns = vec![0.0; EMBEDDING * width];
        for (to, values) in columns.chunks_exact_mut(width).zip(scratch.columns.chunks_exact(from)) {
            to[..from].copy_from_slice(values);
        }
        let mut raw = Vec::with_capacity(bank.len() + WINDOW + GROWTH);
        raw.extend_from_slice(&scratch.sequence);
        let mut memory = Memory {
            raw,
            anchor: bank.len(),
            scales: Normaliser::of(bank),
            centre: scratch.centre,
            usual: contrast::usual_in_bank(scratch.inside()),
            tail: scratch.tail.clone(),
            columns,
            readings: wider(&scratch.readings, width + SPAN, 0.0),
            norms: wider(&scratch.norms, width, FAR),
            settled: vec![FAR; width],
            fleeting: vec![FAR; width],
            before: vec![FAR; width],
            width,
        };
        compare(&mut memory, bank.len());
        memory
    }

    /// Takes up readings that came after the window, for which [`Memory::has_room`]: the window moves on by as many.
    pub(crate) fn extend(&self, memory: &mut Memory, fresh: &[f32], scratch: &mut BankScratch) {
        assert!(memory.has_room(fresh.len()), "room for the readings");
        if fresh.is_empty() {
            return;
        }
        let changed = memory.settled_end();
        let (before, count) = (memory.raw.len(), fresh.len());
        memory.raw.extend_from_slice(fresh);
        for (at, reading) in (before..).zip(fresh) {
            memory.readings[at] = memory.scales.value(*reading) * self.readings;
        }
        // The rows of the new readings, and of those whose layers looked over the end.
        let rows = count + MARGIN;
        scratch.features.resize((rows + 2 * MARGIN) * FEATURES, 0.0);
        scratch.make_room(SPAN - 1 + rows);
        memory.scales.rows_into(&memory.raw, before - MARGIN, &mut scratch.features);
        scratch.narrow[..SPAN - 1].copy_from_slice(&memory.tail);
        appended(self, memory, scratch, changed);
        compare(memory, changed);
    }
}

widest! {
    fn appended(kernel: &DetectorKernel, memory: &mut Memory, scratch: &mut BankScratch, first: usize) = appended_on
}

#[inline(always)]
fn appended_on<const FMA: bool>(
    kernel: &DetectorKernel,
    memory: &mut Memory,
    scratch: &mut BankScratch,
    first: usize,
) {
    let BankScratch { features, rows, mixed, narrow, half, .. } = scratch;
    encode::<FMA>(kernel, features, rows, mixed, &mut narrow[SPAN - 1..]);
    let fresh = narrow.len() - (SPAN - 1) - MARGIN;
    memory.tail.copy_from_slice(&narrow[fresh..fresh + SPAN - 1]);
    pool(narrow, half);
    let count = narrow.len() - SPAN + 1;
    embed(&narrow[..count], &memory.centre, memory.width, first, &mut memory.columns, &mut memory.norms);
    for at in first..first + count {
        let stretch = &memory.readings[at..at + SPAN];
        memory.norms[at] += stretch.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() as f32;
    }
}

widest! {
    fn compare(memory: &mut Memory, from: usize) = compare_on
}

/// Measures the positions from `from` on against all, and those of the window before it against them.
#[inline(always)]
fn compare_on<const FMA: bool>(memory: &mut Memory, from: usize) {
    let (positions, settled_end) = (memory.positions(), memory.settled_end());
    let window = positions - POSITIONS;
    memory.fleeting[window..].fill(FAR);
    for block in (from..positions).step_by(BLOCK) {
        let mut to_settled = [Lanes::splat(FAR); BLOCK];
        let mut to_fleeting = [Lanes::splat(FAR); BLOCK];
        let mut to_before = [Lanes::splat(FAR); BLOCK];
        for at in (0..positions).step_by(STRIP * LANES) {
            let products = products::<FMA>(&memory.columns, &memory.readings, memory.width, block, at);
            for g in 0..STRIP {
                let to = at + g * LANES;
                let norms = Lanes::load(&memory.norms[to..]);
                let mut distances = [norms; BLOCK];
                for r in 0..BLOCK {
                    let own = memory.norms[block + r];
                    for (lane, d) in distances[r].0.iter_mut().enumerate() {
                        let value = *d + own - 2.0 * products[r][g].0[lane];
                        let apart = (to + lane).abs_diff(block + r) >= SPAN && to + lane < positions;
                        *d = if apart { value } else { FAR };
                    }
                    let settled = only(distances[r], |lane| to + lane < settled_end);
                    let fleeting = only(distances[r], |lane| to + lane >= settled_end);
                    to_settled[r] = to_settled[r].zip(settled, f32::min);
                    to_fleeting[r] = to_fleeting[r].zip(fleeting, f32::min);
                    let before = only(distances[r], |lane| to + lane < block + r);
                    to_before[r] = to_before[r].zip(before, f32::min);
                }
                if to + LANES > window && to < from {
                    serve_others(memory, &distances, block, to, from, settled_end);
                }
            }
        }
        for r in 0..BLOCK.min(positions - block) {
            let least = |lanes: Lanes| lanes.0.into_iter().fold(FAR, f32::min);
            memory.settled[block + r] = least(to_settled[r]);
            memory.fleeting[block + r] = least(to_fleeting[r]);
            memory.before[block + r] = least(to_before[r]).max(0.0);
        }
    }
}

/// A distance serves both its positions: those before `from` keep theirs unless it is smaller.
#[inline(always)]
fn serve_others(
    memory: &mut Memory,
    distances: &[Lanes; BLOCK],
    block: usize,
    to: usize,
    from: usize,
    settled_end: usize,
) {
    for (r, distances) in distances.iter().enumerate() {
        let best = if block + r < settled_end { &mut memory.settled } else { &mut memory.fleeting };
        let others = only(*distances, |lane| to + lane < from);
        Lanes::load(&best[to..]).zip(others, f32::min).store(&mut best[to..]);
    }
}
