//! The roadblock: plans to dashboards, orders to cars.

use nightshift_domain::fleet::map::{RoadMap, generated_maps};
use nightshift_domain::fleet::wire::{
    Command, FromVehicle, Outbox, Stamp, ToVehicle, ToVehicleV2, decode_v2, encode_v2,
};
use nightshift_domain::fleet::{Kind, VehicleId};
use serde_json::{Value, json};

use super::{Wire, fleet, number, register, secret};
use crate::common::Server;

/// A car of version 2.
struct Car {
    id: u32,
    wire: Wire,
    outbox: Outbox,
}

impl Car {
    async fn enter(server: &Server, id: u32, kind: Kind, name: &str, counter: u32) -> Self {
        let mut wire = Wire::open(server, "/ws/vehicles?v=2").await;
        let key = secret().of_vehicle(VehicleId(id));
        wire.send(encode_v2(&register(id, kind, name), Stamp { session: 0, counter }, &key)).await;
        let mut car = Self { id, wire, outbox: Outbox::new(0) };
        let ToVehicleV2::Registered { session, .. } =
            car.until(|p| matches!(p, ToVehicleV2::Registered { .. })).await
        else {
            unreachable!("it was waited for")
        };
        car.outbox = Outbox::new(session);
        car
    }

    async fn at(&mut self, [x, y]: [f64; 2]) {
        #[expect(clippy::cast_possible_truncation, reason = "the wire carries f32")]
        let packet = FromVehicle::Position { vehicle: VehicleId(self.id), x: x as f32, y: y as f32 };
        let stamp = self.outbox.next_stamp().expect("a number is left");
        self.wire.send(encode_v2(&packet, stamp, &secret().of_vehicle(VehicleId(self.id)))).await;
    }

    async fn until(&mut self, wanted: impl Fn(&ToVehicleV2) -> bool) -> ToVehicleV2 {
        loop {
            let frame = self.wire.frame().await;
            let (packet, _): (ToVehicleV2, _) =
                decode_v2(&frame, &secret().of_vehicle(VehicleId(self.id))).expect("signed");
            if wanted(&packet) {
                return packet;
            }
        }
    }
}

/// A place from which the runner can be cut off by cars that stand in the exits: its exits, and a node far from them.
fn scene(map: &RoadMap) -> ([f64; 2], Vec<[f64; 2]>) {
    let nodes = map.graph.nodes();
    let exits: Vec<[f64; 2]> = nodes.iter().filter(|n| n.exit).map(|n| n.at_m).collect();
    let far =
        |at: [f64; 2]| exits.iter().map(|e| (e[0] - at[0]).hypot(e[1] - at[1])).fold(f64::MAX, f64::min);
    let start = nodes.iter().map(|n| n.at_m).max_by(|a, b| far(*a).total_cmp(&far(*b))).expect("nodes");
    (start, exits)
}

async fn plans(server: &Server) -> Vec<Value> {
    server.get("/api/v1/fleet/plans").await.json()["plans"].as_array().expect("plans").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn cars_are_sent_to_close_the_exits_and_told_to_return() {
    let map = generated_maps(1).swap_remove(0);
    let (start, exits) = scene(&map);
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    let mut quiet = Wire::front(&server, "/ws/front/vehicles?plans=false").await;
    let mut cars = Vec::new();
    for (at, id) in exits.iter().zip(10_u32..) {
        let mut car = Car::enter(&server, id, Kind::Police, &format!("P{id}"), 1).await;
        car.at(*at).await;
        cars.push(car);
    }
    let placed = async || {
        let list = server.get("/vehicles").await.json();
        let known =
            list["vehicles"].as_array().expect("vehicles").iter().filter(|v| !v["position"].is_null());
        known.count() == exits.len()
    };
    server.until("every car is placed", placed).await;
    let mut runner = Car::enter(&server, 2, Kind::Runner, "runner", 1).await;
    runner.at(start).await;
    let shown = front.json("plan").await;
    let runner_id = number(&server, 2).await;
    assert_eq!((&shown["closed"], &shown["runner_id"]), (&json!(true), &json!(runner_id)), "{shown}");
    assert_eq!(shown["escapes"], json!([]));
    let assignments = shown["assignments"].as_array().expect("assignments").clone();
    assert!(!assignments.is_empty() && assignments.len() <= exits.len());
    assert!(assignments.iter().all(|a| a["told"] == true), "every car speaks version 2: {shown}");
    let first = u32::try_from(assignments[0]["vehicle_id"].as_u64().expect("id")).expect("small");
    let car = cars.iter_mut().find(|car| car.id == first).expect("one of ours");
    let order = car.until(|p| matches!(p, ToVehicleV2::Deploy { .. })).await;
    let ToVehicleV2::Deploy { vehicle, plan_no, x, y, .. } = order else { unreachable!("it was waited for") };
    assert_eq!((vehicle.0, u64::from(plan_no)), (first, shown["plan_no"].as_u64().expect("a number")));
    let place = [&assignments[0]["x"], &assignments[0]["y"]].map(|v| v.as_f64().expect("a place"));
    assert!((f64::from(x) - place[0]).abs() < 0.01 && (f64::from(y) - place[1]).abs() < 0.01);
    let standing = plans(&server).await;
    assert_eq!((standing.len(), &standing[0]["plan_no"]), (1, &shown["plan_no"]));
    // A car that comes back is told again.
    let mut again = Car::enter(&server, first, Kind::Police, &format!("P{first}"), 2).await;
    again.until(|p| matches!(p, ToVehicleV2::Deploy { plan_no: no, .. } if *no == plan_no)).await;
    let mut events = Wire::open(&server, "/ws/events?v=2").await;
    let packet = FromVehicle::Catch { catcher: VehicleId(first), runner: VehicleId(2) };
    let stamp = again.outbox.next_stamp().expect("a number is left");
    events.send(encode_v2(&packet, stamp, &secret().of_vehicle(VehicleId(first)))).await;
    let back = |p: &ToVehicleV2| matches!(p, ToVehicleV2::Control { command: Command::Return, .. });
    again.until(back).await;
    assert_eq!(front.json("plan_ended").await["plan_no"], shown["plan_no"]);
    server.until("no plan stands", async || plans(&server).await.is_empty()).await;
    let frame = quiet.next().await.expect("open");
    assert!(frame.is_binary(), "who takes no plans is told none");
}

#[tokio::test(flavor = "multi_thread")]
async fn cars_of_version_1_are_in_the_plan_but_have_to_be_told_by_people() {
    let map = generated_maps(1).swap_remove(0);
    let (start, exits) = scene(&map);
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    let mut wire = Wire::open(&server, "/ws/vehicles").await;
    wire.say(&register(10, Kind::Police, "P10")).await;
    #[expect(clippy::cast_possible_truncation, reason = "the wire carries f32")]
    let at = |id: u32, [x, y]: [f64; 2]| super::position(id, x as f32, y as f32);
    wire.say(&at(10, exits[0])).await;
    wire.say(&register(2, Kind::Runner, "runner")).await;
    wire.say(&at(2, start)).await;
    let shown = front.json("plan").await;
    // The only car chases: there is a way out, whatever it does.
    assert_eq!((&shown["closed"], &shown["chaser"]["told"]), (&json!(false), &json!(false)), "{shown}");
    assert_eq!(shown["chaser"]["vehicle_id"], 10, "{shown}");
    assert!(!shown["escapes"].as_array().expect("escapes").is_empty());
    // It hears what it always heard, and nothing that it does not know.
    let target = wire.until(|p: &ToVehicle| matches!(p, ToVehicle::Target { .. })).await;
    assert!(matches!(target, ToVehicle::Target { runner: VehicleId(2), .. }));
}
