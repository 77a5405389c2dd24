//! A grid of cells that finds the nearest of many things without looking at all of them.

/// Most cells along one side.
const SIDE_MAX: f64 = 256.0;
/// Smallest cell, in metres.
const CELL_M_MIN: f64 = 25.0;
/// Most entries that lines may cause; longer roads get larger cells.
const ENTRIES_MAX: f64 = 1_000_000.0;
/// Cells between two samples of a line.
const SAMPLE_CELLS: f64 = 0.5;
/// Cells that a line may lie beside the nearest cell that lists it: half the distance of two samples.
const SLACK_CELLS: f64 = SAMPLE_CELLS / 2.0;

/// Items by cell. A point is in its cell, a line in the cells of its samples.
#[derive(Debug, Clone)]
pub(super) struct Grid<T> {
    low: [f64; 2],
    cell_m: f64,
    side: [usize; 2],
    cells: Vec<Vec<T>>,
}

impl<T: Copy + PartialEq> Grid<T> {
    /// An empty grid over the box from `low` to `high`, for lines of `lines_m` metres in all.
    pub(super) fn new(low: [f64; 2], high: [f64; 2], lines_m: f64) -> Self {
        let extent_m = (high[0] - low[0]).max(high[1] - low[1]);
        let cell_m = CELL_M_MIN.max(extent_m / SIDE_MAX).max(lines_m / SAMPLE_CELLS / ENTRIES_MAX);
        let side = [0, 1].map(|axis| index((high[axis] - low[axis]) / cell_m) + 1);
        Self { low, cell_m, side, cells: vec![Vec::new(); side[0] * side[1]] }
    }

    pub(super) fn put_point(&mut self, at: [f64; 2], item: T) {
        let [column, row] = self.cell_of(at);
        let cell = &mut self.cells[row * self.side[0] + column];
        if cell.last() != Some(&item) {
            cell.push(item);
        }
    }

    pub(super) fn put_line(&mut self, from: [f64; 2], to: [f64; 2], item: T) {
        let steps = ((to[0] - from[0]).hypot(to[1] - from[1]) / (self.cell_m * SAMPLE_CELLS)).ceil().max(1.0);
        for step in 0..=index(steps) {
            let part = step as f64 / steps;
            self.put_point([0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * part), item);
        }
    }

    /// The item with the smallest distance to `at`, which is finite, and that distance.
    ///
    /// Looks at rings of cells around the point of the box that is nearest to `at`. All that lies beyond ring r is at least
    /// r − slack cells from that point, and so farther from `at` by Pythagoras.
    pub(super) fn nearest(&self, at: [f64; 2], distance_m: impl Fn(T) -> f64) -> Option<(T, f64)> {
        let inside = [0, 1].map(|axis| {
            at[axis].clamp(self.low[axis], self.low[axis] + self.side[axis] as f64 * self.cell_m)
        });
        let outside_m = (at[0] - inside[0]).hypot(at[1] - inside[1]);
        let centre = self.cell_of(inside);
        let mut best: Option<(T, f64)> = None;
        for ring in 0..=self.side[0].max(self.side[1]) {
            let beyond_m = (ring as f64 - 1.0 - SLACK_CELLS).max(0.0) * self.cell_m;
            if best.is_some_and(|(_, m)| m <= beyond_m.hypot(outside_m)) {
                break;
            }
            self.each_in_ring(centre, ring, |item| {
                let m = distance_m(item);
                if best.is_none_or(|(_, nearest_m)| m < nearest_m) {
                    best = Some((item, m));
                }
            });
        }
        best
    }

    fn each_in_ring(&self, [column, row]: [usize; 2], ring: usize, mut see: impl FnMut(T)) {
        let range = |middle: usize, side: usize| middle.saturating_sub(ring)..=(middle + ring).min(side - 1);
        for r in range(row, self.side[1]) {
            let edge_row = r.abs_diff(row) == ring;
            for c in range(column, self.side[0]) {
                if edge_row || c.abs_diff(column) == ring {
                    self.cells[r * self.side[0] + c].iter().for_each(|item| see(*item));
                }
            }
        }
    }

    fn cell_of(&self, at: [f64; 2]) -> [usize; 2] {
        [0, 1].map(|axis| index((at[axis] - self.low[axis]) / self.cell_m).min(self.side[axis] - 1))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded by the caller, never negative"
)]
fn index(value: f64) -> usize {
    value.max(0.0) as usize
}
