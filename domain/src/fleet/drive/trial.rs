//! A chase from its start to its end, by rules that are the same whether the police plan or only follow.

use std::sync::Arc;
use std::time::Duration;

use super::evade::apart_m;
use super::{CAPTURE_M, Driver, evade, has_escaped, pursue};
use crate::Timestamp;
use crate::fleet::map::{RoadMap, Seed};
use crate::fleet::plan::{Dispatch, Planner, Seen, TravelModel};
use crate::fleet::wire::ToVehicleV2;
use crate::fleet::{CarId, VehicleId};

/// Steps of the world in a second; everybody decides once a second.
const STEPS_PER_S: u32 = 4;
/// A chase that has not ended by then never does, seconds.
const CHASE_S_MAX: u32 = 600;
/// Both sides drive the limit times this.
const OVER_LIMIT: f64 = 1.3;
/// The runner starts at the best hidden of so many junctions.
const STARTS_TRIED: usize = 12;

/// What the police do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Every car drives to where the runner is.
    Naive,
    /// Cars do as the plant orders; those that it does not need drive to where the runner is, as the one does that it has chase.
    Planned,
}

/// How a chase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A police car got to the runner.
    Captured,
    /// The runner left the map.
    Escaped,
    /// The runner was still on the map when time was up.
    Held,
}

/// How a chase ended, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// How.
    pub ending: Ending,
    /// Seconds after its start.
    pub after_s: f64,
}

/// A chase: the same seed puts everybody in the same places.
#[derive(Debug, Clone)]
pub struct Trial {
    map: Arc<RoadMap>,
    runner: Driver,
    cars: Vec<Driver>,
}

impl Trial {
    /// `cars` police cars and one runner somewhere on `map`; `None` when a place has no road.
    #[must_use]
    pub fn new(map: Arc<RoadMap>, cars: usize, seed: u64) -> Option<Self> {
        let mut chance = Seed::new(seed);
        let nodes = map.graph.nodes().len();
        let mut somewhere = || ((chance.unit() * nodes as f64) as usize).min(nodes - 1);
        let to_exit_s = |node: usize| {
            let driver = Driver::at_node(Arc::clone(&map), node, OVER_LIMIT)?;
            let ways = driver.ways(|_| false, |_| false);
            let exits = map.graph.nodes().iter().enumerate().filter(|(_, n)| n.exit);
            exits.filter_map(|(exit, _)| ways.seconds(exit)).min_by(f64::total_cmp)
        };
        let tried: Vec<usize> = (0..STARTS_TRIED).map(|_| somewhere()).collect();
        let start = tried
            .into_iter()
            .max_by(|a, b| to_exit_s(*a).unwrap_or(0.0).total_cmp(&to_exit_s(*b).unwrap_or(0.0)))?;
        let runner = Driver::at_node(Arc::clone(&map), start, OVER_LIMIT)?;
        let places = (0..cars).map(|_| Driver::at_node(Arc::clone(&map), somewhere(), OVER_LIMIT));
        let cars = places.collect::<Option<Vec<_>>>()?;
        Some(Self { map, runner, cars })
    }

    /// Plays it to its end.
    #[must_use]
    pub fn run(mut self, strategy: Strategy) -> Ended {
        let planner = Planner::new(Arc::clone(&self.map), TravelModel::default());
        let mut dispatch = Dispatch::new(planner.expect("the default model is within its limits"), 0);
        let mut places: Vec<Option<[f64; 2]>> = vec![None; self.cars.len()];
        let mut last_m = self.runner.at_m();
        for step in 0..CHASE_S_MAX * STEPS_PER_S {
            let after_s = f64::from(step) / f64::from(STEPS_PER_S);
            let runner_m = self.runner.at_m();
            if self.cars.iter().any(|car| apart_m(car.at_m(), runner_m) <= CAPTURE_M) {
                return Ended { ending: Ending::Captured, after_s };
            }
            if has_escaped(&self.runner) {
                return Ended { ending: Ending::Escaped, after_s };
            }
            if step.is_multiple_of(STEPS_PER_S) {
                let mps = apart_m(runner_m, last_m);
                last_m = runner_m;
                if strategy == Strategy::Planned {
                    self.plan(&mut dispatch, mps, after_s, &mut places);
                }
                self.decide(&places, runner_m);
            }
            let step_s = 1.0 / f64::from(STEPS_PER_S);
            self.runner.advance(step_s);
            self.cars.iter_mut().for_each(|car| car.advance(step_s));
        }
        Ended { ending: Ending::Held, after_s: f64::from(CHASE_S_MAX) }
    }

    /// Has the plant's own dispatch order the cars.
    fn plan(&self, dispatch: &mut Dispatch, mps: f64, after_s: f64, places: &mut [Option<[f64; 2]>]) {
        let seen = |id: usize, at_m| {
            let id = u32::try_from(id).expect("few cars");
            Seen { id: CarId(id), vehicle_id: VehicleId(id), at_m }
        };
        let cars: Vec<Seen> = self.cars.iter().enumerate().map(|(n, car)| seen(n, car.at_m())).collect();
        let runner = seen(self.cars.len(), self.runner.at_m());
        let now = Timestamp::Y2000 + Duration::from_secs_f64(after_s);
        // A runner beside every road is chased as it stands.
        let Ok((_, orders)) = dispatch.replan(runner, mps, &cars, now) else { return };
        for order in orders {
            let place = match order.frame {
                ToVehicleV2::Deploy { x, y, .. } => Some([f64::from(x), f64::from(y)]),
                _ => None,
            };
            places[order.car.0 as usize] = place;
        }
    }

    fn decide(&mut self, places: &[Option<[f64; 2]>], runner_m: [f64; 2]) {
        let police: Vec<[f64; 2]> = self.cars.iter().map(Driver::at_m).collect();
        evade(&mut self.runner, &police);
        for (car, place) in self.cars.iter_mut().zip(places) {
            match place.and_then(|at| self.map.nearest_node(at)) {
                Some((node, _)) => {
                    car.head_for(node);
                }
                None => pursue(car, runner_m),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::map::generated_maps;

    #[test]
    fn the_same_chase_ends_the_same_way_and_planning_catches_more() {
        let map = Arc::new(generated_maps(1).swap_remove(0));
        let trial = |seed| Trial::new(Arc::clone(&map), 5, seed).expect("roads everywhere");
        let caught =
            |strategy| (0..12).filter(|seed| trial(*seed).run(strategy).ending == Ending::Captured).count();
        assert_eq!(trial(3).run(Strategy::Planned), trial(3).run(Strategy::Planned));
        let (planned, naive) = (caught(Strategy::Planned), caught(Strategy::Naive));
        assert!(planned > naive, "{planned} against {naive}");
    }
}
