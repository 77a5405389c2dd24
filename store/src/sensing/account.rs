//! The account of readings, as it is stored with each sensor.

use nightshift_domain::sensing::{Account, SensorKey};

use crate::{Db, StoreError};

#[derive(sqlx::FromRow)]
struct AccountRow {
    key: i64,
    offered: i64,
    stored: i64,
    duplicate: i64,
    late: i64,
    rejected: i64,
    expired_count: i64,
}

impl AccountRow {
    fn account(&self) -> Account {
        Account {
            offered: self.offered,
            stored: self.stored,
            duplicate: self.duplicate,
            late: self.late,
            rejected: self.rejected,
        }
    }
}

/// A sensor's account and how many of its stored readings retention took away; removed sensors have theirs too.
///
/// # Errors
/// [`StoreError::Missing`] when there was never such a sensor, [`StoreError::Query`].
pub async fn account_find(db: &Db, key: SensorKey) -> Result<(Account, i64), StoreError> {
    let sql =
        "SELECT key, offered, stored, duplicate, late, rejected, expired_count FROM sensor WHERE key = $1";
    let row = read_one!(db, "account_find", AccountRow, sql, key.0)?;
    let what = || format!("sensor with key {}", key.0);
    row.map(|r| (r.account(), r.expired_count)).ok_or_else(|| StoreError::Missing { what: what() })
}

/// A sensor's account, how many rows the store holds of it, and how many retention took away: what
/// [`Account::check`] compares. All from one statement, so that writes in between cannot make it seem out of balance.
///
/// # Errors
/// [`StoreError::Missing`] when there was never such a sensor, [`StoreError::Query`].
pub async fn account_audit(db: &Db, key: SensorKey) -> Result<(Account, i64, i64), StoreError> {
    let sql = "SELECT s.offered, s.stored, s.duplicate, s.late, s.rejected, s.expired_count, \
               (SELECT count(*) FROM reading r WHERE r.sensor_key = s.key) FROM sensor s WHERE s.key = $1";
    let row = read_one!(db, "account_audit", (i64, i64, i64, i64, i64, i64, i64), sql, key.0)?;
    let (offered, stored, duplicate, late, rejected, expired, kept) =
        row.ok_or_else(|| StoreError::Missing { what: format!("sensor with key {}", key.0) })?;
    Ok((Account { offered, stored, duplicate, late, rejected }, kept, expired))
}

/// The accounts of all registered sensors, in the order of their keys.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn account_all(db: &Db) -> Result<Vec<(SensorKey, Account, i64)>, StoreError> {
    let sql = "SELECT key, offered, stored, duplicate, late, rejected, expired_count FROM sensor \
               WHERE removed_at IS NULL ORDER BY key";
    let rows = read_all!(db, "account_all", AccountRow, sql)?;
    Ok(rows.into_iter().map(|r| (SensorKey(r.key), r.account(), r.expired_count)).collect())
}

/// The account of the plant, removed sensors included, and how many stored readings retention took away.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn account_total(db: &Db) -> Result<(Account, i64), StoreError> {
    let sql = "SELECT CAST(0 AS BIGINT) AS key, CAST(coalesce(sum(offered), 0) AS BIGINT) AS offered, \
               CAST(coalesce(sum(stored), 0) AS BIGINT) AS stored, \
               CAST(coalesce(sum(duplicate), 0) AS BIGINT) AS duplicate, \
               CAST(coalesce(sum(late), 0) AS BIGINT) AS late, \
               CAST(coalesce(sum(rejected), 0) AS BIGINT) AS rejected, \
               CAST(coalesce(sum(expired_count), 0) AS BIGINT) AS expired_count FROM sensor";
    let row = read_one!(db, "account_total", AccountRow, sql)?;
    Ok(row.map_or((Account::default(), 0), |r| (r.account(), r.expired_count)))
}
