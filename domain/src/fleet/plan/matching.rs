//! The cheapest way to give each row a column of its own: the Hungarian method with potentials (Kuhn 1955, Jonker and
//! Volgenant 1987), in O(rows² × columns).

/// Larger than any sum of prices; still far from overflow when added up for every row.
const FORBIDDEN: i64 = 1 << 50;

/// The column of each row, and what they cost together; `None` when there is no such choice.
///
/// `cost` gives the price of a pair, `None` where it is not allowed.
pub(super) fn cheapest(
    rows: usize,
    columns: usize,
    cost: impl Fn(usize, usize) -> Option<u64>,
) -> Option<(Vec<usize>, u64)> {
    if rows > columns {
        return None;
    }
    let price = |row: usize, column: usize| cost(row, column).map_or(FORBIDDEN, u64::cast_signed);
    // Row and column 0 are not real: a new row enters through column 0.
    let (mut of_row, mut of_column) = (vec![0i64; rows + 1], vec![0i64; columns + 1]);
    let mut row_at = vec![0usize; columns + 1];
    for row in 1..=rows {
        row_at[0] = row;
        let (mut slack, mut came) = (vec![i64::MAX; columns + 1], vec![0usize; columns + 1]);
        let mut used = vec![false; columns + 1];
        let mut column = 0;
        while row_at[column] != 0 {
            used[column] = true;
            let here = row_at[column];
            let (mut least, mut next) = (i64::MAX, 0);
            for other in (1..=columns).filter(|c| !used[*c]) {
                let reduced = price(here - 1, other - 1) - of_row[here] - of_column[other];
                if reduced < slack[other] {
                    (slack[other], came[other]) = (reduced, column);
                }
                if slack[other] < least {
                    (least, next) = (slack[other], other);
                }
            }
            for other in 0..=columns {
                if used[other] {
                    of_row[row_at[other]] += least;
                    of_column[other] -= least;
                } else {
                    slack[other] = slack[other].saturating_sub(least);
                }
            }
            column = next;
        }
        while column != 0 {
            row_at[column] = row_at[came[column]];
            column = came[column];
        }
    }
    let mut chosen = vec![0; rows];
    (1..=columns).filter(|c| row_at[*c] != 0).for_each(|c| chosen[row_at[c] - 1] = c - 1);
    let mut total = 0;
    for (row, column) in chosen.iter().enumerate() {
        total += cost(row, *column)?;
    }
    Some((chosen, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(costs: &[Vec<Option<u64>>], row: usize, used: u32) -> Option<u64> {
        let Some(prices) = costs.get(row) else { return Some(0) };
        let free = prices.iter().enumerate().filter(|(c, _)| used >> c & 1 == 0);
        free.filter_map(|(c, price)| Some((*price)? + brute(costs, row + 1, used | 1 << c)?)).min()
    }

    proptest! {
        #[test]
        fn nothing_is_cheaper(costs in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.7, 0u64..50), 5), 0..6)) {
            let found = cheapest(costs.len(), 5, |r, c| costs[r][c]);
            prop_assert_eq!(found.as_ref().map(|(_, total)| *total), brute(&costs, 0, 0));
            if let Some((chosen, _)) = found {
                let mut columns = chosen.clone();
                columns.sort_unstable();
                columns.dedup();
                prop_assert_eq!(columns.len(), chosen.len());
            }
        }
    }
}
