//! A sensor's windows, one after the other, against what the sensor did before.
//!
//! The first window costs as much as [`Scorer::score_with_bank`](crate::Scorer::score_with_bank) and leaves a
//! [`BankMemory`]; each later one costs what its new readings cost. Scale and usual distance are those of the memory's
//! anchor: the readings before its first window. After a window's worth of new readings the anchor is set anew. Always
//! on the CPU.

use crate::catalog::{Model, ModelInfo, Network};
use crate::detector::kernel::DetectorKernel;
use crate::detector::kernel::bank::BankScratch;
use crate::detector::kernel::memory::Memory;
use crate::detector::spread;
use crate::engine::Raw;
use crate::scorer::{ScoreError, WindowScore, check, check_banks, guarded, judged};
use crate::{BANK_READINGS_MAX, WINDOW};

/// Most bytes that a [`BankMemory`] takes.
pub const BANK_MEMORY_BYTES_MAX: usize = 780_000;

/// What is kept of one sensor between two of its windows; at most [`BANK_MEMORY_BYTES_MAX`] bytes.
pub struct BankMemory(Memory);

impl BankMemory {
    /// The window that was scored last, [`WINDOW`] readings.
    pub fn window(&self) -> &[f32] {
        &self.0.raw()[self.bank()..]
    }

    /// Readings before the window that it is compared with.
    pub fn bank(&self) -> usize {
        self.0.raw().len() - WINDOW
    }

    /// Leading readings of the bank that set scale and usual distance.
    pub fn anchor(&self) -> usize {
        self.0.anchor()
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// A detector that remembers. Belongs to one thread at a time and never panics.
pub struct BankScorer {
    info: ModelInfo,
    kernel: DetectorKernel,
    scratch: BankScratch,
}

impl BankScorer {
    /// None for a model that takes no bank.
    pub fn new(model: &Model) -> Option<Self> {
        match model.network() {
            Network::Gru(_) => None,
            Network::Detector(weights) => {
                let (info, kernel) = (model.info().clone(), DetectorKernel::new(weights));
                Some(Self { info, kernel, scratch: BankScratch::default() })
            }
        }
    }

    /// The score above which a window is abnormal that its sensor has no threshold for.
    pub fn threshold(&self) -> f64 {
        self.info.bank_threshold.unwrap_or(f64::INFINITY)
    }

    /// Scores a window with the readings before it, oldest first, of which the newest
    /// [`BANK_READINGS_MAX`] count, and remembers both.
    ///
    /// # Errors
    /// As [`Scorer::score_with_bank`](crate::Scorer::score_with_bank).
    pub fn open(&mut self, bank: &[f32], window: &[f32]) -> Result<(BankMemory, WindowScore), ScoreError> {
        check(&[window])?;
        check_banks(&[(window, bank)])?;
        let bank = &bank[bank.len().saturating_sub(BANK_READINGS_MAX)..];
        let (kernel, scratch) = (&self.kernel, &mut self.scratch);
        let memory = BankMemory(guarded(|| Ok(kernel.remember(bank, window, scratch)))?);
        let score = self.judge(&memory)?;
        Ok((memory, score))
    }

    /// Scores the window that ends with readings which came after the last one, oldest first.
    ///
    /// # Errors
    /// A reading that is not a finite number, named by its place among the fresh ones, or a failure; after a failure the
    /// memory is of no more use.
    pub fn advance(&mut self, memory: &mut BankMemory, fresh: &[f32]) -> Result<WindowScore, ScoreError> {
        if let Some(reading) = fresh.iter().position(|v| !v.is_finite()) {
            return Err(ScoreError::NotFinite { window: 0, reading });
        }
        if memory.0.has_room(fresh.len()) {
            let (kernel, scratch) = (&self.kernel, &mut self.scratch);
            guarded(|| {
                kernel.extend(&mut memory.0, fresh, scratch);
                Ok(())
            })?;
            return self.judge(memory);
        }
        let mut readings = memory.0.raw().to_vec();
        readings.extend_from_slice(fresh);
        let (bank, window) = readings.split_at(readings.len() - WINDOW);
        let (anew, score) = self.open(bank, window)?;
        *memory = anew;
        Ok(score)
    }

    /// The score of a memory's window computed from its readings alone: what anybody can check.
    ///
    /// # Errors
    /// A failure.
    pub fn recompute(&mut self, memory: &BankMemory) -> Result<WindowScore, ScoreError> {
        let (bank, anchor) = (&memory.0.raw()[..memory.bank()], memory.anchor());
        let (kernel, scratch) = (&self.kernel, &mut self.scratch);
        guarded(|| {
            kernel.against_bank(memory.window(), bank, anchor, scratch);
            Ok(())
        })?;
        let contrast = crate::detector::contrast::in_bank(self.scratch.before(), self.scratch.inside());
        self.named(contrast, self.scratch.distances())
    }

    fn judge(&self, memory: &BankMemory) -> Result<WindowScore, ScoreError> {
        self.named(memory.0.contrast(), &memory.0.distances())
    }

    fn named(&self, contrast: f32, distances: &[f32]) -> Result<WindowScore, ScoreError> {
        let raw = Raw::Readings { contrast, readings: spread(distances) };
        judged(vec![raw], self.threshold())?.pop().ok_or(ScoreError::Nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BANK_READINGS_MIN, DeviceSpec, Scorer};

    fn sequence(length: usize) -> Vec<f32> {
        let reading = |i: usize| {
            let t = i as f32;
            let odd = if (2_000..2_040).contains(&(i % 2_900)) { 1.4 } else { 0.0 };
            5.0 + (t * 0.11).sin()
                + 0.4 * (t * 0.031).cos()
                + 0.1 * ((t * 12.99).sin() * 43_758.547).fract()
                + odd
        };
        (0..length).map(reading).collect()
    }

    fn near(a: &WindowScore, b: &WindowScore) {
        assert!((a.score - b.score).abs() <= 1e-5 * b.score.max(1.0), "{} {}", a.score, b.score);
        let (a, b) = (a.readings.as_ref().unwrap(), b.readings.as_ref().unwrap());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() <= 1e-5 * b.max(1.0), "{a} {b}");
        }
    }

    #[test]
    fn what_is_remembered_scores_as_what_is_computed_anew() {
        let mut scorer = BankScorer::new(&Model::builtin_detector()).unwrap();
        for bank in [BANK_READINGS_MIN, 1_003, BANK_READINGS_MAX] {
            let all = sequence(bank + WINDOW + 900);
            let mut end = bank + WINDOW;
            let (mut memory, first) = scorer.open(&all[..bank], &all[bank..end]).unwrap();
            let mut plain = Scorer::new(&Model::builtin_detector(), &DeviceSpec::cpu()).unwrap();
            let full = plain.score_with_bank(&[(&all[bank..end], &all[..bank])]).unwrap().remove(0);
            near(&first, &full);
            for fresh in [30, 1, 0, 97, 180, 2, 400] {
                let score = scorer.advance(&mut memory, &all[end..end + fresh]).unwrap();
                end += fresh;
                assert_eq!(memory.window(), &all[end - WINDOW..end]);
                assert_eq!((memory.bank(), memory.anchor()), (end - WINDOW, bank));
                near(&score, &scorer.recompute(&memory).unwrap());
                assert!(memory.bytes() <= BANK_MEMORY_BYTES_MAX, "{} bytes", memory.bytes());
            }
        }
    }

    #[test]
    fn a_full_memory_sets_its_anchor_anew() {
        let mut scorer = BankScorer::new(&Model::builtin_detector()).unwrap();
        let all = sequence(BANK_READINGS_MAX + 5 * WINDOW);
        let mut end = BANK_READINGS_MAX + WINDOW;
        let (mut memory, _) = scorer.open(&all[..BANK_READINGS_MAX], &all[BANK_READINGS_MAX..end]).unwrap();
        scorer.advance(&mut memory, &all[end..end + WINDOW]).unwrap();
        end += WINDOW;
        assert_eq!((memory.anchor(), memory.bank()), (BANK_READINGS_MAX, BANK_READINGS_MAX + WINDOW));
        let score = scorer.advance(&mut memory, &all[end..end + 10]).unwrap();
        end += 10;
        assert_eq!((memory.anchor(), memory.bank()), (BANK_READINGS_MAX, BANK_READINGS_MAX));
        let bank = &all[end - WINDOW - BANK_READINGS_MAX..end - WINDOW];
        let (_, anew) = scorer.open(bank, &all[end - WINDOW..end]).unwrap();
        assert_eq!(score, anew);
    }

    #[test]
    fn what_cannot_be_scored_is_refused_and_the_memory_stays() {
        let mut scorer = BankScorer::new(&Model::builtin_detector()).unwrap();
        let all = sequence(BANK_READINGS_MIN + WINDOW);
        let (bank, window) = all.split_at(BANK_READINGS_MIN);
        assert!(matches!(scorer.open(&bank[1..], window), Err(ScoreError::BankTooShort { .. })));
        assert!(matches!(scorer.open(bank, &window[1..]), Err(ScoreError::Length { .. })));
        let (mut memory, first) = scorer.open(bank, window).unwrap();
        let refused = scorer.advance(&mut memory, &[1.0, f32::NAN]);
        assert_eq!(refused, Err(ScoreError::NotFinite { window: 0, reading: 1 }));
        assert_eq!(scorer.advance(&mut memory, &[]).unwrap(), first);
    }
}
