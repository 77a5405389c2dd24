//! What holds at an instant, whoever asks: what is abnormal, held, parked or away, and what cameras see. It goes from one
//! briefing to the next, so that a text can say what is new, what lasts, and what is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::Name;
use super::note::{Note, Vehicle, What};
use crate::Timestamp;
use crate::sensing::Verdict;

/// Most things that may be open of one kind; of more, the first ones are known by name.
pub(crate) const OPEN_MAX: usize = 500;

/// Something that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Since when.
    pub since: Timestamp,
    /// The event with which it began.
    pub seq: i64,
}

/// Equipment that is abnormal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenEquipment {
    /// Since when.
    pub since: Timestamp,
    /// The event with which it began.
    pub seq: i64,
    /// Whether nothing may be started on it.
    pub hold: bool,
    /// The sensor that said so.
    pub sensor: Name,
}

/// What a source saw last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// How many of each class.
    pub counts: BTreeMap<Name, u64>,
    /// The event that says so.
    pub seq: i64,
}

/// What holds at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Sensors whose last verdict is abnormal.
    pub abnormal: BTreeMap<Name, Open>,
    /// Sensors that have no window to judge.
    pub silent: BTreeMap<Name, Open>,
    /// Equipment that is abnormal.
    pub equipment: BTreeMap<Name, OpenEquipment>,
    /// Parts of the program that are parked.
    pub parked: BTreeMap<Name, Open>,
    /// Vehicles that are gone.
    pub away: BTreeMap<Name, Open>,
    /// What sources saw last.
    pub scenes: BTreeMap<Name, Scene>,
}

fn open<T>(map: &mut BTreeMap<Name, T>, name: &Name, make: impl FnOnce() -> T) {
    if map.len() < OPEN_MAX && !map.contains_key(name) {
        map.insert(name.clone(), make());
    }
}

impl Standing {
    /// Takes in what happened.
    pub fn take(&mut self, note: &Note) {
        let (at, seq, subject) = (note.at, note.seq, &note.subject);
        let began = || Open { since: at, seq };
        match &note.what {
            What::Judged { verdict, .. } => {
                let is_abnormal = *verdict == Verdict::Abnormal;
                let is_silent = *verdict == Verdict::InsufficientData;
                // A window that waits to be scored says nothing of what it will be.
                if *verdict == Verdict::Unscored {
                    return;
                }
                if is_abnormal {
                    open(&mut self.abnormal, subject, began);
                } else if !is_silent {
                    self.abnormal.remove(subject);
                }
                if is_silent {
                    open(&mut self.silent, subject, began);
                } else {
                    self.silent.remove(subject);
                }
            }
            What::SensorRemoved => {
                self.abnormal.remove(subject);
                self.silent.remove(subject);
            }
            What::EquipmentAbnormal { sensor, hold } => {
                let (sensor, hold) = (sensor.clone(), *hold);
                open(&mut self.equipment, subject, || OpenEquipment { since: at, seq, hold, sensor });
            }
            What::EquipmentWell => {
                self.equipment.remove(subject);
            }
            What::Parked => open(&mut self.parked, subject, began),
            What::Released => {
                self.parked.remove(subject);
            }
            What::Vehicle(Vehicle::Offline) => open(&mut self.away, subject, began),
            What::Vehicle(Vehicle::Online | Vehicle::Removed) => {
                self.away.remove(subject);
            }
            What::Observed { counts, .. } => {
                let scene = Scene { counts: counts.clone(), seq };
                if self.scenes.len() < OPEN_MAX || self.scenes.contains_key(subject) {
                    self.scenes.insert(subject.clone(), scene);
                }
            }
            _ => {}
        }
    }
}
