//! Verifies the whole audit, row by row, beside the running plant.

use nightshift_domain::audit::{AuditRow, ChainFault, ChainKey, Head, Link, Verified, Verifier};

use super::row::{HeadRow, Row, select_audit};
use crate::{Db, StoreError};

/// Rows that are read at once.
const PAGE_ROWS: i64 = 1_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditReport {
    /// Nothing is wrong.
    Whole(Verified),
    /// The first fault.
    Faulty(ChainFault),
}

/// Newest row and head, of one moment: a commit between two statements would look like a fault.
#[derive(sqlx::FromRow)]
struct Ends {
    newest: Option<i64>,
    seq: Option<i64>,
    link: Option<Vec<u8>>,
    seal: Option<Vec<u8>>,
    key_id: Option<String>,
}

/// The head of the audit, if anything was audited yet. Written down elsewhere, it tells a database that was set back.
///
/// # Errors
/// [`StoreError::Query`]; [`StoreError::AuditHead`] when it is not of its form.
pub async fn audit_head(db: &Db) -> Result<Option<Head>, StoreError> {
    let row = read_one!(db, "audit_head", HeadRow, "SELECT seq, link, seal, key_id FROM audit_head")?;
    row.map(|row| row.head().ok_or(StoreError::AuditHead(ChainFault::HeadChanged))).transpose()
}

/// Verifies the audit as it is when the call begins; rows that are written meanwhile are the next call's. `anchor` is row
/// and link of a head that was written down earlier.
///
/// # Errors
/// [`StoreError::Query`]: whether the audit is whole could not be found out. A fault of the audit is no error.
pub async fn audit_verify(
    db: &Db,
    key: &ChainKey,
    anchor: Option<(i64, Link)>,
) -> Result<AuditReport, StoreError> {
    let sql = "SELECT (SELECT max(seq) FROM audit_log) AS newest, h.seq, h.link, h.seal, h.key_id \
               FROM (SELECT 1 AS one) AS o LEFT JOIN audit_head h ON h.id = o.one";
    let ends = read_one!(db, "audit_verify", Ends, sql)?;
    let (newest, head) = match ends.map(|e| (e.newest, head_of(e))) {
        None => (None, None),
        Some((newest, Ok(head))) => (newest, head),
        Some((_, Err(fault))) => return Ok(AuditReport::Faulty(fault)),
    };
    let begun = Verifier::new(key, head, newest).map(|v| match anchor {
        Some((seq, link)) => v.with_anchor(seq, link),
        None => v,
    });
    let verifier = match begun {
        Ok(verifier) => verifier,
        Err(fault) => return Ok(AuditReport::Faulty(fault)),
    };
    Ok(match walk(db, verifier).await? {
        Ok(verified) => AuditReport::Whole(verified),
        Err(fault) => AuditReport::Faulty(fault),
    })
}

fn head_of(ends: Ends) -> Result<Option<Head>, ChainFault> {
    match (ends.seq, ends.link, ends.seal, ends.key_id) {
        (Some(seq), Some(link), Some(seal), Some(key_id)) => {
            HeadRow { seq, link, seal, key_id }.head().map(Some).ok_or(ChainFault::HeadChanged)
        }
        _ => Ok(None),
    }
}

async fn walk(db: &Db, mut verifier: Verifier<'_>) -> Result<Result<Verified, ChainFault>, StoreError> {
    let end = verifier.head_seq();
    // From the smallest number there can be: a row before the first is a fault too.
    let mut after = i64::MIN;
    loop {
        let sql = select_audit!("WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3");
        let rows = read_all!(db, "audit_verify", Row, sql, after, end, PAGE_ROWS)?;
        let Some(last) = rows.last() else { return Ok(verifier.finish()) };
        after = last.seq;
        for row in rows {
            let seq = row.seq;
            // What cannot even be read was not written by the plant.
            let taken = AuditRow::try_from(row).map_err(|_| ChainFault::Changed { seq });
            if let Err(fault) = taken.and_then(|row| verifier.push(&row)) {
                return Ok(Err(fault));
            }
        }
    }
}
