//! The receiving end of an address: it outlives the incarnations that take turns behind it.
//!
//! ractor's queue is unbounded, so a credit is taken on send and given back when the message leaves the queue,
//! by being handled or by dying with its incarnation. Credits belong to one incarnation: a mailbox held by a
//! thread that never comes back does not shrink its successor's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ractor::{ActorRef, MessagingErr};
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::mailbox::{Mailbox, Overflow};
use crate::measures;
use crate::supervisor::Home;
use crate::sync::lock;

/// What an address points at.
pub(crate) struct Port<M> {
    pub(crate) path: Arc<str>,
    pub(crate) home: Arc<Home>,
    pub(crate) mailbox: Mailbox<M>,
    seat: Mutex<Seat<M>>,
    /// Told whenever the seat changes.
    changed: Notify,
    high_water: AtomicU32,
}

/// Who sits behind the address now.
enum Seat<M> {
    Taken { incarnation: Arc<Incarnation<M>>, actor: ActorRef<Envelope<M>> },
    Empty(Vacancy),
}

/// Why nobody sits behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacancy {
    /// A new incarnation will come soon: senders wait for it.
    Restarting,
    /// Parked for longer than anybody should wait.
    Parked,
    /// Stopped for good.
    Gone,
}

/// The queue of one life of an actor.
pub(crate) struct Incarnation<M> {
    credits: Semaphore,
    /// Waiting messages by key; only mailboxes that keep the newest have it.
    latest: Option<Mutex<HashMap<u64, M>>>,
}

/// One message on its way through ractor's queue.
pub(crate) struct Envelope<M> {
    parcel: Parcel<M>,
    credit: Credit<M>,
    /// Dropped when the message is done with: how a repeating timer knows that its last tick was taken.
    done: Option<oneshot::Sender<()>>,
}

enum Parcel<M> {
    Plain(M),
    Latest(u64),
}

/// A place in the queue, given back on drop.
pub(crate) struct Credit<M> {
    incarnation: Arc<Incarnation<M>>,
}

impl<M> Drop for Credit<M> {
    fn drop(&mut self) {
        self.incarnation.credits.add_permits(1);
    }
}

impl<M: Send + 'static> Incarnation<M> {
    pub(crate) fn new(mailbox: &Mailbox<M>) -> Arc<Self> {
        let latest = matches!(mailbox.overflow, Overflow::Latest(_)).then(|| Mutex::new(HashMap::new()));
        Arc::new(Self { credits: Semaphore::new(capacity(mailbox)), latest })
    }

    fn take_credit(self: &Arc<Self>) -> Option<Credit<M>> {
        self.credits.try_acquire().ok()?.forget();
        Some(Credit { incarnation: Arc::clone(self) })
    }

    /// Waits for room; `None` when this incarnation has ended.
    pub(crate) async fn wait_credit(self: &Arc<Self>) -> Option<Credit<M>> {
        self.credits.acquire().await.ok()?.forget();
        Some(Credit { incarnation: Arc::clone(self) })
    }

    /// Takes the message out and gives its credit back; `None` if it died meanwhile.
    pub(crate) fn open(&self, envelope: Envelope<M>) -> Option<(M, Option<oneshot::Sender<()>>)> {
        let Envelope { parcel, credit, done } = envelope;
        let message = match parcel {
            Parcel::Plain(message) => Some(message),
            Parcel::Latest(key) => self.latest.as_ref().and_then(|latest| lock(latest).remove(&key)),
        };
        drop(credit);
        message.map(|message| (message, done))
    }

    /// Wakes those who wait for room and drops what waits by key; ractor drops the rest of the queue.
    fn end(&self) {
        self.credits.close();
        if let Some(latest) = &self.latest {
            let waiting = std::mem::take(&mut *lock(latest));
            drop(waiting);
        }
    }
}

/// How an attempt to send ended. The message comes back when it was not taken.
pub(crate) enum Offer<M> {
    Taken,
    Full(M, Arc<Incarnation<M>>),
    Vacant(M, Vacancy),
}

impl<M: Send + 'static> Port<M> {
    pub(crate) fn new(path: Arc<str>, home: Arc<Home>, mailbox: Mailbox<M>) -> Arc<Self> {
        Arc::new(Self {
            path,
            home,
            mailbox,
            seat: Mutex::new(Seat::Empty(Vacancy::Restarting)),
            changed: Notify::new(),
            high_water: AtomicU32::new(0),
        })
    }

    pub(crate) fn occupy(&self, incarnation: Arc<Incarnation<M>>, actor: ActorRef<Envelope<M>>) {
        self.swap(Seat::Taken { incarnation, actor });
    }

    /// Closes the intake. With `drain` the messages already taken are still handled.
    pub(crate) fn vacate(&self, vacancy: Vacancy, drain: bool) {
        if let Seat::Taken { incarnation, .. } = self.swap(Seat::Empty(vacancy)) {
            if drain {
                incarnation.credits.close();
            } else {
                incarnation.end();
            }
        }
    }

    /// Ends the intake of one life and lets it handle what it has taken.
    pub(crate) fn finish(&self, incarnation: &Arc<Incarnation<M>>) {
        let mut seat = lock(&self.seat);
        if let Seat::Taken { incarnation: present, actor } = &*seat
            && Arc::ptr_eq(present, incarnation)
        {
            let actor = actor.clone();
            *seat = Seat::Empty(Vacancy::Restarting);
            drop(seat);
            incarnation.credits.close();
            // An actor that ended by itself meanwhile needs no draining.
            drop(actor.drain());
        }
    }

    fn swap(&self, seat: Seat<M>) -> Seat<M> {
        let before = std::mem::replace(&mut *lock(&self.seat), seat);
        self.changed.notify_waiters();
        before
    }

    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Tries once to hand `message` to the present incarnation. A `credit` of an earlier one is void.
    pub(crate) fn offer(&self, message: M, credit: Option<Credit<M>>) -> Offer<M> {
        let (incarnation, actor) = match &*lock(&self.seat) {
            Seat::Taken { incarnation, actor } => (Arc::clone(incarnation), actor.clone()),
            Seat::Empty(vacancy) => return Offer::Vacant(message, *vacancy),
        };
        let credit = credit.filter(|credit| Arc::ptr_eq(&credit.incarnation, &incarnation));
        if let (Overflow::Latest(key), Some(latest)) = (&self.mailbox.overflow, &incarnation.latest)
            && let Some(key) = key(&message)
        {
            return self.offer_latest(key, message, latest, &incarnation, &actor);
        }
        let Some(credit) = credit.or_else(|| incarnation.take_credit()) else {
            return Offer::Full(message, incarnation);
        };
        self.post(&actor, Envelope { parcel: Parcel::Plain(message), credit, done: None })
    }

    /// Sends a message of the actor to itself, in the same life only. The receiver ends when it is done with.
    pub(crate) fn post_own(&self, message: M, credit: Credit<M>) -> Option<oneshot::Receiver<()>> {
        let actor = match &*lock(&self.seat) {
            Seat::Taken { incarnation, actor } if Arc::ptr_eq(incarnation, &credit.incarnation) => {
                actor.clone()
            }
            _ => return None,
        };
        let (done, ended) = oneshot::channel();
        match self.post(&actor, Envelope { parcel: Parcel::Plain(message), credit, done: Some(done) }) {
            Offer::Taken => Some(ended),
            Offer::Full(..) | Offer::Vacant(..) => None,
        }
    }

    fn offer_latest(
        &self,
        key: u64,
        message: M,
        latest: &Mutex<HashMap<u64, M>>,
        incarnation: &Arc<Incarnation<M>>,
        actor: &ActorRef<Envelope<M>>,
    ) -> Offer<M> {
        let credit = match lock(latest).entry(key) {
            Entry::Occupied(mut waiting) => {
                let older = waiting.insert(message);
                measures::coalesced(&self.home.name);
                // Dropped after the lock: it may carry a reply, and dropping that wakes its asker.
                Err(older)
            }
            Entry::Vacant(place) => match incarnation.take_credit() {
                Some(credit) => {
                    place.insert(message);
                    Ok(credit)
                }
                None => return Offer::Full(message, Arc::clone(incarnation)),
            },
        };
        match credit {
            Ok(credit) => self.post(actor, Envelope { parcel: Parcel::Latest(key), credit, done: None }),
            Err(older) => {
                drop(older);
                Offer::Taken
            }
        }
    }

    fn post(&self, actor: &ActorRef<Envelope<M>>, envelope: Envelope<M>) -> Offer<M> {
        let depth = self.depth_of(&envelope.credit.incarnation);
        match actor.send_message(envelope) {
            Ok(()) => {
                if depth > self.high_water.load(Ordering::Relaxed) {
                    self.high_water.fetch_max(depth, Ordering::Relaxed);
                }
                Offer::Taken
            }
            Err(MessagingErr::SendErr(envelope)) => {
                let incarnation = Arc::clone(&envelope.credit.incarnation);
                match incarnation.open(envelope) {
                    Some((message, _)) => Offer::Vacant(message, Vacancy::Restarting),
                    // The incarnation ended and dropped the message with the rest of its queue.
                    None => Offer::Taken,
                }
            }
            // The message is gone with an actor that is gone: its reply, if any, says so.
            Err(MessagingErr::ChannelClosed | MessagingErr::InvalidActorType) => Offer::Taken,
        }
    }

    /// Why nobody sits here, or `None` when somebody does.
    pub(crate) fn vacancy(&self) -> Option<Vacancy> {
        match &*lock(&self.seat) {
            Seat::Taken { .. } => None,
            Seat::Empty(vacancy) => Some(*vacancy),
        }
    }

    /// Messages waiting now.
    pub(crate) fn depth(&self) -> u32 {
        match &*lock(&self.seat) {
            Seat::Taken { incarnation, .. } => self.depth_of(incarnation),
            Seat::Empty(_) => 0,
        }
    }

    pub(crate) fn high_water(&self) -> u32 {
        self.high_water.load(Ordering::Relaxed)
    }

    fn depth_of(&self, incarnation: &Incarnation<M>) -> u32 {
        let free = u32::try_from(incarnation.credits.available_permits()).unwrap_or(u32::MAX);
        self.mailbox.capacity.saturating_sub(free)
    }
}

fn capacity<M>(mailbox: &Mailbox<M>) -> usize {
    usize::try_from(mailbox.capacity).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS)
}
