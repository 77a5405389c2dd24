//! How many messages may wait for an actor, and what happens to the next one.

use std::fmt;

/// Messages that wait when nothing else is said.
const CAPACITY_DEFAULT: u32 = 64;

/// The bound of an actor's queue. The message being handled does not count.
pub struct Mailbox<M> {
    /// Messages that may wait; at least 1.
    pub capacity: u32,
    /// What happens to a message that finds the mailbox full.
    pub overflow: Overflow<M>,
}

/// What happens to a message that finds the mailbox full.
pub enum Overflow<M> {
    /// The sender waits for room, up to its deadline.
    Wait,
    /// The sender is told `Full` at once.
    Reject,
    /// A waiting message with the same key is replaced in place by the newer one, full or not; a reply that it
    /// carried is dropped. `None` is never replaced. A new key that finds the mailbox full is told `Full`.
    Latest(fn(&M) -> Option<u64>),
}

impl<M> Mailbox<M> {
    /// A mailbox whose senders wait for room.
    #[must_use]
    pub fn wait(capacity: u32) -> Self {
        Self { capacity: capacity.max(1), overflow: Overflow::Wait }
    }

    /// A mailbox whose senders are told `Full` at once.
    #[must_use]
    pub fn reject(capacity: u32) -> Self {
        Self { capacity: capacity.max(1), overflow: Overflow::Reject }
    }

    /// A mailbox that keeps the newest message per key.
    #[must_use]
    pub fn latest(capacity: u32, key: fn(&M) -> Option<u64>) -> Self {
        Self { capacity: capacity.max(1), overflow: Overflow::Latest(key) }
    }
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        Self::wait(CAPACITY_DEFAULT)
    }
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self { capacity: self.capacity, overflow: self.overflow.clone() }
    }
}

impl<M> Clone for Overflow<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Wait => Self::Wait,
            Self::Reject => Self::Reject,
            Self::Latest(key) => Self::Latest(*key),
        }
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let overflow = match self.overflow {
            Overflow::Wait => "wait",
            Overflow::Reject => "reject",
            Overflow::Latest(_) => "latest",
        };
        write!(f, "Mailbox({} {overflow})", self.capacity)
    }
}
