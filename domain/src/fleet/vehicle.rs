//! A vehicle: its two numbers, its name, its side, and what a police car reports of itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::wire::{FrameError, ToFront, WireName};
use crate::Timestamp;

/// Characters in a name that a person may give.
pub const CAR_NAME_CHARS_MAX: usize = 50;
/// Fuel of a police car that has not reported yet, in percent.
const FUEL_FULL: u8 = 100;

/// The number that a vehicle has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VehicleId(pub u32);

/// The plant's number of a vehicle: what dashboards and routes call `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CarId(pub u32);

/// A map's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MapId(pub u32);

impl fmt::Display for VehicleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MapId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which side a vehicle is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It chases.
    Police,
    /// It runs.
    Runner,
}

impl Kind {
    /// 0 is police, anything else a runner.
    #[must_use]
    pub fn from_byte(value: u8) -> Self {
        if value == 0 { Self::Police } else { Self::Runner }
    }

    /// As the wire writes it.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Police => 0,
            Self::Runner => 1,
        }
    }
}

/// What collisions did to a police car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It drives as it should.
    #[default]
    Normal,
    /// It was hit once.
    HalfDestroyed,
    /// It drives no more.
    CompleteDestroyed,
}

impl Damage {
    /// From the wire's byte.
    ///
    /// # Errors
    /// When the byte stands for none.
    pub fn from_byte(value: u8) -> Result<Self, FrameError> {
        Ok(match value {
            0 => Self::Normal,
            1 => Self::HalfDestroyed,
            2 => Self::CompleteDestroyed,
            _ => return Err(FrameError::Word { field: "status", value }),
        })
    }

    /// As the wire writes it.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        match self {
            Self::Normal => 0,
            Self::HalfDestroyed => 1,
            Self::CompleteDestroyed => 2,
        }
    }
}

/// What a police car reports of itself. Every report replaces the last one: the car knows best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Fuel left, in percent.
    pub fuel: u8,
    /// Collisions so far.
    pub collision_count: u8,
    /// What they did to it.
    pub status: Damage,
}

impl Default for Details {
    fn default() -> Self {
        Self { fuel: FUEL_FULL, collision_count: 0, status: Damage::Normal }
    }
}

impl Details {
    /// Whether the car can take a place in a roadblock.
    #[must_use]
    pub fn can_drive(&self) -> bool {
        self.status != Damage::CompleteDestroyed && self.fuel > 0
    }
}

/// A vehicle's side, and what only that side has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A police car and what it last reported.
    Police(Details),
    /// A runner; it reports nothing but where it is.
    Runner,
}

impl Side {
    /// A vehicle's side on its first day.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        match kind {
            Kind::Police => Self::Police(Details::default()),
            Kind::Runner => Self::Runner,
        }
    }

    /// Which side it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Police(_) => Kind::Police,
            Self::Runner => Kind::Runner,
        }
    }
}

/// The name is no name for a vehicle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("car_name must be 1 to {CAR_NAME_CHARS_MAX} characters without control characters")]
pub struct NameError;

/// A name that people see: 1 to 50 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CarName(String);

impl CarName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What of it fits into a frame.
    #[must_use]
    pub fn on_wire(&self) -> WireName {
        WireName::cut(&self.0).expect("neither empty nor NUL, and no character is longer than a frame's name")
    }
}

impl TryFrom<String> for CarName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let fits = (1..=CAR_NAME_CHARS_MAX).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) { Ok(Self(text)) } else { Err(NameError) }
    }
}

impl TryFrom<&WireName> for CarName {
    type Error = NameError;

    fn try_from(name: &WireName) -> Result<Self, NameError> {
        Self::try_from(name.as_str().to_owned())
    }
}

impl From<CarName> for String {
    fn from(name: CarName) -> Self {
        name.0
    }
}

/// A status report was refused; a NACK 4 says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only police cars report a status")]
pub struct StatusRefusal;

/// A vehicle as the plant knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Vehicle {
    /// The plant's number of it.
    pub id: CarId,
    /// Its own number.
    pub vehicle_id: VehicleId,
    /// The name under which it registers.
    pub registered_name: CarName,
    /// The name that people see: the registered one, until a person changes it.
    pub car_name: CarName,
    /// Its side.
    pub side: Side,
    /// When it first registered.
    pub created_at: Timestamp,
}

impl Vehicle {
    /// Takes a police car's report.
    ///
    /// # Errors
    /// When it is no police car.
    pub fn report(&mut self, details: Details) -> Result<(), StatusRefusal> {
        match &mut self.side {
            Side::Police(present) => {
                *present = details;
                Ok(())
            }
            Side::Runner => Err(StatusRefusal),
        }
    }

    /// What a police car last reported.
    #[must_use]
    pub fn details(&self) -> Option<Details> {
        match self.side {
            Side::Police(details) => Some(details),
            Side::Runner => None,
        }
    }

    /// The frame that makes the vehicle known to a dashboard.
    #[must_use]
    pub fn introduction(&self) -> ToFront {
        ToFront::Registered {
            id: self.id,
            vehicle: self.vehicle_id,
            kind: self.side.kind(),
            name: self.car_name.on_wire(),
        }
    }

    /// The frame that tells a dashboard how a police car is; a runner has none.
    #[must_use]
    pub fn state(&self) -> Option<ToFront> {
        let Details { fuel, collision_count, status } = self.details()?;
        Some(ToFront::State { id: self.id, collision_count, status, fuel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vehicle(kind: Kind) -> Vehicle {
        let name = CarName::try_from("순찰차 하나둘셋".to_owned()).expect("a name");
        Vehicle {
            id: CarId(7),
            vehicle_id: VehicleId(3),
            registered_name: name.clone(),
            car_name: name,
            side: Side::new(kind),
            created_at: Timestamp::Y2000,
        }
    }

    #[test]
    fn a_new_police_car_is_whole_and_full() {
        let json = serde_json::to_string(&vehicle(Kind::Police).details()).expect("json");
        assert_eq!(json, r#"{"fuel":100,"collision_count":0,"status":"normal"}"#);
        assert_eq!(vehicle(Kind::Runner).details(), None);
        assert_eq!(vehicle(Kind::Runner).state(), None);
    }

    #[test]
    fn only_police_reports_and_the_last_report_counts() {
        let report = Details { fuel: 3, collision_count: 2, status: Damage::CompleteDestroyed };
        let mut police = vehicle(Kind::Police);
        assert!(police.details().expect("police").can_drive());
        assert_eq!(police.report(report), Ok(()));
        assert_eq!(police.details(), Some(report));
        assert!(!report.can_drive());
        assert!(!Details { fuel: 0, ..Details::default() }.can_drive());
        assert_eq!(vehicle(Kind::Runner).report(report), Err(StatusRefusal));
    }

    #[test]
    fn long_names_are_cut_for_frames_alone() {
        let ToFront::Registered { name, .. } = vehicle(Kind::Police).introduction() else { panic!("A2") };
        assert_eq!(name.as_str(), "순찰차 ");
        for bad in ["", "a\nb", &"가".repeat(51)] {
            assert_eq!(CarName::try_from(bad.to_owned()), Err(NameError), "{bad:?}");
        }
        assert!(CarName::try_from("가".repeat(50)).is_ok());
    }
}
