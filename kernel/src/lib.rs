//! How things live: bounded mailboxes, supervisors, breakers and the clock. Knows no plant noun.
//!
//! `SEMANTICS.md` beside this crate states what is guaranteed and names the test of each guarantee.

mod actor;
mod address;
mod breaker;
mod child;
mod clock;
mod control;
mod fault;
mod keeper;
mod lifecycle;
mod mailbox;
mod measures;
mod port;
mod pulse;
mod random;
mod record;
mod reply;
mod runtime;
mod shell;
mod spec;
mod stop;
mod supervisor;
mod sync;
mod table;
mod tree;
mod warden;

pub use actor::{Actor, Context, TIMERS_PER_ACTOR_MAX};
pub use address::{Address, AddressStatus, AskError, SendError};
pub use breaker::{Breaker, BreakerConfig, BreakerError, BreakerSnapshot, BreakerState, BreakerView};
pub use clock::{Clock, WallHand};
pub use fault::Fault;
pub use lifecycle::{EVENTS_MAX, Lifecycle, LifecycleKind};
pub use mailbox::{Mailbox, Overflow};
pub use measures::describe as describe_metrics;
pub use random::Random;
pub use reply::Reply;
pub use runtime::Runtime;
pub use spec::{Backoff, ChildSpec, Intensity, Policy, Restart, StopOrder};
pub use stop::StopReport;
pub use supervisor::{ControlError, SpawnError, Supervisor};
pub use tree::{ChildState, Counts, FaultView, MailboxView, NodeKind, TREE_CHILDREN_MAX, TreeNode};
