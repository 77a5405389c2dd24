//! What every part of production works with.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use nightshift_domain::audit::Action;
use nightshift_domain::production::{LineUp, LotRules, Process, ProcessId, ProcessRef};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Address, BreakerView, Clock};
use nightshift_store::production::{self as store, ProcessMark};
use nightshift_store::{Db, StoreError, Tx};
use serde::Serialize;

use super::error::ProductionError;
use super::process::ProcessMessage;
use crate::config::ProductionConfig;
use crate::identity::By;
use crate::labels::Desk;
use crate::writer::Writer;

/// How long a write that no client waits for may take.
pub(super) const BACKGROUND_WRITE: Duration = Duration::from_secs(30);

/// What a unit of work comes to: done, or decided against. What it wrote until then is kept, so that a unit decides before
/// it writes.
pub(crate) type Decided<T> = Result<Result<T, ProductionError>, StoreError>;

/// The domain's surroundings.
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) writer: Writer,
    pub(crate) clock: Clock,
    pub(crate) config: ProductionConfig,
    /// Dates, shifts and numbers.
    pub(crate) rules: LotRules,
    /// The processes as they were last read.
    known: RwLock<Known>,
    /// Where labels of new lots and units are queued.
    pub(super) desk: Arc<Desk>,
    /// Who works at each process.
    pub(super) stations: Stations,
}

/// The processes as they were last read, with their schemas compiled.
#[derive(Default)]
struct Known {
    rows: Vec<Process>,
    line_up: LineUp,
    /// The store's mark of them, if a unit of work has read them.
    mark: Option<ProcessMark>,
}

/// A process's place in the plant.
#[derive(Clone)]
pub(super) struct Station {
    /// The name of its actor.
    pub(super) name: String,
    pub(super) address: Address<ProcessMessage>,
    pub(super) breaker: BreakerView,
}

/// The actors of processes.
#[derive(Default)]
pub(super) struct Stations {
    by_id: RwLock<BTreeMap<ProcessId, Station>>,
    /// Held while actors are started and stopped.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Stations {
    pub(super) fn get(&self, id: ProcessId) -> Option<Station> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<(ProcessId, Station)> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.iter().map(|(id, station)| (*id, station.clone())).collect()
    }

    pub(super) fn put(&self, id: ProcessId, station: Station) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, station);
    }

    pub(super) fn take(&self, id: ProcessId) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

impl Shared {
    pub(crate) fn new(
        db: Db,
        writer: Writer,
        clock: Clock,
        config: ProductionConfig,
        rules: LotRules,
        desk: Arc<Desk>,
    ) -> Self {
        let stations = Stations::default();
        Self { db, writer, clock, config, rules, known: RwLock::default(), desk, stations }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// Runs a unit of work that may decide against it; answers after the commit.
    pub(crate) async fn decide<T: Send + 'static>(
        &self,
        step: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Decided<T>> + Send + 'static,
    ) -> Result<T, ProductionError> {
        self.writer.run(self.config.command_deadline, step).await?
    }

    /// The processes as they were last read.
    pub(super) fn line_up(&self) -> LineUp {
        self.known.read().unwrap_or_else(PoisonError::into_inner).line_up.clone()
    }

    /// The process that a command names, as it was last read.
    pub(super) fn process(&self, process: ProcessRef) -> Option<ProcessId> {
        self.line_up().find(process).map(nightshift_domain::production::Step::id)
    }

    /// The processes as the unit sees them: rules are always those of the transaction. They are read only when they are
    /// others than before, and compiled only when a row is.
    pub(super) async fn line_up_in(&self, tx: &mut Tx) -> Result<LineUp, StoreError> {
        let mark = store::process_mark(tx).await?;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.mark == Some(mark) {
                return Ok(known.line_up.clone());
            }
        }
        let rows = store::process_read_all(tx).await?;
        Ok(self.learn(rows, Some(mark)))
    }

    /// Takes in the processes as they are stored now.
    pub(super) async fn line_up_read(&self) -> Result<LineUp, StoreError> {
        let rows = store::process_all(&self.db).await?;
        Ok(self.learn(rows, None))
    }

    /// A row whose schema cannot be used was changed past this program: the rules stay what they were, and the log says
    /// so.
    fn learn(&self, rows: Vec<Process>, mark: Option<ProcessMark>) -> LineUp {
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.rows == rows {
                known.mark = mark.or(known.mark);
                return known.line_up.clone();
            }
        }
        match LineUp::new(rows.clone()) {
            Ok(line_up) => {
                let known = Known { rows, line_up: line_up.clone(), mark };
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
                line_up
            }
            Err((process, error)) => {
                tracing::error!(process = process.0, error = %error, "the data schema of a process cannot be used");
                self.line_up()
            }
        }
    }
}

/// A change of a resource: its line of the audit and its event, in the unit that makes it.
pub(super) struct Change<'a, T> {
    pub(super) by: &'a By,
    pub(super) at: Timestamp,
    pub(super) action: Action,
    /// What kind of thing, for example `lot`.
    pub(super) kind: &'static str,
    pub(super) id: i64,
    /// What people call it.
    pub(super) name: &'a str,
    pub(super) before: Option<&'a T>,
    pub(super) after: Option<&'a T>,
}

impl<T: Serialize> Change<'_, T> {
    /// The line of the audit alone, for changes whose event the domain makes.
    pub(super) fn audit(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let mut entry = self.by.entry(self.at, self.action, self.kind).on(self.id);
        if let Some(before) = self.before {
            entry = entry.before(before);
        }
        if let Some(after) = self.after {
            entry = entry.after(after);
        }
        tx.audit(entry)
    }

    /// The line of the audit, and an event that says what changed.
    pub(super) async fn note(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let data = serde_json::json!({
            "resource": self.kind, "id": self.id, "action": self.action.as_str(),
        });
        tx.journal(NewEvent::new(self.at, "production.catalog_changed", self.name, data)).await?;
        self.audit(tx)
    }
}
