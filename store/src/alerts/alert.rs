//! Alerts, read.

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::{
    Alert, AlertCounts, AlertId, AlertState, AlertStatus, AlertType, NewAlert, Raise, Repeat, Severity,
};
use nightshift_domain::identity::AlertReach;
use nightshift_domain::production::{EquipmentId, LotId, OperatorId, ProcessId, SerialId};

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError};

const TABLE: &str = "alert";

pub(super) const SELECT: &str = "SELECT id, alert_type, subject, repeats, severity, title, message, lot_id, \
     serial_id, process_id, equipment_id, operator_id, event_id, status, read_at, read_by, archived_at, archived_by, times, \
     first_at, last_at, updated_at FROM alert";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    alert_type: String,
    subject: String,
    repeats: String,
    severity: String,
    title: String,
    message: String,
    lot_id: Option<i64>,
    serial_id: Option<i64>,
    process_id: Option<i64>,
    equipment_id: Option<i64>,
    operator_id: Option<i64>,
    event_id: Option<String>,
    status: String,
    read_at: Option<i64>,
    read_by: Option<i64>,
    archived_at: Option<i64>,
    archived_by: Option<i64>,
    times: i64,
    first_at: i64,
    last_at: i64,
    updated_at: i64,
}

/// The word for `repeat` in the store.
pub(super) fn repeat_word(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Count => "COUNT",
        Repeat::Once => "ONCE",
    }
}

impl Row {
    fn state(&self) -> Result<AlertState, StoreError> {
        let status =
            AlertStatus::from_word(&self.status).ok_or_else(|| self.unknown("status", &self.status))?;
        let lacks = |column| StoreError::row(TABLE, column, self.id, "is absent");
        Ok(match status {
            AlertStatus::Unread => AlertState::Unread,
            AlertStatus::Read => AlertState::Read {
                at: self.read_at.map(Timestamp::from_us).ok_or_else(|| lacks("read_at"))?,
                by: self.read_by.map(OperatorId).ok_or_else(|| lacks("read_by"))?,
            },
            AlertStatus::Archived => AlertState::Archived {
                at: self.archived_at.map(Timestamp::from_us).ok_or_else(|| lacks("archived_at"))?,
                by: self.archived_by.map(OperatorId),
            },
        })
    }

    fn unknown(&self, column: &'static str, word: &str) -> StoreError {
        StoreError::row(TABLE, column, self.id, format!("`{word}` is not known"))
    }
}

impl TryFrom<Row> for Alert {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state = row.state()?;
        let repeat = [Repeat::Count, Repeat::Once].into_iter().find(|r| repeat_word(*r) == row.repeats);
        let raise = Raise {
            alert_type: AlertType::from_word(&row.alert_type)
                .ok_or_else(|| row.unknown("alert_type", &row.alert_type))?,
            repeat: repeat.ok_or_else(|| row.unknown("repeats", &row.repeats))?,
            severity: Severity::from_word(&row.severity)
                .ok_or_else(|| row.unknown("severity", &row.severity))?,
            subject: row.subject,
            title: row.title,
            message: row.message,
            lot_id: row.lot_id.map(LotId),
            serial_id: row.serial_id.map(SerialId),
            process_id: row.process_id.map(ProcessId),
            equipment_id: row.equipment_id.map(EquipmentId),
            operator_id: row.operator_id.map(OperatorId),
            event_id: row.event_id,
            at: Timestamp::from_us(row.last_at),
        };
        let first_at = Timestamp::from_us(row.first_at);
        Ok(Self {
            id: AlertId(row.id),
            alert: NewAlert { raise, state, count: row.times, first_at },
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// Which alerts are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertQuery {
    /// That this reader looks after.
    pub reach: AlertReach,
    /// In this state.
    pub status: Option<AlertStatus>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Of this type.
    pub alert_type: Option<AlertType>,
    /// About this lot.
    pub lot_id: Option<LotId>,
    /// About this unit.
    pub serial_id: Option<SerialId>,
    /// About this process.
    pub process_id: Option<ProcessId>,
    /// About this equipment.
    pub equipment_id: Option<EquipmentId>,
    /// That share this event.
    pub event_id: Option<String>,
    /// Raised last at or after this.
    pub from: Option<Timestamp>,
    /// Raised last before this.
    pub to: Option<Timestamp>,
}

/// Leaves only what a reader looks after.
pub(super) fn of_reach(filter: Filter, reach: AlertReach) -> Filter {
    filter.maybe("(operator_id IS NULL OR operator_id = ?)", reach.operator().map(|id| id.0))
}

impl AlertQuery {
    fn filter(&self) -> Filter {
        of_reach(Filter::default(), self.reach)
            .maybe("status = ?", self.status.map(AlertStatus::as_str))
            .maybe("severity = ?", self.severity.map(Severity::as_str))
            .maybe("alert_type = ?", self.alert_type.map(AlertType::as_str))
            .maybe("lot_id = ?", self.lot_id.map(|id| id.0))
            .maybe("serial_id = ?", self.serial_id.map(|id| id.0))
            .maybe("process_id = ?", self.process_id.map(|id| id.0))
            .maybe("equipment_id = ?", self.equipment_id.map(|id| id.0))
            .maybe("event_id = ?", self.event_id.as_deref())
            .maybe("last_at >= ?", self.from.map(Timestamp::us))
            .maybe("last_at < ?", self.to.map(Timestamp::us))
    }
}

/// The alerts that `query` asks for, those raised last first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn alert_list(db: &Db, query: &AlertQuery, slice: Slice) -> Result<Page<Alert>, StoreError> {
    let order = "last_at DESC, id DESC";
    listing::page::<Row, _>(db, "alert_list", (SELECT, TABLE), &query.filter(), order, slice).await
}

/// The alert with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn alert_find(db: &Db, id: AlertId) -> Result<Option<Alert>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    let rows = listing::rows::<Row>(db, "alert_find", SELECT, &filter, "").await?;
    rows.into_iter().next().map(Alert::try_from).transpose()
}

pub(crate) async fn alerts_after_id(db: &Db, after: AlertId, limit: u32) -> Result<Vec<Alert>, StoreError> {
    let filter = Filter::default().and("id > ?", after.0);
    let slice = Slice::first(limit);
    let rows: Vec<Row> = listing::slice_rows(db, "alerts_after", SELECT, &filter, "id", slice).await?;
    rows.into_iter().map(Alert::try_from).collect()
}

/// The numbers for badges: what `query` lets through, and what is unread among all that its reader looks after.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn alert_counts(db: &Db, query: &AlertQuery) -> Result<AlertCounts, StoreError> {
    let total = listing::count(db, "alert_counts", TABLE, &query.filter()).await?;
    let select = "SELECT count(*), CAST(COALESCE(sum(CASE WHEN severity = 'HIGH' THEN 1 ELSE 0 END), 0) AS BIGINT) \
                  FROM alert";
    let unread = of_reach(Filter::default().fixed("status = 'UNREAD'"), query.reach);
    let rows: Vec<(i64, i64)> = listing::rows(db, "alert_counts", select, &unread, "").await?;
    let (unread, high) = rows.first().copied().unwrap_or_default();
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(AlertCounts { total, unread: number(unread), unread_high: number(high) })
}

/// When a HIGH alert that the reader looks after was last raised: for the advice how often to ask.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn alert_last_high(db: &Db, reach: AlertReach) -> Result<Option<Timestamp>, StoreError> {
    let filter = of_reach(Filter::default().fixed("severity = 'HIGH'"), reach);
    let rows: Vec<(Option<i64>,)> =
        listing::rows(db, "alert_last_high", "SELECT max(last_at) FROM alert", &filter, "").await?;
    Ok(rows.first().and_then(|(at,)| *at).map(Timestamp::from_us))
}
