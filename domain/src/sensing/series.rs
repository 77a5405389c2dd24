//! Thinning a series for a chart without hiding its peaks.

use super::Reading;

/// At most `points` of `readings`, in order: of each stretch of equal count its lowest and its highest reading, so that
/// no spike disappears. Everything when there is no more than that, or when `points` is below 2.
#[must_use]
pub fn downsample_min_max(readings: &[Reading], points: usize) -> Vec<Reading> {
    let buckets = points / 2;
    if buckets == 0 || readings.len() <= points {
        return readings.to_vec();
    }
    let mut kept = Vec::with_capacity(buckets * 2);
    for bucket in 0..buckets {
        let from = bucket * readings.len() / buckets;
        let to = (bucket + 1) * readings.len() / buckets;
        let stretch = &readings[from..to];
        let by_value = |a: &&Reading, b: &&Reading| a.value.total_cmp(&b.value);
        let (Some(low), Some(high)) = (stretch.iter().min_by(by_value), stretch.iter().max_by(by_value))
        else {
            continue;
        };
        let (first, second) = if low.at <= high.at { (low, high) } else { (high, low) };
        kept.push(*first);
        if second.at != first.at {
            kept.push(*second);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn peaks_survive(values in prop::collection::vec(-1e6f64..1e6, 1..2_000), points in 2usize..300) {
            let readings: Vec<Reading> = values.iter().zip(0i64..).map(|(v, s)| Reading { at: Timestamp::from_s(s), value: *v }).collect();
            let kept = downsample_min_max(&readings, points);
            prop_assert!(kept.len() <= points.max(2));
            prop_assert!(kept.windows(2).all(|w| w[0].at < w[1].at));
            let extreme = |rs: &[Reading], f: fn(f64, f64) -> f64| rs.iter().map(|r| r.value).fold(rs[0].value, f);
            prop_assert_eq!(extreme(&kept, f64::max), extreme(&readings, f64::max));
            prop_assert_eq!(extreme(&kept, f64::min), extreme(&readings, f64::min));
        }
    }
}
