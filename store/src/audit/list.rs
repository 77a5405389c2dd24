//! The audit, read.

use nightshift_domain::Timestamp;
use nightshift_domain::audit::{Action, AuditRow};
use nightshift_domain::identity::UserId;

use super::row::{Row, select_audit};
use crate::{Db, StoreError};

/// Which rows are wanted; of each field all when it is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// Of what this user did.
    pub user_id: Option<UserId>,
    /// On things of this kind.
    pub entity_type: Option<String>,
    /// On the thing with this id.
    pub entity_id: Option<String>,
    /// Of acts of this kind.
    pub action: Option<Action>,
    /// At or after this.
    pub start: Option<Timestamp>,
    /// Before this.
    pub end: Option<Timestamp>,
    /// How many of the newest to leave out.
    pub skip: u64,
    /// How many to give.
    pub limit: u32,
}

/// A page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditRow>,
    /// How many there are in all.
    pub total: u64,
}

/// The statements for one way into the table: `$first` must name the columns of an index. What is absent is left out by
/// a bound of its own, so that every text takes the same binds.
macro_rules! ways {
    ($($name:ident: $first:literal;)+) => {
        $(
            const $name: (&str, &str) = (
                concat!(
                    "SELECT seq, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, old_values, \
                     new_values, ip_address, user_agent, request_id, event_seq, link FROM audit_log WHERE ",
                    $first, ways!(@rest), " ORDER BY seq DESC LIMIT $7 OFFSET $8"
                ),
                concat!("SELECT count(*) FROM audit_log WHERE ", $first, ways!(@rest)),
            );
        )+
    };
    (@rest) => {
        " AND (CAST($1 AS BIGINT) IS NULL OR (actor_kind = 'user' AND actor_id = $1)) \
         AND (CAST($2 AS TEXT) IS NULL OR entity_type = $2) AND (CAST($3 AS TEXT) IS NULL OR entity_id = $3) \
         AND (CAST($4 AS TEXT) IS NULL OR action = $4) AND at >= $5 AND at < $6"
    };
}

ways! {
    BY_ENTITY: "entity_type = $2";
    BY_USER: "actor_kind = 'user' AND actor_id = $1";
    BY_ACTION: "action = $4";
    BY_TIME: "seq > 0";
}

/// The rows that `query` asks for, newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn audit_list(db: &Db, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let (page, count) = match query {
        AuditQuery { entity_type: Some(_), .. } => BY_ENTITY,
        AuditQuery { user_id: Some(_), .. } => BY_USER,
        AuditQuery { action: Some(_), .. } => BY_ACTION,
        _ => BY_TIME,
    };
    let user = query.user_id.map(|id| id.0);
    let (kind, id) = (query.entity_type.as_deref(), query.entity_id.as_deref());
    let action = query.action.map(Action::as_str);
    let (start, end) =
        (query.start.map_or(i64::MIN, Timestamp::us), query.end.map_or(i64::MAX, Timestamp::us));
    let (limit, skip) = (i64::from(query.limit), i64::try_from(query.skip).unwrap_or(i64::MAX));
    let rows = read_all!(db, "audit_list", Row, page, user, kind, id, action, start, end, limit, skip)?;
    let rows: Vec<AuditRow> = rows.into_iter().map(AuditRow::try_from).collect::<Result<_, _>>()?;
    let all = AuditQuery { skip: query.skip, limit: query.limit, ..AuditQuery::default() };
    let total = if *query == all {
        // Rows have no gaps: the newest number is their count, and millions need not be counted.
        let sql = "SELECT coalesce(max(seq), 0) FROM audit_log";
        read_one!(db, "audit_list", (i64,), sql)?
    } else {
        read_one!(db, "audit_list", (i64,), count, user, kind, id, action, start, end)?
    };
    let total = total.and_then(|(n,)| u64::try_from(n).ok()).unwrap_or(0);
    Ok(AuditPage { rows, total })
}

/// The row with the number `seq`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn audit_find(db: &Db, seq: i64) -> Result<Option<AuditRow>, StoreError> {
    let row = read_one!(db, "audit_find", Row, select_audit!("WHERE seq = $1"), seq)?;
    row.map(AuditRow::try_from).transpose()
}

/// Up to `limit` rows after `seq`, oldest first: to export them.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn audit_rows_after(db: &Db, seq: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
    let sql = select_audit!("WHERE seq > $1 ORDER BY seq LIMIT $2");
    let rows = read_all!(db, "audit_rows_after", Row, sql, seq, i64::from(limit))?;
    rows.into_iter().map(AuditRow::try_from).collect()
}
