//! Alerts, written. A matter that is open is one row, however often it is raised; the domain says what a repeat does.

use std::collections::HashMap;
use std::sync::LazyLock;

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::{Alert, AlertId, AlertState, NewAlert, Outcome, Raise};
use nightshift_domain::identity::AlertReach;
use nightshift_domain::production::OperatorId;

use super::alert::{Row, SELECT, of_reach, repeat_word};
use crate::dialect::{Ladder, LazyLadder};
use crate::listing::{self, Filter};
use crate::{StoreError, Tx, text};

static ALERTS_INSERT: LazyLadder = LazyLock::new(|| {
    Ladder::new(
        "INSERT INTO alert (alert_type, subject, repeats, severity, title, message, lot_id, serial_id, process_id, \
         equipment_id, operator_id, event_id, status, times, first_at, last_at, updated_at) VALUES",
        17,
        "RETURNING id",
    )
});

/// Raises alerts. Gives the rows that are new or changed, in the order in which their matters were first raised; those
/// that were said before are left out.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn alerts_raise(tx: &mut Tx, raises: Vec<Raise>) -> Result<Vec<Alert>, StoreError> {
    if raises.is_empty() {
        return Ok(Vec::new());
    }
    for raise in &raises {
        for part in [&raise.subject, &raise.title, &raise.message] {
            text::check("alert", part)?;
        }
    }
    let mut newest = newest_of(tx, &raises).await?;
    // Ids below zero are places among the new ones, until they have their own.
    let mut fresh: Vec<NewAlert> = Vec::new();
    let mut touched: Vec<AlertId> = Vec::new();
    for raise in raises {
        let key = (raise.alert_type.as_str(), raise.subject.clone());
        let alert = match raise.meet(newest.get(&key)) {
            Outcome::Known => continue,
            Outcome::Again(alert) => alert,
            Outcome::New(alert) => {
                fresh.push(alert.clone());
                let place = i64::try_from(fresh.len()).unwrap_or(i64::MAX);
                Alert { id: AlertId(-place), updated_at: alert.raise.at, alert }
            }
        };
        if !touched.contains(&alert.id) {
            touched.push(alert.id);
        }
        newest.insert(key, alert);
    }
    let mut by_id: HashMap<AlertId, Alert> = newest.into_values().map(|a| (a.id, a)).collect();
    let mut stored: Vec<Alert> = touched.iter().filter_map(|id| by_id.remove(id)).collect();
    insert(tx, &mut stored).await?;
    Ok(stored)
}

/// Writes new rows, which then have their ids, and changed ones.
async fn insert(tx: &mut Tx, alerts: &mut [Alert]) -> Result<(), StoreError> {
    let fresh: Vec<Alert> = alerts.iter().filter(|a| a.id.0 < 0).cloned().collect();
    let rows = write_rows!(
        tx,
        "alerts_raise",
        (i64,),
        ALERTS_INSERT,
        &fresh,
        |a| a.alert.raise.alert_type.as_str(),
        a.alert.raise.subject.as_str(),
        repeat_word(a.alert.raise.repeat),
        a.alert.raise.severity.as_str(),
        a.alert.raise.title.as_str(),
        a.alert.raise.message.as_str(),
        a.alert.raise.lot_id.map(|id| id.0),
        a.alert.raise.serial_id.map(|id| id.0),
        a.alert.raise.process_id.map(|id| id.0),
        a.alert.raise.equipment_id.map(|id| id.0),
        a.alert.raise.operator_id.map(|id| id.0),
        a.alert.raise.event_id.as_deref(),
        a.alert.state.status().as_str(),
        a.alert.count,
        a.alert.first_at.us(),
        a.alert.raise.at.us(),
        a.updated_at.us()
    )?;
    let mut ids: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    let mut ids = ids.into_iter();
    for alert in alerts {
        if alert.id.0 < 0 {
            alert.id = AlertId(ids.next().expect("one id for each row"));
        } else {
            update(tx, alert).await?;
        }
    }
    Ok(())
}

async fn update(tx: &mut Tx, alert: &Alert) -> Result<(), StoreError> {
    let sql = "UPDATE alert SET severity = $2, title = $3, message = $4, lot_id = $5, serial_id = $6, \
               process_id = $7, equipment_id = $8, event_id = $9, status = $10, times = $11, last_at = $12, \
               updated_at = $13, operator_id = $14, read_at = NULL, read_by = NULL WHERE id = $1";
    let raise = &alert.alert.raise;
    write_exec!(
        tx,
        "alerts_raise",
        sql,
        alert.id.0,
        raise.severity.as_str(),
        raise.title.as_str(),
        raise.message.as_str(),
        raise.lot_id.map(|id| id.0),
        raise.serial_id.map(|id| id.0),
        raise.process_id.map(|id| id.0),
        raise.equipment_id.map(|id| id.0),
        raise.event_id.as_deref(),
        alert.alert.state.status().as_str(),
        alert.alert.count,
        raise.at.us(),
        alert.updated_at.us(),
        raise.operator_id.map(|id| id.0),
    )
    .map(|_| ())
}

/// The newest alert of each matter that is raised.
async fn newest_of(
    tx: &mut Tx,
    raises: &[Raise],
) -> Result<HashMap<(&'static str, String), Alert>, StoreError> {
    let engine = tx.engine();
    let mut types: Vec<&'static str> = raises.iter().map(|r| r.alert_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let mut newest = HashMap::new();
    for alert_type in types {
        let subjects =
            raises.iter().filter(|r| r.alert_type.as_str() == alert_type).map(|r| r.subject.as_str());
        let filter =
            Filter::default().and("alert_type = ?", alert_type).among_texts(engine, "subject", subjects);
        let rows = listing::tx_rows::<Row>(tx, "alerts_raise", SELECT, &filter, "ORDER BY id").await?;
        for row in rows {
            let alert = Alert::try_from(row)?;
            newest.insert((alert_type, alert.alert.raise.subject.clone()), alert);
        }
    }
    Ok(newest)
}

/// Marks unread alerts as read: of those that `reach` covers the named ones, or all when `ids` is absent. Gives how many
/// were unread.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn alerts_read(
    tx: &mut Tx,
    ids: Option<&[AlertId]>,
    reach: AlertReach,
    by: OperatorId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let engine = tx.engine();
    // The first two parameters are those of the change.
    let mut filter = Filter::default().given(at.us()).given(by.0).fixed("status = 'UNREAD'");
    filter = of_reach(filter, reach);
    if let Some(ids) = ids {
        filter = filter.among(engine, "id", ids.iter().map(|id| id.0));
    }
    let change = "UPDATE alert SET status = 'READ', read_at = $1, read_by = $2, updated_at = $1";
    let read: Vec<(i64,)> = listing::tx_rows(tx, "alerts_read", change, &filter, "RETURNING id").await?;
    Ok(u64::try_from(read.len()).unwrap_or(u64::MAX))
}

/// Makes an alert history. One that is history stays as it is.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such alert.
pub async fn alert_archive(
    tx: &mut Tx,
    id: AlertId,
    by: Option<OperatorId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    let row = listing::tx_rows::<Row>(tx, "alert_archive", SELECT, &filter, "").await?.into_iter().next();
    let Some(row) = row else { return Err(StoreError::Missing { what: format!("alert {id}") }) };
    if matches!(Alert::try_from(row)?.alert.state, AlertState::Archived { .. }) {
        return Ok(());
    }
    let sql = "UPDATE alert SET status = 'ARCHIVED', archived_at = $2, archived_by = $3, updated_at = $2 WHERE id = $1";
    write_exec!(tx, "alert_archive", sql, id.0, at.us(), by.map(|by| by.0)).map(|_| ())
}

/// Makes history of up to `limit` alerts that were read before `before`. Gives how many.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn alerts_archive_before(
    tx: &mut Tx,
    before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let sql = "UPDATE alert SET status = 'ARCHIVED', archived_at = $2, archived_by = NULL, updated_at = $2 \
               WHERE id IN (SELECT id FROM alert WHERE status = 'READ' AND read_at < $1 ORDER BY id LIMIT $3)";
    write_exec!(tx, "alerts_archive_before", sql, before.us(), now.us(), i64::from(limit))
}

/// Removes an alert.
///
/// # Errors
/// [`StoreError::Missing`] when there is no such alert.
pub async fn alert_delete(tx: &mut Tx, id: AlertId) -> Result<(), StoreError> {
    let changed = write_exec!(tx, "alert_delete", "DELETE FROM alert WHERE id = $1", id.0)?;
    if changed == 0 { Err(StoreError::Missing { what: format!("alert {id}") }) } else { Ok(()) }
}
