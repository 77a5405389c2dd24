//! The plant's own briefing of each day, in both languages.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Carry, Evidence};
use nightshift_domain::production::PlantDate;
use sqlx::types::Json;

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "briefing_daily";

const SELECT: &str = "SELECT id, day, from_at, until_at, composed_at, text_ko, text_en, calm, \
     CAST(evidence AS TEXT) AS evidence, covered_seq FROM briefing_daily";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    day: String,
    from_at: i64,
    until_at: i64,
    composed_at: i64,
    text_ko: String,
    text_en: String,
    calm: bool,
    evidence: String,
    covered_seq: i64,
}

/// A day's briefing about to be stored.
#[derive(Debug, Clone)]
pub struct NewDaily {
    /// The date on which it was due.
    pub day: PlantDate,
    /// From when on it tells.
    pub from: Timestamp,
    /// Until when it tells.
    pub until: Timestamp,
    /// When it was made.
    pub composed_at: Timestamp,
    /// In Korean.
    pub text_ko: String,
    /// In English.
    pub text_en: String,
    /// Whether all was well.
    pub calm: bool,
    /// What its numbers rest on.
    pub evidence: Vec<Evidence>,
    /// The last event that it tells of.
    pub covered_seq: i64,
    /// What goes on to the next one.
    pub carry: Carry,
}

/// A stored day's briefing.
#[derive(Debug, Clone, PartialEq)]
pub struct Daily {
    /// Its number.
    pub id: i64,
    /// The date on which it was due.
    pub day: PlantDate,
    /// From when on it tells.
    pub from: Timestamp,
    /// Until when it tells.
    pub until: Timestamp,
    /// When it was made.
    pub composed_at: Timestamp,
    /// In Korean.
    pub text_ko: String,
    /// In English.
    pub text_en: String,
    /// Whether all was well.
    pub calm: bool,
    /// What its numbers rest on.
    pub evidence: Vec<Evidence>,
    /// The last event that it tells of.
    pub covered_seq: i64,
}

impl TryFrom<Row> for Daily {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            day: row.day.parse().map_err(|e| StoreError::row(TABLE, "day", row.id, e))?,
            from: Timestamp::from_us(row.from_at),
            until: Timestamp::from_us(row.until_at),
            composed_at: Timestamp::from_us(row.composed_at),
            evidence: text::from_json(TABLE, "evidence", row.id, &row.evidence)?,
            text_ko: row.text_ko,
            text_en: row.text_en,
            calm: row.calm,
            covered_seq: row.covered_seq,
        })
    }
}

/// Stores a day's briefing; nothing when there is one of that day.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn daily_insert(tx: &mut Tx, new: &NewDaily) -> Result<Option<i64>, StoreError> {
    for part in [&new.text_ko, &new.text_en] {
        text::check("briefing_daily.text", part)?;
    }
    let evidence = text::to_json("briefing_daily.evidence", &new.evidence)?;
    let carry = text::to_json("briefing_daily.carry", &new.carry)?;
    let sql = "INSERT INTO briefing_daily (day, from_at, until_at, composed_at, text_ko, text_en, calm, evidence, \
               covered_seq, carry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (day) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "daily_insert",
        (i64,),
        sql,
        new.day.to_string(),
        new.from.us(),
        new.until.us(),
        new.composed_at.us(),
        new.text_ko.as_str(),
        new.text_en.as_str(),
        new.calm,
        Json(&evidence),
        new.covered_seq,
        Json(&carry)
    )?;
    Ok(rows.first().map(|(id,)| *id))
}

/// The days' briefings, the newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn daily_list(db: &Db, day: Option<PlantDate>, slice: Slice) -> Result<Page<Daily>, StoreError> {
    let filter = Filter::default().maybe("day = ?", day.map(|day| day.to_string()));
    listing::page::<Row, _>(db, "daily_list", (SELECT, TABLE), &filter, "until_at DESC", slice).await
}

/// A day's briefing by its number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn daily_find(db: &Db, id: i64) -> Result<Option<Daily>, StoreError> {
    let filter = Filter::default().and("id = ?", id);
    let rows = listing::rows::<Row>(db, "daily_find", SELECT, &filter, "").await?;
    rows.into_iter().next().map(Daily::try_from).transpose()
}

/// The newest one: until when and which event it tells, and what goes on to the next.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn daily_last(db: &Db) -> Result<Option<(Timestamp, i64, Carry)>, StoreError> {
    let sql = "SELECT id, until_at, covered_seq, CAST(carry AS TEXT) FROM briefing_daily ORDER BY until_at DESC LIMIT 1";
    let row = read_one!(db, "daily_last", (i64, i64, i64, String), sql)?;
    row.map(|(id, until, seq, carry)| {
        Ok((Timestamp::from_us(until), seq, text::from_json(TABLE, "carry", id, &carry)?))
    })
    .transpose()
}

/// Takes away up to `limit` of those made before `before`, with their deliveries. Gives how many went.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn dailies_expire(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM briefing_daily WHERE id IN (SELECT id FROM briefing_daily WHERE until_at < $1 \
               ORDER BY until_at LIMIT $2)";
    write_exec!(tx, "dailies_expire", sql, before.us(), i64::from(limit))
}
