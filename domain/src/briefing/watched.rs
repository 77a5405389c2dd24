//! How much is being watched: the sensors, processes, vehicles and outside sources that have spoken lately.

use std::collections::HashMap;
use std::time::Duration;

use super::name::Name;
use super::note::{Note, Vehicle, What};
use super::tally::{IDS_MAX, Tally};
use crate::Timestamp;

/// Whoever was silent for so long is not counted as watched any more.
pub const WATCHED_FOR: Duration = Duration::from_secs(24 * 3_600);
/// Hours of [`WATCHED_FOR`].
pub(crate) const WATCHED_HOURS: u64 = WATCHED_FOR.as_secs() / 3_600;
/// Most names of one kind that are known.
const NAMES_MAX: usize = 200_000;

/// Those of one kind, each with its newest event.
#[derive(Debug, Clone, Default)]
struct Known(HashMap<Name, (Timestamp, i64)>);

impl Known {
    fn saw(&mut self, name: &Name, at: Timestamp, seq: i64) {
        if let Some(newest) = self.0.get_mut(name) {
            *newest = (at, seq);
        } else if self.0.len() < NAMES_MAX {
            self.0.insert(name.clone(), (at, seq));
        }
    }

    fn tally(&self) -> Tally {
        let last = self.0.values().map(|(_, seq)| *seq).max().unwrap_or(0);
        let mut ids: Vec<i64> = self.0.values().take(IDS_MAX).map(|(_, seq)| *seq).collect();
        ids.sort_unstable();
        Tally { count: self.0.len() as u64, last, ids }
    }
}

/// Whoever has spoken lately.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    sensors: Known,
    processes: Known,
    vehicles: Known,
    sources: Known,
}

/// How many are watched, with their newest events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// Sensors.
    pub sensors: Tally,
    /// Processes.
    pub processes: Tally,
    /// Vehicles.
    pub vehicles: Tally,
    /// Outside sources.
    pub sources: Tally,
}

impl Watch {
    /// Takes in what happened.
    pub fn take(&mut self, note: &Note) {
        let (at, seq, subject) = (note.at, note.seq, &note.subject);
        match &note.what {
            What::Judged { .. } => self.sensors.saw(subject, at, seq),
            What::SensorRemoved => drop(self.sensors.0.remove(subject)),
            What::Completed { process, .. } => {
                self.processes.saw(&Name::from(process.to_string()), at, seq);
            }
            What::Vehicle(Vehicle::Removed) => drop(self.vehicles.0.remove(subject)),
            What::Vehicle(_) => self.vehicles.saw(subject, at, seq),
            What::Observed { .. } => self.sources.saw(subject, at, seq),
            _ => {}
        }
    }

    /// Forgets whoever has been silent for too long.
    pub fn forget(&mut self, now: Timestamp) {
        for known in [&mut self.sensors, &mut self.processes, &mut self.vehicles, &mut self.sources] {
            known.0.retain(|_, (at, _)| now.since(*at) < WATCHED_FOR);
        }
    }

    /// How many names are known.
    #[must_use]
    pub fn len(&self) -> usize {
        [&self.sensors, &self.processes, &self.vehicles, &self.sources]
            .iter()
            .map(|known| known.0.len())
            .sum()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are now.
    #[must_use]
    pub fn watched(&self) -> Watched {
        Watched {
            sensors: self.sensors.tally(),
            processes: self.processes.tally(),
            vehicles: self.vehicles.tally(),
            sources: self.sources.tally(),
        }
    }
}

impl Watched {
    /// How many there are in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        [&self.sensors, &self.processes, &self.vehicles, &self.sources].iter().map(|tally| tally.count).sum()
    }

    /// Whether nobody has spoken at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.sensors, &self.processes, &self.vehicles, &self.sources].iter().all(|tally| tally.is_empty())
    }
}
