//! The briefing domain's actors and the door to them.
//!
//! Each running request is an actor of its own: it tells its text when it is due, whether anybody listens or not, and goes on
//! after a restart. All of them read what happens from one book, which follows the journal, and write through one scribe,
//! which stores the texts that are due together in one unit of work.

mod book;
mod courier;
mod daily;
mod desk;
mod error;
mod fold;
mod mail;
mod measures;
mod running;
mod scribe;
mod seats;
mod shared;
mod start;
mod webhook;
mod wordsmith;

use std::sync::Arc;

use nightshift_domain::production::Calendar;
use nightshift_kernel::{BreakerView, Supervisor};

pub use desk::Reloaded;
pub use error::BriefingError;
pub use seats::{Listening, Told};

pub(crate) use measures::describe_metrics;
pub(crate) use start::spawn;

use shared::Shared;

/// The door to the briefing domain. Cheap to clone.
#[derive(Clone)]
pub struct Briefing {
    shared: Arc<Shared>,
    /// Keeps the actors of running requests.
    running: Supervisor,
    /// Breakers of what is outside.
    outside: Vec<BreakerView>,
}

impl Briefing {
    /// The plant's clocks.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.shared.calendar
    }

    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        self.outside.clone()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
