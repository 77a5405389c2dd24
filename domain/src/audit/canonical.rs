//! An entry as bytes for its hash: different entries are different bytes.

use super::AuditEntry;

/// What the bytes begin with; another form gets another number.
const VERSION: &[u8] = b"nightshift audit 1\0";

/// The bytes of the row `seq` with `entry`. Texts are preceded by their length, and what is absent is told from what is
/// empty: no text can pass for the end of one field and the beginning of the next.
#[must_use]
pub fn canonical_bytes(seq: i64, entry: &AuditEntry) -> Vec<u8> {
    let AuditEntry {
        at,
        actor,
        action,
        entity_type,
        entity_id,
        old_values,
        new_values,
        ip_address,
        user_agent,
        request_id,
        event_seq,
    } = entry;
    let mut bytes = VERSION.to_vec();
    number(&mut bytes, Some(seq));
    number(&mut bytes, Some(at.us()));
    text(&mut bytes, Some(actor.kind()));
    number(&mut bytes, actor.id());
    text(&mut bytes, actor.name());
    text(&mut bytes, Some(action.as_str()));
    text(&mut bytes, Some(entity_type));
    text(&mut bytes, entity_id.as_deref());
    text(&mut bytes, old_values.as_ref().map(super::Masked::as_str));
    text(&mut bytes, new_values.as_ref().map(super::Masked::as_str));
    text(&mut bytes, ip_address.as_deref());
    text(&mut bytes, user_agent.as_deref());
    text(&mut bytes, request_id.as_deref());
    number(&mut bytes, *event_seq);
    bytes
}

fn number(bytes: &mut Vec<u8>, value: Option<i64>) {
    match value {
        None => bytes.push(0),
        Some(n) => {
            bytes.push(1);
            bytes.extend_from_slice(&n.to_be_bytes());
        }
    }
}

fn text(bytes: &mut Vec<u8>, value: Option<&str>) {
    match value {
        None => bytes.push(0),
        Some(s) => {
            bytes.push(1);
            bytes.extend_from_slice(&(s.len() as u64).to_be_bytes());
            bytes.extend_from_slice(s.as_bytes());
        }
    }
}
