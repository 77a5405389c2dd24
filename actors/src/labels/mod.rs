//! Labels: the door to printers and print jobs.

mod desk;
mod error;
mod fields;
mod files;
mod link;
mod measures;
mod print;
mod printer;
mod printers;
mod simulated;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::alerts::printer_trouble;
use nightshift_domain::labels::{JobStatus, LabelJobId, PrintJob, PrinterFault, PrinterId, Templates};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{BreakerView, Clock, Policy, StopOrder, Supervisor};
use nightshift_store::labels as store;
use nightshift_store::{Db, Tx};

pub use desk::PrinterSeen;
pub use error::LabelsError;
pub use print::{LabelOf, PrintRequest, Printed, ReprintRequest};
pub use printers::PrinterView;
pub use simulated::{PrinterMood, SimulatedPrinter};

pub(crate) use desk::Desk;
pub(crate) use fields::{queue_for_lot, queue_for_serials, who};
pub(crate) use measures::{describe_metrics, measure};

use crate::plant::StartError;
use crate::writer::Writer;

/// How long a change may wait for its commit.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// The door to labels. Cheap to clone.
#[derive(Clone)]
pub struct Labels {
    shared: Arc<Shared>,
    /// Keeps the actors of printers.
    printers: Supervisor,
}

/// What every part of labels works with.
pub(crate) struct Shared {
    db: Db,
    writer: Writer,
    clock: Clock,
    desk: Arc<Desk>,
}

/// Declares the domain under `production`.
pub(crate) async fn spawn(
    production: &Supervisor,
    desk: Arc<Desk>,
    (db, writer, clock): (Db, Writer, Clock),
) -> Result<Labels, StartError> {
    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let printers = production.supervisor("printer", together)?;
    let labels = Labels { shared: Arc::new(Shared { db, writer, clock, desk }), printers };
    labels.settle().await.map_err(|e| StartError::Production(e.to_string()))?;
    Ok(labels)
}

impl Labels {
    /// The kinds of labels there are.
    #[must_use]
    pub fn templates(&self) -> &Templates {
        &self.shared.desk.templates
    }

    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        self.shared.desk.seats().into_iter().map(|(_, seat)| seat.breaker).collect()
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// Moves a job that is still in state `from`; whether it was.
    async fn move_job(&self, job: &PrintJob, from: JobStatus) -> Result<bool, LabelsError> {
        let (job, now) = (job.clone(), self.now());
        let moved = self.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let moved = store::job_save(tx, &job, from).await?;
                if moved {
                    note(tx, &job, now).await?;
                }
                Ok(moved)
            })
        });
        Ok(moved.await?)
    }

    /// Calls a job off that has not begun; with `impatient`, only one that does not wait for its printer.
    async fn call_off(
        &self,
        id: LabelJobId,
        reason: &str,
        impatient: bool,
    ) -> Result<Option<PrintJob>, LabelsError> {
        let (reason, now) = (reason.to_owned(), self.now());
        let called_off = self.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let Some(mut job) = store::job_read(tx, id).await? else { return Ok(None) };
                let Ok(failed) = job.state.fail(&reason, now) else { return Ok(None) };
                if job.state.status() != JobStatus::Pending || impatient && job.job.may_wait {
                    return Ok(None);
                }
                job.state = failed;
                store::job_save(tx, &job, JobStatus::Pending).await?;
                note(tx, &job, now).await?;
                Ok(Some(job))
            })
        });
        Ok(called_off.await?)
    }

    /// Raises an alert, in a task of its own: a printer's actor does not wait for it.
    fn tell_trouble(&self, id: &PrinterId, fault: PrinterFault) {
        let now = self.now();
        let raise = printer_trouble(id.as_str(), fault.advice(), now);
        let writer = self.writer.clone();
        tokio::spawn(async move {
            let raised = writer.run(WRITE_DEADLINE, move |tx| {
                Box::pin(async move { crate::alerts::raise(tx, vec![raise], now).await })
            });
            if let Err(error) = raised.await {
                tracing::warn!(error = %error, "a printer's trouble could not be made an alert");
            }
        });
    }
}

/// Journals where a job has come to, and counts it.
async fn note(tx: &mut Tx, job: &PrintJob, now: Timestamp) -> Result<(), nightshift_store::StoreError> {
    let status = job.state.status();
    metrics::counter!("nightshift_labels_jobs_total", "state" => status.as_str()).increment(1);
    let event = NewEvent::new(now, "labels.job", &job.job.number, printer::event_data(job));
    tx.journal(event).await.map(|_| ())
}
