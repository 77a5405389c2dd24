//! Commands that take effect once, however often they are sent: the answer is kept in the transaction of the effect.
//!
//! The facade makes a [`Ticket`] of a request with an `Idempotency-Key`. A domain that can write its answer inside its unit
//! of work takes it as a [`Once`]; for all others the facade keeps the answer after the effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use nightshift_store::system::{
    Claim, StoredAnswer, idempotency_claim, idempotency_find, idempotency_finish,
};
use nightshift_store::{Db, StoreError, Tx};

use crate::writer::{WriteError, Writer};

/// How long an answer is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How long keeping an answer may take when its effect is durable already.
const KEEP_DEADLINE: Duration = Duration::from_secs(10);

/// What makes a command known when it comes again.
#[derive(Debug, Clone)]
pub struct Ticket {
    scope: Arc<str>,
    key: Arc<str>,
    body_hash: Arc<str>,
    /// Whether an answer is kept for it.
    kept: Arc<AtomicBool>,
}

impl Ticket {
    /// A ticket for `key`, as the sender and the route of `scope` use it, for a command that says what `body_hash` stands
    /// for.
    #[must_use]
    pub fn new(scope: &str, key: &str, body_hash: &str) -> Self {
        let kept = Arc::new(AtomicBool::new(false));
        Self { scope: scope.into(), key: key.into(), body_hash: body_hash.into(), kept }
    }

    /// Whether the answer was kept together with the effect.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// This ticket with what writes the answer when the effect is known: its status, and the rest as the facade reads it.
    #[must_use]
    pub fn answered_by<T>(self, write: impl FnOnce(&T) -> StoredAnswer + Send + 'static) -> Once<T> {
        Once { ticket: self, write: Box::new(write) }
    }

    /// Takes the key and keeps its answer in one transaction: nobody ever sees one without the other.
    async fn keep(&self, tx: &mut Tx, answer: StoredAnswer, now: Timestamp) -> Result<(), StoreError> {
        match idempotency_claim(tx, &self.scope, &self.key, &self.body_hash, now - KEPT, now).await? {
            Claim::Fresh => idempotency_finish(tx, &self.scope, &self.key, &answer).await,
            // Another process has done it meanwhile: this effect must not come on top.
            _ => Err(StoreError::Conflict { what: "an answer for this idempotency key".to_owned() }),
        }
    }
}

/// A ticket whose answer is written inside the unit of work.
pub struct Once<T> {
    ticket: Ticket,
    write: Box<dyn FnOnce(&T) -> StoredAnswer + Send>,
}

impl<T> Once<T> {
    /// Keeps the answer in the unit of work that has `done` it, as its last step.
    ///
    /// # Errors
    /// [`StoreError`]; the unit must then fail as well.
    pub async fn keep(self, tx: &mut Tx, done: &T, now: Timestamp) -> Result<(), StoreError> {
        let Self { ticket, write } = self;
        ticket.keep(tx, write(done), now).await?;
        // Should the commit fail, the command fails too, and nobody asks whether its answer is kept.
        ticket.kept.store(true, Ordering::Release);
        Ok(())
    }
}

impl<T> Once<T> {
    /// As [`Self::keep`], in a unit that may be undone and tried again without this answer: the ticket hears of it only when
    /// the unit was committed.
    pub(crate) async fn write(self, tx: &mut Tx, done: &T, now: Timestamp) -> Result<Written, StoreError> {
        self.ticket.keep(tx, (self.write)(done), now).await?;
        Ok(Written(self.ticket.kept))
    }
}

impl<T> std::fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Once({})", self.ticket.scope)
    }
}

/// An answer that is written and not yet committed.
#[derive(Debug)]
pub(crate) struct Written(Arc<AtomicBool>);

impl Written {
    /// The unit of work was committed.
    pub(crate) fn committed(self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The answers that are kept.
#[derive(Clone)]
pub struct Answers {
    db: Db,
    writer: Writer,
    clock: Clock,
}

impl Answers {
    pub(crate) fn new(db: Db, writer: Writer, clock: Clock) -> Self {
        Self { db, writer, clock }
    }

    /// What is known of a command: nothing, its answer, or that its key was used for another one.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub async fn find(&self, ticket: &Ticket) -> Result<Option<Claim>, StoreError> {
        idempotency_find(&self.db, &ticket.scope, &ticket.key, &ticket.body_hash).await
    }

    /// Keeps the answer of a command whose effect is durable already.
    ///
    /// # Errors
    /// [`WriteError`] when it is not kept: the command could take effect again.
    pub async fn keep(&self, ticket: Ticket, answer: StoredAnswer) -> Result<(), WriteError> {
        let now = self.now();
        let keep = self
            .writer
            .run(KEEP_DEADLINE, move |tx| Box::pin(async move { ticket.keep(tx, answer, now).await }));
        keep.await
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }
}
