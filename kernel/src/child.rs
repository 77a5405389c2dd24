//! One place in a supervisor's table: the rules, the record and the present life of a child.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{ActorCell, SpawnErr};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::lifecycle::LifecycleKind;
use crate::port::Vacancy;
use crate::record::Record;
use crate::runtime::Runtime;
use crate::spec::Rules;
use crate::supervisor::{Home, Supervisor};
use crate::sync::lock;
use crate::tree::MailboxView;

pub(crate) struct Child {
    /// Grows with every child: the start order.
    pub(crate) id: u64,
    pub(crate) path: Arc<str>,
    /// Where the name begins in `path`.
    pub(crate) name_at: usize,
    pub(crate) rules: Arc<Rules>,
    pub(crate) nature: Nature,
    pub(crate) life: Mutex<Life>,
}

/// What a child is.
pub(crate) enum Nature {
    Actor(Box<dyn Being>),
    Supervisor(Supervisor),
}

/// An actor of any type, as its supervisor sees it.
pub(crate) trait Being: Send + Sync {
    /// Begins a new life and opens the mailbox.
    fn spawn(&self, child: &Arc<Child>, incarnation: u32, warden: &ActorCell) -> Result<ActorCell, SpawnErr>;
    /// Closes the mailbox; with `drain` the messages already taken are still handled.
    fn vacate(&self, vacancy: Vacancy, drain: bool);
    fn mailbox(&self) -> MailboxView;
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Finished,
    Failed(String),
    Killed,
}

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    Running,
    /// A handler is late and has been killed; if its thread does not yield by then, it is set apart.
    Frozen {
        apart_at: Duration,
    },
    /// The pause before a restart.
    Waiting {
        until: Duration,
    },
    /// Waits for its turn among those that restart.
    Ready,
    Quarantined {
        until: Duration,
    },
    Stopping,
    /// Stopped with its supervisor, and started again with it.
    Parked,
}

/// What follows an ordered stop. The later ones prevail when two are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Then {
    StartAgain,
    Park,
    Remove,
}

pub(crate) struct Stopping {
    pub(crate) then: Then,
    pub(crate) told: Vec<oneshot::Sender<Exit>>,
}

pub(crate) struct LastFault {
    pub(crate) at_us: i64,
    pub(crate) reason: String,
}

/// The changing part of a child.
pub(crate) struct Life {
    stage: Stage,
    pub(crate) incarnation: u32,
    /// The live ractor actor, until its end is known.
    pub(crate) cell: Option<ActorCell>,
    /// Changes with the stage, so that a due restart planned for an earlier stage is void.
    pub(crate) ticket: u32,
    pub(crate) record: Record,
    /// Held from the restart until `start` has ended: this is what paces a mass restart.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    pub(crate) last_fault: Option<Box<LastFault>>,
    pub(crate) stopping: Option<Box<Stopping>>,
}

impl Life {
    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    pub(crate) fn enter(&mut self, stage: Stage, runtime: &Runtime) {
        let parked = |stage: Stage| matches!(stage, Stage::Quarantined { .. });
        match (parked(self.stage), parked(stage)) {
            (false, true) => runtime.count_quarantined(1),
            (true, false) => runtime.count_quarantined(-1),
            _ => {}
        }
        self.stage = stage;
        self.ticket = self.ticket.wrapping_add(1);
    }
}

impl Child {
    pub(crate) fn new(
        id: u64,
        path: Arc<str>,
        name_at: usize,
        rules: Arc<Rules>,
        nature: Nature,
    ) -> Arc<Self> {
        let life = Life {
            stage: Stage::Ready,
            incarnation: 0,
            cell: None,
            ticket: 0,
            record: Record::default(),
            permit: None,
            last_fault: None,
            stopping: None,
        };
        Arc::new(Self { id, path, name_at, rules, nature, life: Mutex::new(life) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.path[self.name_at..]
    }

    pub(crate) fn vacate(&self, vacancy: Vacancy, drain: bool) {
        match &self.nature {
            Nature::Actor(being) => being.vacate(vacancy, drain),
            Nature::Supervisor(supervisor) => supervisor.vacate_idle(vacancy),
        }
    }

    /// Told by the actor itself when its `start` has succeeded.
    pub(crate) fn started(&self, incarnation: u32, home: &Home) {
        let mut life = lock(&self.life);
        if life.incarnation != incarnation {
            return;
        }
        life.permit = None;
        life.record.started(home.runtime.clock().monotonic());
        if matches!(life.stage, Stage::Starting) {
            life.enter(Stage::Running, &home.runtime);
        }
        drop(life);
        home.runtime.publish(&self.path, || LifecycleKind::Started);
    }
}
