//! Commands that take effect once, however often they are sent: the answer is kept in the transaction of the effect.
//!
//! The facade makes a [`Ticket`] of a request with an `Idempotency-Key`. A domain that can write its answer inside its unit
//! of work takes it as a [`Once`]; for all others the facade keeps the answer after the effect.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use nightshift_store::system::{
    Claim, StoredAnswer, idempotency_amend, idempotency_claim, idempotency_find, idempotency_finish,
    idempotency_withdraw,
};
use nightshift_store::{Db, StoreError, Tx};

use crate::writer::{WriteError, Writer};

/// How long an answer is kept.
pub(crate) const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// How long keeping an answer may take when its effect is durable already.
const KEEP_DEADLINE: Duration = Duration::from_secs(10);

/// How far the answer of a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// None is kept.
    Open,
    /// One is kept that says what was known with the effect; what it led to is still to come.
    ForNow,
    /// The effect was undone: what is kept must go.
    Undone,
    /// The last word is kept.
    Kept,
}

/// What makes a command known when it comes again.
#[derive(Debug, Clone)]
pub struct Ticket {
    scope: Arc<str>,
    key: Arc<str>,
    body_hash: Arc<str>,
    standing: Arc<Mutex<Standing>>,
}

impl Ticket {
    /// A ticket for `key`, as the sender and the route of `scope` use it, for a command that says what `body_hash` stands
    /// for.
    #[must_use]
    pub fn new(scope: &str, key: &str, body_hash: &str) -> Self {
        let standing = Arc::new(Mutex::new(Standing::Open));
        Self { scope: scope.into(), key: key.into(), body_hash: body_hash.into(), standing }
    }

    /// Whether the last word was kept together with the effect.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.standing() == Standing::Kept
    }

    /// The effect was undone: what was kept for now is taken away, and the command is new when it comes again.
    pub(crate) fn undone(&self) {
        self.set(Standing::Undone);
    }

    fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
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
        ticket.set(Standing::Kept);
        Ok(())
    }

    /// As [`Self::keep`], for an effect that leads to more before the command is answered: what was kept gives way to that
    /// answer, or goes when the ticket is told that the effect was [undone](Ticket::undone).
    pub(crate) async fn keep_for_now(self, tx: &mut Tx, done: &T, now: Timestamp) -> Result<(), StoreError> {
        let Self { ticket, write } = self;
        ticket.keep(tx, write(done), now).await?;
        ticket.set(Standing::ForNow);
        Ok(())
    }

    /// What it is kept for.
    pub(crate) fn ticket(&self) -> Ticket {
        self.ticket.clone()
    }

    /// As [`Self::keep`], in a unit that may be undone and tried again without this answer: the ticket hears of it only when
    /// the unit was committed.
    pub(crate) async fn write(self, tx: &mut Tx, done: &T, now: Timestamp) -> Result<Written, StoreError> {
        self.ticket.keep(tx, (self.write)(done), now).await?;
        Ok(Written(self.ticket))
    }
}

impl<T> std::fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Once({})", self.ticket.scope)
    }
}

/// An answer that is written and not yet committed.
#[derive(Debug)]
pub(crate) struct Written(Ticket);

impl Written {
    /// The unit of work was committed.
    pub(crate) fn committed(self) {
        self.0.set(Standing::Kept);
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

    /// Keeps the answer of a command whose effect is durable already, in the place of what was kept for now.
    ///
    /// # Errors
    /// [`WriteError`] when it is not kept: the command could take effect again, or is answered with what was kept for now.
    pub async fn keep(&self, ticket: Ticket, answer: StoredAnswer) -> Result<(), WriteError> {
        let now = self.now();
        let keep = self.writer.run(KEEP_DEADLINE, move |tx| {
            Box::pin(async move {
                match ticket.standing() {
                    Standing::ForNow => idempotency_amend(tx, &ticket.scope, &ticket.key, &answer).await,
                    _ => ticket.keep(tx, answer, now).await,
                }
            })
        });
        keep.await
    }

    /// Forgets a command that was refused, where something was kept of it before it was undone.
    ///
    /// # Errors
    /// [`WriteError`] when it is not forgotten: the command is answered with what was kept for now.
    pub async fn forget_undone(&self, ticket: Ticket) -> Result<(), WriteError> {
        if ticket.standing() != Standing::Undone {
            return Ok(());
        }
        let forget = self.writer.run(KEEP_DEADLINE, move |tx| {
            Box::pin(async move { idempotency_withdraw(tx, &ticket.scope, &ticket.key).await })
        });
        forget.await
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }
}
