//! Whatever is done to an audit without its key is found.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Timestamp;
use crate::identity::{TokenId, UserId};

const KEY: ChainKey = ChainKey::new([7; 32]);

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,3}", "\\PC{0,6}"]
}

fn actors() -> impl Strategy<Value = Actor> {
    prop_oneof![
        (0i64..3, text()).prop_map(|(id, name)| Actor::User { id: UserId(id), name }),
        (0i64..3, text()).prop_map(|(id, name)| Actor::Machine { id: TokenId(id), name }),
        Just(Actor::System),
        Just(Actor::Anonymous),
    ]
}

fn entries() -> impl Strategy<Value = AuditEntry> {
    let values = || prop::option::of(text().prop_map(|t| Masked::of(&json!({"v": t}))));
    let named = || prop::option::of(text());
    (
        (0i64..3, actors(), prop::sample::select(Action::ALL), text(), named()),
        (values(), values(), named(), named(), named(), prop::option::of(0i64..3)),
    )
        .prop_map(|((at, actor, action, entity_type, entity_id), rest)| {
            let (old_values, new_values, ip_address, user_agent, request_id, event_seq) = rest;
            AuditEntry {
                at: Timestamp::from_us(at),
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
            }
        })
}

fn chain(key: &ChainKey, entries: Vec<AuditEntry>) -> (Vec<AuditRow>, Option<Head>) {
    let mut link = Link::START;
    let mut rows = Vec::new();
    for (seq, entry) in (1..).zip(entries) {
        link = key.link(seq, &link, &entry);
        rows.push(AuditRow { seq, entry, link });
    }
    let head = rows.last().map(|row| key.head(row.seq, row.link));
    (rows, head)
}

fn verify(key: &ChainKey, rows: &[AuditRow], head: Option<Head>) -> Result<Verified, ChainFault> {
    let mut verifier = Verifier::new(key, head, rows.last().map(|r| r.seq))?;
    rows.iter().try_for_each(|row| verifier.push(row))?;
    verifier.finish()
}

/// One change to one field of an entry.
fn change(entry: &mut AuditEntry, field: usize) {
    let longer = |t: &Option<String>| Some(format!("{}x", t.as_deref().unwrap_or("")));
    match field % 11 {
        0 => entry.at = Timestamp::from_us(entry.at.us() + 1),
        1 => entry.actor = if entry.actor == Actor::System { Actor::Anonymous } else { Actor::System },
        2 => entry.action = if entry.action == Action::Read { Action::Export } else { Action::Read },
        3 => entry.entity_type.push('x'),
        4 => entry.entity_id = longer(&entry.entity_id),
        5 => entry.old_values = if entry.old_values.is_some() { None } else { Some(Masked::of(&1)) },
        6 => entry.new_values = Some(Masked::of(&json!([entry.new_values]))),
        7 => entry.ip_address = longer(&entry.ip_address),
        8 => entry.user_agent = longer(&entry.user_agent),
        9 => entry.request_id = longer(&entry.request_id),
        _ => entry.event_seq = Some(entry.event_seq.map_or(0, |s| s + 1)),
    }
}

#[test]
fn an_empty_audit_is_whole_and_a_lost_head_is_noticed() {
    assert_eq!(verify(&KEY, &[], None), Ok(Verified { rows: 0, head: None }));
    let entry = AuditEntry::new(Timestamp::Y2000, Actor::System, Action::Create, "user");
    let (rows, head) = chain(&KEY, vec![entry; 3]);
    assert_eq!(verify(&KEY, &rows, None), Err(ChainFault::HeadMissing));
    assert_eq!(verify(&KEY, &[], head.clone()), Err(ChainFault::MissingAtEnd { last: 0, expected: 3 }));
    assert_eq!(verify(&ChainKey::new([8; 32]), &rows, head), Err(ChainFault::WrongKey));
}

/// An older copy of rows and head verifies by itself; a head that was written down tells that rows are gone.
#[test]
fn a_written_down_head_tells_an_audit_that_was_set_back() {
    let entry = AuditEntry::new(Timestamp::Y2000, Actor::System, Action::Create, "user");
    let (rows, head) = chain(&KEY, vec![entry.clone(); 5]);
    let head = head.expect("head");
    let (older, older_head) = chain(&KEY, vec![entry.clone(); 3]);
    assert!(verify(&KEY, &older, older_head.clone()).is_ok());
    let check = |rows: &[AuditRow], head: Option<Head>, anchor: &Head| {
        let newest = rows.last().map(|r| r.seq);
        let mut verifier = Verifier::new(&KEY, head, newest)?.with_anchor(anchor.seq, anchor.link);
        rows.iter().try_for_each(|row| verifier.push(row))?;
        verifier.finish()
    };
    assert_eq!(
        check(&older, older_head.clone(), &head),
        Err(ChainFault::MissingAtEnd { last: 3, expected: 5 })
    );
    assert!(check(&rows, Some(head.clone()), older_head.as_ref().expect("head")).is_ok());
    let (other, other_head) = chain(&KEY, vec![entry.on("other"); 5]);
    assert_eq!(check(&other, other_head, &head), Err(ChainFault::Another { seq: 5 }));
    assert_eq!(Link::from_hex(&head.link.to_string()), Some(head.link));
    assert_eq!(Link::from_hex("zz"), None);
}

#[test]
fn keys_do_not_show() {
    assert_eq!(format!("{KEY:?}"), "ChainKey(..)");
    assert_eq!(KEY.id().len(), 16);
    assert_ne!(KEY.id(), ChainKey::new([8; 32]).id());
}

proptest! {
    #[test]
    fn different_entries_are_different_bytes(a in entries(), b in entries(), seq in 1i64..4, other in 1i64..4) {
        let same = seq == other && a == b;
        prop_assert_eq!(canonical_bytes(seq, &a) == canonical_bytes(other, &b), same);
    }

    #[test]
    fn no_change_of_a_field_keeps_the_bytes(entry in entries(), field in 0usize..11) {
        let mut changed = entry.clone();
        change(&mut changed, field);
        prop_assert_ne!(canonical_bytes(1, &entry), canonical_bytes(1, &changed));
    }

    /// The end of one text and the beginning of the next are not one text.
    #[test]
    fn text_does_not_move_between_fields(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
        let entry = |kind: &str, id: &str| {
            AuditEntry::new(Timestamp::Y2000, Actor::System, Action::Read, kind).on(id)
        };
        let same = a == c && b == d;
        prop_assert_eq!(canonical_bytes(1, &entry(&a, &b)) == canonical_bytes(1, &entry(&c, &d)), same);
    }

    #[test]
    fn an_audit_left_alone_is_whole(entries in prop::collection::vec(entries(), 0..8)) {
        let (rows, head) = chain(&KEY, entries);
        let whole = verify(&KEY, &rows, head.clone());
        prop_assert_eq!(whole, Ok(Verified { rows: rows.len() as i64, head }));
    }

    #[test]
    fn a_changed_row_is_named(entries in prop::collection::vec(entries(), 1..8), at: prop::sample::Index, field in 0usize..11) {
        let (mut rows, head) = chain(&KEY, entries);
        let at = at.index(rows.len());
        change(&mut rows[at].entry, field);
        prop_assert_eq!(verify(&KEY, &rows, head), Err(ChainFault::Changed { seq: at as i64 + 1 }));
    }

    #[test]
    fn a_removed_row_is_named(entries in prop::collection::vec(entries(), 1..8), at: prop::sample::Index) {
        let (mut rows, head) = chain(&KEY, entries);
        let at = at.index(rows.len());
        let last = rows.len() as i64;
        rows.remove(at);
        let expected = at as i64 + 1;
        let fault = if expected == last {
            ChainFault::MissingAtEnd { last: last - 1, expected: last }
        } else {
            ChainFault::Gap { expected, found: expected + 1 }
        };
        prop_assert_eq!(verify(&KEY, &rows, head), Err(fault));
    }

    /// Rows that were removed and whose followers were numbered again, with or without another head.
    #[test]
    fn a_closed_gap_is_found(entries in prop::collection::vec(entries(), 2..8), at: prop::sample::Index, lie: bool) {
        let (mut rows, head) = chain(&KEY, entries);
        let at = at.index(rows.len() - 1);
        rows.remove(at);
        for (seq, row) in (1..).zip(&mut rows) {
            row.seq = seq;
        }
        let head = head.map(|head| if lie { Head { seq: head.seq - 1, ..head } } else { head });
        prop_assert!(verify(&KEY, &rows, head).is_err());
    }

    #[test]
    fn swapped_rows_are_found(entries in prop::collection::vec(entries(), 2..8), a: prop::sample::Index, b: prop::sample::Index) {
        let (mut rows, head) = chain(&KEY, entries);
        let (a, b) = (a.index(rows.len()), b.index(rows.len()));
        prop_assume!(rows[a].entry != rows[b].entry);
        let (first, second) = (rows[a].clone(), rows[b].clone());
        rows[a] = AuditRow { seq: first.seq, ..second };
        rows[b] = AuditRow { seq: rows[b].seq, ..first };
        prop_assert_eq!(verify(&KEY, &rows, head), Err(ChainFault::Changed { seq: a.min(b) as i64 + 1 }));
    }

    /// Without the key nothing can be appended, not even with a head that covers it.
    #[test]
    fn appended_rows_are_found(entries in prop::collection::vec(entries(), 0..8), more in entries(), lie: bool) {
        let (mut rows, head) = chain(&KEY, entries);
        let forger = ChainKey::new([8; 32]);
        let seq = rows.len() as i64 + 1;
        let before = rows.last().map_or(Link::START, |row| row.link);
        let link = forger.link(seq, &before, &more);
        rows.push(AuditRow { seq, entry: more, link });
        let forged = Head { key_id: KEY.id(), ..forger.head(seq, link) };
        let shown = if lie { Some(forged) } else { head };
        prop_assert!(verify(&KEY, &rows, shown).is_err());
    }

    #[test]
    fn a_truncated_audit_says_how_much_is_missing(entries in prop::collection::vec(entries(), 1..8), keep: prop::sample::Index) {
        let (mut rows, head) = chain(&KEY, entries);
        let expected = rows.len() as i64;
        rows.truncate(keep.index(rows.len()));
        let last = rows.len() as i64;
        prop_assert_eq!(verify(&KEY, &rows, head.clone()), Err(ChainFault::MissingAtEnd { last, expected }));
        // A head that was made to fit has no valid seal.
        let fitted = head.map(|h| Head { seq: last, link: rows.last().map_or(Link::START, |r| r.link), ..h });
        prop_assert_eq!(verify(&KEY, &rows, fitted), Err(ChainFault::HeadChanged));
    }
}
