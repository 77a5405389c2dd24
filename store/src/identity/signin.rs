//! What is counted of failed sign-ins, and which networks an account knows.
//!
//! `account` is a name in lower case, whether a user has it or not.

use std::net::IpAddr;

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{
    Bucket, KNOWN_ADDRESSES_MAX, LockRules, Locked, Place, Username, network_of,
};

use crate::{Db, StoreError, Tx};

#[derive(sqlx::FromRow)]
struct BucketRow {
    failures: i64,
    last_failure_at: i64,
    locked_until: Option<i64>,
}

impl From<BucketRow> for Bucket {
    fn from(row: BucketRow) -> Self {
        Self {
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            last_failure_at: Timestamp::from_us(row.last_failure_at),
            locked_until: row.locked_until.map(Timestamp::from_us),
        }
    }
}

const KNOWN: &str = "SELECT last_success_at FROM known_address WHERE account = $1 AND network = $2";
const BUCKET: &str =
    "SELECT failures, last_failure_at, locked_until FROM signin_failure WHERE account = $1 AND place = $2";

/// From which place a sign-in to `account` from `address` comes, and what is counted there: to refuse one that is
/// locked before its password costs anything. [`signin_passed`] looks again.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn signin_place(
    db: &Db,
    account: &Username,
    address: IpAddr,
    rules: &LockRules,
    now: Timestamp,
) -> Result<(Place, Bucket), StoreError> {
    let key = account.key();
    let known = read_one!(db, "signin_place", (i64,), KNOWN, key.as_str(), network_of(address))?;
    let place = Place::of(address, known.map(|(at,)| Timestamp::from_us(at)), rules, now);
    let row = read_one!(db, "signin_place", BucketRow, BUCKET, key.as_str(), place.as_str())?;
    Ok((place, row.map(Bucket::from).unwrap_or_default()))
}

async fn bucket_in(
    tx: &mut Tx,
    account: &str,
    address: IpAddr,
    rules: &LockRules,
    now: Timestamp,
) -> Result<(Place, Bucket), StoreError> {
    let known = write_all!(tx, "signin", (i64,), KNOWN, account, network_of(address))?;
    let place = Place::of(address, known.first().map(|(at,)| Timestamp::from_us(*at)), rules, now);
    let row = write_all!(tx, "signin", BucketRow, BUCKET, account, place.as_str())?.into_iter().next();
    Ok((place, row.map(Bucket::from).unwrap_or_default()))
}

/// Counts a failed sign-in. Gives what is counted now.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn signin_failed(
    tx: &mut Tx,
    account: &Username,
    address: IpAddr,
    rules: &LockRules,
    now: Timestamp,
) -> Result<Bucket, StoreError> {
    let key = account.key();
    let (place, bucket) = bucket_in(tx, &key, address, rules, now).await?;
    let bucket = bucket.failed(now, rules);
    let sql = "INSERT INTO signin_failure (account, place, failures, last_failure_at, locked_until) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, place) DO UPDATE SET \
               failures = excluded.failures, last_failure_at = excluded.last_failure_at, \
               locked_until = excluded.locked_until";
    write_exec!(
        tx,
        "signin_failed",
        sql,
        key,
        place.as_str(),
        i64::from(bucket.failures),
        bucket.last_failure_at.us(),
        bucket.locked_until.map(Timestamp::us),
    )?;
    Ok(bucket)
}

/// Ends the count at the place of a sign-in whose password was right, and makes its network known. It belongs into the
/// transaction that makes the session: whoever was locked while the password was being looked at does not get in.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`]. A lock is no error.
pub async fn signin_passed(
    tx: &mut Tx,
    account: &Username,
    address: IpAddr,
    rules: &LockRules,
    now: Timestamp,
) -> Result<Result<(), Locked>, StoreError> {
    let key = account.key();
    let (place, bucket) = bucket_in(tx, &key, address, rules, now).await?;
    if let Err(locked) = bucket.check(now) {
        return Ok(Err(locked));
    }
    let sql = "DELETE FROM signin_failure WHERE account = $1 AND place = $2";
    write_exec!(tx, "signin_passed", sql, key.as_str(), place.as_str())?;
    let sql = "INSERT INTO known_address (account, network, last_success_at) VALUES ($1, $2, $3) \
               ON CONFLICT (account, network) DO UPDATE SET last_success_at = excluded.last_success_at";
    write_exec!(tx, "signin_passed", sql, key.as_str(), network_of(address), now.us())?;
    let sql = "DELETE FROM known_address WHERE account = $1 AND network NOT IN (SELECT network FROM known_address \
               WHERE account = $1 ORDER BY last_success_at DESC, network LIMIT $2)";
    write_exec!(tx, "signin_passed", sql, key.as_str(), i64::from(KNOWN_ADDRESSES_MAX))?;
    Ok(Ok(()))
}

/// Ends all locks and counts of an account. Gives whether there were any.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn signin_unlock(tx: &mut Tx, account: &Username) -> Result<bool, StoreError> {
    let gone =
        write_exec!(tx, "signin_unlock", "DELETE FROM signin_failure WHERE account = $1", account.key())?;
    Ok(gone > 0)
}
