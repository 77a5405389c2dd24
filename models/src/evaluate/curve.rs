//! What is drawn of an evaluation: signals with their scores, and precision over recall.

/// Points of a precision–recall curve.
const POINTS: usize = 200;

/// A recording with the scores of its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Readings.
    pub values: Vec<f32>,
    /// Whether each is anomalous.
    pub labels: Vec<bool>,
    /// Leading readings that were not judged.
    pub prefix: usize,
    /// Scores of all readings, each window by itself.
    pub window: Vec<f32>,
    /// Scores of the readings after the prefix, against the bank; none where there was none.
    pub bank: Option<Vec<f32>>,
}

/// Recall and precision at up to 200 thresholds, evenly over the ranks of the scores, by rising recall. Empty without an
/// anomaly.
pub fn precision_recall(scores: &[f32], labels: &[bool]) -> Vec<(f64, f64)> {
    assert_eq!(scores.len(), labels.len(), "one label for each score");
    let positives = labels.iter().filter(|label| **label).count();
    if positives == 0 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let every = order.len().div_ceil(POINTS);
    let (mut met, mut points) = (0_usize, Vec::with_capacity(POINTS + 1));
    for (taken, i) in (1..).zip(&order) {
        met += usize::from(labels[*i]);
        if taken % every == 0 || taken == order.len() {
            points.push((met as f64 / positives as f64, met as f64 / taken as f64));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_scores_keep_their_precision_and_all_end_at_the_share_of_labels() {
        let labels: Vec<bool> = (0..1_000).map(|i| i < 100).collect();
        let perfect: Vec<f32> = (0..1_000).map(|i| -(i as f32)).collect();
        let points = precision_recall(&perfect, &labels);
        assert!(points.iter().filter(|(recall, _)| *recall <= 1.0).take(20).all(|(_, p)| *p == 1.0));
        assert_eq!(points.last(), Some(&(1.0, 0.1)));
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0) && points.len() == 200);
        assert!(precision_recall(&perfect, &[false; 1_000]).is_empty());
    }
}
