//! The door to the house: how long nobody had to step in, what the plant did by itself, and an operator's commands on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::system::{Attendance, Intervention};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{ChildState, Clock, ControlError, Supervisor, TreeNode};
use nightshift_store::system::{setting_get, setting_set};
use nightshift_store::{Db, StoreError};
use serde::Serialize;
use serde_json::json;

use crate::identity::By;
use crate::writer::{WriteError, Writer};

/// The setting under which the attendance is kept.
const KEPT: &str = "system.attendance";
/// How long its write may take.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Why a command on the tree was not carried out, or not written down.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// The supervisor refused.
    #[error("{0}")]
    Control(#[from] ControlError),
    /// It was done, and the audit could not be written.
    #[error("done, but it could not be written down")]
    Write(#[from] WriteError),
}

/// How the house stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HouseView {
    /// Since when nobody had to step in.
    pub unattended_since: Timestamp,
    /// How somebody last did: `started`, `restarted` or `released`.
    pub unattended_why: Intervention,
    /// What the plant did by itself.
    pub recoveries: RecoveriesView,
}

/// What the plant did by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoveriesView {
    /// Within 24 hours.
    pub last_24h: usize,
    /// Since the plant was first started.
    pub total: u64,
    /// When the last one was.
    pub last_at: Option<Timestamp>,
    /// Which part came back.
    pub last_path: Option<String>,
}

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct House {
    root: Supervisor,
    writer: Writer,
    clock: Clock,
    attendance: Arc<Mutex<Attendance>>,
}

impl House {
    /// Reads what was kept and notes that the process runs.
    pub(crate) async fn open(
        db: &Db,
        writer: Writer,
        root: Supervisor,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let now = Timestamp::from_us(clock.now_us());
        let before = setting_get::<Attendance>(db, KEPT).await?;
        let attendance = Arc::new(Mutex::new(Attendance::start(before, root.path(), now)));
        Ok(Self { root, writer, clock, attendance })
    }

    fn attendance(&self) -> MutexGuard<'_, Attendance> {
        self.attendance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// How it stands.
    #[must_use]
    pub fn view(&self) -> HouseView {
        let (attendance, now) = (self.attendance(), self.now());
        let last = attendance.last_recovery();
        HouseView {
            unattended_since: attendance.since(),
            unattended_why: attendance.why(),
            recoveries: RecoveriesView {
                last_24h: attendance.recoveries_of_day(now),
                total: attendance.recoveries(),
                last_at: last.map(|(at, _)| at),
                last_path: last.map(|(_, path)| path.to_owned()),
            },
        }
    }

    /// Restarts the actor or supervisor at `path`: what waits is handled first.
    ///
    /// # Errors
    /// [`HouseError`].
    pub async fn restart(&self, by: &By, path: &str) -> Result<(), HouseError> {
        let waits = |node: TreeNode| matches!(node.state, ChildState::Restarting | ChildState::Quarantined);
        let waiting = self.root.tree_page(path, 0).is_some_and(waits).then_some(path);
        self.root.restart_at(path).await?;
        self.attendance().step_in(Intervention::Restarted, waiting, self.now());
        self.note(by, path, "restarted").await
    }

    /// Takes the actor at `path` out of quarantine.
    ///
    /// # Errors
    /// [`HouseError`].
    pub async fn release(&self, by: &By, path: &str) -> Result<(), HouseError> {
        self.root.release_at(path)?;
        self.attendance().step_in(Intervention::Released, Some(path), self.now());
        self.note(by, path, "released").await
    }

    async fn note(&self, by: &By, path: &str, done: &'static str) -> Result<(), HouseError> {
        let (by, now, path, kept) = (by.clone(), self.now(), path.to_owned(), self.attendance().clone());
        let written = self.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let shown = json!({ "done": done });
                tx.audit(by.entry(now, Action::Override, "actor").on(&path).after(&shown))?;
                let data = json!({ "path": path, "done": done });
                tx.journal(NewEvent::new(now, "system.attended", &path, data)).await?;
                setting_set(tx, KEPT, &kept).await
            })
        });
        Ok(written.await?)
    }

    /// Counts the actors that run again by themselves. Says whether there were any.
    pub(super) fn recovered<'p>(&self, paths: impl Iterator<Item = &'p str>) -> bool {
        let (mut attendance, now) = (self.attendance(), self.now());
        let own = paths.filter(|path| attendance.recovered(path, now)).count();
        metrics::counter!("nightshift_plant_recoveries_total")
            .increment(u64::try_from(own).unwrap_or(u64::MAX));
        own > 0
    }

    /// Writes down how it stands.
    pub(super) async fn keep(&self) -> Result<(), WriteError> {
        let kept = self.attendance().clone();
        let write = self
            .writer
            .run(WRITE_DEADLINE, move |tx| Box::pin(async move { setting_set(tx, KEPT, &kept).await }));
        write.await
    }

    /// The process runs.
    pub(super) fn running(&self) {
        self.attendance().go_on();
    }

    /// The process stops in order.
    pub(super) fn stopping(&self) {
        self.attendance().stop();
    }
}
