//! Where to send messages. An address outlives restarts: while its actor is between two lives, senders wait
//! for the next one up to their deadline.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::mailbox::Overflow;
use crate::measures;
use crate::port::{Credit, Incarnation, Offer, Port, Vacancy};
use crate::reply::Reply;

/// The stable address of an actor that takes messages of type `M`. Cheap to clone.
pub struct Address<M> {
    port: Arc<Port<M>>,
}

/// What an address has to say about the actor behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressStatus {
    /// Messages are taken.
    Running,
    /// Between two lives: senders wait.
    Restarting,
    /// Parked after too many failures: senders are told `Stopped`.
    Quarantined,
    /// Stopped for good.
    Stopped,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No room: the mailbox was full (for the whole deadline, where senders wait), or `try_send` met an actor
    /// between two lives.
    #[error("mailbox full")]
    Full,
    /// The actor has stopped or is quarantined.
    #[error("actor stopped")]
    Stopped,
    /// The actor did not come back from its restart before the deadline.
    #[error("deadline passed")]
    Deadline,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// As [`SendError::Full`]: the question was not taken.
    #[error("mailbox full")]
    Full,
    /// As [`SendError::Stopped`]: the question was not taken.
    #[error("actor stopped")]
    Stopped,
    /// No answer before the deadline; the question may or may not have been handled.
    #[error("deadline passed")]
    Deadline,
    /// The question was taken but will not be answered: its handler failed, or its actor died first.
    #[error("request failed")]
    Failed,
}

impl From<SendError> for AskError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Full => Self::Full,
            SendError::Stopped => Self::Stopped,
            SendError::Deadline => Self::Deadline,
        }
    }
}

impl<M: Send + 'static> Address<M> {
    pub(crate) fn new(port: Arc<Port<M>>) -> Self {
        Self { port }
    }

    /// Hands a message over. Waits at most `deadline`, for room (where the mailbox says so) and for a restart.
    ///
    /// # Errors
    /// When the message was not taken; it is dropped then.
    pub async fn send(&self, message: M, deadline: Duration) -> Result<(), SendError> {
        self.send_until(message, self.until(deadline)).await
    }

    /// Hands a message over without waiting.
    ///
    /// # Errors
    /// `Full` or `Stopped`; the message is dropped then.
    pub fn try_send(&self, message: M) -> Result<(), SendError> {
        match self.port.offer(message, None) {
            Offer::Taken => Ok(()),
            Offer::Full(..) => Err(self.rejected()),
            Offer::Vacant(_, Vacancy::Restarting) => Err(SendError::Full),
            Offer::Vacant(_, Vacancy::Parked | Vacancy::Gone) => Err(SendError::Stopped),
        }
    }

    /// Asks and waits for the answer, all within `deadline`.
    ///
    /// # Errors
    /// When the question was not taken, was not answered in time, or died.
    pub async fn ask<R>(&self, make: impl FnOnce(Reply<R>) -> M, deadline: Duration) -> Result<R, AskError> {
        let until = self.until(deadline);
        let (reply, answer) = Reply::new();
        self.send_until(make(reply), until).await?;
        match timeout_at(until, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(AskError::Failed),
            Err(_) => Err(AskError::Deadline),
        }
    }

    /// The actor's path, from the root down.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.port.path
    }

    /// Whether messages are taken now.
    #[must_use]
    pub fn status(&self) -> AddressStatus {
        match self.port.vacancy() {
            None => AddressStatus::Running,
            Some(Vacancy::Restarting) => AddressStatus::Restarting,
            Some(Vacancy::Parked) => AddressStatus::Quarantined,
            Some(Vacancy::Gone) => AddressStatus::Stopped,
        }
    }

    /// Messages waiting now.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.port.depth()
    }

    /// Most messages that ever waited at once.
    #[must_use]
    pub fn high_water(&self) -> u32 {
        self.port.high_water()
    }

    /// Messages that may wait.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.port.mailbox.capacity
    }

    async fn send_until(&self, mut message: M, until: Instant) -> Result<(), SendError> {
        let mut credit: Option<Credit<M>> = None;
        loop {
            let mut changed = pin!(self.port.changed().notified());
            // Listening begins before the look at the seat, so that no change in between is missed.
            changed.as_mut().enable();
            match self.port.offer(message, credit.take()) {
                Offer::Taken => return Ok(()),
                Offer::Full(back, incarnation) => {
                    message = back;
                    credit = self.wait_room(&incarnation, until).await?;
                }
                Offer::Vacant(_, Vacancy::Parked | Vacancy::Gone) => return Err(SendError::Stopped),
                Offer::Vacant(back, Vacancy::Restarting) => {
                    message = back;
                    timeout_at(until, changed).await.map_err(|_| SendError::Deadline)?;
                }
            }
        }
    }

    async fn wait_room(
        &self,
        incarnation: &Arc<Incarnation<M>>,
        until: Instant,
    ) -> Result<Option<Credit<M>>, SendError> {
        match self.port.mailbox.overflow {
            Overflow::Wait => timeout_at(until, incarnation.wait_credit()).await.map_err(|_| self.rejected()),
            Overflow::Reject | Overflow::Latest(_) => Err(self.rejected()),
        }
    }

    fn rejected(&self) -> SendError {
        measures::rejected(&self.port.home.name);
        SendError::Full
    }

    fn until(&self, deadline: Duration) -> Instant {
        let clock = self.port.home.runtime.clock();
        clock.instant(clock.monotonic().saturating_add(deadline))
    }
}

impl<M> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self { port: Arc::clone(&self.port) }
    }
}

impl<M> fmt::Debug for Address<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.port.path)
    }
}
