//! A row of `label_job`, as the job it stands for.

use nightshift_domain::Timestamp;
use nightshift_domain::labels::{JobState, JobStatus, LabelJobId, NewPrintJob, PrintJob, Reprint};

use crate::{StoreError, text};

pub(super) const TABLE: &str = "label_job";

pub(super) const SELECT: &str = "SELECT id, printer_id, label_type, number, copies, CAST(data AS TEXT) AS data, zpl, \
     may_wait, automatic, reprint_of, reprint_reason, reprint_worker, requested_by, state, reason, created_at, moved_at \
     FROM label_job";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    printer_id: String,
    label_type: String,
    number: String,
    copies: i64,
    data: String,
    zpl: String,
    may_wait: bool,
    automatic: bool,
    reprint_of: Option<i64>,
    reprint_reason: Option<String>,
    reprint_worker: Option<String>,
    requested_by: String,
    state: String,
    reason: Option<String>,
    created_at: i64,
    moved_at: i64,
}

impl Row {
    fn state(&self) -> Result<JobState, StoreError> {
        let at = Timestamp::from_us(self.moved_at);
        let reason = || self.reason.clone().unwrap_or_default();
        let unknown = || StoreError::row(TABLE, "state", self.id, format!("`{}` is no state", self.state));
        Ok(match JobStatus::from_word(&self.state).ok_or_else(unknown)? {
            JobStatus::Pending => JobState::Pending,
            JobStatus::Printing => JobState::Printing { since: at },
            JobStatus::Printed => JobState::Printed { at },
            JobStatus::Failed => JobState::Failed { at, reason: reason() },
            JobStatus::Unknown => JobState::Unknown { at, reason: reason() },
        })
    }
}

/// What the columns `reason` and `moved_at` say of a state; a job that waits has moved when it was made.
pub(super) fn state_columns(state: &JobState, created_at: Timestamp) -> (Option<&str>, Timestamp) {
    match state {
        JobState::Pending => (None, created_at),
        JobState::Printing { since } => (None, *since),
        JobState::Printed { at } => (None, *at),
        JobState::Failed { at, reason } | JobState::Unknown { at, reason } => (Some(reason), *at),
    }
}

impl TryFrom<Row> for PrintJob {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let wrong = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let state = row.state()?;
        let reprint = row.reprint_of.map(|of| Reprint {
            of: LabelJobId(of),
            reason: row.reprint_reason.clone().unwrap_or_default(),
            worker: row.reprint_worker.clone().unwrap_or_default(),
        });
        let job = NewPrintJob {
            printer_id: row.printer_id.parse().map_err(|e| wrong("printer_id", format!("{e}")))?,
            label_type: row.label_type.parse().map_err(|e| wrong("label_type", format!("{e}")))?,
            copies: u32::try_from(row.copies).map_err(|e| wrong("copies", e.to_string()))?,
            data: text::from_json(TABLE, "data", row.id, &row.data)?,
            number: row.number,
            zpl: row.zpl,
            may_wait: row.may_wait,
            automatic: row.automatic,
            reprint,
            requested_by: row.requested_by,
        };
        Ok(Self { id: LabelJobId(row.id), job, state, created_at: Timestamp::from_us(row.created_at) })
    }
}
