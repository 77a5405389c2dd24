//! Lists with optional filters: a statement of those conditions that are asked for, so that each combination can use its
//! index. The texts are parts of this program; what callers give is bound.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow};

use crate::{Db, Engine, StoreError, Tx, dialect, tx::TxConn};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows to leave out.
    pub skip: u64,
    /// Rows to give at most.
    pub limit: u32,
}

impl Slice {
    /// The first `limit` rows.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { skip: 0, limit }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows of the part.
    pub items: Vec<T>,
    /// Rows of the whole list.
    pub total: u64,
}

/// A value of a condition.
#[derive(Debug, Clone)]
pub(crate) enum Bind {
    Int(i64),
    Text(String),
    Bool(bool),
}

impl From<i64> for Bind {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Bind {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bind {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Bind {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// Conditions that all must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    conditions: String,
    binds: Vec<Bind>,
}

impl Filter {
    /// A parameter of the statement before its conditions, which numbers it itself.
    pub(crate) fn given(mut self, value: impl Into<Bind>) -> Self {
        self.binds.push(value.into());
        self
    }

    /// A condition in which `?` stands for `value`, if there is one.
    pub(crate) fn maybe(mut self, condition: &'static str, value: Option<impl Into<Bind>>) -> Self {
        if let Some(value) = value.map(Into::into) {
            if matches!(&value, Bind::Text(text) if text.contains('\0')) {
                // No engine keeps such a text, and PostgreSQL would not even look for it.
                return self.fixed("1 = 0");
            }
            self.binds.push(value);
            let marker = format!("${}", self.binds.len());
            self.add(&condition.replace('?', &marker));
        }
        self
    }

    /// A condition in which `?` stands for `value`.
    pub(crate) fn and(self, condition: &'static str, value: impl Into<Bind>) -> Self {
        self.maybe(condition, Some(value))
    }

    /// A condition that needs no value.
    pub(crate) fn fixed(mut self, condition: &'static str) -> Self {
        self.add(condition);
        self
    }

    /// A condition in which `?` stands for whole numbers: `x IN (?)`.
    pub(crate) fn among(
        mut self,
        engine: Engine,
        column: &'static str,
        numbers: impl IntoIterator<Item = i64>,
    ) -> Self {
        self.binds.push(Bind::Text(dialect::int_list(engine, numbers)));
        let n = self.binds.len();
        self.add(&match engine {
            Engine::Sqlite => format!("{column} IN (SELECT value FROM json_each(${n}))"),
            Engine::Postgres => format!("{column} = ANY(CAST(CAST(${n} AS TEXT) AS BIGINT[]))"),
        });
        self
    }

    /// A condition in which `?` stands for texts: `x IN (?)`.
    pub(crate) fn among_texts<'a>(
        mut self,
        engine: Engine,
        column: &'static str,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.binds.push(Bind::Text(dialect::text_list(engine, texts)));
        let n = self.binds.len();
        self.add(&match engine {
            Engine::Sqlite => format!("{column} IN (SELECT value FROM json_each(${n}))"),
            Engine::Postgres => format!("{column} = ANY(CAST(CAST(${n} AS TEXT) AS TEXT[]))"),
        });
        self
    }

    fn add(&mut self, condition: &str) {
        self.conditions.push_str(if self.conditions.is_empty() { " WHERE " } else { " AND " });
        self.conditions.push_str(condition);
    }

    /// `select`, the conditions, `rest`.
    pub(crate) fn sql(&self, select: &str, rest: &str) -> String {
        format!("{select}{} {rest}", self.conditions)
    }

    /// As [`Self::sql`], cut to `slice`.
    fn page_sql(&self, select: &str, order: &str) -> String {
        let n = self.binds.len();
        format!("{select}{} ORDER BY {order} LIMIT ${} OFFSET ${}", self.conditions, n + 1, n + 2)
    }

    fn slice_binds(&self, slice: Slice) -> Vec<Bind> {
        let mut binds = self.binds.clone();
        binds.push(Bind::Int(i64::from(slice.limit)));
        binds.push(Bind::Int(i64::try_from(slice.skip).unwrap_or(i64::MAX)));
        binds
    }
}

/// A row that both drivers can read.
pub(crate) trait AnyRow:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> AnyRow for T {}

macro_rules! bind_all {
    ($engine:ty, $sql:expr, $binds:expr) => {{
        #[cfg(feature = "testing")]
        crate::testing::record(&$sql);
        let mut query = sqlx::query_as::<$engine, T>(AssertSqlSafe($sql));
        for bind in $binds {
            query = match bind {
                Bind::Int(n) => query.bind(*n),
                Bind::Text(text) => query.bind(text.as_str()),
                Bind::Bool(flag) => query.bind(*flag),
            };
        }
        query
    }};
}

/// All rows of a statement that was put together.
pub(crate) async fn read_rows<T: AnyRow>(
    db: &Db,
    what: &'static str,
    sql: String,
    binds: &[Bind],
) -> Result<Vec<T>, StoreError> {
    match db {
        Db::Sqlite(d) => bind_all!(sqlx::Sqlite, sql, binds).fetch_all(&d.readers).await,
        Db::Postgres(d) => match d.readers.acquire().await {
            Ok(mut conn) => bind_all!(sqlx::Postgres, sql, binds).fetch_all(&mut *conn).await,
            Err(away) => Err(away),
        },
    }
    .map_err(|e| StoreError::query(what, e))
}

/// All rows that `filter` leaves of `select`, in a transaction.
pub(crate) async fn tx_rows<T: AnyRow>(
    tx: &mut Tx,
    what: &'static str,
    select: &str,
    filter: &Filter,
    rest: &str,
) -> Result<Vec<T>, StoreError> {
    read_tx_rows(tx, what, filter.sql(select, rest), &filter.binds).await
}

/// All rows of a statement that was put together, in a transaction.
async fn read_tx_rows<T: AnyRow>(
    tx: &mut Tx,
    what: &'static str,
    sql: String,
    binds: &[Bind],
) -> Result<Vec<T>, StoreError> {
    tx.enter(what)?;
    let done = match &mut tx.conn {
        TxConn::Sqlite(t) => bind_all!(sqlx::Sqlite, sql, binds).fetch_all(&mut **t).await,
        TxConn::Postgres(t) => bind_all!(sqlx::Postgres, sql, binds).fetch_all(&mut **t).await,
    };
    tx.leave(what, done)
}

/// All rows that `filter` leaves of `select`.
pub(crate) async fn rows<T: AnyRow>(
    db: &Db,
    what: &'static str,
    select: &str,
    filter: &Filter,
    rest: &str,
) -> Result<Vec<T>, StoreError> {
    read_rows(db, what, filter.sql(select, rest), &filter.binds).await
}

/// The rows of `slice` that `filter` leaves of `select`.
pub(crate) async fn slice_rows<T: AnyRow>(
    db: &Db,
    what: &'static str,
    select: &str,
    filter: &Filter,
    order: &str,
    slice: Slice,
) -> Result<Vec<T>, StoreError> {
    read_rows(db, what, filter.page_sql(select, order), &filter.slice_binds(slice)).await
}

/// How many rows `filter` leaves of the table or join `from`.
pub(crate) async fn count(
    db: &Db,
    what: &'static str,
    from: &str,
    filter: &Filter,
) -> Result<u64, StoreError> {
    let found: Vec<(i64,)> = rows(db, what, &format!("SELECT count(*) FROM {from}"), filter, "").await?;
    Ok(found.first().and_then(|(n,)| u64::try_from(*n).ok()).unwrap_or(0))
}

/// The rows of `slice`, made into what they stand for, and how many there are in all. `count_from` is the table that
/// the conditions are about; joins that only add columns are left out of it.
pub(crate) async fn page<R: AnyRow, T: TryFrom<R, Error = StoreError>>(
    db: &Db,
    what: &'static str,
    (select, count_from): (&str, &str),
    filter: &Filter,
    order: &str,
    slice: Slice,
) -> Result<Page<T>, StoreError> {
    let found: Vec<R> = slice_rows(db, what, select, filter, order, slice).await?;
    let total = match known_total(found.len(), slice) {
        Some(total) => total,
        None => count(db, what, count_from, filter).await?,
    };
    Ok(Page { items: found.into_iter().map(T::try_from).collect::<Result<_, _>>()?, total })
}

/// A list whose rows carry columns of other tables. The page is cut before they are joined, so that rows that are passed
/// over cost nothing.
pub(crate) struct Joined<'a> {
    /// The statement, in which `{page}` stands for the rows of the page.
    pub(crate) select: &'a str,
    /// Where the rows of a page come from, as [`Self::row`].
    pub(crate) from: &'a str,
    /// The name that the conditions and the order know a row by.
    pub(crate) row: &'a str,
    /// The order within the page's own tables.
    pub(crate) inner_order: &'a str,
    /// The same order of the result.
    pub(crate) order: &'a str,
}

impl Joined<'_> {
    /// The rows of `slice`.
    pub(crate) async fn rows<R: AnyRow>(
        &self,
        db: &Db,
        what: &'static str,
        filter: &Filter,
        slice: Slice,
    ) -> Result<Vec<R>, StoreError> {
        let page = filter.page_sql(&self.inner(), self.inner_order);
        let sql = format!("{} ORDER BY {}", self.select.replace("{page}", &page), self.order);
        read_rows(db, what, sql, &filter.slice_binds(slice)).await
    }

    /// All rows that `filter` leaves, in a transaction and in no order.
    pub(crate) async fn tx_rows<R: AnyRow>(
        &self,
        tx: &mut Tx,
        what: &'static str,
        filter: &Filter,
    ) -> Result<Vec<R>, StoreError> {
        let sql = self.select.replace("{page}", &filter.sql(&self.inner(), ""));
        read_tx_rows(tx, what, sql, &filter.binds).await
    }

    fn inner(&self) -> String {
        format!("SELECT {}.* FROM {}", self.row, self.from)
    }

    /// The rows of `slice`, made into what they stand for, and how many there are in all.
    pub(crate) async fn page<R: AnyRow, T: TryFrom<R, Error = StoreError>>(
        &self,
        db: &Db,
        what: &'static str,
        filter: &Filter,
        slice: Slice,
    ) -> Result<Page<T>, StoreError> {
        let found: Vec<R> = self.rows(db, what, filter, slice).await?;
        let total = match known_total(found.len(), slice) {
            Some(total) => total,
            None => count(db, what, self.from, filter).await?,
        };
        Ok(Page { items: found.into_iter().map(T::try_from).collect::<Result<_, _>>()?, total })
    }
}

/// What a part of a list says about its whole: one that is neither full nor empty is the list's end.
pub(crate) fn known_total(found: usize, slice: Slice) -> Option<u64> {
    let here = u64::try_from(found).unwrap_or(u64::MAX);
    (here > 0 && here < u64::from(slice.limit)).then(|| slice.skip.saturating_add(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_a_condition() {
        let none = Filter::default().maybe("a = ?", None::<i64>);
        assert_eq!(none.sql("SELECT 1 FROM t", "LIMIT 1"), "SELECT 1 FROM t LIMIT 1");
        let some = none.and("a = ?", 1).fixed("b IS NULL").maybe("c = ? OR d = ?", Some("x"));
        assert_eq!(
            some.page_sql("SELECT 1 FROM t", "a"),
            "SELECT 1 FROM t WHERE a = $1 AND b IS NULL AND c = $2 OR d = $2 ORDER BY a LIMIT $3 OFFSET $4"
        );
    }
}
