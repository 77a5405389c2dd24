//! Printers: registered, changed, removed; each has its actor.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_domain::NewEvent;
use nightshift_domain::audit::Action;
use nightshift_domain::labels::{Printer, PrinterId, PrinterSpec};
use nightshift_domain::production::amend;
use nightshift_kernel::{Breaker, BreakerSnapshot, ChildSpec, Mailbox, SpawnError};
use nightshift_store::labels as store;
use nightshift_store::{Page, Slice, StoreError, Tx};
use serde_json::{Map, Value, json};

use super::desk::{PrinterSeen, Seat};
use super::error::LabelsError;
use super::printer::{MAILBOX, PrinterActor, PrinterMessage, breaker_config};
use super::{Labels, WRITE_DEADLINE};
use crate::identity::By;
use crate::production::ProductionError;
use crate::setback::Setback;

/// Most printers.
const PRINTERS_MAX: u32 = 1_000;
/// How long a handler of a printer's actor may run without progress: a label on its way, and a look before and after.
const BUDGET: Duration = Duration::from_secs(60);
/// How long the ordered end of a removed printer's actor may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a look at a printer may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(8);

/// A printer with how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrinterView {
    /// The printer.
    pub printer: Printer,
    /// How its actor last saw it.
    pub seen: PrinterSeen,
    /// Its breaker.
    pub breaker: Option<BreakerSnapshot>,
    /// Jobs that wait for it or are on their way.
    pub open_jobs: u64,
}

impl Labels {
    /// Registers a printer.
    ///
    /// # Errors
    /// `Invalid`, `Exists` when its id is taken, or a part is away.
    pub async fn create_printer(&self, by: &By, spec: PrinterSpec) -> Result<PrinterView, LabelsError> {
        let spec = spec.validated().map_err(ProductionError::Invalid)?;
        let id = spec.printer_id.clone();
        if store::printer_list(&self.shared.db, Slice::first(1)).await?.total >= u64::from(PRINTERS_MAX) {
            let fault = nightshift_domain::production::FieldFault::new(
                "printer_id",
                "there are 1000 printers already",
            );
            return Err(ProductionError::Invalid(vec![fault]).into());
        }
        self.change(by, Action::Create, move |tx, now| {
            Box::pin(async move {
                let printer = store::printer_insert(tx, &spec, now).await?;
                Ok((printer.id.0, None, Some(printer.spec)))
            })
        })
        .await?;
        self.settle().await?;
        self.printer(&id).await
    }

    /// Changes the fields of a printer that `change` names; its id stays.
    ///
    /// # Errors
    /// `NoPrinter`, `Invalid`, or a part is away.
    pub async fn change_printer(
        &self,
        by: &By,
        id: &PrinterId,
        change: Map<String, Value>,
    ) -> Result<PrinterView, LabelsError> {
        let old = self.printer(id).await?.printer;
        let spec =
            amend(&old.spec, &change).and_then(PrinterSpec::validated).map_err(ProductionError::Invalid)?;
        if spec.printer_id != *id {
            let fault = nightshift_domain::production::FieldFault::new("printer_id", "never changes");
            return Err(ProductionError::Invalid(vec![fault]).into());
        }
        if spec != old.spec {
            self.change(by, Action::Update, move |tx, now| {
                Box::pin(async move {
                    store::printer_update(tx, &spec, now).await?;
                    Ok((old.id.0, Some(old.spec), Some(spec)))
                })
            })
            .await?;
            self.shared.desk.ring(Some(id));
        }
        self.printer(id).await
    }

    /// Removes a printer that has nothing to do.
    ///
    /// # Errors
    /// `NoPrinter`, `InUse` while labels wait for it, or a part is away.
    pub async fn remove_printer(&self, by: &By, id: &PrinterId) -> Result<(), LabelsError> {
        let old = self.printer(id).await?.printer;
        self.change(by, Action::Delete, move |tx, _| {
            Box::pin(async move {
                store::printer_delete(tx, &old.spec.printer_id).await?;
                Ok((old.id.0, Some(old.spec), None))
            })
        })
        .await?;
        self.settle().await
    }

    /// The printer of that id, as it was last seen.
    ///
    /// # Errors
    /// `NoPrinter`, or the database is away.
    pub async fn printer(&self, id: &PrinterId) -> Result<PrinterView, LabelsError> {
        let found = store::printer_find(&self.shared.db, id).await?;
        let printer = found.ok_or_else(|| LabelsError::NoPrinter(id.to_string()))?;
        self.viewed(printer).await
    }

    /// The printer of that id, looked at now.
    ///
    /// # Errors
    /// `NoPrinter`, or the database is away.
    pub async fn look_at_printer(&self, id: &PrinterId) -> Result<PrinterView, LabelsError> {
        let mut view = self.printer(id).await?;
        if let Some(seat) = self.shared.desk.seat(id) {
            // One that is at work says how it last was.
            let looked = seat.address.ask(|reply| PrinterMessage::Look { reply }, LOOK_DEADLINE).await;
            view.seen = looked.unwrap_or_else(|_| seat.seen());
            view.breaker = Some(seat.breaker.snapshot());
        }
        Ok(view)
    }

    /// A part of the printers, as they were last seen.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn printer_list(&self, slice: Slice) -> Result<Page<PrinterView>, LabelsError> {
        let page = store::printer_list(&self.shared.db, slice).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for printer in page.items {
            items.push(self.viewed(printer).await?);
        }
        Ok(Page { items, total: page.total })
    }

    async fn viewed(&self, printer: Printer) -> Result<PrinterView, LabelsError> {
        let seat = self.shared.desk.seat(&printer.spec.printer_id);
        let open_jobs = store::jobs_open_of(&self.shared.db, &printer.spec.printer_id).await?;
        let (seen, breaker) = seat.map_or_else(Default::default, |s| (s.seen(), Some(s.breaker.snapshot())));
        Ok(PrinterView { printer, seen, breaker, open_jobs })
    }

    /// One change, its line of the audit and its event.
    async fn change(
        &self,
        by: &By,
        action: Action,
        step: impl for<'t> FnOnce(&'t mut Tx, nightshift_domain::Timestamp) -> Changed<'t> + Send + 'static,
    ) -> Result<(), LabelsError> {
        let (by, now) = (by.clone(), self.shared.now());
        let changed = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let (id, before, after) = step(tx, now).await?;
                let mut entry = by.entry(now, action, "printer").on(id);
                if let Some(before) = &before {
                    entry = entry.before(before);
                }
                if let Some(after) = &after {
                    entry = entry.after(after);
                }
                tx.audit(entry)?;
                let name = after.or(before).map_or_else(String::new, |spec| spec.printer_id.to_string());
                let data = json!({ "printer_id": name, "action": action.as_str() });
                tx.journal(NewEvent::new(now, "labels.printer", &name, data)).await.map(|_| ())
            })
        });
        Ok(changed.await?)
    }

    /// Gives every printer its actor, and ends those of printers that are gone.
    pub(super) async fn settle(&self) -> Result<(), LabelsError> {
        let desk = &self.shared.desk;
        let _alone = desk.changing.lock().await;
        let printers = store::printer_list(&self.shared.db, Slice::first(PRINTERS_MAX)).await?.items;
        for (id, _) in desk.seats() {
            if printers.iter().all(|printer| printer.spec.printer_id != id) {
                desk.take(&id);
                if let Err(error) = self.printers.remove(id.as_str(), REMOVE_DEADLINE).await {
                    tracing::warn!(printer = %id, error = %error, "the actor of a printer did not end in order");
                }
            }
        }
        for printer in printers {
            if desk.seat(&printer.spec.printer_id).is_none() {
                let seated = self.seat(printer.spec.printer_id);
                seated.map_err(|error| ProductionError::from(Setback::failed(error)))?;
            }
        }
        Ok(())
    }

    fn seat(&self, id: PrinterId) -> Result<(), SpawnError> {
        let breaker = Breaker::new(
            format!("printer-{id}"),
            breaker_config(self.shared.desk.config.breaker_open),
            self.shared.clock.clone(),
        );
        let (view, breaker) = (breaker.view(), Arc::new(tokio::sync::Mutex::new(breaker)));
        let seen = Arc::<Mutex<PrinterSeen>>::default();
        let spec = ChildSpec::new(id.as_str()).mailbox(Mailbox::reject(MAILBOX)).budget(BUDGET);
        let (shared, own, noted) = (Arc::clone(&self.shared), id.clone(), Arc::clone(&seen));
        let make = move || {
            PrinterActor::new(Arc::clone(&shared), own.clone(), Arc::clone(&breaker), Arc::clone(&noted))
        };
        let address = self.printers.spawn(spec, make)?;
        self.shared.desk.put(id, Seat { address, breaker: view, seen });
        Ok(())
    }
}

/// The row's number, and the printer before and after.
type Changed<'t> =
    futures::future::BoxFuture<'t, Result<(i64, Option<PrinterSpec>, Option<PrinterSpec>), StoreError>>;
