//! What became of simulated diagnoses.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::headset::Manner;

/// Counts and times of diagnoses.
#[derive(Debug, Default)]
pub(in crate::cli) struct Report {
    sessions: u64,
    completed: u64,
    failed: u64,
    vanished: u64,
    /// Those that did not end as their headset meant them to.
    other: u64,
    /// From an upload's last byte to COMPLETED at the doctor, seconds.
    uploads_s: Vec<f64>,
}

impl Report {
    /// Notes a diagnosis that ended in `state`.
    pub(super) fn note(&mut self, manner: Manner, state: &str, took: Duration) {
        self.sessions += 1;
        self.vanished += u64::from(manner == Manner::Vanishes);
        match (manner, state) {
            (Manner::Fails, "FAILED") => self.failed += 1,
            (Manner::Uploads | Manner::Vanishes, "COMPLETED") => {
                self.completed += 1;
                self.uploads_s.push(took.as_secs_f64());
            }
            _ => self.other += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.completed += other.completed;
        self.failed += other.failed;
        self.vanished += other.vanished;
        self.other += other.other;
        self.uploads_s.extend(other.uploads_s);
        self.uploads_s.sort_by(f64::total_cmp);
    }

    /// Whether every diagnosis ended as its headset meant it to.
    pub(super) fn is_as_planned(&self) -> bool {
        self.other == 0
    }

    /// The time that so many of a hundred uploads took at most, milliseconds.
    fn percentile_ms(&self, of_hundred: usize) -> Option<f64> {
        let last = self.uploads_s.len().checked_sub(1)?;
        let at = (self.uploads_s.len() * of_hundred).div_ceil(100).saturating_sub(1).min(last);
        Some(self.uploads_s[at] * 1_000.0)
    }

    /// How long each upload took from its last byte to COMPLETED at the doctor, and how many diagnoses ended otherwise than
    /// they were meant to.
    pub(in crate::cli) fn uploads(&self) -> (impl Iterator<Item = Duration>, u64) {
        (self.uploads_s.iter().map(|s| Duration::from_secs_f64(*s)), self.other)
    }

    pub(in crate::cli) fn json(&self) -> Value {
        json!({
            "sessions": self.sessions, "completed": self.completed, "failed": self.failed,
            "vanished": self.vanished, "other": self.other,
            "upload_p50_ms": self.percentile_ms(50), "upload_p99_ms": self.percentile_ms(99),
            "upload_max_ms": self.percentile_ms(100),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |n| self.percentile_ms(n).map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0} ms"));
        write!(
            f,
            "{} diagnoses: {} completed, {} failed as meant, {} vanished and came back, {} ended otherwise; last byte to \
             COMPLETED: p50 {}, p99 {}, longest {}",
            self.sessions,
            self.completed,
            self.failed,
            self.vanished,
            self.other,
            ms(50),
            ms(99),
            ms(100)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_those_that_completed() {
        let mut report = Report::default();
        assert_eq!(report.percentile_ms(99), None);
        for n in 1..=100_u64 {
            let mut one = Report::default();
            one.note(Manner::Uploads, "COMPLETED", Duration::from_millis(n));
            report.add(one);
        }
        report.note(Manner::Fails, "FAILED", Duration::ZERO);
        report.note(Manner::Fails, "EXPIRED", Duration::ZERO);
        assert_eq!((report.percentile_ms(50), report.percentile_ms(99)), (Some(50.0), Some(99.0)));
        assert!(!report.is_as_planned());
        assert_eq!(report.json()["other"], 1);
    }
}
