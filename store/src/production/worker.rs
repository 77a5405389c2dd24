//! Workers, as stations name them: a user name, a user's number, or `W` and the number.

use std::collections::HashMap;

use nightshift_domain::production::{OperatorId, Worker};

use crate::listing::{self, Filter};
use crate::{StoreError, Tx};

const SELECT: &str = "SELECT id, username, username_key, is_active FROM app_user";

type Row = (i64, String, String, bool);

/// The number in `17` and `W017`.
fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['W', 'w']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// The workers that the texts name, by those texts. A name counts before a number: somebody may be called `W001`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn workers_read(tx: &mut Tx, named: &[&str]) -> Result<HashMap<String, Worker>, StoreError> {
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<String> = named.iter().map(|text| text.to_ascii_lowercase()).collect();
    let engine = tx.engine();
    let filter = Filter::default().fixed("removed_at IS NULL").among_texts(
        engine,
        "username_key",
        keys.iter().map(String::as_str),
    );
    let by_name: Vec<Row> = listing::tx_rows(tx, "workers_read", SELECT, &filter, "").await?;
    let by_name: HashMap<String, Worker> =
        by_name.into_iter().map(|row| (row.2.clone(), worker(row))).collect();
    let numbers: Vec<i64> = named
        .iter()
        .zip(&keys)
        .filter(|(_, key)| !by_name.contains_key(*key))
        .filter_map(|(t, _)| number(t))
        .collect();
    let mut by_number: HashMap<i64, Worker> = HashMap::new();
    if !numbers.is_empty() {
        let filter = Filter::default().fixed("removed_at IS NULL").among(engine, "id", numbers);
        let rows: Vec<Row> = listing::tx_rows(tx, "workers_read", SELECT, &filter, "").await?;
        by_number.extend(rows.into_iter().map(|row| (row.0, worker(row))));
    }
    let find = |text: &str, key: &String| {
        by_name.get(key).or_else(|| number(text).and_then(|n| by_number.get(&n))).cloned()
    };
    Ok(named
        .iter()
        .zip(&keys)
        .filter_map(|(text, key)| Some(((*text).to_owned(), find(text, key)?)))
        .collect())
}

fn worker((id, username, _, is_active): Row) -> Worker {
    Worker { id: OperatorId(id), username, is_active }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_may_stand_behind_a_w() {
        assert_eq!((number("17"), number("W017"), number("w17")), (Some(17), Some(17), Some(17)));
        assert_eq!((number("W"), number("kim"), number("1a"), number("+1")), (None, None, None, None));
    }
}
