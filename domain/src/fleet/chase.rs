//! A runner's chase: it runs, it is caught, it runs again; and the rules by which the plant itself sees a catch or a failure.

use serde::{Deserialize, Serialize};

use super::wire::{ToFront, ToVehicle, TraceStatus};
use super::{CarId, Damage, Details, VehicleId};
use crate::Timestamp;

/// Largest radius of the capture rule, in metres.
const CAPTURE_RADIUS_M_MAX: f64 = 1_000.0;

/// What happened in a chase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Outcome {
    /// A runner was seen for the first time, or again after a catch.
    Run,
    /// It was caught.
    Catch {
        /// By whom.
        catcher_id: CarId,
    },
    /// A police car failed to catch it.
    Failed {
        /// Which one.
        catcher_id: CarId,
    },
}

/// An entry in the vehicles' log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChaseEvent {
    /// Whose chase it is.
    pub runner: CarId,
    /// What happened.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

impl ChaseEvent {
    /// The police car that had a part in it.
    #[must_use]
    pub fn catcher(&self) -> Option<CarId> {
        match self.outcome {
            Outcome::Run => None,
            Outcome::Catch { catcher_id } | Outcome::Failed { catcher_id } => Some(catcher_id),
        }
    }

    /// What dashboards are told.
    #[must_use]
    pub fn to_front(&self) -> ToFront {
        let runner = self.runner;
        match self.outcome {
            Outcome::Run => ToFront::trace(runner, TraceStatus::Run, self.at),
            Outcome::Catch { catcher_id } => ToFront::Catch { catcher: catcher_id, runner },
            Outcome::Failed { catcher_id } => ToFront::CatchFailed { catcher: catcher_id, runner },
        }
    }

    /// What vehicles are told, in their own numbers; `None` when a catcher's number is missing.
    #[must_use]
    pub fn to_vehicles(&self, runner: VehicleId, catcher: Option<VehicleId>) -> Option<ToVehicle> {
        Some(match self.outcome {
            Outcome::Run => ToVehicle::Run { runner },
            Outcome::Catch { .. } => ToVehicle::Catch { catcher: catcher?, runner },
            Outcome::Failed { .. } => ToVehicle::CatchFailed { catcher: catcher?, runner },
        })
    }
}

/// How a runner's chase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Chase {
    /// It is free.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// It was caught.
    Caught {
        /// By whom.
        catcher_id: CarId,
        /// When.
        at: Timestamp,
    },
}

impl Chase {
    /// A runner registers: for the first time, again, or again after it was caught. True when a chase begins, so that an
    /// [`Outcome::Run`] is due.
    #[must_use]
    pub fn registered(present: Option<Self>, now: Timestamp) -> (Self, bool) {
        match present {
            Some(running @ Self::Running { .. }) => (running, false),
            Some(Self::Caught { .. }) | None => (Self::Running { since: now }, true),
        }
    }

    /// After an event that was stored. Vehicles may report a catch twice; the first one counts.
    #[must_use]
    pub fn after(self, event: &ChaseEvent) -> Self {
        match (self, event.outcome) {
            (Self::Running { .. }, Outcome::Catch { catcher_id }) => {
                Self::Caught { catcher_id, at: event.at }
            }
            (Self::Caught { .. }, Outcome::Run) => Self::Running { since: event.at },
            (present, _) => present,
        }
    }

    /// Whether the runner is still to be caught.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }
}

/// The radius is no radius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("capture_radius_m must be above 0 and at most {CAPTURE_RADIUS_M_MAX}")]
pub struct CaptureError;

/// The optional rule that a police car near enough has caught the runner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaptureRule {
    radius_m: f64,
}

impl CaptureRule {
    /// Catches within `radius_m`.
    ///
    /// # Errors
    /// When it is not a positive number of at most a kilometre.
    pub fn new(radius_m: f64) -> Result<Self, CaptureError> {
        let holds = radius_m > 0.0 && radius_m <= CAPTURE_RADIUS_M_MAX;
        if holds { Ok(Self { radius_m }) } else { Err(CaptureError) }
    }

    /// The police car that catches a runner at `runner_m`: the nearest within the radius, the lower number among equals.
    /// Offer only cars that can drive and whose position is fresh, on the runner's map.
    #[must_use]
    pub fn catcher(
        &self,
        runner_m: [f64; 2],
        police_m: impl IntoIterator<Item = (CarId, [f64; 2])>,
    ) -> Option<CarId> {
        nearest(runner_m, police_m).filter(|(distance_m, _)| *distance_m <= self.radius_m).map(|(_, car)| car)
    }
}

/// Whether a police car's new report ends its part in a chase: it drove before, and is completely destroyed now.
#[must_use]
pub fn breaks_down(before: &Details, after: &Details) -> bool {
    before.status != Damage::CompleteDestroyed && after.status == Damage::CompleteDestroyed
}

/// The runner that a car without an order is chasing: the nearest one. Offer only runners at large, on the car's map.
#[must_use]
pub fn nearest_runner(
    car_m: [f64; 2],
    runners_m: impl IntoIterator<Item = (CarId, [f64; 2])>,
) -> Option<CarId> {
    nearest(car_m, runners_m).map(|(_, runner)| runner)
}

fn nearest(from_m: [f64; 2], others: impl IntoIterator<Item = (CarId, [f64; 2])>) -> Option<(f64, CarId)> {
    others
        .into_iter()
        .map(|(car, [x, y])| ((x - from_m[0]).hypot(y - from_m[1]), car))
        .filter(|(distance_m, _)| distance_m.is_finite())
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::Y2000;

    fn event(outcome: Outcome) -> ChaseEvent {
        ChaseEvent { runner: CarId(1), outcome, at: AT }
    }

    #[test]
    fn a_chase_begins_once_and_again_after_a_catch() {
        let (chase, begins) = Chase::registered(None, AT);
        assert!(begins && chase.is_running());
        assert_eq!(Chase::registered(Some(chase), AT), (chase, false));
        assert_eq!(chase.after(&event(Outcome::Failed { catcher_id: CarId(5) })), chase);
        let caught = chase.after(&event(Outcome::Catch { catcher_id: CarId(5) }));
        assert_eq!(caught, Chase::Caught { catcher_id: CarId(5), at: AT });
        assert_eq!(
            caught.after(&event(Outcome::Catch { catcher_id: CarId(6) })),
            caught,
            "the first one counts"
        );
        assert!(Chase::registered(Some(caught), AT).1);
        assert_eq!(caught.after(&event(Outcome::Run)), Chase::Running { since: AT });
    }

    #[test]
    fn each_side_hears_its_own_numbers() {
        let catch = event(Outcome::Catch { catcher_id: CarId(5) });
        assert_eq!(catch.to_front(), ToFront::Catch { catcher: CarId(5), runner: CarId(1) });
        let told = catch.to_vehicles(VehicleId(2), Some(VehicleId(3)));
        assert_eq!(told, Some(ToVehicle::Catch { catcher: VehicleId(3), runner: VehicleId(2) }));
        assert_eq!(catch.to_vehicles(VehicleId(2), None), None);
        let run = event(Outcome::Run);
        assert_eq!(run.to_vehicles(VehicleId(2), None), Some(ToVehicle::Run { runner: VehicleId(2) }));
        assert!(matches!(run.to_front(), ToFront::Trace { status: TraceStatus::Run, .. }));
        assert_eq!((catch.catcher(), run.catcher()), (Some(CarId(5)), None));
    }

    #[test]
    fn the_nearest_car_within_the_radius_catches() {
        let rule = CaptureRule::new(5.0).expect("a radius");
        let cars = [(CarId(4), [3.0, 4.0]), (CarId(2), [0.0, 5.0]), (CarId(9), [f64::NAN, 0.0])];
        assert_eq!(rule.catcher([0.0, 0.0], cars), Some(CarId(2)), "the lower number among equals");
        assert_eq!(rule.catcher([0.0, -1.0], cars), None);
        assert_eq!(nearest_runner([0.0, -1.0], cars), Some(CarId(4)));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1_001.0] {
            assert_eq!(CaptureRule::new(bad), Err(CaptureError), "{bad}");
        }
    }

    #[test]
    fn a_wreck_fails_once() {
        let wreck = Details { status: Damage::CompleteDestroyed, ..Details::default() };
        assert!(breaks_down(&Details::default(), &wreck));
        assert!(!breaks_down(&wreck, &wreck));
        assert!(!breaks_down(&wreck, &Details::default()));
    }
}
