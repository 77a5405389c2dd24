//! Standing plans: numbers, orders, and that cars are not sent to and fro.

use std::sync::Arc;
use std::time::Duration;

use super::plan_tests::{road_map, seen};
use super::{Dispatch, Order, PlanError, Planner, REPLAN_PERIOD, TravelModel};
use crate::Timestamp;
use crate::fleet::CarId;
use crate::fleet::map::{LinkGraph, LinkId, LinkSpec, NodeId, NodeSpec, RoadMap};
use crate::fleet::wire::{Command, ToVehicleV2};

const RUNNER: CarId = CarId(50);

/// A street of 100 m links from west (node 0, an exit) to east (node 20, an exit), 36 km/h.
fn street() -> Arc<RoadMap> {
    let node = |n: u32| NodeSpec { id: NodeId(n), x: f64::from(n) * 100.0, y: 0.0, exit: n == 0 || n == 20 };
    let link = |n: u32| LinkSpec {
        id: LinkId(n),
        from: NodeId(n),
        to: NodeId(n + 1),
        length_m: None,
        lanes: 2,
        one_way: false,
        speed_limit_kmh: 36.0,
        shape: Vec::new(),
    };
    road_map(&LinkGraph { nodes: (0..=20).map(node).collect(), links: (0..20).map(link).collect() })
}

fn dispatch() -> Dispatch {
    let model = TravelModel { police_over_limit: 1.0, runner_over_limit: 1.0, ..TravelModel::default() };
    Dispatch::new(Planner::new(street(), model).expect("a model"), 6)
}

fn at(ms: u64) -> Timestamp {
    Timestamp::Y2000 + Duration::from_millis(ms)
}

/// What a car is told, without the rest of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Stand(f32),
    Chase,
    Return,
}

fn commands(orders: &[Order]) -> Vec<(u32, Told)> {
    let mut told: Vec<_> = orders
        .iter()
        .map(|order| match order.frame {
            ToVehicleV2::Deploy { x, .. } => (order.car.0, Told::Stand(x)),
            ToVehicleV2::Control { command: Command::Resume, .. } => (order.car.0, Told::Chase),
            ToVehicleV2::Control { command: Command::Return, .. } => (order.car.0, Told::Return),
            other => panic!("{other:?}"),
        })
        .collect();
    told.sort_by_key(|(car, _)| *car);
    told
}

#[test]
fn a_street_is_closed_on_both_sides() {
    let mut dispatch = dispatch();
    let cars = [seen(1, [300.0, 0.0]), seen(2, [1_700.0, 0.0]), seen(3, [1_000.0, 0.0])];
    let (plan, orders) = dispatch.replan(seen(50, [1_050.0, 0.0]), 10.0, &cars, at(0)).expect("on the map");
    assert!(plan.closed && plan.proven && plan.escapes.is_empty());
    assert_eq!(plan.plan_no, 7);
    // Car 3 is on the next node already, and node 10 is behind the runner; car 2 meets it half way.
    assert_eq!(commands(&orders), [(2, Told::Stand(1_700.0)), (3, Told::Stand(1_000.0))]);
    assert_eq!(plan.chaser, None, "it cannot get away");
    let ToVehicleV2::Deploy { heading_rad, arrive_by_s, vehicle, plan_no, .. } = orders[1].frame else {
        panic!("a place")
    };
    assert_eq!((vehicle.0, plan_no), (103, 7));
    assert!(heading_rad.abs() < 1e-6, "the runner comes from the east: {heading_rad}");
    assert!((arrive_by_s - 4.0).abs() < 1e-3, "five seconds less one of lead: {arrive_by_s}");
    let json = serde_json::to_value(&plan).expect("json");
    assert_eq!(json["assignments"][1]["node_id"], 10);
    assert_eq!((&json["closed"], &json["plan_no"]), (&true.into(), &7.into()));
}

#[test]
fn what_cannot_be_closed_is_named_and_the_nearest_car_chases() {
    let mut dispatch = dispatch();
    // Both stand east of the runner: its way west is open.
    let cars = [seen(1, [1_700.0, 0.0]), seen(2, [1_800.0, 0.0])];
    let (plan, orders) = dispatch.replan(seen(50, [1_050.0, 0.0]), 10.0, &cars, at(0)).expect("on the map");
    assert!(!plan.closed && plan.proven);
    assert_eq!(plan.chaser.map(|c| (c.id, c.vehicle_id.0)), Some((CarId(1), 101)));
    let open: Vec<u32> = plan.escapes.iter().map(|e| e.node_id.0).collect();
    assert!(open.contains(&0), "{open:?}");
    // What the chaser leaves open is said to be.
    let holds = plan.assignments.iter().any(|a| a.id == CarId(2));
    assert_eq!((open.contains(&20), plan.involves(CarId(2))), (!holds, holds));
    assert!(commands(&orders).contains(&(1, Told::Chase)), "{orders:?}");
    // Hardly nearer is not near enough to take over; much nearer is.
    let closer = [seen(1, [1_700.0, 0.0]), seen(2, [1_690.0, 0.0])];
    let (kept, _) = dispatch.replan(seen(50, [1_050.0, 0.0]), 10.0, &closer, at(200)).expect("on the map");
    assert_eq!(kept.chaser.map(|c| c.id), Some(CarId(1)));
    let closer = [seen(1, [1_700.0, 0.0]), seen(2, [1_600.0, 0.0])];
    let (next, orders) =
        dispatch.replan(seen(50, [1_050.0, 0.0]), 10.0, &closer, at(400)).expect("on the map");
    assert_eq!(next.chaser.map(|c| c.id), Some(CarId(2)));
    assert!(next.plan_no > kept.plan_no && commands(&orders).contains(&(2, Told::Chase)), "{orders:?}");
    let (plan, orders) = dispatch.replan(seen(50, [1_050.0, 0.0]), 10.0, &[], at(600)).expect("on the map");
    assert_eq!(
        (plan.plan_no, plan.escapes.len()),
        (next.plan_no + 1, 2),
        "the cars are gone, and so is their plan"
    );
    assert_eq!((plan.chaser, commands(&orders).contains(&(2, Told::Return))), (None, true));
    assert_eq!(
        dispatch.replan(seen(50, [1_050.0, 900.0]), 10.0, &[], at(400)).expect_err("in a field"),
        PlanError::OffMap
    );
}

#[test]
fn cars_are_not_sent_to_and_fro() {
    let mut dispatch = dispatch();
    let mut cars = [seen(1, [300.0, 0.0]), seen(2, [1_700.0, 0.0])];
    let (first, _) = dispatch.replan(seen(50, [1_000.0, 0.0]), 10.0, &cars, at(0)).expect("on the map");
    assert_eq!(dispatch.due_at(RUNNER), Some(at(0) + REPLAN_PERIOD));
    assert_eq!(dispatch.due_at(CarId(51)), None);
    // The runner dances around a node: what is best changes by metres, the placement does not.
    for step in 1..40u32 {
        let x = 1_000.0 + if step % 2 == 0 { 8.0 } else { -8.0 };
        let now = at(u64::from(step) * 200);
        let (plan, orders) = dispatch.replan(seen(50, [x, 0.0]), 10.0, &cars, now).expect("on the map");
        assert_eq!((plan.plan_no, orders.len(), plan.updated_at), (first.plan_no, 0, now));
    }
    assert_eq!(commands(&dispatch.repeat(RUNNER)).len(), 2);
    // Car 1 is taken elsewhere: it cannot hold its place, and the plan must change.
    cars[0].at_m = [1_900.0, 0.0];
    let (plan, orders) =
        dispatch.replan(seen(50, [1_000.0, 0.0]), 10.0, &cars, at(8_000)).expect("on the map");
    assert_eq!(plan.plan_no, first.plan_no + 1);
    assert!(!plan.closed && !orders.is_empty());
}

#[test]
fn two_runners_do_not_share_a_car_and_an_end_frees_them() {
    let mut dispatch = dispatch();
    let cars = [seen(1, [300.0, 0.0]), seen(2, [1_700.0, 0.0]), seen(3, [200.0, 0.0])];
    let (first, _) = dispatch.replan(seen(50, [1_000.0, 0.0]), 10.0, &cars, at(0)).expect("on the map");
    let (second, _) = dispatch.replan(seen(51, [1_200.0, 0.0]), 10.0, &cars, at(0)).expect("on the map");
    assert_eq!((first.assignments.len(), second.assignments.len()), (2, 0));
    assert_eq!(second.chaser.map(|c| c.id), Some(CarId(3)), "the one that is left cannot close the street");
    assert!(second.cars().all(|car| !first.involves(car)));
    assert_eq!(dispatch.plans().count(), 2);
    assert!(second.plan_no > first.plan_no);
    assert_eq!(commands(&dispatch.end(RUNNER)).len(), 2);
    assert!(dispatch.end(RUNNER).is_empty());
    let (again, _) = dispatch.replan(seen(51, [1_200.0, 0.0]), 10.0, &cars, at(200)).expect("on the map");
    assert!(again.closed, "the cars are free for the other runner");
}
