//! How a child is to be kept: restart rules, budget, mailbox. Plain data with defaults that suit most.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::mailbox::Mailbox;

/// When a child that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// After a failure; a child that finished is gone.
    Transient,
    /// Never; a child that ended is gone.
    Temporary,
}

/// The pause before a restart: it doubles with every failure in a row, with jitter over its upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), max: Duration::from_secs(30) }
    }
}

/// How many failures are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts allowed within the window; the next failure parks the child (or escalates).
    pub max_restarts: u32,
    /// The window. A child that has run for so long since its start counts as sound again.
    pub within: Duration,
    /// The first stay in quarantine; it doubles while the child keeps failing, up to eight times.
    pub quarantine_for: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Self { max_restarts: 5, within: Duration::from_secs(60), quarantine_for: Duration::from_secs(300) }
    }
}

/// The rules of a child without its name and mailbox; equal rules are shared between siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) restart: Restart,
    pub(crate) budget: Duration,
    pub(crate) essential: bool,
    pub(crate) backoff: Backoff,
    pub(crate) intensity: Intensity,
}

/// Longest that one handler may run without progress when nothing else is said, in seconds.
const BUDGET_S_DEFAULT: u64 = 30;

static DEFAULT_RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    Arc::new(Rules {
        restart: Restart::default(),
        budget: Duration::from_secs(BUDGET_S_DEFAULT),
        essential: false,
        backoff: Backoff::default(),
        intensity: Intensity::default(),
    })
});

/// How one actor is to be kept.
#[derive(Debug)]
pub struct ChildSpec<M> {
    pub(crate) name: String,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) rules: Arc<Rules>,
}

impl<M> Clone for ChildSpec<M> {
    fn clone(&self) -> Self {
        self.named(self.name.clone())
    }
}

impl<M> ChildSpec<M> {
    /// A permanent, not essential child with a waiting mailbox.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), mailbox: Mailbox::default(), rules: Arc::clone(&DEFAULT_RULES) }
    }

    /// Another child with the same rules.
    #[must_use]
    pub fn named(&self, name: impl Into<String>) -> Self {
        Self { name: name.into(), mailbox: self.mailbox.clone(), rules: Arc::clone(&self.rules) }
    }

    /// When it is started again.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.rules_mut().restart = restart;
        self
    }

    /// How many messages may wait and what happens to the next.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox<M>) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// How long `start`, a handler or `stop` may run without progress.
    #[must_use]
    pub fn budget(mut self, budget: Duration) -> Self {
        self.rules_mut().budget = budget;
        self
    }

    /// Whether its supervisor cannot do without it.
    #[must_use]
    pub fn essential(mut self, essential: bool) -> Self {
        self.rules_mut().essential = essential;
        self
    }

    /// The pause before a restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules_mut().backoff = backoff;
        self
    }

    /// How many failures are too many.
    #[must_use]
    pub fn intensity(mut self, intensity: Intensity) -> Self {
        self.rules_mut().intensity = intensity;
        self
    }

    fn rules_mut(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

/// In which order a supervisor stops its children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopOrder {
    /// One after the other, the last started first: for children that need those before them.
    #[default]
    OneByOne,
    /// All at once: for many children that do not need each other.
    Together,
}

/// How a supervisor is kept by its parent, and how it keeps its children.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether the parent cannot do without it: it fails with it then.
    pub essential: bool,
    /// The pause before its children are started again after it failed.
    pub backoff: Backoff,
    /// How many of its failures (essential children lost) are too many.
    pub intensity: Intensity,
    /// How its children are stopped.
    pub stop_order: StopOrder,
    /// How long its children may take to stop when it fails.
    pub stop_within: Duration,
    /// Children it may have.
    pub children_max: usize,
}

/// Children one supervisor may have when nothing else is said.
const CHILDREN_MAX_DEFAULT: usize = 200_000;

impl Default for Policy {
    fn default() -> Self {
        Self {
            essential: false,
            backoff: Backoff::default(),
            intensity: Intensity::default(),
            stop_order: StopOrder::default(),
            stop_within: Duration::from_secs(5),
            children_max: CHILDREN_MAX_DEFAULT,
        }
    }
}

impl Policy {
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            restart: Restart::Permanent,
            budget: self.stop_within,
            essential: self.essential,
            backoff: self.backoff,
            intensity: self.intensity,
        }
    }
}
