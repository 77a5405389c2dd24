//! Who may register, and under which name.

use super::wire::{ErrorCode, WireName};
use super::{CarId, CarName, Kind, NameError, Vehicle, VehicleId};

/// What a registration frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The vehicle's own number.
    pub vehicle_id: VehicleId,
    /// Its side.
    pub kind: Kind,
    /// Its name.
    pub name: CarName,
}

impl Request {
    /// From the frame's fields.
    ///
    /// # Errors
    /// When the name holds control characters; the frame is then dropped as one whose name is no text.
    pub fn new(vehicle_id: VehicleId, kind: Kind, name: &WireName) -> Result<Self, NameError> {
        Ok(Self { vehicle_id, kind, name: CarName::try_from(name)? })
    }
}

/// What becomes of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The vehicle is new: make a row for it.
    New,
    /// The vehicle is back: keep its row, its state and the name that people gave it.
    Attach(CarId),
    /// The vehicle is back under another name of its own: keep its row, take the name.
    Rename(CarId, CarName),
}

/// Why a vehicle may not register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationRefusal {
    /// Another vehicle has the name.
    #[error("the name is in use by vehicle {0}")]
    NameInUse(VehicleId),
    /// A vehicle does not change sides; it must be removed first.
    #[error("the vehicle is registered on the other side")]
    OtherSide,
}

impl RegistrationRefusal {
    /// What the NACK says.
    #[must_use]
    pub fn code(self) -> ErrorCode {
        match self {
            Self::NameInUse(_) => ErrorCode::DuplicateName,
            Self::OtherSide => ErrorCode::InvalidData,
        }
    }
}

/// Decides on a registration, given all vehicles that are not removed.
///
/// A name is in use when another vehicle is shown under it or registers under it.
///
/// # Errors
/// When another vehicle has the name, or the vehicle is known on the other side.
pub fn register<'a>(
    known: impl IntoIterator<Item = &'a Vehicle>,
    request: &Request,
) -> Result<Registration, RegistrationRefusal> {
    let mut own = None;
    for vehicle in known {
        if vehicle.vehicle_id == request.vehicle_id {
            own = Some(vehicle);
        } else if uses(vehicle, &request.name) {
            return Err(RegistrationRefusal::NameInUse(vehicle.vehicle_id));
        }
    }
    match own {
        None => Ok(Registration::New),
        Some(vehicle) if vehicle.side.kind() != request.kind => Err(RegistrationRefusal::OtherSide),
        Some(vehicle) if vehicle.registered_name == request.name => Ok(Registration::Attach(vehicle.id)),
        Some(vehicle) => Ok(Registration::Rename(vehicle.id, request.name.clone())),
    }
}

/// Whether a person may give vehicle `id` the name.
///
/// # Errors
/// When another vehicle has it.
pub fn rename<'a>(
    known: impl IntoIterator<Item = &'a Vehicle>,
    id: CarId,
    name: &CarName,
) -> Result<(), RegistrationRefusal> {
    let holder = known.into_iter().find(|vehicle| vehicle.id != id && uses(vehicle, name));
    holder.map_or(Ok(()), |vehicle| Err(RegistrationRefusal::NameInUse(vehicle.vehicle_id)))
}

fn uses(vehicle: &Vehicle, name: &CarName) -> bool {
    vehicle.car_name == *name || vehicle.registered_name == *name
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::*;
    use crate::Timestamp;

    fn name(text: &str) -> CarName {
        CarName::try_from(text.to_owned()).expect("a name")
    }

    fn vehicle(id: u32, vehicle_id: u32, text: &str) -> Vehicle {
        Vehicle {
            id: CarId(id),
            vehicle_id: VehicleId(vehicle_id),
            registered_name: name(text),
            car_name: name(text),
            side: Side::new(Kind::Police),
            created_at: Timestamp::Y2000,
        }
    }

    fn request(vehicle_id: u32, kind: Kind, text: &str) -> Request {
        Request { vehicle_id: VehicleId(vehicle_id), kind, name: name(text) }
    }

    #[test]
    fn the_same_vehicle_comes_back_and_another_may_not_take_its_name() {
        let known = [vehicle(1, 0, "POLICE_1"), vehicle(2, 3, "POLICE_2")];
        let ask = |vehicle, kind, text| register(&known, &request(vehicle, kind, text));
        assert_eq!(ask(4, Kind::Police, "POLICE_3"), Ok(Registration::New));
        assert_eq!(ask(3, Kind::Police, "POLICE_2"), Ok(Registration::Attach(CarId(2))));
        let taken = ask(4, Kind::Runner, "POLICE_2").expect_err("taken");
        assert_eq!(
            (taken, taken.code()),
            (RegistrationRefusal::NameInUse(VehicleId(3)), ErrorCode::DuplicateName)
        );
        assert_eq!(ask(3, Kind::Police, "NEW"), Ok(Registration::Rename(CarId(2), name("NEW"))));
        assert_eq!(ask(3, Kind::Runner, "POLICE_2"), Err(RegistrationRefusal::OtherSide));
        assert_eq!(RegistrationRefusal::OtherSide.code(), ErrorCode::InvalidData);
    }

    #[test]
    fn a_name_that_a_person_gave_outlives_a_reconnect() {
        let mut known = [vehicle(1, 0, "POLICE_1"), vehicle(2, 3, "POLICE_2")];
        assert_eq!(rename(&known, CarId(2), &name("북문 순찰차")), Ok(()));
        known[1].car_name = name("북문 순찰차");
        let back = register(&known, &request(3, Kind::Police, "POLICE_2"));
        assert_eq!(back, Ok(Registration::Attach(CarId(2))));
        assert!(rename(&known, CarId(1), &name("북문 순찰차")).is_err());
        assert!(rename(&known, CarId(1), &name("POLICE_2")).is_err(), "it will be needed again");
        assert_eq!(rename(&known, CarId(2), &name("POLICE_2")), Ok(()));
    }
}
