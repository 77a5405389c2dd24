//! The audit: written by [`crate::Tx::commit`], read, and verified.

mod list;
mod row;
mod verify;
mod write;

pub use list::{AuditPage, AuditQuery, audit_find, audit_list, audit_rows_after};
pub use verify::{AuditReport, audit_head, audit_verify};
pub(crate) use write::{prepare, write};
