//! A record for plotting: rotation, position and score over time, thinned without hiding a peak.

use serde::Serialize;

use super::cells::{Cell, Rows};

/// Most points of one line in an answer.
pub const POINTS_MAX: usize = 20_000;
/// The column of time.
const TIME: &str = "time (second)";
/// Columns that are plotted, where the file has them.
const PLOTTED: [&str; 8] =
    ["Rotation_X", "Rotation_Y", "Rotation_Z", "Position_X", "Position_Y", "Position_Z", "Score", "State"];

/// A point: seconds since the first row, and the value.
pub type Point = (f64, f64);

/// One line of a chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The column.
    pub name: &'static str,
    /// Its points, in the order of time.
    pub points: Vec<Point>,
}

/// The processed file is not what was once written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the processed file cannot be read at row {row}")]
pub struct SeriesFault {
    /// The row, 0 for the heading.
    row: usize,
}

impl Series {
    /// The lines of a processed file, with at most `points` points each.
    ///
    /// # Errors
    /// [`SeriesFault`] when it is no processed file.
    pub fn of_file(file: &str, points: usize) -> Result<Vec<Self>, SeriesFault> {
        let fault = |row| move |_| SeriesFault { row };
        let (mut rows, mut cells) = (Rows::new(file), Vec::new());
        rows.next(&mut cells).map_err(fault(0))?;
        let find = |name: &str| cells.iter().position(|cell| cell.text() == name);
        let time = find(TIME).ok_or(SeriesFault { row: 0 })?;
        let mut lines: Vec<(usize, Self)> = PLOTTED
            .into_iter()
            .filter_map(|name| Some((find(name)?, Self { name, points: Vec::new() })))
            .collect();
        let mut row = 0;
        loop {
            row += 1;
            if !rows.next(&mut cells).map_err(fault(row))? {
                break;
            }
            let value = |column: usize| {
                cells
                    .get(column)
                    .and_then(|cell: &Cell<'_>| cell.bare().parse::<f64>().ok())
                    .ok_or(SeriesFault { row })
            };
            let at = value(time)?;
            for (column, line) in &mut lines {
                line.points.push((at, value(*column)?));
            }
        }
        Ok(lines
            .into_iter()
            .map(|(_, line)| Self { points: thinned(&line.points, points), ..line })
            .collect())
    }
}

/// At most `points` of `line`, in order: of each stretch of equal count its lowest and its highest point, so that no spike
/// disappears. Everything when there is no more than that, or when `points` is below 2.
#[must_use]
pub fn thinned(line: &[Point], points: usize) -> Vec<Point> {
    let buckets = points / 2;
    if buckets == 0 || line.len() <= points {
        return line.to_vec();
    }
    let mut kept = Vec::with_capacity(buckets * 2);
    for bucket in 0..buckets {
        let (from, to) = (bucket * line.len() / buckets, (bucket + 1) * line.len() / buckets);
        let by_value = |a: &usize, b: &usize| line[*a].1.total_cmp(&line[*b].1);
        let (Some(low), Some(high)) = ((from..to).min_by(by_value), (from..to).max_by(by_value)) else {
            continue;
        };
        kept.push(line[low.min(high)]);
        if low != high {
            kept.push(line[low.max(high)]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Kind, Sample, process};
    use proptest::prelude::*;

    #[test]
    fn a_processed_file_is_plotted() {
        for kind in Kind::ALL {
            let sample = Sample::known(kind);
            let file = process(kind, &sample.text()).expect("a sample").file;
            let file = String::from_utf8(file).expect("text");
            let all = Series::of_file(&file, POINTS_MAX).expect("processed");
            assert_eq!(all.len(), if kind.has_position() { 8 } else { 5 }, "{kind}");
            assert!(all.iter().all(|line| line.points.len() == 4_288), "{kind}");
            let few = Series::of_file(&file, 200).expect("processed");
            let score = few.iter().find(|line| line.name == "Score").expect("score");
            assert!(score.points.len() <= 200 && score.points.iter().any(|(_, v)| *v == 18.0));
        }
        assert!(Series::of_file("a,b\n1,2\n", 10).is_err());
        let fault = Series::of_file("time (second),Score\n0.0,1\n0.1,x\n", 10).expect_err("no number");
        assert_eq!(fault, SeriesFault { row: 2 });
    }

    proptest! {
        #[test]
        fn peaks_survive(values in prop::collection::vec(-1e6f64..1e6, 1..2_000), points in 2usize..300) {
            let line: Vec<Point> = values.iter().zip(0u32..).map(|(v, s)| (f64::from(s), *v)).collect();
            let kept = thinned(&line, points);
            prop_assert!(kept.len() <= points.max(2));
            prop_assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
            prop_assert!(kept.iter().all(|point| line.contains(point)));
            let extreme = |ps: &[Point], f: fn(f64, f64) -> f64| ps.iter().map(|p| p.1).fold(ps[0].1, f);
            prop_assert_eq!(extreme(&kept, f64::max), extreme(&line, f64::max));
            prop_assert_eq!(extreme(&kept, f64::min), extreme(&line, f64::min));
        }
    }
}
