//! What happened in a span of time, counted: the matter that a text is made of. Every count knows its events.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::note::{Note, Session, Unit, Vehicle, What};
use super::tally::Tally;
use crate::alerts::{AlertType, Severity};
use crate::sensing::Verdict;

/// Most names of one kind that are told apart; beyond it their events are counted and not named.
const NAMES_MAX: usize = 500;
/// Most sensors, processes, vehicles and sources that are counted as seen.
const SEEN_MAX: usize = 200_000;

/// What a sensor that is not simply normal has said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SensorDigest {
    /// Abnormal verdicts.
    pub abnormal: Tally,
    /// Verdicts for want of a window.
    pub silent: Tally,
    /// The highest score over its bound: score, bound, event.
    pub worst: Option<(f64, f64, i64)>,
    /// The bound that a value crossed, where there is no score: bound, event.
    pub crossed: Option<(f64, i64)>,
}

/// What a process has done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProcessDigest {
    /// Runs that passed.
    pub passed: Tally,
    /// Runs that did not.
    pub failed: Tally,
    /// Defects by code.
    pub defects: BTreeMap<Name, Tally>,
}

/// Alerts of one matter.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertDigest {
    /// The type; none when this program does not know it.
    pub kind: Option<AlertType>,
    /// The highest severity.
    pub severity: Severity,
    /// The newest title.
    pub title: Name,
    /// The newest message.
    pub message: Name,
    /// How often.
    pub raised: Tally,
}

impl AlertDigest {
    /// What an alert that the plant raised is about: its title without what it says in two languages.
    #[must_use]
    pub fn about(&self) -> Name {
        self.title.rsplit_once(": ").map_or_else(|| self.title.clone(), |(_, about)| Name::from(about))
    }
}

/// What a source has seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourceDigest {
    /// Its observations.
    pub looks: Tally,
    /// The most of each class at once, and the event.
    pub most: BTreeMap<Name, (u64, i64)>,
    /// The newest words of its own.
    pub caption: Option<Name>,
}

/// Counts that can be compared from one span to the next, and added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Verdicts.
    pub verdicts: Tally,
    /// Abnormal verdicts.
    pub abnormal: Tally,
    /// Runs that passed.
    pub passed: Tally,
    /// Runs that did not.
    pub failed: Tally,
    /// Units that passed as a whole.
    pub units: Tally,
    /// Units that were scrapped.
    pub scrapped: Tally,
    /// Lots finished.
    pub lots: Tally,
    /// Alerts of severity HIGH.
    pub high_alerts: Tally,
    /// Failures of the program's own parts.
    pub failures: Tally,
    /// Vehicles' events.
    pub vehicles: Tally,
    /// Diagnosis sessions that ended in good order.
    pub sessions: Tally,
    /// Observations.
    pub looks: Tally,
}

impl Figures {
    /// What was counted elsewhere comes on top.
    pub fn add(&mut self, other: &Self) {
        for (own, others) in [
            (&mut self.verdicts, &other.verdicts),
            (&mut self.abnormal, &other.abnormal),
            (&mut self.passed, &other.passed),
            (&mut self.failed, &other.failed),
            (&mut self.units, &other.units),
            (&mut self.scrapped, &other.scrapped),
            (&mut self.lots, &other.lots),
            (&mut self.high_alerts, &other.high_alerts),
            (&mut self.failures, &other.failures),
            (&mut self.vehicles, &other.vehicles),
            (&mut self.sessions, &other.sessions),
            (&mut self.looks, &other.looks),
        ] {
            own.merge(others);
        }
    }
}

/// What happened in a span of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Digest {
    /// What can be compared.
    pub figures: Figures,
    /// Sensors that are not simply normal.
    pub sensors: BTreeMap<Name, SensorDigest>,
    /// Sensors that were judged.
    pub judged: BTreeSet<Name>,
    /// Verdicts for want of a window.
    pub silent: Tally,
    /// Verdicts that wait for a scorer.
    pub unscored: Tally,
    /// Processes.
    pub processes: BTreeMap<i64, ProcessDigest>,
    /// Lots that were finished.
    pub lots_done: BTreeMap<Name, i64>,
    /// Lots that were made.
    pub lots_made: Tally,
    /// Units that were sent back.
    pub reworks: Tally,
    /// Alerts, by type and subject.
    pub alerts: BTreeMap<(Option<AlertType>, Name), AlertDigest>,
    /// Failures of the program's own parts.
    pub failures: BTreeMap<Name, Tally>,
    /// Vehicles that broke down.
    pub broken: BTreeMap<Name, Tally>,
    /// Chases that ended.
    pub caught: Tally,
    /// Diagnosis sessions that broke off.
    pub sessions_broken: BTreeMap<Name, Tally>,
    /// Diagnosis sessions that began.
    pub sessions_begun: Tally,
    /// Labels that came out of a printer.
    pub printed: Tally,
    /// Label jobs that did not, by printer.
    pub prints_failed: BTreeMap<Name, Tally>,
    /// Installations of firmware, by version.
    pub installed: BTreeMap<Name, Tally>,
    /// Installations that failed, by station.
    pub installs_failed: BTreeMap<Name, Tally>,
    /// Roll-outs that have reached all their stations.
    pub rollouts_done: BTreeMap<Name, Tally>,
    /// Roll-outs that were stopped.
    pub rollouts_stopped: BTreeMap<Name, Tally>,
    /// What sources saw.
    pub sources: BTreeMap<Name, SourceDigest>,
}

/// The entry of `name`, unless there are too many already.
fn entry<'a, K: Ord + Clone, T>(
    map: &'a mut BTreeMap<K, T>,
    name: &K,
    make: impl FnOnce() -> T,
) -> Option<&'a mut T> {
    if map.len() >= NAMES_MAX && !map.contains_key(name) {
        return None;
    }
    Some(map.entry(name.clone()).or_insert_with(make))
}

fn count<K: Ord + Clone>(map: &mut BTreeMap<K, Tally>, name: &K, seq: i64) {
    if let Some(tally) = entry(map, name, Tally::default) {
        tally.add(seq);
    }
}

impl Digest {
    /// Takes in what happened.
    pub fn take(&mut self, note: &Note) {
        let (seq, subject) = (note.seq, &note.subject);
        match &note.what {
            What::Judged { verdict, score, bound } => self.judged(subject, seq, *verdict, *score, *bound),
            What::Completed { process, passed, defects, unit } => {
                self.completed(seq, *process, *passed, defects, *unit);
            }
            What::LotCompleted => {
                self.figures.lots.add(seq);
                if let Some(last) = entry(&mut self.lots_done, subject, || seq) {
                    *last = seq;
                }
            }
            What::LotCreated => self.lots_made.add(seq),
            What::Rework => self.reworks.add(seq),
            What::Alert { kind, severity, title, message } => {
                if *severity == Severity::High {
                    self.figures.high_alerts.add(seq);
                }
                let make = || AlertDigest {
                    kind: *kind,
                    severity: *severity,
                    title: title.clone(),
                    message: message.clone(),
                    raised: Tally::default(),
                };
                if let Some(alert) = entry(&mut self.alerts, &(*kind, subject.clone()), make) {
                    alert.severity = alert.severity.max(*severity);
                    (alert.title, alert.message) = (title.clone(), message.clone());
                    alert.raised.add(seq);
                }
            }
            What::Failed | What::Parked => {
                self.figures.failures.add(seq);
                count(&mut self.failures, subject, seq);
            }
            What::Vehicle(vehicle) => {
                self.figures.vehicles.add(seq);
                match vehicle {
                    Vehicle::Broken => count(&mut self.broken, subject, seq),
                    Vehicle::Repaired | Vehicle::Removed => drop(self.broken.remove(subject)),
                    Vehicle::Caught => self.caught.add(seq),
                    Vehicle::Online | Vehicle::Offline | Vehicle::Other => {}
                }
            }
            What::Session(session) => match session {
                Session::Begun => self.sessions_begun.add(seq),
                Session::Done => self.figures.sessions.add(seq),
                Session::Broken => count(&mut self.sessions_broken, subject, seq),
            },
            What::Printed { copies } => self.printed.add_n(*copies, seq),
            What::PrintFailed => count(&mut self.prints_failed, subject, seq),
            What::Installed { version } => count(&mut self.installed, version, seq),
            What::InstallFailed => count(&mut self.installs_failed, subject, seq),
            What::RolloutDone => count(&mut self.rollouts_done, subject, seq),
            What::RolloutStopped => count(&mut self.rollouts_stopped, subject, seq),
            What::Observed { counts, caption } => self.observed(subject, seq, counts, caption.as_ref()),
            What::SensorRemoved
            | What::Started
            | What::EquipmentAbnormal { .. }
            | What::EquipmentWell
            | What::Released => {}
        }
    }

    fn observed(&mut self, source: &Name, seq: i64, counts: &BTreeMap<Name, u64>, caption: Option<&Name>) {
        self.figures.looks.add(seq);
        let Some(source) = entry(&mut self.sources, source, SourceDigest::default) else { return };
        source.looks.add(seq);
        source.caption = caption.cloned().or(source.caption.take());
        for (class, n) in counts {
            let most = source.most.entry(class.clone()).or_insert((*n, seq));
            if *n > most.0 {
                *most = (*n, seq);
            }
        }
    }

    fn judged(&mut self, sensor: &Name, seq: i64, verdict: Verdict, score: Option<f64>, bound: Option<f64>) {
        self.figures.verdicts.add(seq);
        if self.judged.len() < SEEN_MAX && !self.judged.contains(sensor) {
            self.judged.insert(sensor.clone());
        }
        match verdict {
            Verdict::Normal => {}
            Verdict::Unscored => self.unscored.add(seq),
            Verdict::InsufficientData => {
                self.silent.add(seq);
                if let Some(sensor) = entry(&mut self.sensors, sensor, SensorDigest::default) {
                    sensor.silent.add(seq);
                }
            }
            Verdict::Abnormal => {
                self.figures.abnormal.add(seq);
                let Some(sensor) = entry(&mut self.sensors, sensor, SensorDigest::default) else { return };
                sensor.abnormal.add(seq);
                match (score, bound) {
                    (Some(score), Some(bound))
                        if sensor
                            .worst
                            .is_none_or(|(known, of, _)| excess(score, bound) > excess(known, of)) =>
                    {
                        sensor.worst = Some((score, bound, seq));
                    }
                    (None, Some(bound)) => sensor.crossed = Some((bound, seq)),
                    _ => {}
                }
            }
        }
    }

    fn completed(&mut self, seq: i64, process: i64, passed: bool, defects: &[Name], unit: Unit) {
        match unit {
            Unit::Passed if passed => self.figures.units.add(seq),
            Unit::Scrapped => self.figures.scrapped.add(seq),
            Unit::Passed | Unit::Goes => {}
        }
        let figures = &mut self.figures;
        if passed {
            figures.passed.add(seq)
        } else {
            figures.failed.add(seq)
        }
        let Some(process) = entry(&mut self.processes, &process, ProcessDigest::default) else { return };
        if passed {
            process.passed.add(seq);
        } else {
            process.failed.add(seq);
            for code in defects {
                count(&mut process.defects, code, seq);
            }
        }
    }

    /// Whether anything came in that is told beside verdicts.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let figures = &self.figures;
        let counted = [&figures.passed, &figures.looks, &self.printed];
        let named = [&self.installed, &self.rollouts_done];
        counted.iter().any(|tally| !tally.is_empty()) || named.iter().any(|map| !map.is_empty())
    }

    /// Runs that ended.
    #[must_use]
    pub fn runs(&self) -> Tally {
        let mut runs = self.figures.passed.clone();
        runs.merge(&self.figures.failed);
        runs
    }
}

/// How far a score lies over its bound, as a multiple of it.
pub(super) fn excess(score: f64, bound: f64) -> f64 {
    score / bound.abs().max(f64::MIN_POSITIVE)
}
