//! A row of the audit as it is stored.

use nightshift_domain::Timestamp;
use nightshift_domain::audit::{Actor, AuditEntry, AuditRow, Head, Link, Masked};

use crate::StoreError;

/// The statement that gives [`Row`]s, with what follows the name of the table.
macro_rules! select_audit {
    ($rest:literal) => {
        concat!(
            "SELECT seq, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, old_values, new_values, \
             ip_address, user_agent, request_id, event_seq, link FROM audit_log ",
            $rest
        )
    };
}
pub(super) use select_audit;

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) seq: i64,
    at: i64,
    actor_kind: String,
    actor_id: Option<i64>,
    actor_name: Option<String>,
    action: String,
    entity_type: String,
    entity_id: Option<String>,
    old_values: Option<String>,
    new_values: Option<String>,
    ip_address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    event_seq: Option<i64>,
    link: Vec<u8>,
}

impl TryFrom<Row> for AuditRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let actor = Actor::stored(&row.actor_kind, row.actor_id, row.actor_name)
            .ok_or_else(|| StoreError::row("audit_log", "actor_kind", row.seq, "is no actor"))?;
        let action = row.action.parse().map_err(|e| StoreError::row("audit_log", "action", row.seq, e))?;
        let entry = AuditEntry {
            at: Timestamp::from_us(row.at),
            actor,
            action,
            entity_type: row.entity_type,
            entity_id: row.entity_id,
            old_values: row.old_values.map(Masked::stored),
            new_values: row.new_values.map(Masked::stored),
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            event_seq: row.event_seq,
        };
        let link = Link::from_bytes(&row.link)
            .ok_or_else(|| StoreError::row("audit_log", "link", row.seq, "has not 32 bytes"))?;
        Ok(Self { seq: row.seq, entry, link })
    }
}

/// The head as it is stored; with what is not even of its form it cannot be the plant's.
#[derive(sqlx::FromRow)]
pub(super) struct HeadRow {
    pub(super) seq: i64,
    pub(super) link: Vec<u8>,
    pub(super) seal: Vec<u8>,
    pub(super) key_id: String,
}

impl HeadRow {
    /// The head, or nothing when its hashes have not 32 bytes.
    pub(super) fn head(&self) -> Option<Head> {
        Some(Head {
            seq: self.seq,
            link: Link::from_bytes(&self.link)?,
            seal: Link::from_bytes(&self.seal)?,
            key_id: self.key_id.clone(),
        })
    }
}
