//! Alerts: raised in the unit of work that causes them, told to everybody who listens, read and put away by people.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::alerts::{Alert, AlertCounts, AlertId, Raise, Severity, manual, poll_after_s};
use nightshift_domain::audit::Action;
use nightshift_domain::identity::{AlertReach, Principal, Role};
use nightshift_domain::production::{EquipmentId, LotId, OperatorId, ProcessId, SerialId};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::Clock;
use nightshift_store::alerts::{self as store, AlertQuery};
use nightshift_store::{Db, Slice, StoreError, Tx};
use serde_json::json;

use crate::identity::By;
use crate::production::{ProductionError, person};
use crate::writer::Writer;

/// How long a change may wait for its commit.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Most alerts that one request may name.
pub const BULK_MAX: usize = 1_000;

/// Who reads alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertReader {
    /// Which are his.
    pub reach: AlertReach,
    /// Whether he leads: leaders are advised to ask more often.
    pub leads: bool,
}

impl AlertReader {
    /// What `principal` reads.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        let leads = matches!(principal.role(), Some(Role::Admin | Role::Manager));
        Self { reach: AlertReach::of(principal), leads }
    }
}

/// A part of the alerts, with what clients show beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertList {
    /// The alerts, those raised last first.
    pub alerts: Vec<Alert>,
    /// How many the filters let through, and how many are unread among all that are the reader's.
    pub counts: AlertCounts,
    /// Seconds after which to ask again.
    pub poll_after_s: u32,
}

/// An alert that a person writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertDraft {
    /// One line.
    pub title: String,
    /// The rest.
    pub message: String,
    /// How much it matters; MEDIUM when absent.
    pub severity: Option<Severity>,
    /// The lot it is about.
    pub lot_id: Option<LotId>,
    /// The unit.
    pub serial_id: Option<SerialId>,
    /// The process.
    pub process_id: Option<ProcessId>,
    /// The equipment.
    pub equipment_id: Option<EquipmentId>,
}

/// The door to alerts. Cheap to clone.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    db: Db,
    writer: Writer,
    clock: Clock,
}

/// Raises alerts in a unit of work and tells of those that are new or were raised again.
pub(crate) async fn raise(tx: &mut Tx, raises: Vec<Raise>, now: Timestamp) -> Result<Vec<Alert>, StoreError> {
    let raised = store::alerts_raise(tx, raises).await?;
    tell(tx, &raised, now).await?;
    Ok(raised)
}

/// Journals alerts that were raised: listeners hear of them with the commit.
pub(crate) async fn tell(tx: &mut Tx, raised: &[Alert], now: Timestamp) -> Result<(), StoreError> {
    if raised.is_empty() {
        return Ok(());
    }
    let events = raised.iter().map(|alert| {
        let raise = &alert.alert.raise;
        metrics::counter!("nightshift_alerts_raised_total", "type" => raise.alert_type.as_str()).increment(1);
        let data = json!({
            "alert_id": alert.id, "alert_type": raise.alert_type, "severity": raise.severity,
            "title": raise.title, "message": raise.message, "count": alert.alert.count,
            "lot_id": raise.lot_id, "serial_id": raise.serial_id, "process_id": raise.process_id,
            "equipment_id": raise.equipment_id, "operator_id": raise.operator_id, "event_id": raise.event_id,
        });
        NewEvent::new(now, "alerts.raised", &raise.subject, data)
    });
    tx.journal_many(events.collect()).await.map(|_| ())
}

impl Alerts {
    pub(crate) fn new(db: Db, writer: Writer, clock: Clock) -> Self {
        Self(Arc::new(Inner { db, writer, clock }))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.0.clock.now_us())
    }

    /// A part of the reader's alerts that `query` lets through.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(
        &self,
        reader: AlertReader,
        query: AlertQuery,
        slice: Slice,
    ) -> Result<AlertList, ProductionError> {
        let (db, query) = (&self.0.db, AlertQuery { reach: reader.reach, ..query });
        let (page, counts, poll_after_s) = futures::try_join!(
            store::alert_list(db, &query, slice),
            store::alert_counts(db, &query),
            self.advice(reader)
        )?;
        Ok(AlertList { alerts: page.items, counts, poll_after_s })
    }

    /// Seconds after which the reader should ask again.
    async fn advice(&self, reader: AlertReader) -> Result<u32, StoreError> {
        let high = store::alert_last_high(&self.0.db, reader.reach).await?;
        Ok(poll_after_s(reader.leads, high, self.now()))
    }

    /// The reader's alert with `id`.
    ///
    /// # Errors
    /// `NotFound`, for another's alert too, or the database is away.
    pub async fn get(&self, reader: AlertReader, id: AlertId) -> Result<Alert, ProductionError> {
        let found =
            store::alert_find(&self.0.db, id).await?.filter(|alert| reader.reach.covers(&alert.alert));
        found.ok_or_else(|| ProductionError::not_found("alert", id))
    }

    /// The numbers for the reader's badges, and after how many seconds to ask again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn counts(&self, reader: AlertReader) -> Result<(AlertCounts, u32), ProductionError> {
        let query = AlertQuery { reach: reader.reach, ..AlertQuery::default() };
        Ok(futures::try_join!(store::alert_counts(&self.0.db, &query), self.advice(reader))?)
    }

    /// Writes an alert by hand.
    ///
    /// # Errors
    /// `Invalid`, or a part is away.
    pub async fn create(&self, by: &By, draft: AlertDraft) -> Result<Alert, ProductionError> {
        let (by, now) = (by.clone(), self.now());
        let unique = format!("{}-{}", now.us(), by.origin.request_id.as_deref().unwrap_or("0"));
        let mut raise = manual(&unique, &draft.title, &draft.message, now).validated()?;
        raise.severity = draft.severity.unwrap_or(raise.severity);
        (raise.lot_id, raise.serial_id) = (draft.lot_id, draft.serial_id);
        (raise.process_id, raise.equipment_id) = (draft.process_id, draft.equipment_id);
        let raised = self.0.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let raised = self::raise(tx, vec![raise], now).await?;
                for alert in &raised {
                    let shown =
                        json!({ "title": alert.alert.raise.title, "severity": alert.alert.raise.severity });
                    tx.audit(by.entry(now, Action::Create, "alert").on(alert.id).after(&shown))?;
                }
                Ok(raised)
            })
        });
        let raised = raised.await?.into_iter().next();
        raised.ok_or_else(|| ProductionError::Exists { what: "this alert".to_owned() })
    }

    /// Marks the reader's alert as read. Reading twice is no mistake.
    ///
    /// # Errors
    /// `NotFound`, `NotAPerson`, or a part is away.
    pub async fn read(&self, by: &By, reader: AlertReader, id: AlertId) -> Result<Alert, ProductionError> {
        self.get(reader, id).await?;
        self.mark_read(by, reader, Some(vec![id])).await?;
        self.get(reader, id).await
    }

    /// Marks the reader's unread alerts as read: those named, or all. Gives how many were unread.
    ///
    /// # Errors
    /// `Invalid` when too many are named, `NotAPerson`, or a part is away.
    pub async fn read_many(
        &self,
        by: &By,
        reader: AlertReader,
        ids: Option<Vec<AlertId>>,
    ) -> Result<u64, ProductionError> {
        if ids.as_ref().is_some_and(|ids| ids.len() > BULK_MAX) {
            let message = format!("must be at most {BULK_MAX}");
            return Err(vec![nightshift_domain::production::FieldFault::new("alert_ids", message)].into());
        }
        self.mark_read(by, reader, ids).await
    }

    async fn mark_read(
        &self,
        by: &By,
        reader: AlertReader,
        ids: Option<Vec<AlertId>>,
    ) -> Result<u64, ProductionError> {
        let (who, by, now) = (person(by)?, by.clone(), self.now());
        let read = self.0.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let read = store::alerts_read(tx, ids.as_deref(), reader.reach, who, now).await?;
                if read > 0 {
                    let data = json!({ "alert_ids": ids, "read": read });
                    tx.audit(by.entry(now, Action::Update, "alert").after(&data))?;
                    tx.journal(NewEvent::new(now, "alerts.read", "alerts", data)).await?;
                }
                Ok(read)
            })
        });
        Ok(read.await?)
    }

    /// Puts the reader's alert away: the next of its kind is a new one.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn archive(&self, by: &By, reader: AlertReader, id: AlertId) -> Result<Alert, ProductionError> {
        let who: Option<OperatorId> = person(by).ok();
        self.get(reader, id).await?;
        self.change(by, id, "alerts.archived", Action::Update, move |tx, now| {
            Box::pin(store::alert_archive(tx, id, who, now))
        })
        .await?;
        self.get(reader, id).await
    }

    /// Removes an alert.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn remove(&self, by: &By, reader: AlertReader, id: AlertId) -> Result<(), ProductionError> {
        self.get(reader, id).await?;
        self.change(by, id, "alerts.removed", Action::Delete, move |tx, _| {
            Box::pin(store::alert_delete(tx, id))
        })
        .await
    }

    async fn change(
        &self,
        by: &By,
        id: AlertId,
        kind: &'static str,
        action: Action,
        step: impl for<'t> FnOnce(&'t mut Tx, Timestamp) -> futures::future::BoxFuture<'t, Result<(), StoreError>>
        + Send
        + 'static,
    ) -> Result<(), ProductionError> {
        let (by, now) = (by.clone(), self.now());
        let changed = self.0.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                step(tx, now).await?;
                tx.audit(by.entry(now, action, "alert").on(id))?;
                tx.journal(NewEvent::new(now, kind, &id.to_string(), json!({ "alert_id": id }))).await?;
                Ok(())
            })
        });
        Ok(changed.await?)
    }
}
