//! Print, print again, look at jobs.

use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::labels::{
    COPIES_MAX, InvalidStep, JobStatus, Label, LabelData, LabelError, LabelJobId, LabelType, NewPrintJob,
    PrintJob, PrinterFault, PrinterId, REASON_CHARS_MAX, Reprint,
};
use nightshift_domain::production::{Lot, Refusal};
use nightshift_kernel::AskError;
use nightshift_store::labels::{self as store, JobQuery};
use nightshift_store::production as catalog;
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::error::LabelsError;
use super::fields::{lot_data, serial_data, who};
use super::printer::PrinterMessage;
use super::{Labels, WRITE_DEADLINE, note};
use crate::identity::By;
use crate::once::Once;
use crate::production::ProductionError;
use crate::setback::Setback;

/// Most labels that wait for one printer; more are answered as overloaded. Those made with lots and units always wait.
const QUEUE_MAX: u64 = 20_000;
/// When to ask again while the queue is full.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(10);

/// What a label is put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelOf {
    /// A lot, by its number.
    Lot(String),
    /// A unit, by its number.
    Serial(String),
    /// Something else: the data say all.
    Other {
        /// What its code says.
        number: String,
        /// The kind of label.
        label_type: LabelType,
    },
}

/// A label that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRequest {
    /// Where.
    pub printer_id: PrinterId,
    /// Of what.
    pub of: LabelOf,
    /// The kind of label, when it is another than that of the lot or unit.
    pub label_type: Option<LabelType>,
    /// How many.
    pub copies: u32,
    /// Fields on top of those of the lot or unit.
    pub data: LabelData,
    /// Whether it waits for a printer that cannot print now. Else it fails at once.
    pub may_wait: bool,
    /// How long to wait for the printer to take it.
    pub wait: Duration,
}

/// A label that is asked for once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReprintRequest {
    /// The job that printed it, or was to.
    pub job: LabelJobId,
    /// Why.
    pub reason: String,
    /// Who says so; the one who asks when absent.
    pub worker: Option<String>,
    /// Where, when it is another printer.
    pub printer_id: Option<PrinterId>,
    /// How many, when it is another number.
    pub copies: Option<u32>,
    /// As with [`PrintRequest`].
    pub may_wait: bool,
    /// As with [`PrintRequest`].
    pub wait: Duration,
}

/// A job, and whether its printer has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The job.
    pub job: PrintJob,
    /// Whether the printer took it; else it waits.
    pub taken: bool,
}

impl Labels {
    /// Prints a label; `once` keeps with the job that it waits, until more is known.
    ///
    /// # Errors
    /// `Label` when it cannot be made, `Printer` when the printer cannot print and the label does not wait, `NoPrinter`,
    /// or as with everything of production.
    pub async fn print(
        &self,
        by: &By,
        request: PrintRequest,
        once: Option<Once<Printed>>,
    ) -> Result<Printed, LabelsError> {
        check_copies(request.copies)?;
        let (label_type, number, data) = self.resolve(&request.of, request.label_type, request.data).await?;
        let zpl = Label::new(self.templates().get(&label_type)?, &data)?.zpl(request.copies);
        let job = NewPrintJob {
            printer_id: request.printer_id,
            label_type,
            number,
            copies: request.copies,
            data,
            zpl,
            may_wait: request.may_wait,
            automatic: false,
            reprint: None,
            requested_by: who(by),
        };
        self.queue(by, job, request.wait, once).await
    }

    /// Prints a label once more, with a reason that is kept.
    ///
    /// # Errors
    /// As [`Self::print`]; `NoJob`; `Step` while the job before still waits or prints.
    pub async fn reprint(
        &self,
        by: &By,
        request: ReprintRequest,
        once: Option<Once<Printed>>,
    ) -> Result<Printed, LabelsError> {
        let before = self.job(request.job).await?;
        if matches!(before.state.status(), JobStatus::Pending | JobStatus::Printing) {
            // It is still to come out: a second one would be a double.
            let from = before.state.status();
            return Err(InvalidStep { from, to: JobStatus::Pending }.into());
        }
        let reason = checked_reason(&request.reason)?;
        let copies = request.copies.unwrap_or(before.job.copies);
        check_copies(copies)?;
        let template = self.templates().get(&before.job.label_type)?;
        let zpl = Label::new(template, &before.job.data)?.zpl(copies);
        let worker = request.worker.unwrap_or_else(|| who(by));
        if worker.chars().count() > 100 || worker.chars().any(char::is_control) {
            let reason = "must be at most 100 characters".to_owned();
            return Err(LabelError::Field { field: "worker_id".to_owned(), reason }.into());
        }
        let job = NewPrintJob {
            printer_id: request.printer_id.unwrap_or(before.job.printer_id),
            copies,
            zpl,
            may_wait: request.may_wait,
            automatic: false,
            reprint: Some(Reprint { of: before.id, reason, worker }),
            requested_by: who(by),
            ..before.job
        };
        self.queue(by, job, request.wait, once).await
    }

    /// A drawing of a label: SVG.
    ///
    /// # Errors
    /// `Label` when it cannot be made, or as with everything of production.
    pub async fn preview(
        &self,
        of: &LabelOf,
        label_type: Option<LabelType>,
        data: LabelData,
    ) -> Result<String, LabelsError> {
        let (label_type, _, data) = self.resolve(of, label_type, data).await?;
        Ok(Label::new(self.templates().get(&label_type)?, &data)?.svg())
    }

    /// The job with `id`.
    ///
    /// # Errors
    /// `NoJob`, or the database is away.
    pub async fn job(&self, id: LabelJobId) -> Result<PrintJob, LabelsError> {
        store::job_find(&self.shared.db, id).await?.ok_or(LabelsError::NoJob(id))
    }

    /// The newest job of a lot or unit.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn newest_job_of(&self, number: &str) -> Result<Option<PrintJob>, LabelsError> {
        let query = JobQuery { number: Some(number.to_owned()), ..JobQuery::default() };
        Ok(store::job_list(&self.shared.db, &query, Slice::first(1)).await?.items.into_iter().next())
    }

    /// A part of the jobs that `query` lets through, the newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn jobs(&self, query: &JobQuery, slice: Slice) -> Result<Page<PrintJob>, LabelsError> {
        Ok(store::job_list(&self.shared.db, query, slice).await?)
    }

    /// Calls a job off that has not begun.
    ///
    /// # Errors
    /// `NoJob`; `Step` when it has begun or ended; a part is away.
    pub async fn cancel_job(&self, by: &By, id: LabelJobId) -> Result<PrintJob, LabelsError> {
        let before = self.job(id).await?;
        let reason = format!("called off by {}", who(by));
        let called_off = self.shared.call_off(id, &reason, false).await?;
        match called_off {
            Some(job) => {
                self.audit(by, Action::Update, &before, &job).await?;
                Ok(job)
            }
            None => {
                let from = self.job(id).await?.state.status();
                Err(InvalidStep { from, to: JobStatus::Failed }.into())
            }
        }
    }

    /// Says of a job that is unknown whether it was printed: a person has looked.
    ///
    /// # Errors
    /// `NoJob`; `Step` when it is not unknown; a part is away.
    pub async fn settle_job(
        &self,
        by: &By,
        id: LabelJobId,
        was_printed: bool,
        reason: &str,
    ) -> Result<PrintJob, LabelsError> {
        let before = self.job(id).await?;
        let (from, now) = (before.state.status(), self.shared.now());
        let to = if was_printed { JobStatus::Printed } else { JobStatus::Failed };
        if from != JobStatus::Unknown {
            return Err(InvalidStep { from, to }.into());
        }
        let reason = checked_reason(reason)?;
        let state = if was_printed { before.state.printed(now)? } else { before.state.fail(&reason, now)? };
        let job = PrintJob { state, ..before.clone() };
        if !self.shared.move_job(&job, JobStatus::Unknown).await? {
            let from = self.job(id).await?.state.status();
            return Err(InvalidStep { from, to }.into());
        }
        self.audit(by, Action::Update, &before, &job).await?;
        Ok(job)
    }

    async fn audit(
        &self,
        by: &By,
        action: Action,
        before: &PrintJob,
        after: &PrintJob,
    ) -> Result<(), LabelsError> {
        let entry = by.entry(self.shared.now(), action, "label_job").on(after.id);
        let entry = entry.before(&shown(before)).after(&shown(after));
        let written =
            self.shared.writer.run(WRITE_DEADLINE, move |tx| Box::pin(async move { tx.audit(entry) }));
        Ok(written.await?)
    }

    /// What a label of `of` is and says.
    async fn resolve(
        &self,
        of: &LabelOf,
        label_type: Option<LabelType>,
        data: LabelData,
    ) -> Result<(LabelType, String, LabelData), LabelsError> {
        let db = &self.shared.db;
        match of {
            LabelOf::Lot(number) => {
                let missing = || ProductionError::Refused(Refusal::LotNotFound { number: number.clone() });
                let lot = catalog::lot_find_number(db, number).await?.ok_or_else(missing)?.lot;
                let own = lot_data(&lot, &self.product(&lot).await?)?;
                Ok((label_type.unwrap_or_else(LabelType::lot), lot.lot_number.to_string(), data.or(own)))
            }
            LabelOf::Serial(number) => {
                let missing = || ProductionError::Refused(Refusal::SerialNotFound { number: number.clone() });
                let serial = catalog::serial_find_number(db, number).await?.ok_or_else(missing)?.serial;
                let lot = catalog::lot_find(db, serial.lot_id).await?.ok_or_else(missing)?.lot;
                let own = serial_data(&serial, &lot, &self.product(&lot).await?)?;
                let number = serial.serial_number.to_string();
                Ok((label_type.unwrap_or_else(LabelType::serial), number, data.or(own)))
            }
            LabelOf::Other { number, label_type: own } => {
                let data = data.or(LabelData::new([("number", number.as_str())])?);
                Ok((label_type.unwrap_or_else(|| own.clone()), number.clone(), data))
            }
        }
    }

    async fn product(&self, lot: &Lot) -> Result<String, LabelsError> {
        let model = catalog::product_model_find(&self.shared.db, lot.product_model_id).await?;
        Ok(model.map_or_else(String::new, |model| model.spec.model_name))
    }

    /// Queues a job, and waits a while for its printer.
    async fn queue(
        &self,
        by: &By,
        job: NewPrintJob,
        wait: Duration,
        once: Option<Once<Printed>>,
    ) -> Result<Printed, LabelsError> {
        let shared = &self.shared;
        let printer = job.printer_id.clone();
        if store::printer_find(&shared.db, &printer).await?.is_none() {
            return Err(LabelsError::NoPrinter(printer.to_string()));
        }
        if store::jobs_open_of(&shared.db, &printer).await? >= QUEUE_MAX {
            return Err(ProductionError::from(Setback::Overloaded { retry_after: RETRY_AFTER_FULL }).into());
        }
        let ticket = once.as_ref().map(Once::ticket);
        let (by, now) = (by.clone(), shared.now());
        let queued = shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let Some(job) = store::jobs_insert(tx, &[job], now).await?.into_iter().next() else {
                    return Ok(None);
                };
                note(tx, &job, now).await?;
                tx.audit(by.entry(now, Action::Create, "label_job").on(job.id).after(&shown(&job)))?;
                let queued = Printed { job, taken: false };
                if let Some(once) = once {
                    once.keep_for_now(tx, &queued, now).await?;
                }
                Ok(Some(queued.job))
            })
        });
        let job =
            queued.await?.ok_or_else(|| ProductionError::from(Setback::failed("nothing was queued")))?;
        let answer = self.wait_for(job, &printer, wait).await;
        if let (Err(LabelsError::Printer { .. }), Some(ticket)) = (&answer, ticket) {
            ticket.undone();
        }
        answer
    }

    async fn wait_for(
        &self,
        job: PrintJob,
        printer: &PrinterId,
        wait: Duration,
    ) -> Result<Printed, LabelsError> {
        let Some(seat) = self.shared.desk.seat(printer) else { return Ok(Printed { job, taken: false }) };
        let id = job.id;
        if wait.is_zero() {
            self.shared.desk.ring(Some(printer));
            return Ok(Printed { job, taken: false });
        }
        match seat.address.ask(|reply| PrinterMessage::Await { job: id, reply }, wait).await {
            Ok(answer) => {
                let job = answer?;
                let taken = job.state.status() != JobStatus::Pending;
                Ok(Printed { job, taken })
            }
            Err(AskError::Deadline | AskError::Full | AskError::Stopped | AskError::Failed) => {
                // The job is durable, whatever became of the question. It may have been refused at the last moment.
                let job = self.job(id).await?;
                if job.state.status() == JobStatus::Failed {
                    let seen = seat.seen().trouble;
                    let fault = seen.map_or(PrinterFault::NotConnected, |trouble| trouble.fault);
                    let retry_after = Duration::from_secs(1);
                    return Err(LabelsError::Printer {
                        printer: printer.clone(),
                        fault,
                        job: id,
                        retry_after,
                    });
                }
                let taken = job.state.status() != JobStatus::Pending;
                Ok(Printed { job, taken })
            }
        }
    }
}

/// A job as the audit shows it.
fn shown(job: &PrintJob) -> serde_json::Value {
    let reprint = job.job.reprint.as_ref();
    json!({
        "printer_id": job.job.printer_id, "label_type": job.job.label_type, "number": job.job.number,
        "copies": job.job.copies, "status": job.state.status(),
        "reprint_of": reprint.map(|r| r.of), "reason": reprint.map(|r| &r.reason), "worker": reprint.map(|r| &r.worker),
    })
}

fn check_copies(copies: u32) -> Result<(), LabelError> {
    if (1..=COPIES_MAX).contains(&copies) {
        return Ok(());
    }
    Err(LabelError::Field { field: "copies".to_owned(), reason: format!("must be 1 to {COPIES_MAX}") })
}

fn checked_reason(reason: &str) -> Result<String, LabelError> {
    let reason = reason.trim();
    let count = reason.chars().count();
    if count == 0 || count > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let reason = format!("must be 1 to {REASON_CHARS_MAX} characters");
        return Err(LabelError::Field { field: "reason".to_owned(), reason });
    }
    Ok(reason.to_owned())
}
