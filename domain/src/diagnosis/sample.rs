//! Result files as headsets write them, made up: for simulated headsets, the demo, tests and benches.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use super::Kind;

/// What a made-up result is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What is played.
    pub kind: Kind,
    /// Rows.
    pub rows: u32,
    /// Milliseconds from the first row to the last.
    pub span_ms: u32,
    /// Rows in which the state rises; also the last score.
    pub successes: u32,
    /// Rows in which it falls.
    pub fails: u32,
    /// Makes two samples of one shape differ.
    pub seed: u32,
}

impl Sample {
    /// The known file: 4,288 rows in 60.035 s, score 18 after 18 successes.
    #[must_use]
    pub fn known(kind: Kind) -> Self {
        Self { kind, rows: 4_288, span_ms: 60_035, successes: 18, fails: 5, seed: 0 }
    }

    /// The file. The same sample always gives the same text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(self.rows as usize * 140 + 100);
        out.push_str("Rotation_X,Rotation_Y,Rotation_Z,current_time,Score,State");
        out.push_str(if self.kind.has_position() { ",Position\n" } else { "\n" });
        let (mut score, mut state) = (0_u32, 0_i64);
        let changes = self.successes + self.fails;
        for row in 0..self.rows {
            if let Some(nth) = self.change_at(row, changes) {
                // Fails stand evenly among the successes.
                let is_fail = u64::from(nth + 1) * u64::from(self.fails) / u64::from(changes)
                    != u64::from(nth) * u64::from(self.fails) / u64::from(changes);
                if is_fail {
                    state -= 1;
                } else {
                    (score, state) = (score + 1, state + 1);
                }
            }
            self.write_row(&mut out, row, score, state);
        }
        out
    }

    /// Which change of the state falls on a row, if one does. The first row is none.
    fn change_at(&self, row: u32, changes: u32) -> Option<u32> {
        let steps = u64::from(self.rows.saturating_sub(1)).max(1);
        let upto = |row: u32| u64::from(row) * u64::from(changes) / steps;
        let before = row.checked_sub(1).map(upto)?;
        (upto(row) > before).then(|| u32::try_from(before).unwrap_or(u32::MAX))
    }

    fn write_row(&self, out: &mut String, row: u32, score: u32, state: i64) {
        let steps = u64::from(self.rows.saturating_sub(1)).max(1);
        let ms = u64::from(self.span_ms) * u64::from(row) / steps;
        let phase = f64::from(row) / 71.425 + f64::from(self.seed % 1_000) / 7.0;
        let wave = |speed: f64, size: f64| ((phase * speed).sin() * size * 1e4).round() / 1e4;
        // From 14:03:00 on; longer than an hour of seconds is not made.
        let (minute, second) = (3 + ms / 60_000 % 57, ms / 1_000 % 60);
        let _ = write!(
            out,
            "{:.4},{:.4},{:.4},2025-11-10 14:{minute:02}:{second:02}.{:03},{score},{state}",
            wave(1.0, 12.0),
            wave(0.7, 20.0),
            wave(1.3, 6.5),
            ms % 1_000,
        );
        if self.kind.has_position() {
            let (x, z) = (wave(TAU / 3.0, 1.8), wave(TAU / 5.0, 0.9));
            let _ = write!(out, ",\"({x:.4}, {:.4}, {z:.4})\"", 1.2 + wave(0.4, 0.3));
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::process;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sample_holds_what_it_was_made_to_hold(
            rows in 100u32..600, span_ms in 1_000u32..120_000, successes in 1u32..30, fails in 0u32..20, seed in any::<u32>(),
        ) {
            for kind in Kind::ALL {
                let sample = Sample { kind, rows, span_ms, successes, fails, seed };
                let summary = process(kind, &sample.text()).expect("a result").summary;
                prop_assert_eq!((summary.rows, summary.successes, summary.fails), (u64::from(rows), u64::from(successes), u64::from(fails)));
                prop_assert_eq!(summary.score, f64::from(successes));
                prop_assert_eq!(summary.time_spent, f64::from(span_ms) / 1_000.0);
            }
        }
    }
}
