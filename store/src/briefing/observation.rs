//! What outside sources have seen: an event each, and a row that keeps the same look from being counted twice.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::Observation;

use crate::{StoreError, Tx, text};

/// Journals an observation and gives its event's sequence number; whether it is new. The same source at the same instant is
/// the same look, and stays as it was first told.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn observation_insert(tx: &mut Tx, seen: &Observation) -> Result<(i64, bool), StoreError> {
    text::check("observation.source", &seen.source)?;
    let sql = "SELECT seq FROM briefing_observation WHERE source = $1 AND observed_at = $2";
    let (source, at) = (seen.source.as_str(), seen.observed_at.us());
    let known = write_all!(tx, "observation_insert", (i64,), sql, source, at)?;
    if let Some((seq,)) = known.first() {
        return Ok((*seq, false));
    }
    let seq = tx.journal(seen.event()).await?;
    let sql = "INSERT INTO briefing_observation (source, observed_at, seq) VALUES ($1, $2, $3)";
    write_exec!(tx, "observation_insert", sql, source, at, seq)?;
    Ok((seq, true))
}

/// Forgets up to `limit` looks from before `before`. Gives how many.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn observations_expire(tx: &mut Tx, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let sql = "DELETE FROM briefing_observation WHERE (source, observed_at) IN \
               (SELECT source, observed_at FROM briefing_observation WHERE observed_at < $1 ORDER BY observed_at LIMIT $2)";
    write_exec!(tx, "observations_expire", sql, before.us(), i64::from(limit))
}
