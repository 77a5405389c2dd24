//! The audit, read.

use nightshift_domain::audit::AuditRow;
use nightshift_store::audit as store;

use super::{Identity, IdentityError};

pub use nightshift_store::audit::AuditQuery;

impl Identity {
    /// Lines of the audit, the newest first, and how many match.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn audit(&self, query: &AuditQuery) -> Result<(Vec<AuditRow>, u64), IdentityError> {
        let page = store::audit_list(&self.0.db, query).await?;
        Ok((page.rows, page.total))
    }

    /// One line of the audit.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn audit_row(&self, seq: i64) -> Result<AuditRow, IdentityError> {
        store::audit_find(&self.0.db, seq).await?.ok_or_else(|| IdentityError::NotFound {
            what: format!("row {seq} of the audit"),
            code: "AUDIT_NOT_FOUND",
        })
    }
}
