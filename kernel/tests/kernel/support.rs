//! An actor that does as it is told, and ways to wait for what must happen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_kernel::{
    Actor, Address, AddressStatus, AskError, Backoff, ChildSpec, ChildState, Clock, Context, Fault,
    Intensity, Lifecycle, LifecycleKind, Random, Reply, Runtime, Supervisor, TreeNode,
};
use tokio::sync::{Semaphore, broadcast};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const BASE_US: i64 = 1_790_000_000_000_000;

/// How long a condition may take to come true, in (mostly paused) time.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) enum Order {
    Echo(u32, Reply<u32>),
    Note(u32),
    /// Notes, then waits for a permit of the gate.
    Wait(u32),
    Fail(&'static str),
    FailAsked(Reply<u32>),
    Panic,
    Hang,
    /// Works for so many seconds, declaring progress each second.
    Toil(u32),
    /// Blocks the thread until the sender is dropped.
    Block(std::sync::mpsc::Receiver<()>),
    Finish,
    Incarnation(Reply<usize>),
}

/// What the lives of an actor leave behind.
#[derive(Default)]
pub(crate) struct Traces {
    pub(crate) notes: Mutex<Vec<String>>,
    pub(crate) lives: AtomicUsize,
}

impl Traces {
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.notes.lock().unwrap().push(note.into());
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

#[derive(Clone)]
pub(crate) struct Doer {
    pub(crate) name: String,
    pub(crate) traces: Arc<Traces>,
    pub(crate) gate: Arc<Semaphore>,
    life: usize,
}

impl Doer {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), traces: Arc::default(), gate: Arc::new(Semaphore::new(0)), life: 0 }
    }

    pub(crate) fn sharing(&self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self.clone() }
    }

    /// What a supervisor makes lives from.
    pub(crate) fn mold(&self) -> impl Fn() -> Self + Send + Sync + 'static {
        let seed = self.clone();
        move || Self { life: seed.traces.lives.fetch_add(1, Ordering::SeqCst) + 1, ..seed.clone() }
    }

    pub(crate) fn lives(&self) -> usize {
        self.traces.lives.load(Ordering::SeqCst)
    }
}

impl Actor for Doer {
    type Message = Order;

    async fn handle(&mut self, ctx: &Context<Order>, order: Order) -> Result<(), Fault> {
        match order {
            Order::Echo(value, reply) => reply.send(value),
            Order::Note(value) => self.traces.note(format!("{value}")),
            Order::Wait(value) => {
                self.traces.note(format!("{value}"));
                self.gate.acquire().await?.forget();
            }
            Order::Fail(reason) => {
                self.traces.note(format!("fails: {reason}"));
                return Err(Fault::new(reason));
            }
            Order::FailAsked(_reply) => return Err(Fault::new("asked to fail")),
            Order::Panic => panic!("told to panic"),
            Order::Hang => std::future::pending().await,
            Order::Toil(seconds) => {
                for _ in 0..seconds {
                    ctx.clock().sleep(SECOND).await;
                    ctx.progress();
                }
                self.traces.note("toiled");
            }
            Order::Block(until) => drop(until.recv()),
            Order::Finish => ctx.finish(),
            Order::Incarnation(reply) => reply.send(self.life),
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context<Order>) {
        self.traces.note(format!("{} stopped", self.name));
    }
}

pub(crate) fn runtime(seed: u64) -> Runtime {
    Runtime::new(Clock::simulated(BASE_US).0, Random::seeded(seed), 4)
}

pub(crate) fn root() -> Supervisor {
    Supervisor::root("root", runtime(1)).unwrap()
}

/// A child that restarts after about a second, and is parked at its third failure within a minute.
pub(crate) fn spec(name: &str) -> ChildSpec<Order> {
    ChildSpec::new(name)
        .budget(5 * SECOND)
        .backoff(Backoff { first: SECOND, max: 30 * SECOND })
        .intensity(Intensity { max_restarts: 2, within: 60 * SECOND, quarantine_for: 300 * SECOND })
}

pub(crate) async fn echo(address: &Address<Order>, deadline: Duration) -> Result<u32, AskError> {
    address.ask(|reply| Order::Echo(7, reply), deadline).await
}

/// Waits until `condition` holds; panics when it never does.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let step = Duration::from_millis(10);
    let mut left = PATIENCE;
    while !condition() {
        assert!(!left.is_zero(), "never came true: {what}");
        tokio::time::sleep(step).await;
        left = left.saturating_sub(step);
    }
}

pub(crate) fn child(root: &Supervisor, path: &str) -> TreeNode {
    root.tree_page(path, 0).unwrap_or_else(|| panic!("no such node: {path}"))
}

pub(crate) fn state(root: &Supervisor, path: &str) -> ChildState {
    child(root, path).state
}

pub(crate) async fn in_state(root: &Supervisor, path: &str, wanted: ChildState) {
    until(&format!("{path} is {wanted:?}"), || state(root, path) == wanted).await;
}

/// The next event of `path` that is of the wanted kind.
pub(crate) async fn event(
    events: &mut broadcast::Receiver<Lifecycle>,
    path: &str,
    wanted: impl Fn(&LifecycleKind) -> bool,
) -> Lifecycle {
    let next = async {
        loop {
            let event = events.recv().await.unwrap();
            if event.path == path && wanted(&event.kind) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, next).await.expect("the event must come")
}

/// Fails the present life, and waits until its end is known: a message sent before that dies with it.
pub(crate) async fn fail(address: &Address<Order>, reason: &'static str) {
    until("it lives", || address.status() == AddressStatus::Running).await;
    address.try_send(Order::Fail(reason)).unwrap();
    until("its end is known", || address.status() != AddressStatus::Running).await;
}
