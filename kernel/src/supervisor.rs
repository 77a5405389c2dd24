//! The keeper of children: it starts them, restarts them, parks those that fail too often, and stops them in
//! order. A handle is cheap to clone; the tree lives until its root is shut down.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use ractor::ActorCell;
use tokio::sync::{Notify, OwnedSemaphorePermit, broadcast};

use crate::actor::Actor;
use crate::address::Address;
use crate::child::{Child, Exit, Life, Nature, Stage, Then};
use crate::clock::Clock;
use crate::keeper;
use crate::lifecycle::{Lifecycle, LifecycleKind};
use crate::measures;
use crate::port::{Port, Vacancy};
use crate::pulse::Ward;
use crate::runtime::Runtime;
use crate::shell::{Mold, at_once};
use crate::spec::{ChildSpec, Policy};
use crate::stop::StopReport;
use crate::sync::lock;
use crate::table::{Phase, Table};
use crate::warden::Warden;

/// Longest name of a child, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// A handle to one supervisor.
#[derive(Clone)]
pub struct Supervisor {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) home: Arc<Home>,
    pub(crate) policy: Policy,
    /// The supervisor above and our id there; the root has none.
    pub(crate) parent: Option<(Weak<Inner>, u64)>,
    pub(crate) warden: OnceLock<ActorCell>,
    pub(crate) table: Mutex<Table>,
    /// Held while the children are being stopped, so that two stops do not cross.
    pub(crate) halting: tokio::sync::Mutex<()>,
}

/// What the children share with their supervisor.
pub(crate) struct Home {
    pub(crate) name: Box<str>,
    pub(crate) path: Arc<str>,
    pub(crate) runtime: Runtime,
    pub(crate) ward: Ward,
    /// Told when the keeper has something new to look at.
    pub(crate) wake: Notify,
}

/// Why a child was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// A sibling has the name.
    #[error("name already taken: {0}")]
    NameTaken(String),
    /// Empty, or longer than 200 bytes.
    #[error("bad name: {0:?}")]
    BadName(String),
    /// The supervisor has as many children as its policy allows.
    #[error("too many children")]
    TooMany,
    /// The supervisor is stopping or stopped.
    #[error("supervisor is stopping")]
    Stopping,
    /// The actor system refused.
    #[error("actor not started: {0}")]
    Refused(String),
}

/// Why an operator's command was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No child has the name.
    #[error("no such child")]
    NotFound,
    /// The child is not in quarantine.
    #[error("child is not in quarantine")]
    NotQuarantined,
    /// The child or its supervisor is stopping.
    #[error("child is stopping")]
    Stopping,
}

impl Supervisor {
    /// A root with the default policy. Call it within a tokio runtime.
    ///
    /// # Errors
    /// When the actor system refuses.
    pub fn root(name: &str, runtime: Runtime) -> Result<Self, SpawnError> {
        Self::root_with(name, runtime, Policy::default())
    }

    /// A root.
    ///
    /// # Errors
    /// When the actor system refuses.
    pub fn root_with(name: &str, runtime: Runtime, policy: Policy) -> Result<Self, SpawnError> {
        check_name(name)?;
        Self::create(name, name.into(), runtime, policy, None)
    }

    fn create(
        name: &str,
        path: Arc<str>,
        runtime: Runtime,
        policy: Policy,
        parent: Option<(Weak<Inner>, u64)>,
    ) -> Result<Self, SpawnError> {
        let home =
            Arc::new(Home { name: name.into(), path, runtime, ward: Ward::default(), wake: Notify::new() });
        let inner = Arc::new(Inner {
            home,
            policy,
            parent,
            warden: OnceLock::new(),
            table: Mutex::new(Table::new()),
            halting: tokio::sync::Mutex::new(()),
        });
        let warden = at_once(ractor::Actor::spawn(None, Warden, Arc::downgrade(&inner)))
            .map_err(|error| SpawnError::Refused(error.to_string()))?;
        inner.warden.get_or_init(|| warden.get_cell());
        tokio::spawn(keeper::keep(Arc::clone(&inner)));
        Ok(Self { inner })
    }

    /// Starts a supervisor below this one.
    ///
    /// # Errors
    /// When the name is taken or this supervisor is stopping.
    pub fn supervisor(&self, name: &str, policy: Policy) -> Result<Self, SpawnError> {
        let mut table = self.inner.admit(name)?;
        let id = table.take_id();
        let path = self.inner.path_of(name);
        let runtime = self.inner.home.runtime.clone();
        let rules = table.share_rules(Arc::new(policy.rules()));
        let parent = Some((Arc::downgrade(&self.inner), id));
        let supervisor = Self::create(name, path.clone(), runtime, policy, parent)?;
        let name_at = path.len() - name.len();
        let child = Child::new(id, path, name_at, rules, Nature::Supervisor(supervisor.clone()));
        self.inner.start_child(&mut table, &child, &mut lock(&child.life), None)?;
        table.insert(child);
        Ok(supervisor)
    }

    /// Starts an actor. `make` builds it afresh for every life, in the actor's own task; a `start` that fails
    /// is a failure like any other and shows in the tree, not here. Call it within a tokio runtime.
    ///
    /// # Errors
    /// When the name is taken or this supervisor is stopping.
    pub fn spawn<A: Actor>(
        &self,
        spec: ChildSpec<A::Message>,
        make: impl Fn() -> A + Send + Sync + 'static,
    ) -> Result<Address<A::Message>, SpawnError> {
        let mut table = self.inner.admit(&spec.name)?;
        let path = self.inner.path_of(&spec.name);
        let name_at = path.len() - spec.name.len();
        let port = Port::new(path.clone(), Arc::clone(&self.inner.home), spec.mailbox);
        let rules = table.share_rules(spec.rules);
        let nature = Nature::Actor(Box::new(Mold::new(Arc::clone(&port), make)));
        let child = Child::new(table.take_id(), path, name_at, rules, nature);
        self.inner.start_child(&mut table, &child, &mut lock(&child.life), None)?;
        table.insert(child);
        Ok(Address::new(port))
    }

    /// Stops one child in order and forgets it: intake closed, waiting messages handled, `stop` run; killed
    /// when `deadline` passes first.
    ///
    /// # Errors
    /// When there is no such child.
    pub async fn remove(&self, name: &str, deadline: Duration) -> Result<StopReport, ControlError> {
        let child = lock(&self.inner.table).named(name).ok_or(ControlError::NotFound)?;
        Ok(self.inner.stop_within(&child, deadline, Then::Remove).await)
    }

    /// Stops one child in order, within its budget, and starts it again with a clean record.
    ///
    /// # Errors
    /// When there is no such child or this supervisor is stopping.
    pub async fn restart(&self, name: &str) -> Result<StopReport, ControlError> {
        let child = {
            let table = lock(&self.inner.table);
            let child = table.named(name).ok_or(ControlError::NotFound)?;
            let mut life = lock(&child.life);
            if table.phase != Phase::Open || life.stage() == Stage::Stopping {
                return Err(ControlError::Stopping);
            }
            life.record.pardon();
            drop(life);
            child
        };
        Ok(self.inner.stop_within(&child, child.rules.budget, Then::StartAgain).await)
    }

    /// Takes one child out of quarantine with a clean record.
    ///
    /// # Errors
    /// When there is no such child or it is not in quarantine.
    pub fn release(&self, name: &str) -> Result<(), ControlError> {
        let mut table = lock(&self.inner.table);
        let child = table.named(name).ok_or(ControlError::NotFound)?;
        let mut life = lock(&child.life);
        if !matches!(life.stage(), Stage::Quarantined { .. }) {
            return Err(ControlError::NotQuarantined);
        }
        life.record.pardon();
        self.inner.make_ready(&mut table, &child, &mut life);
        Ok(())
    }

    /// Stops the whole tree below in order: see `SEMANTICS.md`. The report says who had to be killed.
    pub async fn shutdown(&self, deadline: Duration) -> StopReport {
        let until = self.clock().monotonic().saturating_add(deadline);
        match self.inner.in_parent() {
            Some((parent, child)) => parent.stop_child(&child, until, Then::Remove).await,
            None => self.inner.halt(until, Then::Remove).await,
        }
    }

    /// Events of the whole tree from now on. A listener that falls [`crate::EVENTS_MAX`] behind misses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Lifecycle> {
        self.inner.home.runtime.events()
    }

    /// Waits until an essential child of the root is lost, and says why. The process should stop then.
    pub async fn escalated(&self) -> String {
        let mut escalated = self.inner.home.runtime.escalated();
        loop {
            if let Some(reason) = escalated.borrow_and_update().clone() {
                return reason;
            }
            if escalated.changed().await.is_err() {
                // The sender lives in the runtime we hold: unreachable, and waiting for ever is what is asked.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Its path, from the root down.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.home.path
    }

    /// The tree's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.inner.home.runtime.clock()
    }

    /// What the tree shares.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.inner.home.runtime
    }

    /// Tells the senders to children that have no life now what to expect.
    pub(crate) fn vacate_idle(&self, vacancy: Vacancy) {
        let children: Vec<_> = lock(&self.inner.table).children.values().cloned().collect();
        for child in children {
            if lock(&child.life).cell.is_none() {
                child.vacate(vacancy, false);
            }
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Supervisor({})", self.inner.home.path)
    }
}

fn check_name(name: &str) -> Result<(), SpawnError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(SpawnError::BadName(name.chars().take(NAME_BYTES_MAX).collect()));
    }
    Ok(())
}

impl Inner {
    fn admit(&self, name: &str) -> Result<std::sync::MutexGuard<'_, Table>, SpawnError> {
        check_name(name)?;
        let table = lock(&self.table);
        if table.phase != Phase::Open {
            return Err(SpawnError::Stopping);
        }
        if table.contains(name) {
            return Err(SpawnError::NameTaken(name.to_owned()));
        }
        if table.children.len() >= self.policy.children_max {
            return Err(SpawnError::TooMany);
        }
        Ok(table)
    }

    fn path_of(&self, name: &str) -> Arc<str> {
        format!("{}/{name}", self.home.path).into()
    }

    fn in_parent(&self) -> Option<(Arc<Inner>, Arc<Child>)> {
        let (parent, id) = self.parent.as_ref()?;
        let parent = parent.upgrade()?;
        let child = lock(&parent.table).children.get(id).cloned()?;
        Some((parent, child))
    }

    /// Begins a life of `child`. The table stays locked, so that its end cannot be heard of before it is known.
    pub(crate) fn start_child(
        &self,
        table: &mut Table,
        child: &Arc<Child>,
        life: &mut Life,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<(), SpawnError> {
        let runtime = &self.home.runtime;
        if life.incarnation > 0 {
            life.record.restarts = life.record.restarts.saturating_add(1);
            measures::restarted(&self.home.name);
        }
        life.incarnation = life.incarnation.wrapping_add(1);
        match &child.nature {
            Nature::Actor(being) => {
                let warden = self.warden.get().ok_or(SpawnError::Stopping)?;
                let cell = being
                    .spawn(child, life.incarnation, warden)
                    .map_err(|error| SpawnError::Refused(error.to_string()))?;
                table.by_actor.insert(cell.get_id(), child.id);
                life.cell = Some(cell);
                life.permit = permit;
                life.enter(Stage::Starting, runtime);
                runtime.count_alive(1);
            }
            Nature::Supervisor(supervisor) => {
                supervisor.inner.resume();
                life.record.started(runtime.clock().monotonic());
                life.enter(Stage::Running, runtime);
                runtime.publish(&child.path, || LifecycleKind::Started);
            }
        }
        Ok(())
    }

    /// Lets a child that has no life be started as soon as the pacing allows.
    pub(crate) fn make_ready(&self, table: &mut Table, child: &Arc<Child>, life: &mut Life) {
        if matches!(life.stage(), Stage::Quarantined { .. }) {
            self.home.runtime.publish(&child.path, || LifecycleKind::Released);
        }
        life.enter(Stage::Ready, &self.home.runtime);
        child.vacate(Vacancy::Restarting, false);
        table.ready.push_back((child.id, life.ticket));
        self.home.wake.notify_one();
    }

    /// Starts every child that was stopped with this supervisor, in start order and paced.
    fn resume(&self) {
        let mut table = lock(&self.table);
        if table.phase != Phase::Parked {
            return;
        }
        table.phase = Phase::Open;
        let children: Vec<_> = table.children.values().cloned().collect();
        for child in children {
            let mut life = lock(&child.life);
            if life.stage() == Stage::Parked {
                self.make_ready(&mut table, &child, &mut life);
            }
        }
    }

    /// What a stop of one child came to.
    async fn stop_within(&self, child: &Arc<Child>, deadline: Duration, then: Then) -> StopReport {
        let until = self.home.runtime.clock().monotonic().saturating_add(deadline);
        self.stop_child(child, until, then).await
    }
}

impl Exit {
    /// Why it ended, where that was a failure.
    pub(crate) fn into_reason(self) -> Option<String> {
        match self {
            Self::Finished => None,
            Self::Failed(reason) => Some(reason),
            Self::Killed => Some("killed".to_owned()),
        }
    }
}
