//! What was told. Texts of many requests are written together: their rows, and how far each request is told by them.

use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Evidence, RequestId};
use serde_json::Value;
use sqlx::types::Json;

use super::Progress;
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "briefing_text";

const SELECT: &str = "SELECT n, due_at, text, source, CAST(evidence AS TEXT) AS evidence FROM briefing_text";

static TEXTS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO briefing_text (request_id, n, due_at, text, source, evidence) VALUES",
        6,
        "ON CONFLICT (request_id, n) DO NOTHING RETURNING request_id",
    )
});

static PROGRESS_UPDATE: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "UPDATE briefing_request SET covered_seq = v.column2, told_at = v.column3, carry = v.column4 FROM (VALUES",
        4,
        ") AS v WHERE briefing_request.id = v.column1 RETURNING briefing_request.id",
    )
});

/// Who found the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSource {
    /// The composer.
    Composed,
    /// A language model, checked against the composer's text.
    Reworded,
}

impl TextSource {
    /// The word in the store and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Composed => "composed",
            Self::Reworded => "reworded",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Composed, Self::Reworded].into_iter().find(|source| source.as_str() == word)
    }
}

/// A text about to be stored.
#[derive(Debug, Clone)]
pub struct NewText {
    /// Of which request.
    pub request_id: RequestId,
    /// Its number in the request, from 1.
    pub n: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The text.
    pub text: String,
    /// Who found the words.
    pub source: TextSource,
    /// What its numbers rest on.
    pub evidence: Vec<Evidence>,
    /// How far the request is told with it.
    pub progress: Progress,
}

#[derive(sqlx::FromRow)]
struct Row {
    n: i64,
    due_at: i64,
    text: String,
    source: String,
    evidence: String,
}

/// A text that was told.
#[derive(Debug, Clone, PartialEq)]
pub struct ToldText {
    /// Its number in the request, from 1.
    pub n: i64,
    /// When it was due.
    pub due_at: Timestamp,
    /// The text.
    pub text: String,
    /// Who found the words.
    pub source: TextSource,
    /// What its numbers rest on.
    pub evidence: Vec<Evidence>,
}

impl TryFrom<Row> for ToldText {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let source = TextSource::from_word(&row.source);
        Ok(Self {
            n: row.n,
            due_at: Timestamp::from_us(row.due_at),
            source: source.ok_or_else(|| StoreError::row(TABLE, "source", row.n, "is no source"))?,
            evidence: text::from_json(TABLE, "evidence", row.n, &row.evidence)?,
            text: row.text,
        })
    }
}

/// Stores texts. One that is there already stays as it is.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`] when a request does not exist, [`StoreError::Aborted`].
pub async fn texts_insert(tx: &mut Tx, texts: &[NewText]) -> Result<(), StoreError> {
    let mut rows: Vec<(&NewText, Value, Value)> = Vec::with_capacity(texts.len());
    for new in texts {
        text::check("briefing_text.text", &new.text)?;
        let evidence = text::to_json("briefing_text.evidence", &new.evidence)?;
        let carry = text::to_json("briefing_request.carry", &new.progress.carry)?;
        rows.push((new, evidence, carry));
    }
    write_rows!(
        tx,
        "texts_insert",
        (i64,),
        TEXTS_INSERT,
        &rows,
        |row| row.0.request_id.0,
        row.0.n,
        row.0.due_at.us(),
        row.0.text.as_str(),
        row.0.source.as_str(),
        Json(&row.1)
    )?;
    write_rows!(
        tx,
        "texts_insert",
        (i64,),
        PROGRESS_UPDATE,
        &rows,
        |row| row.0.request_id.0,
        row.0.progress.covered_seq,
        row.0.progress.told_at.map_or(row.0.due_at.us(), Timestamp::us),
        Json(&row.2)
    )?;
    Ok(())
}

/// The texts of a request after number `after`, in their order, each with its number.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn text_list(
    db: &Db,
    id: RequestId,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, String)>, StoreError> {
    let sql = "SELECT n, text FROM briefing_text WHERE request_id = $1 AND n > $2 ORDER BY n LIMIT $3";
    read_all!(db, "text_list", (i64, String), sql, id.0, after, i64::from(limit))
}

/// The texts of a request with what their numbers rest on, in their order.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn text_page(db: &Db, id: RequestId, slice: Slice) -> Result<Page<ToldText>, StoreError> {
    let filter = Filter::default().and("request_id = ?", id.0);
    listing::page::<Row, _>(db, "text_page", (SELECT, TABLE), &filter, "n", slice).await
}
