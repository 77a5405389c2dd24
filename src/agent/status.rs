//! How the agent is: for its page, and for what it tells the server.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nightshift_domain::firmware::{AgentTrouble, FirmwareVersion, MetaStatus};
use serde::Serialize;

/// How the agent is, shared by its parts.
pub(crate) struct Status(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    facts: Facts,
    /// Which part met each trouble: it is over when it is over for all of them.
    met: BTreeSet<(AgentTrouble, Part)>,
}

/// Who meets a trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The clock against the server's.
    Clock,
    /// What became of files, in the folder of the state.
    Journal,
    /// Files on their way through the work folder.
    Files,
    /// Images and their meta file.
    Firmware,
}

/// The facts.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Facts {
    /// Files that wait.
    pub(crate) pending: u64,
    /// Files sent, ever.
    pub(crate) completed: u64,
    /// Files refused, ever.
    pub(crate) refused: u64,
    /// Whether the server answered the last request.
    pub(crate) server_reached: bool,
    /// Why the last request failed.
    pub(crate) last_failure: Option<String>,
    /// How far this clock is ahead of the server's, milliseconds; unknown until the server was asked.
    pub(crate) clock_ahead_ms: Option<i64>,
    /// What the agent cannot help itself with.
    pub(crate) troubles: BTreeSet<AgentTrouble>,
    /// The firmware that is in the folder.
    pub(crate) firmware_version: Option<FirmwareVersion>,
    /// How far that is.
    pub(crate) firmware_status: Option<MetaStatus>,
    /// What the device runs.
    pub(crate) running_version: Option<FirmwareVersion>,
}

impl Status {
    pub(crate) fn new(completed: u64, refused: u64) -> Self {
        let facts = Facts { completed, refused, ..Facts::default() };
        Self(Mutex::new(Inner { facts, ..Inner::default() }))
    }

    pub(crate) fn facts(&self) -> Facts {
        self.lock().facts.clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.lock().facts);
    }

    /// Notes whether `part` meets a trouble; the log says when one begins and ends.
    pub(crate) fn set_trouble(&self, trouble: AgentTrouble, part: Part, is: bool) {
        let mut inner = self.lock();
        if is {
            inner.met.insert((trouble, part));
        } else {
            inner.met.remove(&(trouble, part));
        }
        let stands = inner.met.iter().any(|(met, _)| *met == trouble);
        let troubles = &mut inner.facts.troubles;
        let changed = if stands { troubles.insert(trouble) } else { troubles.remove(&trouble) };
        drop(inner);
        match (changed, stands) {
            (true, true) => {
                tracing::warn!(trouble = ?trouble, part = ?part, advice = trouble.advice(), "the agent cannot help itself");
            }
            (true, false) => tracing::info!(trouble = ?trouble, "a trouble is over"),
            (false, _) => {}
        }
    }

    /// Whether `part` met a trouble that is not over.
    pub(crate) fn meets(&self, trouble: AgentTrouble, part: Part) -> bool {
        self.lock().met.contains(&(trouble, part))
    }

    /// Notes that the server was reached, or why not.
    pub(crate) fn reached(&self, failure: Option<String>) {
        let mut inner = self.lock();
        let was = inner.facts.server_reached;
        inner.facts.server_reached = failure.is_none();
        if failure.is_some() {
            inner.facts.last_failure.clone_from(&failure);
        }
        drop(inner);
        match failure {
            Some(why) if was => tracing::warn!(why, "the server is away: files wait and are sent later"),
            None if !was => tracing::info!("the server answers"),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_over_when_no_part_meets_it_any_more() {
        let status = Status::new(0, 0);
        let full = || status.facts().troubles.contains(&AgentTrouble::DiskFull);
        status.set_trouble(AgentTrouble::DiskFull, Part::Firmware, true);
        // The journal is on another disk, where there is room.
        status.set_trouble(AgentTrouble::DiskFull, Part::Journal, false);
        assert!(full());
        status.set_trouble(AgentTrouble::DiskFull, Part::Files, true);
        status.set_trouble(AgentTrouble::DiskFull, Part::Firmware, false);
        assert!(full());
        status.set_trouble(AgentTrouble::DiskFull, Part::Files, false);
        assert!(!full());
    }
}
