//! Labels: what stands on them, how a printer is told, and what becomes of a print job.
//!
//! A [`Template`] says where things stand on a kind of label, [`LabelData`] what they say; together they are a
//! [`Label`], which is written as ZPL II for a printer or drawn as SVG for people. Everything pure: printers are spoken to
//! elsewhere.

mod code128;
mod data;
mod error;
mod job;
mod label;
mod preview;
mod printer;
mod status;
mod template;
mod zpl;

pub use data::{DATA_BYTES_MAX, LabelData};
pub use error::LabelError;
pub use job::{
    COPIES_MAX, InvalidStep, JobState, JobStatus, LabelJobId, NewPrintJob, PrintJob, REASON_CHARS_MAX,
    Reprint,
};
pub use label::Label;
pub use printer::{
    InvalidPrinterId, PRINTER_PORT_DEFAULT, Printer, PrinterFault, PrinterId, PrinterRowId, PrinterSpec,
    PrinterTrouble,
};
pub use status::{HOST_STATUS_BYTES_MAX, HOST_STATUS_QUERY, HostStatus, StatusError};
pub use template::{LabelType, Template, TemplateError, Templates};
