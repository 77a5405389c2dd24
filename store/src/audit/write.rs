//! The audit's end of a commit: one look at the head, the rows, the new head.

use std::sync::LazyLock;

use nightshift_domain::audit::{AuditEntry, AuditRow, ChainFault, ChainKey, Head, Link};

use super::row::HeadRow;
use crate::dialect::{Ladder, LazyLadder};
use crate::{StoreError, Tx};

static AUDIT_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO audit_log (seq, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, \
         old_values, new_values, ip_address, user_agent, request_id, event_seq, link) VALUES",
        15,
        "RETURNING seq",
    )
});

/// Writes what the transaction has collected. There is one writer at a time, on both engines: nobody moves the head
/// between the look at it and the commit.
pub(crate) async fn write(tx: &mut Tx) -> Result<(), StoreError> {
    prepare(tx).await?;
    let entries = std::mem::take(&mut tx.audits);
    let (Some(key), Some(head)) = (tx.audit_key.clone(), tx.audit_head.take()) else { return Ok(()) };
    let rows = chained(&key, head.as_ref(), entries);
    let Some(last) = rows.last() else { return Ok(()) };
    let next = key.head(last.seq, last.link);
    write_rows!(
        tx,
        "audit",
        (i64,),
        AUDIT_INSERT,
        &rows,
        |r| r.seq,
        r.entry.at.us(),
        r.entry.actor.kind(),
        r.entry.actor.id(),
        r.entry.actor.name(),
        r.entry.action.as_str(),
        &r.entry.entity_type,
        r.entry.entity_id.as_deref(),
        r.entry.old_values.as_ref().map(|v| v.as_str()),
        r.entry.new_values.as_ref().map(|v| v.as_str()),
        r.entry.ip_address.as_deref(),
        r.entry.user_agent.as_deref(),
        r.entry.request_id.as_deref(),
        r.entry.event_seq,
        r.link.as_bytes(),
    )?;
    // Two statements: SQLite's triggers would take an upsert for a second head.
    let sql = match head {
        None => "INSERT INTO audit_head (id, seq, link, seal, key_id) VALUES (1, $1, $2, $3, $4)",
        Some(_) => "UPDATE audit_head SET seq = $1, link = $2, seal = $3, key_id = $4 WHERE id = 1",
    };
    write_exec!(tx, "audit", sql, next.seq, next.link.as_bytes(), next.seal.as_bytes(), next.key_id.as_str())
        .map(|_| ())
}

/// Looks at the head, if something is to be added behind it and nobody has looked yet.
pub(crate) async fn prepare(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.audits.is_empty() || tx.audit_head.is_some() {
        return Ok(());
    }
    let key = tx.audit_key.clone().ok_or(StoreError::AuditKey)?;
    tx.audit_head = Some(head_in(tx, &key).await?);
    Ok(())
}

/// The head, checked: whoever went on behind a head that was set back would hide that rows are gone.
async fn head_in(tx: &mut Tx, key: &ChainKey) -> Result<Option<Head>, StoreError> {
    let sql = "SELECT seq, link, seal, key_id FROM audit_head";
    let rows = write_all!(tx, "audit", HeadRow, sql)?;
    let Some(row) = rows.first() else {
        let newest = write_all!(tx, "audit", (Option<i64>,), "SELECT max(seq) FROM audit_log")?;
        let lost = newest.first().is_some_and(|(seq,)| seq.is_some());
        return if lost { Err(StoreError::AuditHead(ChainFault::HeadMissing)) } else { Ok(None) };
    };
    let head = row.head().ok_or(StoreError::AuditHead(ChainFault::HeadChanged))?;
    if head.key_id != key.id() {
        return Err(StoreError::AuditHead(ChainFault::WrongKey));
    }
    if !key.sealed(&head) {
        return Err(StoreError::AuditHead(ChainFault::HeadChanged));
    }
    Ok(Some(head))
}

fn chained(key: &ChainKey, head: Option<&Head>, entries: Vec<AuditEntry>) -> Vec<AuditRow> {
    let (mut seq, mut link) = head.map_or((0, Link::START), |h| (h.seq, h.link));
    entries
        .into_iter()
        .map(|entry| {
            seq += 1;
            link = key.link(seq, &link, &entry);
            AuditRow { seq, entry, link }
        })
        .collect()
}
