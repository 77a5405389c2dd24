//! The diagnosis domain's actors and the door to them.
//!
//! Patients and records are units of work of the writer and reads of the store; a session goes through its actor. Everything
//! that is asked for is asked by a doctor, who sees their own patients alone: of all others there is nothing here.

mod error;
mod export;
mod follow;
mod handover;
mod headset;
mod headsets;
mod keeper;
mod measures;
mod patients;
mod records;
mod session;
mod sessions;
mod shared;
mod start;
mod upload;

use std::sync::Arc;

use nightshift_domain::identity::{Role, UserId};
use nightshift_kernel::{Address, Supervisor};

pub use error::DiagnosisError;
pub use export::Export;
pub use follow::Follow;
pub use headset::{Headset, HeadsetRefusal, Said};
pub use nightshift_store::diagnosis::{Erased, Forsaken, RecordQuery};
pub use records::RecordFile;

pub(crate) use measures::describe_metrics;
pub(crate) use start::spawn;

use crate::identity::By;
use keeper::KeeperMessage;
use shared::Shared;

/// The door to the diagnosis domain. Cheap to clone.
#[derive(Clone)]
pub struct Diagnosis {
    shared: Arc<Shared>,
    /// Keeps the actors of sessions.
    sessions: Supervisor,
    keeper: Address<KeeperMessage>,
}

/// Who asks: a person, with the role that decides whether there can be patients.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The person.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
    /// For the audit.
    pub by: By,
}

impl Asker {
    /// The doctor; nobody else has patients.
    fn doctor(&self) -> Result<UserId, DiagnosisError> {
        if self.role == Role::Doctor { Ok(self.user_id) } else { Err(DiagnosisError::NotADoctor) }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
