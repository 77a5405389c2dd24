//! The store-writer: whatever is queued becomes one transaction, and everybody in it is answered after the commit.
//!
//! It never waits inside a handler: while one group is being committed the next one gathers. A unit of work that fails is
//! undone alone; a commit that fails fails the group, whose units were then not acknowledged. The events that a group
//! journalled reach the hub after the commit, in order.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use nightshift_domain::sensing::{Account, Reading, SensorKey};
use nightshift_kernel::{Actor, Address, AskError, Context, Fault, Reply};
use nightshift_store::sensing::{ReadingBatch, readings_insert};
use nightshift_store::{Db, StoreError, Tx};
use tokio::task::JoinHandle;

use crate::hub::Hub;

/// Units of work that may wait for the next commit; more are answered as overloaded.
const PENDING_MAX: usize = 8_192;
/// Most units of work in one commit: a bound on how long one transaction takes.
const GROUP_MAX: usize = 1_024;
/// Most readings in one commit, for the same reason.
const GROUP_READINGS_MAX: usize = 200_000;
/// How long the commit that reports its end may wait for room in the mailbox.
const REPORT_DEADLINE: Duration = Duration::from_secs(60);

/// Why a write was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Too much is waiting to be written.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// It was not committed in time; it may still be.
    #[error("not committed in time")]
    Deadline,
    /// The writer has stopped.
    #[error("the writer has stopped")]
    Stopped,
    /// The writer failed; the write may or may not be committed.
    #[error("the writer was restarted")]
    Lost,
    /// The store refused it, or is away.
    #[error(transparent)]
    Store(Arc<StoreError>),
}

impl From<AskError> for WriteError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Full => Self::Overloaded,
            AskError::Stopped => Self::Stopped,
            AskError::Deadline => Self::Deadline,
            AskError::Failed => Self::Lost,
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The door to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    address: Address<WriterMessage>,
}

type Answer<T> = Reply<Result<T, WriteError>>;
type Step<T> = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send>;

impl Writer {
    pub(crate) fn new(address: Address<WriterMessage>) -> Self {
        Self { address }
    }

    /// Stores readings and their account; answers after the commit.
    pub(crate) async fn readings(
        &self,
        key: SensorKey,
        readings: Vec<Reading>,
        account: Account,
        deadline: Duration,
    ) -> Result<(), WriteError> {
        let make = |reply| WriterMessage::Readings(OwnedBatch { key, readings, account, reply });
        self.address.ask(make, deadline).await?
    }

    /// Runs a unit of work in the next transaction; answers after the commit.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        step: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, WriteError> {
        let make = |reply: Answer<T>| {
            WriterMessage::Unit(Box::new(Unit { step: Some(Box::new(step)), done: None, reply: Some(reply) }))
        };
        self.address.ask(make, deadline).await?
    }
}

/// What the writer takes.
pub(crate) enum WriterMessage {
    Readings(OwnedBatch),
    Unit(Box<dyn Work>),
    /// A commit has ended. With an error when it could not even begin, because the database is away.
    Idle(Option<Arc<StoreError>>),
}

pub(crate) struct OwnedBatch {
    key: SensorKey,
    readings: Vec<Reading>,
    account: Account,
    reply: Answer<()>,
}

/// A unit of work with its answer, its types forgotten.
pub(crate) trait Work: Send {
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>>;
    fn settle(self: Box<Self>, outcome: Result<(), WriteError>);
}

struct Unit<T> {
    step: Option<Step<T>>,
    done: Option<T>,
    reply: Option<Answer<T>>,
}

impl<T: Send + 'static> Work for Unit<T> {
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some(step) = self.step.take() {
                self.done = Some(step(tx).await?);
            }
            Ok(())
        })
    }

    fn settle(mut self: Box<Self>, outcome: Result<(), WriteError>) {
        let Some(reply) = self.reply.take() else { return };
        match (outcome, self.done.take()) {
            (Ok(()), Some(done)) => reply.send(Ok(done)),
            (Ok(()), None) => drop(reply),
            (Err(error), _) => reply.send(Err(error)),
        };
    }
}

#[derive(Default)]
struct Group {
    batches: Vec<OwnedBatch>,
    units: Vec<Box<dyn Work>>,
}

impl Group {
    fn len(&self) -> usize {
        self.batches.len() + self.units.len()
    }

    /// Takes what fits into one transaction, the oldest first.
    fn take(&mut self) -> Self {
        let mut readings = 0;
        let fit = self
            .batches
            .iter()
            .take(GROUP_MAX)
            .take_while(|b| {
                readings += b.readings.len();
                readings <= GROUP_READINGS_MAX || readings == b.readings.len()
            })
            .count();
        let units = self.units.len().min(GROUP_MAX);
        Self { batches: self.batches.drain(..fit).collect(), units: self.units.drain(..units).collect() }
    }
}

/// The actor.
pub(crate) struct StoreWriter {
    db: Db,
    hub: Hub,
    pending: Group,
    /// The commit under way. Kept so that an ordered stop can wait for it.
    committing: Option<JoinHandle<()>>,
}

impl StoreWriter {
    pub(crate) fn new(db: Db, hub: Hub) -> Self {
        Self { db, hub, pending: Group::default(), committing: None }
    }

    fn commit_next(&mut self, ctx: &Context<WriterMessage>) {
        if self.committing.is_some() || self.pending.len() == 0 {
            return;
        }
        let (group, db, hub, address) =
            (self.pending.take(), self.db.clone(), self.hub.clone(), ctx.address());
        self.committing = Some(tokio::spawn(async move {
            let size = group.len();
            let ended = std::panic::AssertUnwindSafe(commit(&db, &hub, group)).catch_unwind().await;
            let away = ended.unwrap_or_else(|_| {
                tracing::error!(size, "a commit panicked; its writers were not acknowledged");
                None
            });
            // If even this fails the writer is stopping, and its stop looks at the handle instead.
            let _ = address.send(WriterMessage::Idle(away), REPORT_DEADLINE).await;
        }));
    }
}

impl Actor for StoreWriter {
    type Message = WriterMessage;

    async fn handle(&mut self, ctx: &Context<WriterMessage>, message: WriterMessage) -> Result<(), Fault> {
        let full = self.pending.len() >= PENDING_MAX;
        match message {
            WriterMessage::Readings(batch) if full => {
                batch.reply.send(Err(WriteError::Overloaded));
            }
            WriterMessage::Unit(unit) if full => unit.settle(Err(WriteError::Overloaded)),
            WriterMessage::Readings(batch) => self.pending.batches.push(batch),
            WriterMessage::Unit(unit) => self.pending.units.push(unit),
            WriterMessage::Idle(away) => {
                self.committing = None;
                // Whoever waits has waited for the database too: it would only be told the same later.
                if let Some(error) = away {
                    Outcome { group: Some(error), ..Outcome::default() }
                        .settle(std::mem::take(&mut self.pending));
                }
            }
        }
        metrics::gauge!("nightshift_store_pending_writes").set(self.pending.len() as f64);
        self.commit_next(ctx);
        Ok(())
    }

    async fn stop(&mut self, ctx: &Context<WriterMessage>) {
        if let Some(committing) = self.committing.take() {
            let _ = committing.await;
        }
        while self.pending.len() > 0 {
            let group = self.pending.take();
            commit(&self.db, &self.hub, group).await;
            ctx.progress();
        }
    }
}

/// One transaction for the whole group; answers everybody. Gives the error when the database is away.
async fn commit(db: &Db, hub: &Hub, mut group: Group) -> Option<Arc<StoreError>> {
    metrics::histogram!("nightshift_store_group_units").record(group.len() as f64);
    let mut outcome = Outcome::default();
    match attempt(db, &mut group, &mut outcome).await {
        Ok(events) => {
            metrics::counter!("nightshift_store_commits_total").increment(1);
            let written = group.batches.iter().zip(&outcome.batches).filter(|(_, outcome)| outcome.is_ok());
            let readings: usize = written.map(|(batch, _)| batch.readings.len()).sum();
            metrics::counter!("nightshift_store_readings_written_total").increment(readings as u64);
            hub.publish(events);
        }
        Err(error) => {
            metrics::counter!("nightshift_store_failed_commits_total").increment(1);
            tracing::warn!(error = %error, units = group.len(), "a commit failed");
            outcome.group = Some(Arc::new(error));
        }
    }
    let away = outcome.group.clone().filter(|error| matches!(**error, StoreError::Begin(_)));
    outcome.settle(group);
    away
}

/// Who failed, and why.
#[derive(Default)]
struct Outcome {
    group: Option<Arc<StoreError>>,
    batches: Vec<Result<(), StoreError>>,
    units: Vec<Result<(), StoreError>>,
}

impl Outcome {
    fn settle(self, group: Group) {
        let verdict = |own: Option<Result<(), StoreError>>| match (&self.group, own) {
            (Some(error), _) => Err(WriteError::Store(Arc::clone(error))),
            (None, Some(Err(error))) => Err(error.into()),
            (None, Some(Ok(()))) => Ok(()),
            (None, None) => Err(WriteError::Lost),
        };
        let mut batches = self.batches.into_iter();
        for batch in group.batches {
            batch.reply.send(verdict(batches.next()));
        }
        let mut units = self.units.into_iter();
        for unit in group.units {
            unit.settle(verdict(units.next()));
        }
    }
}

async fn attempt(
    db: &Db,
    group: &mut Group,
    outcome: &mut Outcome,
) -> Result<Vec<nightshift_domain::Event>, StoreError> {
    let mut tx = db.begin().await?;
    if !group.batches.is_empty() {
        let batches: Vec<ReadingBatch<'_>> = group
            .batches
            .iter()
            .map(|b| ReadingBatch { sensor_key: b.key, readings: &b.readings, account: b.account })
            .collect();
        outcome.batches = readings_insert(&mut tx, &batches).await?;
    }
    for unit in &mut group.units {
        tx.savepoint().await?;
        match unit.run(&mut tx).await {
            Ok(()) => {
                tx.release().await?;
                outcome.units.push(Ok(()));
            }
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tx.rollback_to().await?;
                outcome.units.push(Err(error));
            }
        }
    }
    tx.commit().await
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
