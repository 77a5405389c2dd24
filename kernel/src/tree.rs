//! The tree as data: who lives, in what state, and why.

use std::ops::Bound;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::child::{Child, Life, Nature, Stage};
use crate::supervisor::Supervisor;
use crate::sync::lock;
use crate::table::Phase;

/// Children shown per supervisor when no other limit is given.
pub const TREE_CHILDREN_MAX: usize = 1_000;

/// One place in the tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreeNode {
    /// From the root down.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
    /// Where it stands.
    pub state: ChildState,
    /// Why, where the state has a reason.
    pub reason: Option<String>,
    /// Times it was started again.
    pub restarts: u32,
    /// Its last failure.
    pub last_fault: Option<FaultView>,
    /// Its mailbox; supervisors have none.
    pub mailbox: Option<MailboxView>,
    /// Pause until it is started again, in microseconds.
    #[serde(rename = "next_retry_in_us", serialize_with = "as_us_or_none")]
    pub next_retry_in: Option<Duration>,
    /// Actors set apart because they block a thread; supervisors only.
    pub set_apart: usize,
    /// Children it has, shown or not.
    pub children_total: usize,
    /// Where to go on when not all children are shown.
    pub next_after: Option<u64>,
    /// Children in start order.
    pub children: Vec<TreeNode>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// It has children.
    Supervisor,
    /// It handles messages.
    Actor,
}

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Its `start` runs.
    Starting,
    /// It handles messages.
    Running,
    /// A handler is past its budget.
    Frozen,
    /// It failed and will be started again.
    Restarting,
    /// It failed too often and is parked.
    Quarantined,
    /// It drains or runs its `stop`.
    Stopping,
    /// It is stopped.
    Stopped,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultView {
    /// Wall-clock time in microseconds since 1970 UTC.
    pub at_us: i64,
    /// In words.
    pub reason: String,
}

/// A mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MailboxView {
    /// Messages waiting now.
    pub depth: u32,
    /// Most messages that ever waited at once.
    pub high_water: u32,
    /// Messages that may wait.
    pub capacity: u32,
}

/// How many actors are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// `start` runs.
    pub starting: usize,
    /// Handling messages.
    pub running: usize,
    /// A handler is past its budget.
    pub frozen: usize,
    /// To be started again.
    pub restarting: usize,
    /// Parked.
    pub quarantined: usize,
    /// Draining.
    pub stopping: usize,
    /// Stopped with their supervisor.
    pub stopped: usize,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> usize {
        self.starting
            + self.running
            + self.frozen
            + self.restarting
            + self.quarantined
            + self.stopping
            + self.stopped
    }

    fn add(&mut self, state: ChildState) {
        *match state {
            ChildState::Starting => &mut self.starting,
            ChildState::Running => &mut self.running,
            ChildState::Frozen => &mut self.frozen,
            ChildState::Restarting => &mut self.restarting,
            ChildState::Quarantined => &mut self.quarantined,
            ChildState::Stopping => &mut self.stopping,
            ChildState::Stopped => &mut self.stopped,
        } += 1;
    }
}

impl Supervisor {
    /// The tree from here down, at most [`TREE_CHILDREN_MAX`] children per supervisor.
    #[must_use]
    pub fn tree(&self) -> TreeNode {
        self.node(None, TREE_CHILDREN_MAX, usize::MAX)
    }

    /// The node at `path` with its first `limit` children, and theirs left out.
    #[must_use]
    pub fn tree_page(&self, path: &str, limit: usize) -> Option<TreeNode> {
        self.page(path, None, limit)
    }

    /// As [`Self::tree_page`], going on where the last page said (`next_after`).
    #[must_use]
    pub fn tree_page_after(&self, path: &str, after: u64, limit: usize) -> Option<TreeNode> {
        self.page(path, Some(after), limit)
    }

    /// How many actors below are in each state; supervisors are not counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.count_into(&mut counts);
        counts
    }

    fn count_into(&self, counts: &mut Counts) {
        let mut below = Vec::new();
        for child in lock(&self.inner.table).children.values() {
            match &child.nature {
                Nature::Actor(_) => counts.add(state_of(lock(&child.life).stage())),
                Nature::Supervisor(supervisor) => below.push(supervisor.clone()),
            }
        }
        for supervisor in below {
            supervisor.count_into(counts);
        }
    }

    fn page(&self, path: &str, after: Option<u64>, limit: usize) -> Option<TreeNode> {
        let rest = path.strip_prefix(self.path())?;
        if rest.is_empty() {
            return Some(self.node(after, limit, 1));
        }
        let rest = rest.strip_prefix('/')?;
        // A name may contain slashes: the longest one that fits is the child's, or a supervisor on the way.
        let ends = rest.match_indices('/').map(|(at, _)| at).chain([rest.len()]);
        let found: Vec<_> = {
            let table = lock(&self.inner.table);
            ends.filter_map(|end| table.named(&rest[..end])).collect()
        };
        found.into_iter().rev().find_map(|child| match &child.nature {
            Nature::Supervisor(supervisor) => {
                let mut node = supervisor.page(path, after, limit)?;
                if &*child.path == path {
                    node = self.with_life(node, &child);
                }
                Some(node)
            }
            Nature::Actor(_) if &*child.path == path => Some(self.leaf(&child)),
            Nature::Actor(_) => None,
        })
    }

    fn node(&self, after: Option<u64>, limit: usize, levels: usize) -> TreeNode {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (shown, more, total, phase, set_apart) = {
            let table = lock(&self.inner.table);
            let mut range = table.children.range((from, Bound::Unbounded));
            let shown: Vec<_> = range.by_ref().take(limit).map(|(_, child)| child.clone()).collect();
            (shown, range.next().is_some(), table.children.len(), table.phase, table.apart.len())
        };
        let next_after = if more { shown.last().map(|child| child.id).or(after).or(Some(0)) } else { None };
        let children = shown.iter().map(|child| self.child_node(child, limit, levels)).collect();
        TreeNode {
            path: self.path().to_owned(),
            kind: NodeKind::Supervisor,
            state: match phase {
                Phase::Open => ChildState::Running,
                Phase::Halting => ChildState::Stopping,
                Phase::Parked | Phase::Closed => ChildState::Stopped,
            },
            reason: None,
            restarts: 0,
            last_fault: None,
            mailbox: None,
            next_retry_in: None,
            set_apart,
            children_total: total,
            next_after,
            children,
        }
    }

    fn child_node(&self, child: &Child, limit: usize, levels: usize) -> TreeNode {
        match &child.nature {
            Nature::Actor(_) => self.leaf(child),
            Nature::Supervisor(supervisor) => {
                let limit = if levels > 1 { limit } else { 0 };
                let node = supervisor.node(None, limit, levels.saturating_sub(1));
                self.with_life(node, child)
            }
        }
    }

    fn leaf(&self, child: &Child) -> TreeNode {
        let mailbox = match &child.nature {
            Nature::Actor(being) => Some(being.mailbox()),
            Nature::Supervisor(_) => None,
        };
        let node = TreeNode {
            path: child.path.to_string(),
            kind: NodeKind::Actor,
            state: ChildState::Stopped,
            reason: None,
            restarts: 0,
            last_fault: None,
            mailbox,
            next_retry_in: None,
            set_apart: 0,
            children_total: 0,
            next_after: None,
            children: Vec::new(),
        };
        self.with_life(node, child)
    }

    fn with_life(&self, mut node: TreeNode, child: &Child) -> TreeNode {
        let now = self.clock().monotonic();
        let life = lock(&child.life);
        node.state = state_of(life.stage());
        node.restarts = life.record.restarts;
        node.last_fault = fault_of(&life);
        node.next_retry_in = match life.stage() {
            Stage::Waiting { until } | Stage::Quarantined { until } => Some(until.saturating_sub(now)),
            Stage::Ready => Some(Duration::ZERO),
            _ => None,
        };
        node.reason = match node.state {
            ChildState::Restarting | ChildState::Quarantined => {
                node.last_fault.as_ref().map(|fault| fault.reason.clone())
            }
            ChildState::Frozen => Some(crate::warden::frozen_reason(child)),
            _ => None,
        };
        node
    }
}

fn fault_of(life: &Life) -> Option<FaultView> {
    let fault = life.last_fault.as_ref()?;
    Some(FaultView { at_us: fault.at_us, reason: fault.reason.clone() })
}

fn state_of(stage: Stage) -> ChildState {
    match stage {
        Stage::Starting => ChildState::Starting,
        Stage::Running => ChildState::Running,
        Stage::Frozen { .. } => ChildState::Frozen,
        Stage::Waiting { .. } | Stage::Ready => ChildState::Restarting,
        Stage::Quarantined { .. } => ChildState::Quarantined,
        Stage::Stopping => ChildState::Stopping,
        Stage::Parked => ChildState::Stopped,
    }
}

/// Durations travel as whole microseconds.
pub(crate) fn as_us<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

pub(crate) fn as_us_or_none<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_us(duration, serializer),
        None => serializer.serialize_none(),
    }
}
