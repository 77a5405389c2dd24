//! Standing plans: one for each runner, numbered, kept as long as they are good enough, and told to the cars.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::cover::{Cover, best_cover};
use super::network::Network;
use super::situation::{PlanError, Planner, Seen, Situation};
use crate::Timestamp;
use crate::fleet::map::NodeId;
use crate::fleet::wire::{Command, ToVehicleV2};
use crate::fleet::{CarId, MapId, VehicleId};

/// Least time between two plans for one runner: at most five a second.
pub const REPLAN_PERIOD: Duration = Duration::from_millis(200);
/// How long a plan that still holds is not changed for less travel time.
const HOLD: Duration = Duration::from_secs(2);
/// A plan that still holds is changed only if all cars together save at least this much time, in milliseconds.
const GAIN_MS_MIN: u64 = 3_000;
/// And at least one part in so many of their travel time.
const GAIN_PART: u64 = 5;
/// A car takes over the chase when it is nearer to the runner than the one that chases by more than this, in metres.
const CHASE_GAIN_M: f64 = 25.0;

/// A node by number and place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Place {
    /// Its number on the map.
    pub node_id: NodeId,
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
}

/// A car's part in a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assignment {
    /// The plant's number of the car.
    pub id: CarId,
    /// The car's own number.
    pub vehicle_id: VehicleId,
    /// Where it is to stand.
    #[serde(flatten)]
    pub place: Place,
    /// Where the runner is expected from: radians counter-clockwise from east.
    pub heading_rad: f64,
    /// Seconds that the car needs to get there.
    pub eta_s: f64,
    /// Seconds within which it must be there.
    pub arrive_by_s: f64,
}

/// The car that drives to where the runner is, while a way out stays open: blocks alone catch nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Chaser {
    /// The plant's number of the car.
    pub id: CarId,
    /// The car's own number.
    pub vehicle_id: VehicleId,
}

/// A roadblock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Rises with every change of a placement or of the chaser, over all runners.
    pub plan_no: u32,
    /// The runner that it is for.
    pub runner_id: CarId,
    /// The map that coordinates and nodes are of.
    pub map_id: MapId,
    /// When the placement was decided.
    pub decided_at: Timestamp,
    /// When times and exits were last worked out.
    pub updated_at: Timestamp,
    /// Nodes that are blocked, and by whom; ordered by car.
    pub assignments: Vec<Assignment>,
    /// Who chases; nobody once every way out is closed.
    pub chaser: Option<Chaser>,
    /// Whether the runner is cut off from every exit.
    pub closed: bool,
    /// Exits that it can still reach.
    pub escapes: Vec<Place>,
    /// Travel time of all cars together, in seconds.
    pub travel_s: f64,
    /// Whether the placement was proven to be the best one when it was decided; a search is given up at a fixed effort.
    pub proven: bool,
}

impl Plan {
    /// Whether a car has a part in it.
    #[must_use]
    pub fn involves(&self, car: CarId) -> bool {
        self.cars().any(|id| id == car)
    }

    /// Every car that has a part in it.
    pub fn cars(&self) -> impl Iterator<Item = CarId> {
        self.parts().map(|(id, _)| id)
    }

    fn parts(&self) -> impl Iterator<Item = (CarId, VehicleId)> {
        let chaser = self.chaser.map(|chaser| (chaser.id, chaser.vehicle_id));
        self.assignments.iter().map(|a| (a.id, a.vehicle_id)).chain(chaser)
    }
}

/// A frame for one car.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// The plant's number of the car.
    pub car: CarId,
    /// The car's own number.
    pub vehicle_id: VehicleId,
    /// What it is told.
    pub frame: ToVehicleV2,
}

/// All standing plans of one map.
#[derive(Debug, Clone)]
pub struct Dispatch {
    planner: Planner,
    /// The last plan number given out; 0 for none.
    last_no: u32,
    standing: BTreeMap<CarId, Standing>,
}

#[derive(Debug, Clone)]
struct Standing {
    plan: Plan,
    /// Node index and car.
    places: Vec<(u32, CarId)>,
}

impl Dispatch {
    /// Goes on after plan `last_no`, which the store remembers: numbers never repeat.
    #[must_use]
    pub fn new(planner: Planner, last_no: u32) -> Self {
        Self { planner, last_no, standing: BTreeMap::new() }
    }

    /// The plans that stand, by runner.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.standing.values().map(|standing| &standing.plan)
    }

    /// When the runner's next plan is due; at once when it has none.
    #[must_use]
    pub fn due_at(&self, runner: CarId) -> Option<Timestamp> {
        self.standing.get(&runner).map(|standing| standing.plan.updated_at + REPLAN_PERIOD)
    }

    /// Plans anew for a runner that was seen with a speed of `seen_mps`, and says what has to be told to whom.
    ///
    /// Offer every car that can drive and whose position is fresh; those that stand in another runner's plan are left to it. The
    /// placement is changed only when it no longer holds, when another one leaves fewer escapes, or when much time is saved.
    ///
    /// # Errors
    /// When the runner is not on the map. Its plan, if any, stands as it was.
    pub fn replan(
        &mut self,
        runner: Seen,
        seen_mps: f64,
        cars: &[Seen],
        now: Timestamp,
    ) -> Result<(Plan, Vec<Order>), PlanError> {
        let elsewhere = |car: &Seen| {
            let mut others = self.standing.iter().filter(|(id, _)| **id != runner.id);
            others.any(|(_, standing)| standing.plan.involves(car.id))
        };
        let free: Vec<Seen> = cars.iter().filter(|car| !elsewhere(car)).copied().collect();
        let situation = self.planner.situation(runner.at_m, seen_mps, &free)?;
        let network = situation.network();
        let before = self.standing.get(&runner.id);
        let kept =
            before.and_then(|standing| Some((situation.still_holds(&network, &standing.places)?, standing)));
        let best = best_cover(&network);
        let (cover, kept) = match kept {
            Some((cover, standing)) if !worth_a_change(&cover, &best, &standing.plan, now) => {
                // The search may have found the same placement again, and so proven it.
                let proven = if same_places(&cover, &best) { best.proven } else { standing.plan.proven };
                (Cover { proven, ..cover }, Some(&standing.plan))
            }
            _ => (best, None),
        };
        let chaser = chaser(&situation, &cover, before.and_then(|s| s.plan.chaser), runner.at_m);
        let same = kept.filter(|plan| plan.chaser == chaser);
        let plan_no = match same {
            Some(plan) => plan.plan_no,
            None => self.last_no.checked_add(1).ok_or(PlanError::Exhausted)?,
        };
        let decided_at = kept.map_or(now, |plan| plan.decided_at);
        let places =
            cover.places.iter().map(|(node, car)| (*node, situation.cars[usize::from(*car)].id)).collect();
        let mut plan = self.draw(&situation, &network, &cover, chaser, runner);
        (plan.plan_no, plan.decided_at, plan.updated_at) = (plan_no, decided_at, now);
        let orders = if same.is_some() { Vec::new() } else { orders(before.map(|s| &s.plan), &plan) };
        self.last_no = self.last_no.max(plan_no);
        self.standing.insert(runner.id, Standing { plan: plan.clone(), places });
        Ok((plan, orders))
    }

    /// All orders of a runner's standing plan once more, for cars that may have missed them.
    #[must_use]
    pub fn repeat(&self, runner: CarId) -> Vec<Order> {
        self.standing.get(&runner).map(|standing| orders(None, &standing.plan)).unwrap_or_default()
    }

    /// Ends a runner's plan: it was caught, or is gone. Its cars are told to return.
    pub fn end(&mut self, runner: CarId) -> Vec<Order> {
        let Some(Standing { plan, .. }) = self.standing.remove(&runner) else { return Vec::new() };
        plan.parts().map(|gone| control(gone, Command::Return, plan.plan_no)).collect()
    }

    fn draw(
        &self,
        situation: &Situation<'_>,
        network: &Network<'_>,
        cover: &Cover,
        chaser: Option<Chaser>,
        runner: Seen,
    ) -> Plan {
        let map = self.planner.map();
        let place = |node: u32| {
            let node = &map.graph.nodes()[node as usize];
            Place { node_id: node.id, x: node.at_m[0], y: node.at_m[1] }
        };
        let seconds = |ms: u32| f64::from(ms) / 1_000.0;
        let assignment = |(node, car): &(u32, u16)| {
            let seen = &situation.cars[usize::from(*car)];
            Assignment {
                id: seen.id,
                vehicle_id: seen.vehicle_id,
                place: place(*node),
                heading_rad: situation.heading_rad(*node, runner.at_m),
                eta_s: seconds(situation.car_ms(*node, *car)),
                arrive_by_s: seconds(situation.deadline_ms(*node)),
            }
        };
        let stands = |(_, car): &&(u32, u16)| {
            chaser.is_none_or(|chaser| chaser.id != situation.cars[usize::from(*car)].id)
        };
        let held: Vec<(u32, u16)> = cover.places.iter().filter(stands).copied().collect();
        // What the chaser would have blocked is open while it chases, and said to be.
        let escapes = network.escapes(|node| held.iter().any(|(place, _)| *place == node));
        let mut assignments: Vec<Assignment> = held.iter().map(assignment).collect();
        assignments.sort_by_key(|a| a.id);
        Plan {
            plan_no: 0,
            runner_id: runner.id,
            map_id: map.about.map_id,
            decided_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            travel_s: assignments.iter().map(|a| a.eta_s).sum(),
            assignments,
            chaser,
            closed: escapes.is_empty(),
            escapes: escapes.iter().map(|node| place(*node)).collect(),
            proven: cover.proven,
        }
    }
}

/// Whether cars that are on their way should be sent elsewhere.
fn worth_a_change(kept: &Cover, best: &Cover, standing: &Plan, now: Timestamp) -> bool {
    if best.escapes.len() != kept.escapes.len() {
        return best.escapes.len() < kept.escapes.len();
    }
    let gain_ms = kept.cost_ms.saturating_sub(best.cost_ms);
    let gains = gain_ms >= GAIN_MS_MIN && gain_ms >= kept.cost_ms / GAIN_PART;
    gains && now.since(standing.decided_at) >= HOLD
}

fn same_places(a: &Cover, b: &Cover) -> bool {
    a.places.len() == b.places.len() && a.places.iter().all(|place| b.places.contains(place))
}

/// The car that is to chase: the nearest one, unless the one that does so is hardly farther. Nobody when every way out is closed:
/// then each car holds its place, and the runner stays where it can be caught.
fn chaser(
    situation: &Situation<'_>,
    cover: &Cover,
    standing: Option<Chaser>,
    runner_m: [f64; 2],
) -> Option<Chaser> {
    if cover.escapes.is_empty() {
        return None;
    }
    let far = |car: &Seen| (car.at_m[0] - runner_m[0]).hypot(car.at_m[1] - runner_m[1]);
    // They are ordered by their distance.
    let nearest = situation.cars.first()?;
    let chases = standing.and_then(|chaser| situation.cars.iter().find(|car| car.id == chaser.id));
    let chosen = chases.filter(|car| far(car) <= far(nearest) + CHASE_GAIN_M).unwrap_or(nearest);
    Some(Chaser { id: chosen.id, vehicle_id: chosen.vehicle_id })
}

/// What a new plan means for the cars of both: a place for each in it, the chase for one, and leave for each that is not any more.
fn orders(before: Option<&Plan>, plan: &Plan) -> Vec<Order> {
    let deploy = |to: &Assignment| Order {
        car: to.id,
        vehicle_id: to.vehicle_id,
        frame: ToVehicleV2::Deploy {
            vehicle: to.vehicle_id,
            plan_no: plan.plan_no,
            x: narrow(to.place.x),
            y: narrow(to.place.y),
            heading_rad: narrow(to.heading_rad),
            arrive_by_s: narrow(to.arrive_by_s),
        },
    };
    let chase = plan.chaser.map(|c| control((c.id, c.vehicle_id), Command::Resume, plan.plan_no));
    let gone = before.into_iter().flat_map(Plan::parts).filter(|(id, _)| !plan.involves(*id));
    let released = gone.map(|car| control(car, Command::Return, plan.plan_no));
    plan.assignments.iter().map(deploy).chain(chase).chain(released).collect()
}

fn control((car, vehicle_id): (CarId, VehicleId), command: Command, plan_no: u32) -> Order {
    Order { car, vehicle_id, frame: ToVehicleV2::Control { vehicle: vehicle_id, command, plan_no } }
}

#[expect(clippy::cast_possible_truncation, reason = "the wire carries f32")]
fn narrow(value: f64) -> f32 {
    value as f32
}
