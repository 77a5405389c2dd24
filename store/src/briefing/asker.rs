//! People who ask for briefings, and what they wish of the texts.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{AskerId, AskerName, Custom};
use sqlx::types::Json;

use crate::{Db, StoreError, Tx, text};

/// A person who asks for briefings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The number.
    pub id: AskerId,
    /// The name, as it was first written.
    pub name: AskerName,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
}

impl TryFrom<Row> for Asker {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let name = row.name.parse().map_err(|e| StoreError::row("briefing_asker", "name", row.id, e))?;
        Ok(Self { id: AskerId(row.id), name })
    }
}

/// The person of that name, who is written down if he was never seen; whether he was not.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn asker_enter(tx: &mut Tx, name: &AskerName, now: Timestamp) -> Result<(Asker, bool), StoreError> {
    let key = name.key();
    let sql = "INSERT INTO briefing_asker (name, name_key, created_at) VALUES ($1, $2, $3) \
               ON CONFLICT (name_key) DO NOTHING";
    let made = write_exec!(tx, "asker_enter", sql, name.as_str(), key.as_str(), now.us())? > 0;
    let sql = "SELECT id, name FROM briefing_asker WHERE name_key = $1";
    let row = write_all!(tx, "asker_enter", Row, sql, key.as_str())?.into_iter().next();
    let asker = row.map(Asker::try_from).transpose()?;
    asker.map(|asker| (asker, made)).ok_or_else(|| StoreError::Missing { what: format!("person {name}") })
}

/// The person of that name, if he was ever seen.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn asker_find(db: &Db, name: &AskerName) -> Result<Option<Asker>, StoreError> {
    let sql = "SELECT id, name FROM briefing_asker WHERE name_key = $1";
    let row = read_one!(db, "asker_find", Row, sql, name.key())?;
    row.map(Asker::try_from).transpose()
}

/// How many people were ever seen.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn asker_count(db: &Db) -> Result<u64, StoreError> {
    let row = read_one!(db, "asker_count", (i64,), "SELECT count(*) FROM briefing_asker")?;
    Ok(row.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0))
}

/// What a person wishes; the default of those who never wished for anything.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn custom_get(db: &Db, id: AskerId) -> Result<Custom, StoreError> {
    let sql = "SELECT CAST(custom AS TEXT) FROM briefing_asker WHERE id = $1";
    let row = read_one!(db, "custom_get", (Option<String>,), sql, id.0)?;
    match row.and_then(|(custom,)| custom) {
        Some(custom) => text::from_json("briefing_asker", "custom", id, &custom),
        None => Ok(Custom::default()),
    }
}

/// Sets what a person wishes.
///
/// # Errors
/// [`StoreError::Nul`]; [`StoreError::Missing`] when there is no such person.
pub async fn custom_set(tx: &mut Tx, id: AskerId, custom: &Custom) -> Result<(), StoreError> {
    let custom = text::to_json("briefing_asker.custom", custom)?;
    let sql = "UPDATE briefing_asker SET custom = $2 WHERE id = $1";
    match write_exec!(tx, "custom_set", sql, id.0, Json(&custom))? {
        0 => Err(StoreError::Missing { what: format!("person {id}") }),
        _ => Ok(()),
    }
}
