//! A chase from its first word to the catch.

use nightshift_domain::fleet::wire::{ErrorCode, FromVehicle, ToFront, ToVehicle, TraceStatus};
use nightshift_domain::fleet::{CarId, Damage, Kind, VehicleId};
use serde_json::json;

use super::{Wire, fleet, number, position, register, registered};
use crate::common::Server;

fn catch(catcher: u32, runner: u32) -> FromVehicle {
    FromVehicle::Catch { catcher: VehicleId(catcher), runner: VehicleId(runner) }
}

async fn events(server: &Server) -> Vec<serde_json::Value> {
    server.get("/vehicles/events").await.json()["events"].as_array().expect("events").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_hears_of_a_chase_and_the_first_catch_counts() {
    let server = fleet(&[]).await;
    let police = registered(&server, 3, Kind::Police, "POLICE_2").await;
    let mut front = Wire::front(&server, "/ws/front/events").await;
    let mut listener = Wire::open(&server, "/ws/vehicles").await;
    let mut hears_events = Wire::open(&server, "/ws/events").await;
    let mut runner_wire = Wire::open(&server, "/ws/vehicles").await;
    runner_wire.say(&register(2, Kind::Runner, "runner")).await;
    let runner = number(&server, 2).await;
    assert_eq!(listener.heard().await, ToVehicle::Run { runner: VehicleId(2) });
    let trace = front.shown().await;
    let running =
        matches!(trace, ToFront::Trace { runner: id, status: TraceStatus::Run, .. } if id == CarId(runner));
    assert!(running, "{trace:?}");
    // The same again is no new chase.
    runner_wire.say(&register(2, Kind::Runner, "runner")).await;
    runner_wire.say(&position(2, 3.0, 4.0)).await;
    let target = ToVehicle::Target { runner: VehicleId(2), x: 3.0, y: 4.0 };
    assert_eq!(listener.heard().await, target);

    let mut car = Wire::open(&server, "/ws/events").await;
    car.say(&FromVehicle::CatchFailed { catcher: VehicleId(3), runner: VehicleId(2) }).await;
    let (failed, caught) = (
        ToVehicle::CatchFailed { catcher: VehicleId(3), runner: VehicleId(2) },
        ToVehicle::Catch { catcher: VehicleId(3), runner: VehicleId(2) },
    );
    assert_eq!(car.heard().await, failed);
    car.say(&catch(3, 2)).await;
    assert_eq!(
        (car.heard().await, hears_events.heard().await, hears_events.heard().await),
        (caught, failed, caught)
    );
    let shown = (front.shown().await, front.shown().await);
    let (catcher, runner_id) = (CarId(police), CarId(runner));
    assert_eq!(
        shown,
        (ToFront::CatchFailed { catcher, runner: runner_id }, ToFront::Catch { catcher, runner: runner_id })
    );
    // A second report is answered and changes nothing.
    car.say(&catch(3, 2)).await;
    assert_eq!(car.heard().await, caught);
    let statuses: Vec<_> = events(&server).await.iter().map(|e| e["status"].clone()).collect();
    assert_eq!(statuses, [json!("catch"), json!("failed"), json!("run")], "the newest first");
    let newest = &events(&server).await[0];
    assert_eq!((&newest["catcher_id"], &newest["runner_id"]), (&json!(police), &json!(runner)));
    // It begins anew when the runner registers again.
    runner_wire.say(&register(2, Kind::Runner, "runner")).await;
    assert_eq!(listener.heard().await, ToVehicle::Run { runner: VehicleId(2) });
    assert_eq!(events(&server).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_part_in_a_chase_is_refused() {
    let server = fleet(&[]).await;
    registered(&server, 3, Kind::Police, "POLICE_2").await;
    registered(&server, 2, Kind::Runner, "runner").await;
    let mut car = Wire::open(&server, "/ws/events").await;
    for wrong in [catch(3, 9), catch(9, 2), catch(2, 2), catch(3, 3)] {
        car.say(&wrong).await;
        assert_eq!(car.heard().await, ToVehicle::Nack(ErrorCode::InvalidData), "{wrong:?}");
    }
    // Anything bad on this channel is answered.
    car.send(vec![0xFE; 25]).await;
    assert_eq!(car.heard().await, ToVehicle::Nack(ErrorCode::InvalidFormat));
    car.say(&position(3, 0.0, 0.0)).await;
    assert_eq!(
        car.heard().await,
        ToVehicle::Nack(ErrorCode::InvalidFormat),
        "it belongs on the other channel"
    );
    assert_eq!(events(&server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn near_enough_is_caught_when_the_rule_is_on() {
    let server = fleet(&[("FLEET__CAPTURE_RADIUS_M", "10")]).await;
    let mut hears_events = Wire::open(&server, "/ws/events").await;
    let mut wire = Wire::open(&server, "/ws/vehicles").await;
    for (id, kind, name) in [(3, Kind::Police, "A"), (4, Kind::Police, "B"), (2, Kind::Runner, "runner")] {
        wire.say(&register(id, kind, name)).await;
    }
    wire.say(&position(3, 100.0, 50.0)).await;
    wire.say(&position(2, 120.0, 50.0)).await;
    wire.say(&position(4, 111.0, 50.0)).await;
    let caught = ToVehicle::Catch { catcher: VehicleId(4), runner: VehicleId(2) };
    assert_eq!(hears_events.heard().await, caught);
    // The next chase: a car that breaks down fails it.
    wire.say(&register(2, Kind::Runner, "runner")).await;
    wire.say(&position(2, 300.0, 50.0)).await;
    // Both beginnings are heard here: a car that broke down before the second one would fail nobody.
    for _ in 0..2 {
        wire.until(|packet: &ToVehicle| matches!(packet, ToVehicle::Run { .. })).await;
    }
    let (fuel, status) = (50, Damage::CompleteDestroyed);
    wire.say(&FromVehicle::Status { vehicle: VehicleId(3), fuel, collision_count: 2, status }).await;
    let failed = ToVehicle::CatchFailed { catcher: VehicleId(3), runner: VehicleId(2) };
    assert_eq!(hears_events.heard().await, failed);
}
