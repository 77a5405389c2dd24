//! Print jobs.

use nightshift_domain::Timestamp;
use nightshift_domain::labels::{
    JobState, JobStatus, LabelJobId, LabelType, NewPrintJob, PrintJob, PrinterId,
};
use sqlx::types::Json;

use super::job_row::{Row, SELECT, TABLE, state_columns};
use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

/// Which jobs a list is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Of this printer.
    pub printer_id: Option<PrinterId>,
    /// In this state.
    pub status: Option<JobStatus>,
    /// Of this kind.
    pub label_type: Option<LabelType>,
    /// Of this lot or unit.
    pub number: Option<String>,
    /// Only those that print something once more, or only the others.
    pub reprints: Option<bool>,
}

impl JobQuery {
    fn filter(&self) -> Filter {
        let filter = Filter::default()
            .maybe("printer_id = ?", self.printer_id.as_ref().map(PrinterId::as_str))
            .maybe("state = ?", self.status.map(JobStatus::as_str))
            .maybe("label_type = ?", self.label_type.as_ref().map(LabelType::as_str))
            .maybe("number = ?", self.number.as_deref());
        match self.reprints {
            None => filter,
            Some(true) => filter.fixed("reprint_of IS NOT NULL"),
            Some(false) => filter.fixed("reprint_of IS NULL"),
        }
    }
}

/// Queues jobs, in their order.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn jobs_insert(
    tx: &mut Tx,
    jobs: &[NewPrintJob],
    now: Timestamp,
) -> Result<Vec<PrintJob>, StoreError> {
    let sql = "INSERT INTO label_job (printer_id, label_type, number, copies, data, zpl, may_wait, automatic, \
               reprint_of, reprint_reason, reprint_worker, requested_by, state, created_at, moved_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending', $13, $13) RETURNING id";
    let mut queued = Vec::with_capacity(jobs.len());
    for job in jobs {
        text::check("label_job.number", &job.number)?;
        text::check("label_job.zpl", &job.zpl)?;
        text::check("label_job.requested_by", &job.requested_by)?;
        text::check_all(TABLE, &job.data)?;
        text::check_all(TABLE, &job.reprint)?;
        let reprint = job.reprint.as_ref();
        let rows = write_all!(
            tx,
            "jobs_insert",
            (i64,),
            sql,
            job.printer_id.as_str(),
            job.label_type.as_str(),
            job.number.as_str(),
            i64::from(job.copies),
            Json(&job.data),
            job.zpl.as_str(),
            job.may_wait,
            job.automatic,
            reprint.map(|r| r.of.0),
            reprint.map(|r| r.reason.as_str()),
            reprint.map(|r| r.worker.as_str()),
            job.requested_by.as_str(),
            now.us(),
        )?;
        let id = LabelJobId(rows.first().map_or(0, |(id,)| *id));
        queued.push(PrintJob { id, job: job.clone(), state: JobState::Pending, created_at: now });
    }
    Ok(queued)
}

/// Moves a job that is still in state `from`; whether it was.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn job_save(tx: &mut Tx, job: &PrintJob, from: JobStatus) -> Result<bool, StoreError> {
    let (reason, moved_at) = state_columns(&job.state, job.created_at);
    text::check("label_job.reason", reason.unwrap_or_default())?;
    let sql = "UPDATE label_job SET state = $3, reason = $4, moved_at = $5 WHERE id = $1 AND state = $2";
    let state = job.state.status().as_str();
    let moved = write_exec!(tx, "job_save", sql, job.id.0, from.as_str(), state, reason, moved_at.us())?;
    Ok(moved == 1)
}

/// A job as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn job_read(tx: &mut Tx, id: LabelJobId) -> Result<Option<PrintJob>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    first(listing::tx_rows::<Row>(tx, "job_read", SELECT, &filter, "").await?)
}

/// The job with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn job_find(db: &Db, id: LabelJobId) -> Result<Option<PrintJob>, StoreError> {
    let filter = Filter::default().and("id = ?", id.0);
    first(listing::rows::<Row>(db, "job_find", SELECT, &filter, "").await?)
}

/// The job that has waited longest for a printer.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn job_next(db: &Db, printer: &PrinterId) -> Result<Option<PrintJob>, StoreError> {
    // The words stand in the text: that is how the engines know the partial index.
    let filter = Filter::default()
        .and("printer_id = ?", printer.as_str())
        .fixed("(state = 'pending' OR state = 'printing')")
        .fixed("state = 'pending'");
    first(listing::rows::<Row>(db, "job_next", SELECT, &filter, "ORDER BY id LIMIT 1").await?)
}

/// The jobs that were on their way to a printer.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn jobs_of_printer(
    db: &Db,
    printer: &PrinterId,
    status: JobStatus,
    most: u32,
) -> Result<Vec<PrintJob>, StoreError> {
    let query = JobQuery { printer_id: Some(printer.clone()), status: Some(status), ..JobQuery::default() };
    let rows: Vec<Row> =
        listing::slice_rows(db, "jobs_of_printer", SELECT, &query.filter(), "id", Slice::first(most)).await?;
    rows.into_iter().map(PrintJob::try_from).collect()
}

/// How many jobs wait or are on their way, at all printers.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn jobs_open(db: &Db) -> Result<u64, StoreError> {
    let filter = Filter::default().fixed("(state = 'pending' OR state = 'printing')");
    listing::count(db, "jobs_open", TABLE, &filter).await
}

/// How many jobs wait for a printer or are on their way to it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn jobs_open_of(db: &Db, printer: &PrinterId) -> Result<u64, StoreError> {
    let filter = Filter::default()
        .and("printer_id = ?", printer.as_str())
        .fixed("(state = 'pending' OR state = 'printing')");
    listing::count(db, "jobs_open_of", TABLE, &filter).await
}

/// Since when the job that has waited longest, at any printer, waits or is on its way.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn jobs_open_since(db: &Db) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT MIN(created_at) FROM label_job WHERE (state = 'pending' OR state = 'printing')";
    let rows = read_all!(db, "jobs_open_since", (Option<i64>,), sql)?;
    Ok(rows.into_iter().next().and_then(|(at,)| at).map(Timestamp::from_us))
}

/// How many jobs are in state `status`, at all printers.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn jobs_count(db: &Db, status: JobStatus) -> Result<u64, StoreError> {
    let query = JobQuery { status: Some(status), ..JobQuery::default() };
    listing::count(db, "jobs_count", TABLE, &query.filter()).await
}

/// The jobs that `query` lets through, those queued last first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn job_list(db: &Db, query: &JobQuery, slice: Slice) -> Result<Page<PrintJob>, StoreError> {
    listing::page::<Row, _>(db, "job_list", (SELECT, TABLE), &query.filter(), "id DESC", slice).await
}

fn first(rows: Vec<Row>) -> Result<Option<PrintJob>, StoreError> {
    rows.into_iter().next().map(PrintJob::try_from).transpose()
}
