//! Who did something, from where: what every line of the audit says.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::audit::{Action, Actor, AuditEntry};
use nightshift_domain::identity::{ClientMark, network_of};

/// Subjects counted at a time; those beyond share one count.
const SUBJECTS_MAX: usize = 10_000;
/// How long repeats of one kind are counted and not written.
const QUIET: Duration = Duration::from_secs(60);
/// The subject of those that find no place.
const OVERFLOW: &str = "(others)";

/// Where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What the client's program calls itself.
    pub agent: Option<String>,
    /// The request, as the log knows it.
    pub request_id: Option<String>,
}

impl Origin {
    pub(super) fn mark(&self) -> ClientMark {
        ClientMark::of(self.address, self.agent.as_deref().unwrap_or_default())
    }

    /// The address that sign-ins are counted by; one for all that have none.
    pub(super) fn place(&self) -> IpAddr {
        self.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// What counts as one address.
    pub(super) fn network(&self) -> Option<String> {
        self.address.map(network_of)
    }
}

/// Who does something, from where.
#[derive(Debug, Clone)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
}

impl By {
    /// The plant itself, or its command line.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: Actor::System, origin: Origin::default() }
    }

    /// Somebody who is not signed in.
    #[must_use]
    pub fn anonymous(origin: Origin) -> Self {
        Self { actor: Actor::Anonymous, origin }
    }

    /// A line of the audit of what this one does.
    #[must_use]
    pub fn entry(&self, at: Timestamp, action: Action, entity_type: &str) -> AuditEntry {
        let entry = AuditEntry::new(at, self.actor.clone(), action, entity_type)
            .from_client(self.origin.address, self.origin.agent.as_deref());
        match &self.origin.request_id {
            Some(id) => entry.in_request(id),
            None => entry,
        }
    }
}

/// Keeps a flood from filling the audit, which nobody can shorten: of each subject so many lines a minute are written,
/// what comes beyond is counted, and the count is a line of its own when the minute is over.
#[derive(Debug, Default)]
pub(super) struct Coalescer(Mutex<HashMap<String, Counted>>);

#[derive(Debug)]
struct Counted {
    since: Duration,
    written: u32,
    /// A line like those that were not written, and how many they are.
    held: Option<(AuditEntry, u64)>,
}

impl Coalescer {
    /// The line, if it is to be written now: at most `lines_max` of a subject within a minute.
    pub(super) fn pass(
        &self,
        subject: &str,
        lines_max: u32,
        now: Duration,
        entry: AuditEntry,
    ) -> Option<AuditEntry> {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = subjects.len() >= SUBJECTS_MAX && !subjects.contains_key(subject);
        let subject = if full { OVERFLOW } else { subject };
        let counted =
            subjects.entry(subject.to_owned()).or_insert(Counted { since: now, written: 0, held: None });
        // A count of a minute that is over waits for `drain`; until then everything goes on it.
        if now >= counted.since + QUIET && counted.held.is_none() {
            (counted.since, counted.written) = (now, 0);
        }
        if counted.written < lines_max {
            counted.written += 1;
            return Some(entry);
        }
        let held = counted.held.take().map_or(0, |(_, count)| count);
        counted.held = Some((entry, held + 1));
        None
    }

    /// As [`Coalescer::drain`], for minutes that are not over too: at the end of the process.
    pub(super) fn drain_all(&self) -> Vec<AuditEntry> {
        self.drain(Duration::MAX)
    }

    /// The lines that say how many were not written in minutes that are over.
    pub(super) fn drain(&self, now: Duration) -> Vec<AuditEntry> {
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        subjects.retain(|_, counted| {
            let over = now >= counted.since + QUIET;
            if let Some((entry, count)) = counted.held.take_if(|_| over) {
                lines.push(entry.after(&serde_json::json!({ "repeated": count })));
            }
            !over
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        By::system().entry(Timestamp::from_s(1), Action::Refused, "route")
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_flood_is_a_line_and_a_count() {
        let coalescer = Coalescer::default();
        assert!(coalescer.pass("kim GET /x", 1, s(0), entry()).is_some());
        for _ in 0..1_000 {
            assert!(coalescer.pass("kim GET /x", 1, s(1), entry()).is_none());
        }
        assert!(coalescer.pass("lee GET /x", 1, s(1), entry()).is_some(), "others are not counted with it");
        assert!(coalescer.drain(s(59)).is_empty());
        let lines = coalescer.drain(s(61));
        assert_eq!(lines.len(), 1);
        let shown = serde_json::to_value(&lines[0]).expect("json");
        assert_eq!(shown["new_values"]["repeated"], 1_000, "{shown}");
        assert!(coalescer.pass("kim GET /x", 1, s(62), entry()).is_some());
        assert!(coalescer.drain(s(500)).is_empty());
    }

    #[test]
    fn subjects_have_a_limit() {
        let coalescer = Coalescer::default();
        let written =
            (0..SUBJECTS_MAX + 500).filter(|n| coalescer.pass(&n.to_string(), 1, s(0), entry()).is_some());
        assert_eq!(written.count(), SUBJECTS_MAX + 1);
        assert_eq!(coalescer.drain(s(60)).len(), 1);
    }
}
