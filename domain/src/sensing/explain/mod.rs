//! What an abnormal window looks like, in words that people use: a level shift at 14:20, stuck for three hours, a spike.
//!
//! A model says *that* a window is unusual and, by its scores per reading, *where*. [`explain`] looks there for the faults
//! that sensors have. Each kind has a strict test of its own against what is usual in the rest of the window; when none
//! passes, it says so: an unusual pattern, with the span in which the scores are high. It never changes a verdict.

mod kinds;
mod slow;
mod stats;
mod words;

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::production::Calendar;
use kinds::Signal;

/// Readings that a model's score at one reading looks around: what it scores high may begin or end so far away.
const SCORE_REACH: usize = 48;
/// Fewest readings of which anything is said.
const READINGS_MIN: usize = 24;
/// A distance between two readings of more than so many intervals explains something.
const GAP_INTERVALS: u32 = 5;

/// What kind of fault it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A few readings far from those around them.
    Spike,
    /// Another level from one reading to the next, for a while or from there on.
    LevelShift,
    /// A slow way off.
    Drift,
    /// The same value again and again.
    Stuck,
    /// Much rougher than the rest.
    NoiseBurst,
    /// Cut off at a highest or lowest value.
    Saturation,
    /// It repeats faster or slower than it did.
    Periodicity,
    /// It fell to a constant value beyond all others, as a sensor without supply does.
    Dropout,
    /// Readings are missing.
    Gap,
    /// At or beyond a bound of the sensor's own.
    OutOfBounds,
    /// None of these: an unusual pattern.
    Unusual,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Spike,
        Self::LevelShift,
        Self::Drift,
        Self::Stuck,
        Self::NoiseBurst,
        Self::Saturation,
        Self::Periodicity,
        Self::Dropout,
        Self::Gap,
        Self::OutOfBounds,
        Self::Unusual,
    ];

    /// The word used in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::LevelShift => "level_shift",
            Self::Drift => "drift",
            Self::Stuck => "stuck",
            Self::NoiseBurst => "noise_burst",
            Self::Saturation => "saturation",
            Self::Periodicity => "periodicity",
            Self::Dropout => "dropout",
            Self::Gap => "gap",
            Self::OutOfBounds => "out_of_bounds",
            Self::Unusual => "unusual",
        }
    }
}

/// A sentence in each language of the plant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// English.
    pub en: String,
    /// Korean.
    pub ko: String,
}

/// What an abnormal window looks like, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The kind of fault.
    pub kind: Kind,
    /// Its first reading, counted from 0 in the window.
    pub first_reading: u32,
    /// Its last reading.
    pub last_reading: u32,
    /// Time of the first reading; absent for values without times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Time of the last reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Whether it reaches the window's last reading: it may go on.
    pub ongoing: bool,
    /// The sentence for people.
    pub text: Sentence,
}

/// A window as it is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The readings, oldest first.
    pub values: &'a [f32],
    /// Their times; none for values that have none.
    pub times: &'a [Timestamp],
    /// A score for each reading, where the model gives them: higher is stranger.
    pub scores: Option<&'a [f32]>,
    /// The sensor's interval.
    pub interval: Duration,
    /// Unit of the readings, for the sentence.
    pub unit: Option<&'a str>,
    /// Whose local time the sentence tells.
    pub calendar: &'a Calendar,
}

/// A fault that was found.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    kind: Kind,
    span: Range<usize>,
    /// How much: a value, a change or a ratio, as the kind has it.
    amount: f64,
    /// What it was before, where the kind compares two.
    usual: f64,
}

impl Found {
    fn new(kind: Kind, span: Range<usize>, amount: f64) -> Self {
        Self { kind, span, amount, usual: 0.0 }
    }
}

/// Says what an abnormal window looks like. Of several faults where the scores are high, the most definite one.
#[must_use]
pub fn explain(seen: &Seen<'_>) -> Explanation {
    let hot = hot(seen);
    let found = most_definite(seen, &hot).unwrap_or_else(|| Found::new(Kind::Unusual, hot, 0.0));
    explanation(seen, &found)
}

/// Says since when the readings are at or beyond a bound that the last one has crossed.
#[must_use]
pub fn out_of_bounds(seen: &Seen<'_>, bound: f64, low: bool) -> Explanation {
    let beyond = |v: &&f32| if low { f64::from(**v) <= bound } else { f64::from(**v) >= bound };
    let since = seen.values.iter().rev().take_while(beyond).count().max(1);
    let length = seen.values.len();
    let side = if low { -1.0 } else { 1.0 };
    let span = length.saturating_sub(since)..length;
    explanation(seen, &Found { usual: side, ..Found::new(Kind::OutOfBounds, span, bound) })
}

fn explanation(seen: &Seen<'_>, found: &Found) -> Explanation {
    let last = seen.values.len().saturating_sub(1);
    let end = found.span.end.saturating_sub(1).min(last);
    let start = found.span.start.min(end);
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Explanation {
        kind: found.kind,
        first_reading: small(start),
        last_reading: small(end),
        start: seen.times.get(start).copied(),
        end: seen.times.get(end).copied(),
        ongoing: end == last && found.kind != Kind::Gap,
        text: words::sentence(seen, found, start, end),
    }
}

fn most_definite(seen: &Seen<'_>, hot: &Range<usize>) -> Option<Found> {
    if seen.values.len() < READINGS_MIN || seen.values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let signal = Signal::new(seen.values);
    let reached = hot.start.saturating_sub(SCORE_REACH)..hot.end + SCORE_REACH;
    let near = |found: &Found| found.span.start < reached.end && reached.start < found.span.end;
    let tests: [fn(&Signal) -> Vec<Found>; 5] =
        [kinds::flat, slow::rhythm, kinds::noise, kinds::spike, to_elsewhere];
    let within = tests.iter().flat_map(|test| test(&signal)).find(near);
    within.or_else(|| gap(seen).filter(near))
}

/// Away at once, or slowly. Smoothed, a step looks like a drift of the same way; the return from a drift is a step the
/// other way.
fn to_elsewhere(signal: &Signal) -> Vec<Found> {
    let (shift, drift) = (kinds::level_shift(signal), slow::drift(signal));
    match (shift.first(), drift.first()) {
        (Some(shift), Some(drift)) if shift.amount * drift.amount < 0.0 => vec![drift.clone()],
        (Some(_), _) => shift,
        _ => drift,
    }
}

/// The longest stretch without readings.
fn gap(seen: &Seen<'_>) -> Option<Found> {
    let distance = |i: &usize| seen.times[*i].us_since(seen.times[i - 1]);
    let longest = (1..seen.times.len().min(seen.values.len())).max_by_key(distance)?;
    let limit = i64::try_from((seen.interval * GAP_INTERVALS).as_micros()).unwrap_or(i64::MAX);
    let long = distance(&longest) > limit;
    long.then(|| Found::new(Kind::Gap, longest - 1..longest + 1, distance(&longest) as f64))
}

/// Where the scores are above the middle between what is usual and the highest; everywhere without scores.
fn hot(seen: &Seen<'_>) -> Range<usize> {
    let length = seen.values.len();
    let Some(scores) = seen.scores.filter(|scores| scores.len() == length && length > 0) else {
        return 0..length;
    };
    let usual = stats::median(scores.iter().map(|s| f64::from(*s)).collect());
    let highest = (0..length).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0);
    let limit = usual + 0.5 * (f64::from(scores[highest]) - usual);
    let above = |i: &usize| f64::from(scores[*i]) >= limit;
    let before = (0..highest).rev().take_while(above).count();
    let after = (highest + 1..length).take_while(above).count();
    highest - before..highest + after + 1
}

#[cfg(test)]
mod tests;
