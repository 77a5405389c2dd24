//! Machines' tokens.

use std::collections::BTreeSet;

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{
    IdentityError, MachineToken, NewMachineToken, Scope, SecretHash, TokenId, UserId,
};
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

#[derive(sqlx::FromRow)]
struct TokenRow {
    id: i64,
    name: String,
    hash: Vec<u8>,
    scopes: String,
    created_by: Option<i64>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    revoked_at: Option<i64>,
}

const COLUMNS_FOUND: &str = "SELECT id, name, hash, CAST(scopes AS TEXT) AS scopes, created_by, created_at, expires_at, \
     last_used_at, revoked_at FROM machine_token WHERE id = $1";
const COLUMNS_LISTED: &str = "SELECT id, name, hash, CAST(scopes AS TEXT) AS scopes, created_by, created_at, \
     expires_at, last_used_at, revoked_at FROM machine_token ORDER BY id LIMIT $1 OFFSET $2";

impl TryFrom<TokenRow> for (MachineToken, SecretHash) {
    type Error = StoreError;

    fn try_from(row: TokenRow) -> Result<Self, StoreError> {
        let id = row.id;
        let fault = |column| move |e: IdentityError| StoreError::row("machine_token", column, id, e);
        // A scope of a later version opens nothing here.
        let words: Vec<String> = text::from_json("machine_token", "scopes", id, &row.scopes)?;
        let scopes: BTreeSet<Scope> = words.iter().filter_map(|w| w.parse().ok()).collect();
        let hash = SecretHash::from_bytes(&row.hash)
            .ok_or_else(|| StoreError::row("machine_token", "hash", id, "has not 32 bytes"))?;
        let token = MachineToken {
            id: TokenId(id),
            name: row.name.parse().map_err(fault("name"))?,
            scopes,
            created_by: row.created_by.map(UserId),
            created_at: Timestamp::from_us(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_us),
            last_used_at: row.last_used_at.map(Timestamp::from_us),
            revoked_at: row.revoked_at.map(Timestamp::from_us),
        };
        Ok((token, hash))
    }
}

/// A page of tokens, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPage {
    /// The tokens.
    pub tokens: Vec<MachineToken>,
    /// How many there are in all.
    pub total: u64,
}

/// Makes a token; `hash` is that of its secret part.
///
/// # Errors
/// [`StoreError::Conflict`] when a token of that name is not revoked; the transaction is then usable as before.
pub async fn token_insert(
    tx: &mut Tx,
    new: &NewMachineToken,
    hash: &SecretHash,
    created_by: Option<UserId>,
    now: Timestamp,
) -> Result<MachineToken, StoreError> {
    let scopes = text::to_json("machine_token.scopes", &new.scopes)?;
    let sql = "INSERT INTO machine_token (name, hash, scopes, created_by, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "token_insert",
        (i64,),
        sql,
        new.name.as_str(),
        hash.as_bytes(),
        Json(&scopes),
        created_by.map(|id| id.0),
        now.us(),
        new.expires_at.map(Timestamp::us),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("machine token {}", new.name) });
    };
    Ok(MachineToken {
        id: TokenId(*id),
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        created_by,
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    })
}

/// The token with the number `id`, valid or not, with the hash of its secret part.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn token_find(db: &Db, id: TokenId) -> Result<Option<(MachineToken, SecretHash)>, StoreError> {
    read_one!(db, "token_find", TokenRow, COLUMNS_FOUND, id.0)?.map(TryFrom::try_from).transpose()
}

/// Up to `limit` tokens after the first `skip`, revoked ones included, in the order of their numbers.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn token_list(db: &Db, skip: u64, limit: u32) -> Result<TokenPage, StoreError> {
    let skip = i64::try_from(skip).unwrap_or(i64::MAX);
    let rows = read_all!(db, "token_list", TokenRow, COLUMNS_LISTED, i64::from(limit), skip)?;
    let total = read_one!(db, "token_list", (i64,), "SELECT count(*) FROM machine_token")?;
    let tokens = rows
        .into_iter()
        .map(|row| <(MachineToken, SecretHash)>::try_from(row).map(|(token, _)| token))
        .collect::<Result<_, _>>()?;
    Ok(TokenPage { tokens, total: total.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0) })
}

/// Revokes a token.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such token, or it is revoked already.
pub async fn token_revoke(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE machine_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    match write_exec!(tx, "token_revoke", sql, id.0, now.us())? {
        0 => Err(StoreError::Missing { what: format!("valid machine token {}", id.0) }),
        _ => Ok(()),
    }
}

/// Notes that a token was used; an earlier instant than the one known changes nothing.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn token_touch(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE machine_token SET last_used_at = $2 \
               WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
    write_exec!(tx, "token_touch", sql, id.0, now.us()).map(|_| ())
}
