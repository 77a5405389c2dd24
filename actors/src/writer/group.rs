//! What waits for a transaction, and what fits into one.

use futures::future::BoxFuture;
use nightshift_domain::sensing::{Account, Reading, SensorKey};
use nightshift_store::{StoreError, Tx};
use tokio::sync::oneshot;

use super::{Answer, Step, WriteError};

/// Most units of work in one commit: a bound on how long one transaction takes.
const GROUP_MAX: usize = 1_024;
/// Most readings in one commit, for the same reason.
const GROUP_READINGS_MAX: usize = 200_000;

/// Readings of one sensor that wait.
pub(super) struct OwnedBatch {
    pub(super) key: SensorKey,
    pub(super) readings: Vec<Reading>,
    pub(super) account: Account,
    pub(super) reply: Answer<()>,
}

/// A unit of work with its answer, its types forgotten.
pub(super) trait Work: Send {
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<(), StoreError>>;
    fn settle(self: Box<Self>, outcome: Result<(), WriteError>);
    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;
}

pub(super) struct Unit<T> {
    step: Option<Step<T>>,
    done: Option<T>,
    reply: Option<Answer<T>>,
}

impl<T> Unit<T> {
    pub(super) fn new(step: Step<T>, reply: Answer<T>) -> Self {
        Self { step: Some(step), done: None, reply: Some(reply) }
    }
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

    fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn settle(mut self: Box<Self>, outcome: Result<(), WriteError>) {
        let Some(reply) = self.reply.take() else { return };
        match (outcome, self.done.take()) {
            // Who does not listen any more has passed its deadline.
            (Ok(()), Some(done)) => drop(reply.send(Ok(done))),
            (Ok(()), None) => drop(reply),
            (Err(error), _) => drop(reply.send(Err(error))),
        }
    }
}

/// What waits, or is written in one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub(super) batches: Vec<OwnedBatch>,
    pub(super) units: Vec<Box<dyn Work>>,
}

impl Group {
    pub(super) fn len(&self) -> usize {
        self.batches.len() + self.units.len()
    }

    /// Takes what fits into one transaction, the oldest first.
    pub(super) fn take(&mut self) -> Self {
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
