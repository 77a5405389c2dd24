//! Jobs and printers as clients see them.

use nightshift_actors::PrinterView;
use nightshift_domain::Timestamp;
use nightshift_domain::labels::{JobState, LabelData, PrintJob};
use nightshift_kernel::BreakerState;
use serde::Serialize;
use utoipa::ToSchema;

/// A print job.
#[derive(Serialize, ToSchema)]
#[schema(as = LabelJob)]
pub(crate) struct JobOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// `pending`, `printing`, `printed`, `failed` or `unknown`. `unknown`: bytes were sent and nobody knows what became of
    /// them; it is never printed again by itself.
    #[schema(example = "printed")]
    status: &'static str,
    /// Why it failed or is unknown.
    reason: Option<String>,
    /// Its printer.
    #[schema(example = "ZEBRA-01")]
    printer_id: String,
    /// The kind of label.
    #[schema(example = "SERIAL")]
    label_type: String,
    /// The lot or unit, or what else the label's code says.
    #[schema(example = "WF-KR-251110D-001-0001")]
    number: String,
    /// How many.
    #[schema(example = 1)]
    copies: u32,
    /// What the label says.
    #[schema(value_type = BTreeMap<String, String>)]
    data: LabelData,
    /// Whether it was made with its lot or unit.
    automatic: bool,
    /// The job that it prints once more.
    reprint_of: Option<i64>,
    /// Why it is printed once more.
    reprint_reason: Option<String>,
    /// Who said so.
    reprint_worker: Option<String>,
    /// Who asked.
    requested_by: String,
    /// When it was queued.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it came to its state.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<PrintJob> for JobOut {
    fn from(stored: PrintJob) -> Self {
        let PrintJob { id, job, state, created_at } = stored;
        let status = state.status().as_str();
        let (reason, updated_at) = match state {
            JobState::Pending => (None, created_at),
            JobState::Printing { since } => (None, since),
            JobState::Printed { at } => (None, at),
            JobState::Failed { at, reason } | JobState::Unknown { at, reason } => (Some(reason), at),
        };
        let (reprint_of, reprint_reason, reprint_worker) = match job.reprint {
            None => (None, None, None),
            Some(reprint) => (Some(reprint.of.0), Some(reprint.reason), Some(reprint.worker)),
        };
        Self {
            id: id.0,
            status,
            reason,
            printer_id: job.printer_id.into(),
            label_type: job.label_type.into(),
            number: job.number,
            copies: job.copies,
            data: job.data,
            automatic: job.automatic,
            reprint_of,
            reprint_reason,
            reprint_worker,
            requested_by: job.requested_by,
            created_at,
            updated_at,
        }
    }
}

/// A printer, and how it is.
#[derive(Serialize, ToSchema)]
#[schema(as = Printer)]
pub(crate) struct PrinterOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// What people call it.
    #[schema(example = "ZEBRA-01")]
    printer_id: String,
    /// Its name.
    #[schema(example = "Line A, packing")]
    name: String,
    /// Its host name or address.
    #[schema(example = "10.0.0.7")]
    host: String,
    /// Its port.
    #[schema(example = 9100)]
    port: u16,
    /// Whether it prints.
    enabled: bool,
    /// How it is.
    status: PrinterStatus,
    /// When it was registered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How a printer is.
#[derive(Serialize, ToSchema)]
pub(crate) struct PrinterStatus {
    /// `idle`, `processing` or `stopped`; `unknown` when it was never looked at.
    #[schema(example = "idle")]
    state: &'static str,
    /// What stops it: `not-connected`, `silent`, `garbage`, `media-empty`, `ribbon-empty`, `cover-open`, `paused`,
    /// `temperature`, `memory` or `disabled`.
    #[schema(example = "media-empty")]
    reason: Option<&'static str>,
    /// What to do about it.
    advice: Option<&'static str>,
    /// Since when it is stopped.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// When it was last looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    looked_at: Option<Timestamp>,
    /// Labels that it says it has not printed yet.
    labels_in_printer: Option<u32>,
    /// Jobs that wait for it or are on their way.
    jobs_open: u64,
    /// `closed`, `open` or `half_open`.
    #[schema(example = "closed")]
    circuit_breaker: Option<&'static str>,
}

impl From<PrinterView> for PrinterOut {
    fn from(view: PrinterView) -> Self {
        let PrinterView { printer, seen, breaker, open_jobs } = view;
        let labels_in_printer = seen.status.map(|s| s.formats_waiting.saturating_add(s.copies_left));
        let state = match (&seen.trouble, labels_in_printer, seen.at) {
            _ if !printer.spec.enabled => "stopped",
            (Some(_), ..) => "stopped",
            (None, Some(0), _) => "idle",
            (None, Some(_), _) => "processing",
            (None, None, None) => "unknown",
            (None, None, Some(_)) => "idle",
        };
        let circuit_breaker = breaker.map(|breaker| match breaker.state {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        });
        let status = PrinterStatus {
            state,
            reason: seen.trouble.map(|trouble| trouble.fault.as_str()),
            advice: seen.trouble.map(|trouble| trouble.fault.advice()),
            since: seen.trouble.map(|trouble| trouble.since),
            looked_at: seen.at,
            labels_in_printer,
            jobs_open: open_jobs,
            circuit_breaker,
        };
        Self {
            id: printer.id.0,
            printer_id: printer.spec.printer_id.into(),
            name: printer.spec.name,
            host: printer.spec.host,
            port: printer.spec.port,
            enabled: printer.spec.enabled,
            status,
            created_at: printer.created_at,
            updated_at: printer.updated_at,
        }
    }
}
