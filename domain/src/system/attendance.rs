//! Days unattended and recoveries: what a plant that runs by itself is measured by.
//!
//! A person steps in by starting the process after an ordered stop, by restarting an actor or by releasing one from
//! quarantine. A process that is started again after it was cut off, and an actor that runs again after it failed, are the
//! plant's own recoveries: nobody had to come.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Recoveries whose time is remembered; older ones are only counted.
pub const RECENT_MAX: usize = 1_000;
/// Actors that are remembered as touched by hand until they run again.
const TOUCHED_MAX: usize = 1_000;
/// What is called recent.
const DAY: Duration = Duration::from_secs(86_400);

/// How a person last stepped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intervention {
    /// The process was started after an ordered stop, or for the first time.
    Started,
    /// An actor was restarted.
    Restarted,
    /// An actor was released from quarantine.
    Released,
}

/// Since when nobody stepped in, and what the plant did by itself. Kept across restarts of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendance {
    since: Timestamp,
    why: Intervention,
    /// Whether the process runs: still said by one that was cut off.
    running: bool,
    recoveries: u64,
    recent: VecDeque<Timestamp>,
    last_path: Option<String>,
    /// Actors whose next start is a person's doing.
    #[serde(skip)]
    touched: BTreeSet<String>,
}

impl Attendance {
    /// What holds when the process starts at `now`, after `before` was last kept. `root` is the path of the whole plant.
    #[must_use]
    pub fn start(before: Option<Self>, root: &str, now: Timestamp) -> Self {
        match before {
            Some(mut kept) if kept.running => {
                kept.count(root, now);
                kept
            }
            before => {
                let (recoveries, recent, last_path) =
                    before.map_or((0, VecDeque::new(), None), |b| (b.recoveries, b.recent, b.last_path));
                let why = Intervention::Started;
                Self {
                    since: now,
                    why,
                    running: true,
                    recoveries,
                    recent,
                    last_path,
                    touched: BTreeSet::new(),
                }
            }
        }
    }

    /// The process stops in order.
    pub fn stop(&mut self) {
        self.running = false;
    }

    /// The process goes on: what was said to stop was a part of it.
    pub fn go_on(&mut self) {
        self.running = true;
    }

    /// A person restarted or released an actor; `waiting` is its path if it did not run, so that its next start is the
    /// person's doing.
    pub fn step_in(&mut self, why: Intervention, waiting: Option<&str>, now: Timestamp) {
        (self.since, self.why) = (now, why);
        if let Some(path) = waiting.filter(|_| self.touched.len() < TOUCHED_MAX) {
            self.touched.insert(path.to_owned());
        }
    }

    /// The actor at `path` runs again after it had failed. Says whether that was the plant's own doing.
    pub fn recovered(&mut self, path: &str, now: Timestamp) -> bool {
        if self.touched.remove(path) {
            return false;
        }
        self.count(path, now);
        true
    }

    fn count(&mut self, path: &str, now: Timestamp) {
        self.recoveries = self.recoveries.saturating_add(1);
        self.last_path = Some(path.to_owned());
        self.recent.push_back(now);
        while self.recent.len() > RECENT_MAX {
            self.recent.pop_front();
        }
    }

    /// Since when nobody stepped in.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// How somebody last did.
    #[must_use]
    pub fn why(&self) -> Intervention {
        self.why
    }

    /// Recoveries since the plant was first started.
    #[must_use]
    pub fn recoveries(&self) -> u64 {
        self.recoveries
    }

    /// Recoveries within the day before `now`; [`RECENT_MAX`] stands for that many or more.
    #[must_use]
    pub fn recoveries_of_day(&self, now: Timestamp) -> usize {
        self.recent.iter().filter(|at| now.since(**at) <= DAY).count()
    }

    /// When the plant last helped itself, and which part of it.
    #[must_use]
    pub fn last_recovery(&self) -> Option<(Timestamp, &str)> {
        self.recent.back().copied().zip(self.last_path.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_s(1_731_837_600 + s)
    }

    /// As the next process reads it.
    fn kept(attendance: &Attendance) -> Option<Attendance> {
        serde_json::from_str(&serde_json::to_string(attendance).expect("json")).expect("back")
    }

    #[test]
    fn an_ordered_stop_and_start_is_a_persons_doing_and_a_cut_is_not() {
        let mut first = Attendance::start(None, "plant", at(0));
        assert_eq!((first.since(), first.why(), first.recoveries()), (at(0), Intervention::Started, 0));
        let cut = Attendance::start(kept(&first), "plant", at(100));
        assert_eq!((cut.since(), cut.recoveries(), cut.recoveries_of_day(at(100))), (at(0), 1, 1));
        assert_eq!(cut.last_recovery(), Some((at(100), "plant")));
        first.stop();
        let mut part = first.clone();
        part.go_on();
        assert_eq!(Attendance::start(kept(&part), "plant", at(150)).recoveries(), 1);
        let ordered = Attendance::start(kept(&first), "plant", at(200));
        assert_eq!((ordered.since(), ordered.recoveries()), (at(200), 0));
    }

    #[test]
    fn an_actor_that_comes_back_counts_unless_a_person_touched_it() {
        let mut attendance = Attendance::start(None, "plant", at(0));
        assert!(attendance.recovered("plant/a", at(10)));
        attendance.step_in(Intervention::Released, Some("plant/b"), at(20));
        assert!(!attendance.recovered("plant/b", at(21)));
        assert!(attendance.recovered("plant/b", at(30)), "the touch is spent");
        assert_eq!((attendance.since(), attendance.why()), (at(20), Intervention::Released));
        assert_eq!(attendance.recoveries(), 2);
    }

    #[test]
    fn what_is_remembered_has_a_limit_and_a_day_ends() {
        let mut attendance = Attendance::start(None, "plant", at(0));
        for s in 0..2_500 {
            attendance.recovered("plant/a", at(s));
            attendance.step_in(Intervention::Restarted, Some(&format!("plant/{s}")), at(s));
        }
        assert_eq!((attendance.recoveries(), attendance.recent.len()), (2_500, RECENT_MAX));
        assert_eq!(attendance.touched.len(), TOUCHED_MAX);
        assert_eq!(attendance.recoveries_of_day(at(2_499 + 86_400)), 1);
        assert_eq!(attendance.recoveries_of_day(at(2_500 + 86_400)), 0);
    }
}
