//! The statements that must differ between the engines, and the shape of those that carry many rows.

use std::fmt::Write as _;
use std::sync::{LazyLock, OnceLock};

use nightshift_domain::sensing::Reading;
use sqlx::{PgConnection, SqliteConnection};

use crate::Engine;

/// A writer that reads first must not find the database locked later: the lock is taken at once.
pub(crate) const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// One text, so that it is one trip to the server. The lock keeps sequence numbers in the order of commits even when two
/// programs write. Its number says `nightshf`.
pub(crate) const BEGIN_POSTGRES: &str = "BEGIN; SELECT pg_advisory_xact_lock(7955925850862741606)";

/// One name for all: the newest savepoint of a name hides the older ones on both engines.
pub(crate) const SAVEPOINT: &str = "SAVEPOINT unit";
/// Keeps what was done since the newest savepoint.
pub(crate) const RELEASE: &str = "RELEASE SAVEPOINT unit";
/// Undoes what was done since the newest savepoint and forgets it.
pub(crate) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit";

/// Readings that one statement carries to PostgreSQL: what fits one TLS record of 16 KiB. The driver leaves Nagle's
/// algorithm on, so that a second record waits 40 ms for the server's delayed acknowledgement of the first.
pub(crate) const READINGS_PER_STATEMENT_POSTGRES: usize = 400;

/// Rows of the longest statement, as a power of two. SQLite takes 32,766 parameters.
const ROWS_MAX_LOG2: usize = 9;
/// The same for PostgreSQL, which takes 65,535 parameters.
const ROWS_MAX_LOG2_POSTGRES: usize = 8;

/// Picks the text for `engine`.
pub(crate) fn pick(engine: Engine, sqlite: &'static str, postgres: &'static str) -> &'static str {
    match engine {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    }
}

/// Whole numbers as one text parameter; read back by `json_each($n)` on SQLite and by
/// `CAST(CAST($n AS TEXT) AS BIGINT[])` on PostgreSQL.
pub(crate) fn int_list(engine: Engine, numbers: impl IntoIterator<Item = i64>) -> String {
    let (open, close) = match engine {
        Engine::Sqlite => ('[', ']'),
        Engine::Postgres => ('{', '}'),
    };
    let mut list = String::from(open);
    for (i, number) in numbers.into_iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(list, "{comma}{number}").expect("writing to a string does not fail");
    }
    list.push(close);
    list
}

/// Texts as one text parameter; read back by `json_each($n)` on SQLite and by `CAST(CAST($n AS TEXT) AS TEXT[])` on
/// PostgreSQL. Texts with a NUL are left out: no row has them.
pub(crate) fn text_list<'a>(engine: Engine, texts: impl IntoIterator<Item = &'a str>) -> String {
    let (open, close) = match engine {
        Engine::Sqlite => ('[', ']'),
        Engine::Postgres => ('{', '}'),
    };
    let mut list = String::from(open);
    for (i, text) in texts.into_iter().filter(|t| !t.contains('\0')).enumerate() {
        if i > 0 {
            list.push(',');
        }
        match engine {
            Engine::Sqlite => list.push_str(&serde_json::Value::from(text).to_string()),
            Engine::Postgres => {
                list.push('"');
                list.extend(text.chars().flat_map(|c| {
                    let escape = matches!(c, '"' | '\\').then_some('\\');
                    escape.into_iter().chain(std::iter::once(c))
                }));
                list.push('"');
            }
        }
    }
    list.push(close);
    list
}

/// A statement over rows of parameters, in sizes of 1, 2, 4 … rows. Any number of rows is a few of these, and each is
/// prepared once per connection.
pub(crate) struct Ladder {
    sqlite: [String; ROWS_MAX_LOG2 + 1],
    postgres: [String; ROWS_MAX_LOG2 + 1],
}

impl Ladder {
    /// The statement `prefix (…), (…) suffix` with `columns` parameters a row.
    pub(crate) fn new(prefix: &str, columns: usize, suffix: &str) -> Self {
        let text = |rows: usize, marker: &dyn Fn(usize) -> String| {
            let row = |r: usize| {
                let marks: Vec<String> = (1..=columns).map(|c| marker(r * columns + c)).collect();
                format!("({})", marks.join(","))
            };
            let rows: Vec<String> = (0..rows).map(row).collect();
            format!("{prefix} {} {suffix}", rows.join(","))
        };
        Self {
            // SQLite looks a named parameter up in a list, each time: only unnamed ones stay fast in thousands.
            sqlite: std::array::from_fn(|i| text(1 << i, &|_| "?".to_owned())),
            postgres: std::array::from_fn(|i| text(1 << i, &|n| format!("${n}"))),
        }
    }

    /// Cuts `items` into slices, each with the statement of its size.
    pub(crate) fn chunks<'a, T>(
        &'static self,
        engine: Engine,
        items: &'a [T],
    ) -> impl Iterator<Item = (&'a [T], &'static str)> + use<'a, T> {
        let (texts, longest) = match engine {
            Engine::Sqlite => (self.sqlite.as_slice(), ROWS_MAX_LOG2),
            Engine::Postgres => (self.postgres.as_slice(), ROWS_MAX_LOG2_POSTGRES),
        };
        let mut rest = items;
        std::iter::from_fn(move || {
            let step = usize::try_from(rest.len().checked_ilog2()?).unwrap_or(0).min(longest);
            let (chunk, after) = rest.split_at(1 << step);
            rest = after;
            Some((chunk, texts[step].as_str()))
        })
    }
}

impl Ladder {
    /// As [`Ladder::chunks`], but in as few statements as can be: each is filled up with rows of nulls, which the
    /// statement must leave out. For what runs in every commit: each statement costs SQLite two switches of threads.
    pub(crate) fn padded<'a, T>(
        &'static self,
        engine: Engine,
        items: &'a [T],
    ) -> impl Iterator<Item = Padded<'a, T>> + use<'a, T> {
        let texts = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        items.chunks(1 << ROWS_MAX_LOG2).map(move |rows| {
            let size = rows.len().next_power_of_two();
            let sql = texts[usize::try_from(size.ilog2()).unwrap_or(0)].as_str();
            Padded { rows, nulls: size - rows.len(), sql }
        })
    }
}

/// Rows for one statement of a [`Ladder`].
pub(crate) struct Padded<'a, T> {
    /// The rows.
    pub(crate) rows: &'a [T],
    /// Rows of nulls that must follow.
    pub(crate) nulls: usize,
    /// The statement.
    pub(crate) sql: &'static str,
}

/// Declares a [`Ladder`] that is made at its first use.
pub(crate) type LazyLadder = LazyLock<Ladder>;

/// A sensor's key and the five counts of an account.
pub(crate) const ACCOUNT_COLUMNS: usize = 6;

/// Adds to the accounts of those sensors that are registered.
pub(crate) static ACCOUNTS_ADD: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "UPDATE sensor SET offered = offered + v.column2, stored = stored + v.column3, \
         duplicate = duplicate + v.column4, late = late + v.column5, rejected = rejected + v.column6 FROM (VALUES",
        ACCOUNT_COLUMNS,
        ") AS v WHERE sensor.key = v.column1 AND sensor.removed_at IS NULL",
    )
});

static READINGS_INSERT_SQLITE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO reading (sensor_key, at, value) SELECT column1, column2, column3 FROM (VALUES",
        3,
        ") WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING",
    )
});

/// The statement of a bare table that the store's own is measured against.
#[cfg(feature = "testing")]
pub(crate) static RAW_INSERT_SQLITE: LazyLadder =
    LazyLock::new(|| Ladder::new("INSERT INTO raw (sensor_key, at, value) VALUES", 3, ""));

/// Inserts readings, each with its sensor's key, and gives how many were new. `json_each` would read the numbers back
/// from text and not always give the same bits.
pub(crate) async fn readings_insert_sqlite(
    conn: &mut SqliteConnection,
    readings: &[(i64, Reading)],
) -> Result<u64, sqlx::Error> {
    let mut inserted = 0;
    for Padded { rows, nulls, sql } in READINGS_INSERT_SQLITE.padded(Engine::Sqlite, readings) {
        let mut query = sqlx::query::<sqlx::Sqlite>(sql);
        for (key, reading) in rows {
            query = query.bind(key).bind(reading.at.us()).bind(reading.value);
        }
        for _ in 0..nulls {
            query = query.bind(None::<i64>).bind(None::<i64>).bind(None::<f64>);
        }
        inserted += query.execute(&mut *conn).await?.rows_affected();
    }
    Ok(inserted)
}

/// As [`readings_insert_sqlite`], with three arrays.
pub(crate) async fn readings_insert_postgres(
    conn: &mut PgConnection,
    readings: &[(i64, Reading)],
) -> Result<u64, sqlx::Error> {
    let sql = "INSERT INTO reading (sensor_key, at, value) \
               SELECT * FROM UNNEST(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS DOUBLE PRECISION[])) \
               ON CONFLICT DO NOTHING";
    let mut inserted = 0;
    for chunk in readings.chunks(READINGS_PER_STATEMENT_POSTGRES) {
        let keys: Vec<i64> = chunk.iter().map(|(key, _)| *key).collect();
        let times: Vec<i64> = chunk.iter().map(|(_, r)| r.at.us()).collect();
        let values: Vec<f64> = chunk.iter().map(|(_, r)| r.value).collect();
        let done = sqlx::query(sql).bind(keys).bind(times).bind(values).execute(&mut *conn).await?;
        inserted += done.rows_affected();
    }
    Ok(inserted)
}

/// Whether so many accounts and readings go into one statement.
pub(crate) fn fits_one_statement(engine: Engine, sums: usize, readings: usize) -> bool {
    let most = match engine {
        Engine::Sqlite => 1 << ROWS_MAX_LOG2,
        // An account takes about twice the room of a reading.
        Engine::Postgres => READINGS_PER_STATEMENT_POSTGRES / 3,
    };
    (1..=most).contains(&sums) && (1..=most).contains(&readings)
}

/// The text that counts `1 << sums` accounts and inserts `1 << readings` readings: SQLite runs both at one call of its
/// thread.
fn count_and_insert_sqlite(sums: u32, readings: u32) -> &'static str {
    const SIZES: usize = ROWS_MAX_LOG2 + 1;
    static TEXTS: [[OnceLock<String>; SIZES]; SIZES] = [const { [const { OnceLock::new() }; SIZES] }; SIZES];
    let (sums, readings) = (sums as usize, readings as usize);
    TEXTS[sums][readings]
        .get_or_init(|| format!("{}; {}", ACCOUNTS_ADD.sqlite[sums], READINGS_INSERT_SQLITE.sqlite[readings]))
}

/// Counts and inserts, and gives how many rows of either kind were touched: fewer than were given when a sensor is not
/// registered or a reading is stored already.
pub(crate) async fn readings_count_and_insert_sqlite(
    conn: &mut SqliteConnection,
    sums: &[[i64; ACCOUNT_COLUMNS]],
    readings: &[(i64, Reading)],
) -> Result<u64, sqlx::Error> {
    let (for_sums, for_readings) = (sums.len().next_power_of_two(), readings.len().next_power_of_two());
    let sql = count_and_insert_sqlite(for_sums.ilog2(), for_readings.ilog2());
    let mut query = sqlx::query::<sqlx::Sqlite>(sql);
    for number in sums.iter().flatten() {
        query = query.bind(number);
    }
    for _ in 0..(for_sums - sums.len()) * ACCOUNT_COLUMNS {
        query = query.bind(None::<i64>);
    }
    for (key, reading) in readings {
        query = query.bind(key).bind(reading.at.us()).bind(reading.value);
    }
    for _ in readings.len()..for_readings {
        query = query.bind(None::<i64>).bind(None::<i64>).bind(None::<f64>);
    }
    query.execute(conn).await.map(|done| done.rows_affected())
}

/// As [`readings_count_and_insert_sqlite`].
pub(crate) async fn readings_count_and_insert_postgres(
    conn: &mut PgConnection,
    sums: &[[i64; ACCOUNT_COLUMNS]],
    readings: &[(i64, Reading)],
) -> Result<u64, sqlx::Error> {
    let sql = "WITH counted AS (UPDATE sensor SET offered = sensor.offered + v.offered, \
               stored = sensor.stored + v.stored, duplicate = sensor.duplicate + v.duplicate, \
               late = sensor.late + v.late, rejected = sensor.rejected + v.rejected \
               FROM UNNEST(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS BIGINT[]), CAST($4 AS BIGINT[]), \
               CAST($5 AS BIGINT[]), CAST($6 AS BIGINT[])) AS v (key, offered, stored, duplicate, late, rejected) \
               WHERE sensor.key = v.key AND sensor.removed_at IS NULL RETURNING 1), \
               added AS (INSERT INTO reading (sensor_key, at, value) SELECT * FROM \
               UNNEST(CAST($7 AS BIGINT[]), CAST($8 AS BIGINT[]), CAST($9 AS DOUBLE PRECISION[])) \
               ON CONFLICT DO NOTHING RETURNING 1) \
               SELECT (SELECT count(*) FROM counted) + (SELECT count(*) FROM added)";
    let mut query = sqlx::query_scalar::<_, i64>(sql);
    for column in 0..ACCOUNT_COLUMNS {
        query = query.bind(sums.iter().map(|sum| sum[column]).collect::<Vec<i64>>());
    }
    let touched = query
        .bind(readings.iter().map(|(key, _)| *key).collect::<Vec<i64>>())
        .bind(readings.iter().map(|(_, r)| r.at.us()).collect::<Vec<i64>>())
        .bind(readings.iter().map(|(_, r)| r.value).collect::<Vec<f64>>())
        .fetch_one(conn)
        .await?;
    Ok(u64::try_from(touched).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    static TWO_COLUMNS: LazyLadder = LazyLock::new(|| Ladder::new("INSERT INTO t VALUES", 2, "RETURNING a"));

    #[test]
    fn any_number_of_rows_is_cut_without_loss() {
        for n in [0usize, 1, 2, 3, 63, 64, 511, 512, 513, 1_000, 1_537] {
            let items: Vec<usize> = (0..n).collect();
            let mut seen = Vec::new();
            for (chunk, sql) in TWO_COLUMNS.chunks(Engine::Sqlite, &items) {
                assert_eq!(sql.matches('?').count(), 2 * chunk.len());
                seen.extend_from_slice(chunk);
            }
            assert_eq!(seen, items);
        }
    }

    #[test]
    fn any_number_of_rows_is_padded_without_loss() {
        for n in [0usize, 1, 2, 3, 63, 64, 511, 512, 513, 1_000, 1_537] {
            let items: Vec<usize> = (0..n).collect();
            let mut seen = Vec::new();
            for chunk in TWO_COLUMNS.padded(Engine::Sqlite, &items) {
                assert_eq!(chunk.sql.matches('?').count(), 2 * (chunk.rows.len() + chunk.nulls));
                seen.extend_from_slice(chunk.rows);
            }
            assert_eq!((seen, TWO_COLUMNS.padded(Engine::Sqlite, &items).count()), (items, n.div_ceil(512)));
        }
    }

    #[test]
    fn parameters_are_numbered_across_rows() {
        let (_, sql) = TWO_COLUMNS.chunks(Engine::Postgres, &[0, 1]).next().expect("one chunk");
        assert_eq!(sql, "INSERT INTO t VALUES ($1,$2),($3,$4) RETURNING a");
    }

    #[test]
    fn lists_of_numbers_have_each_engine_s_form() {
        assert_eq!(int_list(Engine::Sqlite, [1, -2]), "[1,-2]");
        assert_eq!(int_list(Engine::Postgres, [i64::MIN, 0]), "{-9223372036854775808,0}");
        assert_eq!(int_list(Engine::Postgres, []), "{}");
    }

    #[test]
    fn lists_of_texts_say_what_they_hold() {
        let texts = ["a,b", "q\"", "n\0", "b\\", "{}", "NULL", ""];
        assert_eq!(text_list(Engine::Sqlite, texts), r#"["a,b","q\"","b\\","{}","NULL",""]"#);
        assert_eq!(text_list(Engine::Postgres, texts), r#"{"a,b","q\"","b\\","{}","NULL",""}"#);
        assert_eq!(text_list(Engine::Postgres, []), "{}");
    }
}
