//! A patient's records of one kind and level beside each other, over time.

use serde::Serialize;

use super::{DiagnosisId, KoreaTime, Record, Summary};

/// How a record stands against another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Progress {
    /// Score gained.
    pub score: f64,
    /// Seconds taken more.
    pub time_spent: f64,
    /// Successes gained.
    pub successes: i64,
    /// Fails more.
    pub fails: i64,
}

/// A record among its like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The record.
    pub id: DiagnosisId,
    /// When it was completed.
    pub created_at: KoreaTime,
    /// Its figures.
    #[serde(flatten)]
    pub summary: Summary,
    /// Successes among all that succeeded or failed, 0 to 1; absent when nothing did.
    pub success_rate: Option<f64>,
    /// Against the record before it.
    pub since_last: Option<Progress>,
    /// Against the first one.
    pub since_first: Option<Progress>,
}

/// Sets records beside each other in the order of time. They must be of one kind and level to mean anything.
#[must_use]
pub fn compare(records: &[Record]) -> Vec<Comparison> {
    let mut ordered: Vec<&Record> = records.iter().collect();
    ordered.sort_by_key(|record| (record.created_at, record.id));
    let first = ordered.first().map(|record| record.summary);
    let mut last = None;
    ordered
        .into_iter()
        .map(|record| {
            let summary = record.summary;
            let comparison = Comparison {
                id: record.id,
                created_at: KoreaTime(record.created_at),
                summary,
                success_rate: success_rate(&summary),
                since_last: last.map(|before| progress(&before, &summary)),
                since_first: last.and(first).map(|before| progress(&before, &summary)),
            };
            last = Some(summary);
            comparison
        })
        .collect()
}

fn success_rate(summary: &Summary) -> Option<f64> {
    let tries = summary.successes + summary.fails;
    (tries > 0).then(|| summary.successes as f64 / tries as f64)
}

fn progress(before: &Summary, after: &Summary) -> Progress {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Progress {
        score: after.score - before.score,
        // Both are milliseconds at heart: the difference is one too.
        time_spent: ((after.time_spent - before.time_spent) * 1_000.0).round() / 1_000.0,
        successes: count(after.successes) - count(before.successes),
        fails: count(after.fails) - count(before.fails),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::diagnosis::{Kind, PatientId};

    fn record(id: i64, at: i64, score: f64, (successes, fails): (u64, u64)) -> Record {
        Record {
            id: DiagnosisId(id),
            patient_id: PatientId(1),
            kind: Kind::FitBox,
            level: 1.try_into().expect("level"),
            created_at: Timestamp::from_s(at),
            filename: String::new(),
            original_bytes: 0,
            processed_bytes: 0,
            processed_sha256: String::new(),
            summary: Summary { rows: 2, score, time_spent: 60.0 + score / 10.0, fps: 0.0, successes, fails },
        }
    }

    #[test]
    fn records_stand_in_the_order_of_time_against_the_first_and_the_last() {
        let lines =
            compare(&[record(3, 30, 12.0, (9, 3)), record(1, 10, 10.0, (5, 5)), record(2, 20, 9.0, (0, 0))]);
        assert_eq!(lines.iter().map(|l| l.id.0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((lines[0].since_last, lines[0].since_first), (None, None));
        assert_eq!(lines[1].success_rate, None);
        let want = Progress { score: 3.0, time_spent: 0.3, successes: 9, fails: 3 };
        assert_eq!(lines[2].since_last, Some(want));
        assert_eq!(
            lines[2].since_first,
            Some(Progress { score: 2.0, time_spent: 0.2, successes: 4, fails: -2 })
        );
        assert_eq!(lines[2].success_rate, Some(0.75));
        assert!(compare(&[]).is_empty());
    }
}
