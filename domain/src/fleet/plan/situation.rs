//! One moment of a chase: when each side reaches what, and what follows from it.

use std::sync::Arc;

use super::cover::Cover;
use super::network::{Holders, Network};
use super::travel::{Arrivals, Ms, NOWHERE, TravelModel, TravelModelError, police_arrivals, runner_arrivals};
use crate::fleet::map::{RoadMap, Spot};
use crate::fleet::{CarId, VehicleId};

/// Most cars that one plan considers: the nearest ones, one bit each.
pub const PLAN_CARS_MAX: usize = 32;
/// How far beside the road a runner or a car may be, in metres, and still be planned with.
pub const OFF_ROAD_M_MAX: f64 = 100.0;

/// A vehicle as the planner sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The plant's number of it.
    pub id: CarId,
    /// Its own number.
    pub vehicle_id: VehicleId,
    /// Where it is, in metres.
    pub at_m: [f64; 2],
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The runner is nowhere near a road.
    #[error("the runner is not on the map: it is more than {OFF_ROAD_M_MAX} m beside every road")]
    OffMap,
    /// No plan number is left.
    #[error("no plan number is left")]
    Exhausted,
}

/// Plans on one map.
#[derive(Debug, Clone)]
pub struct Planner {
    map: Arc<RoadMap>,
    model: TravelModel,
    /// Milliseconds of a police car on each link.
    police_ms: Vec<Ms>,
}

/// What the two sides can reach, at one moment.
pub(super) struct Situation<'p> {
    planner: &'p Planner,
    /// The cars that are considered.
    pub(super) cars: Vec<Seen>,
    pub(super) runner: Arrivals,
    starts: Vec<usize>,
    /// When each car reaches each node.
    police: Vec<Vec<Ms>>,
    holders: Holders,
}

impl Planner {
    /// Plans on `map`.
    ///
    /// # Errors
    /// When the model is out of its range.
    pub fn new(map: Arc<RoadMap>, model: TravelModel) -> Result<Self, TravelModelError> {
        let model = model.validated()?;
        let police_ms = model.police_ms(&map.graph);
        Ok(Self { map, model, police_ms })
    }

    /// The map.
    #[must_use]
    pub fn map(&self) -> &RoadMap {
        &self.map
    }

    pub(super) fn situation(
        &self,
        runner_m: [f64; 2],
        seen_mps: f64,
        cars: &[Seen],
    ) -> Result<Situation<'_>, PlanError> {
        let near = |at_m| self.map.nearest_spot(at_m).filter(|spot| spot.beside_m <= OFF_ROAD_M_MAX);
        let spot = near(runner_m).ok_or(PlanError::OffMap)?;
        let link_ms = self.model.runner_ms(&self.map.graph, seen_mps);
        let runner = runner_arrivals(&self.map.graph, spot, &link_ms);
        let link = &self.map.graph.links()[spot.link];
        let starts = [link.from, link.to]
            .into_iter()
            .filter(|n| runner.from[*n] == NOWHERE && runner.ms[*n] != Ms::MAX);
        let far = |car: &Seen| (car.at_m[0] - runner_m[0]).hypot(car.at_m[1] - runner_m[1]);
        let mut placed: Vec<(Seen, Spot)> =
            cars.iter().filter_map(|car| Some((*car, near(car.at_m)?))).collect();
        placed.sort_by(|a, b| far(&a.0).total_cmp(&far(&b.0)).then(a.0.id.cmp(&b.0.id)));
        placed.truncate(PLAN_CARS_MAX);
        let police: Vec<Vec<Ms>> = placed
            .iter()
            .map(|(_, spot)| police_arrivals(&self.map, *spot, &self.police_ms, self.model.arrived_m))
            .collect();
        let holders = self.holders(&runner, &police);
        let cars = placed.into_iter().map(|(car, _)| car).collect();
        Ok(Situation { planner: self, cars, starts: starts.collect(), runner, police, holders })
    }

    fn holders(&self, runner: &Arrivals, police: &[Vec<Ms>]) -> Holders {
        let of_node = |(node, runner_ms): (usize, &Ms)| {
            let mut holders: Vec<(u16, Ms)> = (0..)
                .zip(police)
                .map(|(car, ms)| (car, ms[node]))
                .filter(|(_, ms)| self.model.holds(*ms, *runner_ms))
                .collect();
            holders.sort_unstable_by_key(|(car, ms)| (*ms, *car));
            holders
        };
        runner.ms.iter().enumerate().map(of_node).collect()
    }
}

impl Situation<'_> {
    pub(super) fn network(&self) -> Network<'_> {
        Network::new(&self.planner.map.graph, &self.runner, &self.starts, &self.holders, self.cars.len())
    }

    /// What an earlier placement is worth now; `None` when a car is gone or cannot be in its place in time any more.
    pub(super) fn still_holds(&self, network: &Network<'_>, places: &[(u32, CarId)]) -> Option<Cover> {
        let place = |(node, id): &(u32, CarId)| {
            let car = self.cars.iter().position(|car| car.id == *id)?;
            let holds =
                self.planner.model.holds(self.police[car][*node as usize], self.runner.ms[*node as usize]);
            holds.then_some((*node, u16::try_from(car).ok()?))
        };
        let places: Vec<(u32, u16)> = places.iter().map(place).collect::<Option<_>>()?;
        let escapes = network.escapes(|node| places.iter().any(|(place, _)| *place == node));
        let cost_ms = places.iter().map(|(node, car)| u64::from(self.car_ms(*node, *car))).sum();
        Some(Cover { places, escapes, cost_ms, proven: false })
    }

    pub(super) fn car_ms(&self, node: u32, car: u16) -> Ms {
        self.police[usize::from(car)][node as usize]
    }

    /// By when a car must be at a node, in milliseconds from now.
    pub(super) fn deadline_ms(&self, node: u32) -> Ms {
        self.runner.ms[node as usize].saturating_sub(self.planner.model.lead_ms)
    }

    /// Where the runner would come from on its quickest way to a node, in radians counter-clockwise from east.
    pub(super) fn heading_rad(&self, node: u32, runner_m: [f64; 2]) -> f64 {
        let nodes = self.planner.map.graph.nodes();
        let before = self.runner.from[node as usize];
        let from = if before == NOWHERE { runner_m } else { nodes[before as usize].at_m };
        let at = nodes[node as usize].at_m;
        (from[1] - at[1]).atan2(from[0] - at[0])
    }
}

#[cfg(test)]
impl Situation<'_> {
    pub(super) fn police(&self) -> &[Vec<Ms>] {
        &self.police
    }

    pub(super) fn starts(&self) -> &[usize] {
        &self.starts
    }
}
