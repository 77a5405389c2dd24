//! Promotions of models: which one was put in the place of the configured one.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Promotion;

use crate::{Db, StoreError, Tx, text};

type Row = (i64, String, String, String, i64, String, Option<i64>, Option<String>);

fn read(row: Row) -> Promotion {
    let (id, model_id, model_digest, replaced_id, promoted_at, promoted_by, undone_at, undone_by) = row;
    let (promoted_at, undone_at) = (Timestamp::from_us(promoted_at), undone_at.map(Timestamp::from_us));
    Promotion { id, model_id, model_digest, replaced_id, promoted_at, promoted_by, undone_at, undone_by }
}

/// Keeps a promotion; its `id` and its end are the store's. Gives it as it is kept.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn promotion_insert(tx: &mut Tx, made: &Promotion) -> Result<Promotion, StoreError> {
    text::check("model_promotion.model_id", &made.model_id)?;
    text::check("model_promotion.replaced_id", &made.replaced_id)?;
    text::check("model_promotion.promoted_by", &made.promoted_by)?;
    let sql = "INSERT INTO model_promotion (model_id, model_digest, replaced_id, promoted_at, promoted_by) \
               VALUES ($1, $2, $3, $4, $5) \
               RETURNING id, model_id, model_digest, replaced_id, promoted_at, promoted_by, undone_at, undone_by";
    let (model, digest, replaced) =
        (made.model_id.as_str(), made.model_digest.as_str(), made.replaced_id.as_str());
    let (at, by) = (made.promoted_at.us(), made.promoted_by.as_str());
    let rows = write_all!(tx, "promotion_insert", Row, sql, model, digest, replaced, at, by)?;
    let row = rows.into_iter().next();
    row.map(read).ok_or_else(|| StoreError::Missing { what: "the promotion that was just kept".to_owned() })
}

/// Takes a promotion back.
///
/// # Errors
/// [`StoreError::Missing`] where there is none of that number that stands.
pub async fn promotion_undo(tx: &mut Tx, id: i64, now: Timestamp, by: &str) -> Result<(), StoreError> {
    text::check("model_promotion.undone_by", by)?;
    let sql = "UPDATE model_promotion SET undone_at = $2, undone_by = $3 WHERE id = $1 AND undone_at IS NULL";
    if write_exec!(tx, "promotion_undo", sql, id, now.us(), by)? == 0 {
        return Err(StoreError::Missing { what: format!("a standing promotion {id}") });
    }
    Ok(())
}

/// The newest promotion that was not taken back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn promotion_standing(db: &Db) -> Result<Option<Promotion>, StoreError> {
    let sql = "SELECT id, model_id, model_digest, replaced_id, promoted_at, promoted_by, undone_at, undone_by \
               FROM model_promotion WHERE undone_at IS NULL ORDER BY id DESC LIMIT 1";
    Ok(read_one!(db, "promotion_standing", Row, sql)?.map(read))
}

/// The newest promotions, whether they stand or not.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn promotions_latest(db: &Db, limit: u32) -> Result<Vec<Promotion>, StoreError> {
    let sql = "SELECT id, model_id, model_digest, replaced_id, promoted_at, promoted_by, undone_at, undone_by \
               FROM model_promotion ORDER BY id DESC LIMIT $1";
    Ok(read_all!(db, "promotions_latest", Row, sql, i64::from(limit))?.into_iter().map(read).collect())
}
