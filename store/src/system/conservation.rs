//! Whether what is stored adds up: for each domain, what should be there and is not, page by page.
//!
//! Each page is one statement, which sees one moment: what is written meanwhile cannot make it seem out of balance.

use crate::{Db, StoreError};

/// What one page of a walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Astray {
    /// The last id that was looked at; `None` when there was nothing after the given one.
    pub last: Option<i64>,
    /// Things that are missing, or there without their cause.
    pub count: i64,
}

impl Astray {
    fn of(rows: &[(i64, i64)]) -> Self {
        Self { last: rows.last().map(|(id, _)| *id), count: rows.iter().map(|(_, count)| *count).sum() }
    }
}

/// The next `limit` lots: units that a lot counts and that are not there, or the other way round; units that it counts as
/// passed, failed or scrapped and that are not; runs that are under way and not on the list of those, or the other way round.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn completions_astray(db: &Db, after: i64, limit: u32) -> Result<Astray, StoreError> {
    let sql = "SELECT l.id, CAST(\
               abs(l.actual_quantity - (SELECT count(*) FROM serial s WHERE s.lot_id = l.id)) \
               + abs(l.passed_quantity - (SELECT count(*) FROM serial s WHERE s.lot_id = l.id AND s.status = 'PASSED')) \
               + abs(l.failed_quantity - (SELECT count(*) FROM serial s WHERE s.lot_id = l.id AND s.status = 'FAILED')) \
               + abs(l.scrapped_quantity - (SELECT count(*) FROM serial s \
                 WHERE s.lot_id = l.id AND s.status = 'FAILED' AND s.scrapped)) \
               + (SELECT count(*) FROM process_run r WHERE r.lot_id = l.id AND r.completed_at IS NULL \
                 AND NOT EXISTS (SELECT 1 FROM run_open o WHERE o.run_id = r.id)) \
               + (SELECT count(*) FROM process_run r JOIN run_open o ON o.run_id = r.id \
                 WHERE r.lot_id = l.id AND r.completed_at IS NOT NULL) AS BIGINT) \
               FROM lot l WHERE l.id > $1 ORDER BY l.id LIMIT $2";
    let rows = read_all!(db, "completions_astray", (i64, i64), sql, after, i64::from(limit))?;
    Ok(Astray::of(&rows))
}

/// The next `limit` print jobs: those that wait for a printer that does not exist any more.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn print_jobs_astray(db: &Db, after: i64, limit: u32) -> Result<Astray, StoreError> {
    let sql = "SELECT j.id, CAST(CASE WHEN EXISTS (SELECT 1 FROM printer p WHERE p.printer_id = j.printer_id) \
               THEN 0 ELSE 1 END AS BIGINT) FROM label_job j \
               WHERE (j.state = 'pending' OR j.state = 'printing') AND j.id > $1 ORDER BY j.id LIMIT $2";
    let rows = read_all!(db, "print_jobs_astray", (i64, i64), sql, after, i64::from(limit))?;
    Ok(Astray::of(&rows))
}

/// The next `limit` briefings: texts that are missing between the first and the last.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn texts_astray(db: &Db, after: i64, limit: u32) -> Result<Astray, StoreError> {
    let sql = "SELECT r.id, CAST(COALESCE((SELECT max(t.n) - min(t.n) + 1 - count(*) FROM briefing_text t \
               WHERE t.request_id = r.id), 0) AS BIGINT) \
               FROM briefing_request r WHERE r.id > $1 ORDER BY r.id LIMIT $2";
    let rows = read_all!(db, "texts_astray", (i64, i64), sql, after, i64::from(limit))?;
    Ok(Astray::of(&rows))
}

/// The next `limit` diagnoses: those that are COMPLETED without a record, and records of those that are not.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn records_astray(db: &Db, after: i64, limit: u32) -> Result<Astray, StoreError> {
    let sql = "SELECT d.id, CAST(CASE WHEN (d.state = 'COMPLETED') = \
               EXISTS (SELECT 1 FROM diagnosis_record r WHERE r.diagnosis_id = d.id) THEN 0 ELSE 1 END AS BIGINT) \
               FROM diagnosis d WHERE d.id > $1 ORDER BY d.id LIMIT $2";
    let rows = read_all!(db, "records_astray", (i64, i64), sql, after, i64::from(limit))?;
    Ok(Astray::of(&rows))
}
