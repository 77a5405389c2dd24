//! What lives: an actor handles one message at a time, in its own task, and owns its state alone.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::address::Address;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::port::{Incarnation, Port};
use crate::pulse::Pulse;
use crate::sync::lock;

/// Timers one actor may have running at once.
pub const TIMERS_PER_ACTOR_MAX: usize = 256;

/// Something that lives under a supervisor. Made afresh for every life, so nothing carries over a crash.
pub trait Actor: Send + Sized + 'static {
    /// What it takes.
    type Message: Send + 'static;

    /// Runs in the actor's own task at every start and restart, before any message; heavy work goes here.
    fn start(&mut self, ctx: &Context<Self::Message>) -> impl Future<Output = Result<(), Fault>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Handles one message. A fault or a panic ends this life; the message is never delivered again.
    fn handle(
        &mut self,
        ctx: &Context<Self::Message>,
        message: Self::Message,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Runs at an ordered stop, after the last message. Not run when the actor failed or was killed.
    fn stop(&mut self, ctx: &Context<Self::Message>) -> impl Future<Output = ()> + Send {
        let _ = ctx;
        async {}
    }
}

/// What a handler knows of its surroundings. Valid for one life of the actor.
pub struct Context<M> {
    pub(crate) port: Arc<Port<M>>,
    pub(crate) incarnation: Arc<Incarnation<M>>,
    pub(crate) pulse: Arc<Pulse>,
    /// Made with the first timer; dropping it with the actor ends every timer.
    timers: Mutex<Option<Box<JoinSet<()>>>>,
}

impl<M: Send + 'static> Context<M> {
    pub(crate) fn new(port: Arc<Port<M>>, incarnation: Arc<Incarnation<M>>, pulse: Arc<Pulse>) -> Self {
        Self { port, incarnation, pulse, timers: Mutex::new(None) }
    }

    /// The actor's own address.
    #[must_use]
    pub fn address(&self) -> Address<M> {
        Address::new(Arc::clone(&self.port))
    }

    /// Time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.port.home.runtime.clock()
    }

    /// The actor's path, from the root down.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.port.path
    }

    /// Declares progress: a long handler may run for another budget from now on.
    pub fn progress(&self) {
        self.pulse.beat(self.clock());
    }

    /// Ends the actor in order: messages already waiting are handled, then `stop` runs. A permanent child is
    /// started again.
    pub fn finish(&self) {
        self.port.finish(&self.incarnation);
    }

    /// Sends `message` to the actor itself after `delay`, in this life only. It waits for room in the mailbox
    /// whatever the overflow policy, since a lost wake-up would stall the actor.
    ///
    /// # Errors
    /// When the actor has [`TIMERS_PER_ACTOR_MAX`] timers already.
    pub fn send_after(&self, delay: Duration, message: M) -> Result<(), Fault> {
        let (port, incarnation) = (Arc::clone(&self.port), Arc::clone(&self.incarnation));
        self.keep(async move {
            port.home.runtime.clock().sleep(delay).await;
            if let Some(credit) = incarnation.wait_credit().await {
                port.post_own(message, credit);
            }
        })
    }

    /// Sends `make()` to the actor itself every `period`, first after one period, in this life only. The next
    /// tick is counted from the moment the last one was handled, so that ticks never pile up.
    ///
    /// # Errors
    /// When the actor has [`TIMERS_PER_ACTOR_MAX`] timers already.
    pub fn send_every(
        &self,
        period: Duration,
        make: impl Fn() -> M + Send + Sync + 'static,
    ) -> Result<(), Fault> {
        let (port, incarnation) = (Arc::clone(&self.port), Arc::clone(&self.incarnation));
        self.keep(async move {
            loop {
                port.home.runtime.clock().sleep(period).await;
                let Some(credit) = incarnation.wait_credit().await else { return };
                let Some(handled) = port.post_own(make(), credit) else { return };
                // The sender is only ever dropped: that is the signal.
                drop(handled.await);
            }
        })
    }

    fn keep(&self, timer: impl Future<Output = ()> + Send + 'static) -> Result<(), Fault> {
        let mut timers = lock(&self.timers);
        let timers = timers.get_or_insert_default();
        while timers.try_join_next().is_some() {}
        if timers.len() >= TIMERS_PER_ACTOR_MAX {
            return Err(Fault::new("too many timers"));
        }
        timers.spawn(timer);
        Ok(())
    }
}

impl<M> fmt::Debug for Context<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Context({})", self.port.path)
    }
}
