//! More than the plant can take: the newest position wins, what must be answered is answered, and dashboards miss nothing.

use std::collections::BTreeMap;

use nightshift_domain::fleet::map::generated_maps;
use nightshift_domain::fleet::wire::{ErrorCode, FromVehicle, ToFront, ToVehicle, decode};
use nightshift_domain::fleet::{CarId, Damage, Kind, VehicleId};

use super::{Wire, fleet, key, position, register, registered};

/// Positions of each vehicle, in one go.
const POSITIONS: u32 = 10_000;
/// Reports of the police car among them, each of which is stored before anybody hears of it.
const REPORTS: u32 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flood_the_newest_position_wins_and_no_report_is_lost_in_silence() {
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let police = registered(&server, 3, Kind::Police, "POLICE_2").await;
    let runner = registered(&server, 2, Kind::Runner, "runner").await;
    let nodes = generated_maps(1).swap_remove(0).graph.nodes()[..2].to_vec();
    #[expect(clippy::cast_possible_truncation, reason = "the wire carries f32")]
    let place = |n: usize| nodes[n].at_m.map(|metres| metres as f32);
    let last = BTreeMap::from([(CarId(police), place(0)), (CarId(runner), place(1))]);
    let at = |vehicle: u32, [x, y]: [f32; 2], n: u32| {
        let off = if n + 1 == POSITIONS { 0.0 } else { (n % 50) as f32 / 10.0 + 1.0 };
        position(vehicle, x + off, y)
    };
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    // It is told the present state first.
    front.until(|packet: &ToFront| matches!(packet, ToFront::State { .. })).await;
    let mut wire = Wire::open(&server, "/ws/vehicles").await;
    wire.say(&register(3, Kind::Police, "POLICE_2")).await;
    wire.say(&register(2, Kind::Runner, "runner")).await;
    let (of_police, of_runner) = (place(0), place(1));
    let flood = tokio::spawn(async move {
        let every = POSITIONS / REPORTS;
        let said = (0..POSITIONS).flat_map(|n| {
            let report = n.is_multiple_of(every).then(|| FromVehicle::Status {
                vehicle: VehicleId(3),
                fuel: u8::try_from(n / every % 101).expect("a percentage"),
                collision_count: 0,
                status: Damage::Normal,
            });
            [at(3, of_police, n), at(2, of_runner, n)].into_iter().chain(report)
        });
        wire.say_all(said).await;
        wire
    });
    // A healthy dashboard sees both where they are in the end, however much was passed over.
    let (mut states, mut seen) = (0_u32, BTreeMap::new());
    while seen != last {
        match front.shown().await {
            ToFront::State { .. } => states += 1,
            ToFront::Positions(positions) => {
                seen.extend(positions.cars().iter().map(|car| (car.id, [car.x, car.y])));
            }
            _ => {}
        }
    }
    let mut wire = flood.await.expect("all was said");
    // Each report was stored and told, or its sender knows that it was not.
    let taken = async || server.metric("nightshift_fleet_statuses_total").await;
    let refused = async || server.metric("nightshift_fleet_nacks_total{code=\"internal\"}").await;
    let settled = async || taken().await + refused().await >= f64::from(REPORTS);
    server.until("every report was answered", settled).await;
    let (taken, refused) = (taken().await, refused().await);
    assert_eq!(taken + refused, f64::from(REPORTS));
    while f64::from(states) < taken {
        states += u32::from(matches!(front.shown().await, ToFront::State { .. }));
    }
    let mut nacks = 0.0;
    while nacks < refused {
        let heard: ToVehicle = decode(&wire.frame().await, &key()).expect("signed");
        nacks += f64::from(u8::from(heard == ToVehicle::Nack(ErrorCode::Internal)));
    }
    // And the planner has kept up with where the runner is now.
    let planned = async || {
        let plans = server.get("/api/v1/fleet/plans").await.json();
        plans["plans"].as_array().is_some_and(|plans| plans.len() == 1 && plans[0]["runner_id"] == runner)
    };
    server.until("a plan stands", planned).await;
}
