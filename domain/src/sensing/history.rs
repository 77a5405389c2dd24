//! The last 720 readings of a sensor, held small: a hundred thousand of them fit into one machine.
//!
//! Values are kept as `f32`, which is what the nets take. Times are kept as a start and a step while the sensor is
//! regular, and as whole-second offsets once it is not; the newest time is always exact.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Reading, WINDOW_READINGS};
use crate::Timestamp;
use crate::time::US_PER_S;

/// A distance between two readings of more than this many intervals, in tenths, is a gap.
const GAP_INTERVAL_TENTHS: i64 = 15;

/// The newest readings of one sensor, oldest first, at most [`WINDOW_READINGS`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    pub(super) values: Vec<f32>,
    pub(super) times: Times,
    pub(super) newest: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Times {
    /// Reading `i` is at `first + i * step_us`, exactly.
    Regular { first: Timestamp, step_us: i64 },
    /// Reading `i` is in second `base_s + offsets_s[i]`.
    Irregular { base_s: i64, offsets_s: Vec<u32> },
}

impl Default for Times {
    fn default() -> Self {
        Self::Regular { first: Timestamp::default(), step_us: 0 }
    }
}

/// What a window of readings covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowFacts {
    /// Time of its first reading.
    pub start: Timestamp,
    /// Time of its last reading.
    pub end: Timestamp,
    /// Readings in it.
    pub count: u32,
    /// Places in it where at least one reading is missing.
    pub gaps: u32,
}

/// A complete window: 720 readings, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The values, in the sensor's unit.
    pub values: Vec<f32>,
    /// The time of each.
    pub times: Vec<Timestamp>,
    /// What it covers.
    pub facts: WindowFacts,
}

/// Why there is no window to judge.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowShortfall {
    /// Fewer readings than a window needs, within the span that a window may cover.
    #[error("{} of {WINDOW_READINGS} readings in the window", .facts.map_or(0, |f| f.count))]
    TooFew {
        /// What there is; `None` when there is nothing at all.
        facts: Option<WindowFacts>,
    },
    /// The newest reading is older than the sensor's freshness limit.
    #[error("the newest reading is {age_s} s old, the limit is {limit_s} s")]
    Stale {
        /// What there is.
        facts: WindowFacts,
        /// Age of the newest reading, seconds.
        age_s: u64,
        /// The sensor's freshness limit, seconds.
        limit_s: u64,
    },
}

impl WindowShortfall {
    /// What there is of the window.
    #[must_use]
    pub fn facts(&self) -> Option<WindowFacts> {
        match self {
            Self::TooFew { facts } => *facts,
            Self::Stale { facts, .. } => Some(*facts),
        }
    }
}

impl History {
    /// From readings with rising times; the newest 720 are kept.
    #[must_use]
    pub fn from_readings(readings: &[Reading]) -> Self {
        let mut history = Self::default();
        history.replace(&readings[readings.len().saturating_sub(WINDOW_READINGS)..]);
        history
    }

    /// Readings held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Time of the newest reading, exact.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The newest value.
    #[must_use]
    pub fn last_value(&self) -> Option<f32> {
        self.values.last().copied()
    }

    /// The readings held, oldest first, with the precision in which they are held.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let at = |i: usize| if i + 1 == self.len() { self.newest.unwrap_or_default() } else { self.time(i) };
        self.values
            .iter()
            .enumerate()
            .map(|(i, value)| Reading { at: at(i), value: f64::from(*value) })
            .collect()
    }

    /// Adds stored readings, in any order, whose times are not held yet.
    pub fn extend(&mut self, readings: &[Reading]) {
        for reading in readings {
            if self.newest.is_none_or(|newest| reading.at > newest) {
                self.push_newest(*reading);
            } else {
                self.insert_older(*reading);
            }
        }
    }

    /// Heap bytes held, for the plant's account of its memory.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let offsets = match &self.times {
            Times::Regular { .. } => 0,
            Times::Irregular { offsets_s, .. } => offsets_s.capacity() * size_of::<u32>(),
        };
        self.values.capacity() * size_of::<f32>() + offsets
    }

    /// The window that ends at the newest reading, as seen at `at`.
    ///
    /// # Errors
    /// [`WindowShortfall`] when the readings do not fill a window or are too old; a gap is a fact, never a value.
    pub fn window(
        &self,
        at: Timestamp,
        interval: Duration,
        freshness: Duration,
        span_max: Duration,
    ) -> Result<Window, WindowShortfall> {
        let Some(newest) = self.newest else { return Err(WindowShortfall::TooFew { facts: None }) };
        let first = (0..self.len()).find(|i| at.since(self.time(*i)) <= span_max).unwrap_or(self.len() - 1);
        let facts = self.facts(first, newest, interval);
        let age = at.since(newest);
        if age > freshness {
            return Err(WindowShortfall::Stale { facts, age_s: age.as_secs(), limit_s: freshness.as_secs() });
        }
        if self.len() - first < WINDOW_READINGS {
            return Err(WindowShortfall::TooFew { facts: Some(facts) });
        }
        let mut times: Vec<Timestamp> = (first..self.len()).map(|i| self.time(i)).collect();
        // Offsets are whole seconds, the newest time is exact.
        if let Some(last) = times.last_mut() {
            *last = newest;
        }
        Ok(Window { values: self.values[first..].to_vec(), times, facts })
    }

    fn facts(&self, first: usize, newest: Timestamp, interval: Duration) -> WindowFacts {
        let limit_us =
            i64::try_from(interval.as_micros()).unwrap_or(i64::MAX).saturating_mul(GAP_INTERVAL_TENTHS) / 10;
        let gaps = match &self.times {
            Times::Regular { step_us, .. } if *step_us <= limit_us => 0,
            _ => (first + 1..self.len())
                .filter(|i| self.time(*i).us_since(self.time(i - 1)) > limit_us)
                .count(),
        };
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        WindowFacts {
            start: self.time(first),
            end: newest,
            count: small(self.len() - first),
            gaps: small(gaps),
        }
    }

    fn time(&self, index: usize) -> Timestamp {
        match &self.times {
            Times::Regular { first, step_us } => {
                Timestamp::from_us(first.us() + step_us * i64::try_from(index).unwrap_or(i64::MAX))
            }
            Times::Irregular { base_s, offsets_s } => Timestamp::from_s(base_s + i64::from(offsets_s[index])),
        }
    }

    fn push_newest(&mut self, reading: Reading) {
        if self.values.capacity() == 0 {
            self.values.reserve_exact(WINDOW_READINGS);
        }
        if self.len() == WINDOW_READINGS {
            self.values.remove(0);
            match &mut self.times {
                Times::Regular { first, step_us } => *first = Timestamp::from_us(first.us() + *step_us),
                Times::Irregular { offsets_s, .. } => {
                    offsets_s.remove(0);
                }
            }
        }
        self.note_time(reading.at);
        #[expect(clippy::cast_possible_truncation, reason = "the nets take f32")]
        self.values.push(reading.value as f32);
        self.newest = Some(reading.at);
    }

    /// Notes the time of the reading about to be pushed; falls back to offsets when it breaks the rhythm.
    fn note_time(&mut self, at: Timestamp) {
        let held = self.values.len();
        if let (Times::Regular { first, step_us }, Some(newest)) = (&mut self.times, self.newest) {
            let step = at.us_since(newest);
            match held {
                0 => *first = at,
                1 => (*first, *step_us) = (newest, step),
                _ if step == *step_us => {}
                _ => self.make_irregular(),
            }
        } else if held == 0 {
            self.times = Times::Regular { first: at, step_us: 0 };
        }
        let base = match &self.times {
            Times::Irregular { base_s, .. } => *base_s,
            Times::Regular { .. } => return,
        };
        // A century of silence does not fit into an offset: what came before it is no part of any window.
        let Ok(offset) = u32::try_from(at.us().div_euclid(US_PER_S) - base) else {
            self.values.clear();
            self.times = Times::Regular { first: at, step_us: 0 };
            return;
        };
        if let Times::Irregular { offsets_s, .. } = &mut self.times {
            offsets_s.push(offset);
        }
    }

    fn make_irregular(&mut self) {
        let base_s = self.time(0).us().div_euclid(US_PER_S);
        let mut offsets_s = Vec::with_capacity(WINDOW_READINGS);
        offsets_s.extend(
            (0..self.len())
                .map(|i| u32::try_from(self.time(i).us().div_euclid(US_PER_S) - base_s).unwrap_or(u32::MAX)),
        );
        self.times = Times::Irregular { base_s, offsets_s };
    }

    /// A reading that arrived after newer ones: rare, so simply rebuilt.
    fn insert_older(&mut self, reading: Reading) {
        let newest = self.newest;
        let mut all: Vec<Reading> =
            (0..self.len()).map(|i| Reading { at: self.time(i), value: f64::from(self.values[i]) }).collect();
        if let (Some(last), Some(exact)) = (all.last_mut(), newest) {
            last.at = exact;
        }
        let place = all.partition_point(|r| r.at <= reading.at);
        all.insert(place, reading);
        self.replace(&all[all.len().saturating_sub(WINDOW_READINGS)..]);
    }

    fn replace(&mut self, readings: &[Reading]) {
        *self = Self::default();
        for reading in readings {
            self.push_newest(*reading);
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
