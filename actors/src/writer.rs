//! The store-writer: whatever is queued becomes one transaction, and everybody in it is answered after the commit.
//!
//! Work waits in a bounded queue beside the actor; the actor is woken only when nobody is committing, and never waits inside
//! a handler. While one group is being committed the next one gathers. A unit of work that fails is
//! undone alone; a commit that fails fails the group, whose units were then not acknowledged. The events that a group
//! journalled reach the hub after the commit, in order.

mod group;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use nightshift_domain::sensing::{Account, Reading, SensorKey};
use nightshift_kernel::{Actor, Address, AskError, Context, Fault, Reply, SendError};
use nightshift_store::sensing::{ReadingBatch, readings_insert, readings_insert_all};
use nightshift_store::{Db, StoreError, Tx};
use tokio::sync::{Notify, oneshot};

use crate::hub::Hub;
use group::{Group, OwnedBatch, Unit, Work};

/// Units of work that may wait for the next commit; more are answered as overloaded.
const PENDING_MAX: usize = 8_192;
/// Longest that a group's transaction may take, four statements that each take as long as one may: a server that vanished without a word
/// would else hold everybody up for as long as the system tries to reach it, a quarter of an hour.
const GROUP_TIME_MAX: Duration = Duration::from_secs(120);

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

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The door to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    address: Address<WriterMessage>,
    queue: Arc<Queue>,
}

type Answer<T> = oneshot::Sender<Result<T, WriteError>>;
type Step<T> = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send>;

impl Writer {
    pub(crate) fn new(address: Address<WriterMessage>, queue: Arc<Queue>) -> Self {
        Self { address, queue }
    }

    /// Stores readings and their account; answers after the commit.
    pub(crate) async fn readings(
        &self,
        key: SensorKey,
        readings: Vec<Reading>,
        account: Account,
        deadline: Duration,
    ) -> Result<(), WriteError> {
        let add = |group: &mut Group, reply| group.batches.push(OwnedBatch { key, readings, account, reply });
        self.submit(deadline, add).await
    }

    /// Runs a unit of work in the next transaction; answers after the commit.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        deadline: Duration,
        step: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, WriteError> {
        let add = |group: &mut Group, reply| {
            group.units.push(Box::new(Unit::new(Box::new(step), reply)));
        };
        self.submit(deadline, add).await
    }

    /// Whether the last commit failed: the database may well be read and yet refuse writes.
    pub(crate) fn is_failing(&self) -> bool {
        self.queue.lock().failing
    }

    /// Units of work that wait for the next transaction.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().pending.len()
    }

    async fn submit<T>(
        &self,
        deadline: Duration,
        add: impl FnOnce(&mut Group, Answer<T>),
    ) -> Result<T, WriteError> {
        let (reply, answer) = oneshot::channel();
        let answered = async {
            self.enqueue(|group| add(group, reply), deadline).await?;
            answer.await.unwrap_or(Err(WriteError::Lost))
        };
        tokio::time::timeout(deadline, answered).await.unwrap_or(Err(WriteError::Deadline))
    }

    /// Adds work to the queue. Between two lives of the actor it waits for the next one.
    async fn enqueue(&self, add: impl FnOnce(&mut Group), deadline: Duration) -> Result<(), WriteError> {
        let mut add = Some(add);
        let asleep = loop {
            match self.queue.add(&mut add) {
                Err(WriteError::Stopped) => match self.address.ask(WriterMessage::Open, deadline).await {
                    Ok(()) | Err(AskError::Failed) => {}
                    Err(AskError::Full) => return Err(WriteError::Overloaded),
                    Err(AskError::Stopped) => return Err(WriteError::Stopped),
                    Err(AskError::Deadline) => return Err(WriteError::Deadline),
                },
                added => break added?,
            }
        };
        if asleep {
            // An actor between two lives looks into the queue when it starts; one that has stopped never does.
            match self.address.try_send(WriterMessage::Wake) {
                Ok(()) | Err(SendError::Full | SendError::Deadline) => {}
                Err(SendError::Stopped) => return Err(WriteError::Stopped),
            }
        }
        Ok(())
    }
}

/// What waits for the next commit. It outlives the actor: a life that crashed loses nothing that waits.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    /// Told when the committing ends.
    idle: Notify,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({} waiting)", self.lock().pending.len())
    }
}

#[derive(Default)]
struct QueueState {
    pending: Group,
    /// Whether a task is committing group after group.
    committing: bool,
    /// Whether the writer has stopped, for good or until its next life.
    closed: bool,
    /// Whether the last commit failed.
    failing: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work, taken only if there is room for it; whether nobody is committing, so that the actor must be woken.
    fn add(&self, add: &mut Option<impl FnOnce(&mut Group)>) -> Result<bool, WriteError> {
        let mut state = self.lock();
        if state.closed {
            return Err(WriteError::Stopped);
        }
        if state.pending.len() >= PENDING_MAX {
            return Err(WriteError::Overloaded);
        }
        if let Some(add) = add.take() {
            add(&mut state.pending);
        }
        Ok(!state.committing)
    }

    /// Whether committing should begin now; it is then noted as begun.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        let begin = !state.committing && state.pending.len() > 0;
        state.committing |= begin;
        begin
    }

    /// The next group; `None`, and committing has ended, when nothing waits.
    fn next(&self) -> Option<Group> {
        let mut state = self.lock();
        metrics::gauge!("nightshift_store_pending_writes").set(state.pending.len() as f64);
        if state.pending.len() > 0 {
            return Some(state.pending.take());
        }
        state.committing = false;
        drop(state);
        self.idle.notify_waiters();
        None
    }

    fn set_failing(&self, failing: bool) {
        self.lock().failing = failing;
    }

    fn set_closed(&self, closed: bool) {
        self.lock().closed = closed;
    }

    /// Waits until nothing waits and nothing is being committed.
    async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            if !self.lock().committing {
                return;
            }
            idle.await;
        }
    }
}

/// What the writer takes.
pub(crate) enum WriterMessage {
    /// Something waits and nobody is committing.
    Wake,
    /// Answered once the queue takes work.
    Open(Reply<()>),
}

/// The actor.
pub(crate) struct StoreWriter {
    db: Db,
    hub: Hub,
    queue: Arc<Queue>,
    patience: Duration,
}

impl StoreWriter {
    pub(crate) fn new(db: Db, hub: Hub, queue: Arc<Queue>) -> Self {
        Self { db, hub, queue, patience: GROUP_TIME_MAX }
    }

    fn commit_what_waits(&self) {
        if self.queue.begin() {
            let (db, hub, queue) = (self.db.clone(), self.hub.clone(), Arc::clone(&self.queue));
            tokio::spawn(commit_all(db, hub, queue, self.patience));
        }
    }
}

impl Actor for StoreWriter {
    type Message = WriterMessage;

    async fn start(&mut self, _: &Context<WriterMessage>) -> Result<(), Fault> {
        self.queue.set_closed(false);
        self.commit_what_waits();
        Ok(())
    }

    async fn handle(&mut self, _: &Context<WriterMessage>, message: WriterMessage) -> Result<(), Fault> {
        match message {
            WriterMessage::Wake => self.commit_what_waits(),
            WriterMessage::Open(reply) => reply.send(()),
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context<WriterMessage>) {
        self.queue.set_closed(true);
        self.commit_what_waits();
        self.queue.drained().await;
    }
}

/// Commits group after group until nothing waits. The next commit begins before those of the last one are answered: the
/// disk works while the answers go out.
async fn commit_all(db: Db, hub: Hub, queue: Arc<Queue>, patience: Duration) {
    while let Some(mut group) = queue.next() {
        let committing = commit(&db, &hub, &mut group, patience);
        let ended = std::panic::AssertUnwindSafe(committing).catch_unwind().await;
        let outcome = ended.unwrap_or_else(|_| {
            tracing::error!(units = group.len(), "a commit panicked; its writers were not acknowledged");
            Outcome::default()
        });
        queue.set_failing(outcome.group.is_some());
        if let Some(error) = outcome.away() {
            // Whoever waits has waited for the database too: it would only be told the same later.
            let waiting = std::mem::take(&mut queue.lock().pending);
            Outcome { group: Some(error), ..Outcome::default() }.settle(waiting);
        }
        tokio::spawn(async move { outcome.settle(group) });
    }
}

/// One transaction for the whole group; its events go out when it is committed.
async fn commit(db: &Db, hub: &Hub, group: &mut Group, patience: Duration) -> Outcome {
    metrics::histogram!("nightshift_store_group_units").record(group.len() as f64);
    let mut outcome = Outcome::default();
    let attempted = tokio::time::timeout(patience, attempt(db, group, &mut outcome)).await;
    match attempted.unwrap_or(Err(StoreError::Overdue { after: patience })) {
        Ok(events) => {
            metrics::counter!("nightshift_store_commits_total").increment(1);
            let written = group.batches.iter().zip(&outcome.batches).filter(|(_, outcome)| outcome.is_ok());
            let readings: usize = written.map(|(batch, _)| batch.readings.len()).sum();
            metrics::counter!("nightshift_store_readings_written_total").increment(readings as u64);
            hub.publish(db, events).await;
        }
        Err(error) => {
            metrics::counter!("nightshift_store_failed_commits_total").increment(1);
            tracing::warn!(error = %error, units = group.len(), "a commit failed");
            outcome.group = Some(Arc::new(error));
        }
    }
    outcome
}

/// Who failed, and why.
#[derive(Default)]
struct Outcome {
    group: Option<Arc<StoreError>>,
    batches: Vec<Result<(), StoreError>>,
    units: Vec<Result<(), StoreError>>,
}

impl Outcome {
    /// The error when the transaction could not even begin, because the database is away.
    fn away(&self) -> Option<Arc<StoreError>> {
        self.group.clone().filter(|error| matches!(**error, StoreError::Begin(_)))
    }

    fn settle(self, group: Group) {
        let verdict = |own: Option<Result<(), StoreError>>| match (&self.group, own) {
            (Some(error), _) => Err(WriteError::Store(Arc::clone(error))),
            (None, Some(Err(error))) => Err(error.into()),
            (None, Some(Ok(()))) => Ok(()),
            (None, None) => Err(WriteError::Lost),
        };
        let mut batches = self.batches.into_iter();
        for batch in group.batches {
            drop(batch.reply.send(verdict(batches.next())));
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
        (tx, outcome.batches) = store_batches(db, tx, &group.batches).await?;
    }
    if let ([], [unit]) = (group.batches.as_slice(), group.units.as_mut_slice()) {
        return run_alone(tx, unit.as_mut(), outcome).await;
    }
    for unit in &mut group.units {
        // Whoever gave it up was told that it is not done: it must not be done later.
        if unit.is_abandoned() {
            outcome.units.push(Ok(()));
            continue;
        }
        tx.savepoint().await?;
        let done = match unit.run(&mut tx).await {
            Ok(()) => tx.release().await,
            failed => failed,
        };
        match done {
            Ok(()) => outcome.units.push(Ok(())),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                tx.rollback_to().await?;
                outcome.units.push(Err(error));
            }
        }
    }
    tx.commit().await
}

/// Stores a group's readings as the first work of its transaction: all at once if nothing stands against any of them,
/// else in a new transaction that finds out which batches are to blame.
async fn store_batches(
    db: &Db,
    mut tx: Tx,
    batches: &[OwnedBatch],
) -> Result<(Tx, Vec<Result<(), StoreError>>), StoreError> {
    let batches: Vec<ReadingBatch<'_>> = batches
        .iter()
        .map(|b| ReadingBatch { sensor_key: b.key, readings: &b.readings, account: b.account })
        .collect();
    if readings_insert_all(&mut tx, &batches).await? {
        return Ok((tx, batches.iter().map(|_| Ok(())).collect()));
    }
    tx.rollback().await?;
    let mut tx = db.begin().await?;
    let outcomes = readings_insert(&mut tx, &batches).await?;
    Ok((tx, outcomes))
}

/// A unit that is alone in its transaction needs no savepoint.
async fn run_alone(
    mut tx: Tx,
    unit: &mut dyn Work,
    outcome: &mut Outcome,
) -> Result<Vec<nightshift_domain::Event>, StoreError> {
    match unit.run(&mut tx).await {
        Ok(()) => {
            outcome.units.push(Ok(()));
            tx.commit().await
        }
        Err(error) if error.is_transient() => Err(error),
        Err(error) => {
            tx.rollback().await?;
            outcome.units.push(Err(error));
            Ok(Vec::new())
        }
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
