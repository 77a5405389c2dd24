//! What a supervisor knows of its children. All of it under one lock, never held over an await.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorId;

use crate::child::Child;
use crate::spec::Rules;

/// Whether a supervisor starts children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// Its children are being stopped.
    Halting,
    /// Stopped after a failure, until its parent starts it again.
    Parked,
    /// Stopped for good.
    Closed,
}

/// A planned change: when, of whom, and the ticket that must still be valid then.
type Due = Reverse<(Duration, u64, u32)>;

pub(crate) struct Table {
    pub(crate) phase: Phase,
    /// By id, which is the start order.
    pub(crate) children: BTreeMap<u64, Arc<Child>>,
    names: HashMap<Box<str>, u64>,
    pub(crate) by_actor: HashMap<ActorId, u64>,
    /// Actors whose thread never came back: replaced, not waited for.
    pub(crate) apart: HashSet<ActorId>,
    pub(crate) due: BinaryHeap<Due>,
    /// Children whose pause is over, in the order in which they get a start permit.
    pub(crate) ready: VecDeque<(u64, u32)>,
    next_id: u64,
    /// The rules given last: siblings mostly have the same.
    rules: Option<Arc<Rules>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Open,
            children: BTreeMap::new(),
            names: HashMap::new(),
            by_actor: HashMap::new(),
            apart: HashSet::new(),
            due: BinaryHeap::new(),
            ready: VecDeque::new(),
            next_id: 1,
            rules: None,
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(crate) fn named(&self, name: &str) -> Option<Arc<Child>> {
        self.names.get(name).and_then(|id| self.children.get(id)).cloned()
    }

    pub(crate) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    pub(crate) fn share_rules(&mut self, rules: Arc<Rules>) -> Arc<Rules> {
        match &self.rules {
            Some(last) if **last == *rules => Arc::clone(last),
            _ => {
                self.rules = Some(Arc::clone(&rules));
                rules
            }
        }
    }

    pub(crate) fn insert(&mut self, child: Arc<Child>) {
        self.names.insert(child.name().into(), child.id);
        self.children.insert(child.id, child);
    }

    pub(crate) fn remove(&mut self, child: &Child) {
        self.names.remove(child.name());
        self.children.remove(&child.id);
    }

    /// Plans that `child` is looked at again at `at`, unless its ticket changes before.
    pub(crate) fn plan(&mut self, at: Duration, child: u64, ticket: u32) {
        self.due.push(Reverse((at, child, ticket)));
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.due.peek().map(|Reverse((at, ..))| *at)
    }
}
