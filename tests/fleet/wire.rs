//! Version 1, byte for byte, and what becomes of frames that are not right.

use nightshift_domain::fleet::wire::{
    CarPosition, ErrorCode, FromVehicle, Positions, ToFront, ToVehicle, encode,
};
use nightshift_domain::fleet::{CarId, Damage, Kind, MapId, VehicleId};

use super::{Wire, counted, fleet, key, name, number, position, register, registered, unhex};

#[tokio::test(flavor = "multi_thread")]
async fn existing_simulators_and_dashboards_understand_every_byte() {
    let server = fleet(&[("FLEET__MAP_ID", "2")]).await;
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    // The frames of `docs/fleet.md`, as a simulator sends them.
    car.send(unhex("a00300000000504f4c4943455f3200008a0be2ec2ea785e52b94c254e69caf04")).await;
    let id = CarId(number(&server, 3).await);
    let known = ToFront::Registered { id, vehicle: VehicleId(3), kind: Kind::Police, name: name("POLICE_2") };
    let frame = front.frame().await;
    assert_eq!(frame, encode(&known, &key()));
    assert_eq!((frame.len(), frame[0], &frame[5..9]), (36, 0xA2, [3, 0, 0, 0].as_slice()));
    car.send(unhex("13030000000000c03f000010c06af6cba563ddaf189fd7439770610e60")).await;
    let here = CarPosition { id, x: 1.5, y: -2.25 };
    let moved = Positions::frames(MapId(2), &[here]).next().expect("one");
    assert_eq!(front.frame().await, encode(&moved, &key()));
    car.send(unhex("12030000005a0101bdd717873410c1983fbf188bf23ac4a8")).await;
    let state = ToFront::State { id, collision_count: 1, status: Damage::HalfDestroyed, fuel: 90 };
    assert_eq!(front.frame().await, encode(&state, &key()));
    let shown = server.get(&format!("/vehicles/{}", id.0)).await.json();
    assert_eq!((&shown["car_name"], &shown["vehicle_type"]), (&"POLICE_2".into(), &"police".into()));
    let details = serde_json::json!({ "fuel": 90, "collision_count": 1, "status": "half_destroyed" });
    assert_eq!(shown["details"], details);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_as_ever() {
    let server = fleet(&[]).await;
    registered(&server, 3, Kind::Police, "POLICE_2").await;
    registered(&server, 2, Kind::Runner, "runner").await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    let nack = async |car: &mut Wire, packet: FromVehicle, code: ErrorCode| {
        car.say(&packet).await;
        let heard = car.until(|p: &ToVehicle| matches!(p, ToVehicle::Nack(_))).await;
        assert_eq!(heard, ToVehicle::Nack(code), "{packet:?}");
    };
    nack(&mut car, position(9, 0.0, 0.0), ErrorCode::InvalidData).await;
    nack(&mut car, position(3, f32::NAN, 0.0), ErrorCode::InvalidCoordinate).await;
    nack(&mut car, position(3, 0.0, f32::INFINITY), ErrorCode::InvalidCoordinate).await;
    nack(&mut car, register(4, Kind::Police, "POLICE_2"), ErrorCode::DuplicateName).await;
    nack(&mut car, register(3, Kind::Runner, "POLICE_2"), ErrorCode::InvalidData).await;
    let status = |id| FromVehicle::Status {
        vehicle: VehicleId(id),
        fuel: 1,
        collision_count: 0,
        status: Damage::Normal,
    };
    nack(&mut car, status(9), ErrorCode::InvalidData).await;
    nack(&mut car, status(2), ErrorCode::InvalidData).await;
    // A bad 12 is answered; a bad 13, an unknown type and junk are not.
    let mut flipped = encode(&status(3), &key());
    flipped[5] ^= 1;
    let mut forged = encode(&position(3, 5.0, 5.0), &key());
    forged[7] ^= 1;
    car.send(forged).await;
    car.send(vec![0x77; 40]).await;
    car.send(vec![1]).await;
    car.send(vec![0; 2_000]).await;
    car.text("13 of course").await;
    car.send(flipped).await;
    let heard = car.until(|p: &ToVehicle| matches!(p, ToVehicle::Nack(_))).await;
    assert_eq!(heard, ToVehicle::Nack(ErrorCode::InvalidFormat));
    assert!(counted(&server, "nightshift_fleet_dropped_frames_total", "reason=\"tag\"").await >= 4.0);
    let shown = server.get("/vehicles").await.json();
    assert_eq!(shown["vehicles"][0]["position"], serde_json::Value::Null, "a forged position is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_forges_is_shown_the_door() {
    let server = fleet(&[]).await;
    let mut forger = Wire::open(&server, "/ws/vehicles").await;
    for _ in 0..64 {
        forger.send(vec![0x13; 29]).await;
    }
    assert_eq!(forger.next().await.expect_err("closed"), Some(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_for_every_frame_is_as_good_as_one() {
    let server =
        fleet(&[("HTTP__RATE_LIMIT__ENABLED", "true"), ("HTTP__RATE_LIMIT__ADDRESS_PER_MINUTE", "20")]).await;
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    let id = registered(&server, 3, Kind::Police, "POLICE_2").await;
    for step in 0..40_u8 {
        let mut car = Wire::open(&server, "/ws/vehicles").await;
        car.say(&position(3, f32::from(step), 0.0)).await;
        let wanted = |p: &ToFront| matches!(p, ToFront::Positions(all) if all.cars()[0] == CarPosition { id: CarId(id), x: f32::from(step), y: 0.0 });
        front.until(wanted).await;
        car.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vehicles_have_places_of_their_own() {
    let server = fleet(&[("FLEET__CONNECTIONS_MAX", "2"), ("HTTP__SOCKETS_MAX", "1")]).await;
    let _first = Wire::open(&server, "/ws/vehicles").await;
    let _second = Wire::open(&server, "/ws/events").await;
    assert_eq!(Wire::try_open(&server, "/ws/vehicles", "").await.err(), Some(503));
    let _front = Wire::front(&server, "/ws/front/vehicles").await;
    assert_eq!(Wire::try_open(&server, "/ws/front/events", &server.token).await.err(), Some(503));
    for path in ["/ws/vehicles", "/ws/front/vehicles/"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (426, "UPGRADE_REQUIRED"));
    }
    assert_eq!(Wire::try_open(&server, "/ws/vehicles?v=3", "").await.err(), Some(422));
}
