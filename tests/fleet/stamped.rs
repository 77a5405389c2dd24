//! Version 2: keys of their own, sessions, counters, and nothing taken twice.

use nightshift_domain::fleet::wire::{
    ErrorCode, FromVehicle, Stamp, ToVehicle, ToVehicleV2, decode_v2, encode_v2,
};
use nightshift_domain::fleet::{CarId, Kind, VehicleId};

use super::{Wire, counted, fleet, number, position, register, registered, secret};
use crate::common::Server;

const PATH: &str = "/ws/vehicles?v=2";

fn stamped(packet: &FromVehicle, session: u32, counter: u32) -> Vec<u8> {
    encode_v2(packet, Stamp { session, counter }, &secret().of_vehicle(packet.sender()))
}

async fn heard(wire: &mut Wire, vehicle: u32) -> (ToVehicleV2, Stamp) {
    decode_v2(&wire.frame().await, &secret().of_vehicle(VehicleId(vehicle))).expect("signed for this vehicle")
}

/// Registers and gives the session.
async fn session(wire: &mut Wire, packet: &FromVehicle, counter: u32) -> u32 {
    wire.send(stamped(packet, 0, counter)).await;
    let vehicle = packet.sender().0;
    loop {
        if let (ToVehicleV2::Registered { session, .. }, stamp) = heard(wire, vehicle).await {
            assert_eq!(stamp, Stamp { session: 0, counter }, "it answers this question and no other");
            return session;
        }
    }
}

async fn x_of(server: &Server, id: u32) -> f64 {
    server.get(&format!("/vehicles/{id}")).await.json()["position"]["x"].as_f64().unwrap_or(f64::NAN)
}

async fn dropped(server: &Server, reason: &str) -> f64 {
    counted(server, "nightshift_fleet_dropped_frames_total", &format!("reason=\"{reason}\"")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_is_taken_once() {
    let server = fleet(&[]).await;
    let mut car = Wire::open(&server, PATH).await;
    let me = register(3, Kind::Police, "POLICE_2");
    let opened = session(&mut car, &me, 100).await;
    let id = number(&server, 3).await;
    let first = stamped(&position(3, 1.0, 0.0), opened, 1);
    car.send(first.clone()).await;
    car.send(stamped(&position(3, 2.0, 0.0), opened, 5)).await;
    server.until("the newest position", async || x_of(&server, id).await == 2.0).await;
    // Copies, late ones, other sessions and other vehicles' keys are dropped and counted.
    car.send(first).await;
    car.send(stamped(&position(3, 9.0, 0.0), opened, 4)).await;
    car.send(stamped(&position(3, 9.0, 0.0), opened + 1, 9)).await;
    car.send(stamped(&me, 0, 100)).await;
    server.until("four replays", async || dropped(&server, "replay").await == 4.0).await;
    let forged = encode_v2(
        &position(3, 9.0, 0.0),
        Stamp { session: opened, counter: 50 },
        &secret().of_vehicle(VehicleId(4)),
    );
    car.send(forged).await;
    car.say(&position(3, 9.0, 0.0)).await;
    server.until("two forgeries", async || dropped(&server, "tag").await >= 1.0).await;
    assert_eq!(x_of(&server, id).await, 2.0);
    // A newer registration ends the session.
    let next = session(&mut car, &me, 101).await;
    assert_eq!(next, opened + 1);
    car.send(stamped(&position(3, 9.0, 0.0), opened, 60)).await;
    server.until("five replays", async || dropped(&server, "replay").await == 5.0).await;
    car.send(stamped(&position(3, 3.0, 0.0), next, 1)).await;
    server.until("the new session's position", async || x_of(&server, id).await == 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_session_is_told_so() {
    let server = fleet(&[]).await;
    let mut car = Wire::open(&server, PATH).await;
    car.send(stamped(&position(3, 1.0, 0.0), 7, 42)).await;
    let (packet, stamp) = heard(&mut car, 3).await;
    assert_eq!(packet, ToVehicleV2::Plain(ToVehicle::Nack(ErrorCode::InvalidData)));
    assert_eq!(stamp, Stamp { session: 0, counter: 42 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_no_replay() {
    let server = fleet(&[]).await;
    let me = register(3, Kind::Police, "POLICE_2");
    let mut car = Wire::open(&server, PATH).await;
    let before = session(&mut car, &me, 100).await;
    let (status, dir) = server.stop().await;
    assert!(status.success());
    let server = Server::start_in(dir, &[("FLEET__SECRET", super::SECRET)]).await;
    let mut car = Wire::open(&server, PATH).await;
    car.send(stamped(&me, 0, 100)).await;
    server.until("a recorded registration", async || dropped(&server, "replay").await == 1.0).await;
    car.send(stamped(&position(3, 9.0, 0.0), before, 1)).await;
    let (packet, _) = heard(&mut car, 3).await;
    assert_eq!(packet, ToVehicleV2::Plain(ToVehicle::Nack(ErrorCode::InvalidData)));
    assert_eq!(session(&mut car, &me, 101).await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_vehicle_keeps_its_guard() {
    let server = fleet(&[]).await;
    let me = register(3, Kind::Police, "POLICE_2");
    let mut car = Wire::open(&server, PATH).await;
    session(&mut car, &me, 100).await;
    let id = number(&server, 3).await;
    let gone =
        server.send_text(reqwest::Method::DELETE, &format!("/vehicles/{id}"), "application/json", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    car.send(stamped(&me, 0, 100)).await;
    server.until("a recorded registration", async || dropped(&server, "replay").await == 1.0).await;
    assert!(server.get("/vehicles").await.json()["vehicles"].as_array().expect("list").is_empty());
    session(&mut car, &me, 101).await;
    assert_ne!(number(&server, 3).await, id, "it is another vehicle now");
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_can_be_turned_off_and_both_hear_the_same() {
    let server = fleet(&[("FLEET__V1", "false")]).await;
    for path in ["/ws/vehicles", "/ws/events", "/ws/vehicles?v=1"] {
        assert_eq!(Wire::try_open(&server, path, "").await.err(), Some(403), "{path}");
    }
    let mut car = Wire::open(&server, PATH).await;
    let opened = session(&mut car, &register(3, Kind::Police, "POLICE_2"), 1).await;
    let mut runner = Wire::open(&server, PATH).await;
    session(&mut runner, &register(2, Kind::Runner, "runner"), 1).await;
    let (packet, stamp) = heard(&mut car, 3).await;
    assert_eq!(packet, ToVehicleV2::Plain(ToVehicle::Run { runner: VehicleId(2) }));
    assert_eq!(stamp, Stamp { session: opened, counter: 1 });
    let mut events = Wire::open(&server, "/ws/events?v=2").await;
    events
        .send(stamped(&FromVehicle::Catch { catcher: VehicleId(3), runner: VehicleId(2) }, opened, 1))
        .await;
    let (packet, stamp) = heard(&mut events, 3).await;
    assert_eq!(packet, ToVehicleV2::Plain(ToVehicle::Catch { catcher: VehicleId(3), runner: VehicleId(2) }));
    assert_eq!(stamp, Stamp { session: opened, counter: 2 });
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_live_side_by_side() {
    let server = fleet(&[]).await;
    let old = registered(&server, 4, Kind::Police, "POLICE_3").await;
    let mut car = Wire::open(&server, PATH).await;
    session(&mut car, &register(3, Kind::Police, "POLICE_2"), 1).await;
    let ids: Vec<CarId> = vec![CarId(old), CarId(number(&server, 3).await)];
    assert_ne!(ids[0], ids[1]);
    let versions = (
        counted(&server, "nightshift_fleet_registrations_total", "version=\"1\"").await,
        counted(&server, "nightshift_fleet_registrations_total", "version=\"2\"").await,
    );
    assert_eq!(versions, (1.0, 1.0));
}
