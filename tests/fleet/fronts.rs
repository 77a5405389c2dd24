//! Dashboards: who may watch, what they are told first, what they may ask, and what becomes of a slow one.

use std::time::Duration;

use futures::SinkExt;
use nightshift_domain::fleet::wire::{CarPosition, Positions, ToFront, encode};
use nightshift_domain::fleet::{CarId, Damage, Kind, MapId, VehicleId};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::{Wire, counted, fleet, key, name, position, register, registered};
use crate::common::Server;
use crate::identity::{machine, token, user, with};

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_is_told_the_present_state_first_also_after_a_restart() {
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let (police, runner) = (
        registered(&server, 3, Kind::Police, "POLICE_2").await,
        registered(&server, 2, Kind::Runner, "runner").await,
    );
    let mut wire = Wire::open(&server, "/ws/vehicles").await;
    wire.say(&position(3, 1.5, -2.25)).await;
    wire.say(&position(2, 8.0, 9.0)).await;
    let status = nightshift_domain::fleet::wire::FromVehicle::Status {
        vehicle: VehicleId(3),
        fuel: 90,
        collision_count: 1,
        status: Damage::HalfDestroyed,
    };
    wire.say(&status).await;
    let known = async || {
        let list = server.get("/vehicles").await.json();
        list["vehicles"][0]["details"]["fuel"] == 90 && !list["vehicles"][1]["position"].is_null()
    };
    server.until("all was taken", known).await;
    let renamed = json!({ "car_name": "북문 순찰차" });
    let answer = server.send(Method::PATCH, &format!("/vehicles/{police}"), &renamed).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["car_name"]), (200, &json!("북문 순찰차")));
    let id = CarId(police);
    let positions = [CarPosition { id, x: 1.5, y: -2.25 }, CarPosition { id: CarId(runner), x: 8.0, y: 9.0 }];
    let want = [
        ToFront::Registered { id, vehicle: VehicleId(3), kind: Kind::Police, name: name("북문 순") },
        ToFront::State { id, collision_count: 1, status: Damage::HalfDestroyed, fuel: 90 },
        ToFront::Registered {
            id: CarId(runner),
            vehicle: VehicleId(2),
            kind: Kind::Runner,
            name: name("runner"),
        },
        Positions::frames(MapId(1), &positions).next().expect("one"),
    ];
    let first = async |server: &Server| {
        let mut front = Wire::front(server, "/ws/front/vehicles").await;
        [front.frame().await, front.frame().await, front.frame().await, front.frame().await]
    };
    let want = want.map(|packet| encode(&packet, &key()));
    assert_eq!(first(&server).await, want);
    let (status, dir) = server.stop().await;
    assert!(status.success());
    let server = Server::start_in(dir, &[("FLEET__SECRET", super::SECRET), ("FLEET__MAP_ID", "1")]).await;
    assert_eq!(first(&server).await, want);
    let offline = server.get(&format!("/vehicles/{police}")).await.json();
    assert_eq!(
        offline["freshness"],
        json!({ "state": "OFFLINE", "heard_at": null, "reason": "NOT_HEARD_YET" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_watch_get_in() {
    let server = fleet(&[]).await;
    let path = "/ws/front/vehicles";
    assert_eq!(Wire::try_open(&server, path, "").await.err(), Some(401));
    assert_eq!(Wire::try_open(&server, path, "nonsense").await.err(), Some(401));
    user(&server, "nurse", "NURSE").await;
    user(&server, "viewer", "VIEWER").await;
    let nurse = token(&server, "nurse").await;
    assert_eq!(Wire::try_open(&server, path, &nurse).await.err(), Some(403));
    let viewer = token(&server, "viewer").await;
    assert!(Wire::try_open(&server, path, &viewer).await.is_ok());
    assert!(
        Wire::try_open(&server, &format!("/ws/front/events?token={viewer}"), "").await.is_ok(),
        "a browser's way"
    );
    let (_, wall) = machine(&server, "wall", &["fleet:read"]).await;
    assert!(Wire::try_open(&server, path, &wall).await.is_ok());
    assert_eq!(with(&server, &wall, Method::GET, "/vehicles", None).await.status, 200);
    assert_eq!(
        with(&server, &viewer, Method::PATCH, "/vehicles/1", Some(&json!({ "car_name": "x" }))).await.status,
        403
    );
    assert_eq!(with(&server, "", Method::GET, "/vehicles", None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_network_may_be_left_open_to_dashboards() {
    let server = fleet(&[("FLEET__OPEN_FRONTS", "true")]).await;
    assert!(server.log().contains("fleet.open_fronts"), "the log says so");
    registered(&server, 3, Kind::Police, "POLICE_2").await;
    let mut front = Wire::open(&server, "/ws/front/vehicles").await;
    assert!(matches!(front.shown().await, ToFront::Registered { .. }));
    assert_eq!(with(&server, "", Method::GET, "/vehicles", None).await.status, 200);
    assert_eq!(with(&server, "", Method::GET, "/maps/1", None).await.status, 200);
    front.text(r#"{"action":"update_vehicle","id":1,"car_name":"mine"}"#).await;
    let answer = front.json("answer").await;
    assert_eq!(
        (&answer["ok"], &answer["code"]),
        (&json!(false), &json!("FORBIDDEN")),
        "not without signing in"
    );
}

async fn ask(front: &mut Wire, request: &Value) -> Value {
    front.text(&request.to_string()).await;
    front.json("answer").await
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_may_change_vehicles_and_acknowledge_events() {
    let server = fleet(&[]).await;
    let police = registered(&server, 3, Kind::Police, "POLICE_2").await;
    registered(&server, 2, Kind::Runner, "runner").await;
    user(&server, "viewer", "VIEWER").await;
    user(&server, "lead", "MANAGER").await;
    let viewer = token(&server, "viewer").await;
    let lead = token(&server, "lead").await;
    let rename = json!({ "action": "update_vehicle", "id": police, "car_name": "North" });
    let mut watching = Wire::try_open(&server, "/ws/front/vehicles", &viewer).await.expect("may watch");
    assert_eq!(ask(&mut watching, &rename).await["code"], "FORBIDDEN");
    let mut front = Wire::try_open(&server, "/ws/front/vehicles", &lead).await.expect("may watch");
    front.text("ping").await;
    front.send(vec![1, 2, 3]).await;
    let answer = ask(&mut front, &rename).await;
    assert_eq!((&answer["ok"], &answer["vehicle"]["car_name"]), (&json!(true), &json!("North")));
    let told = |p: &ToFront| matches!(p, ToFront::Registered { name, .. } if name.as_str() == "North");
    watching.until(told).await;
    let taken = json!({ "action": "update_vehicle", "id": police, "car_name": "runner" });
    assert_eq!(ask(&mut front, &taken).await["code"], "NAME_IN_USE");
    let empty = json!({ "action": "update_vehicle", "id": police, "car_name": "" });
    assert_eq!(ask(&mut front, &empty).await["code"], "VALIDATION_ERROR");
    let unknown = json!({ "action": "update_vehicle", "id": 99, "car_name": "x" });
    assert_eq!(ask(&mut front, &unknown).await["code"], "VEHICLE_NOT_FOUND");
    let event = server.get("/vehicles/events").await.json()["events"][0].clone();
    assert_eq!(event["acknowledged_at"], Value::Null);
    let acknowledge = json!({ "action": "ack_event", "id": event["id"] });
    assert_eq!(
        ask(&mut front, &acknowledge).await["code"],
        "UNKNOWN_ACTION",
        "it belongs on the other socket"
    );
    let mut front = Wire::try_open(&server, "/ws/front/events", &lead).await.expect("may watch");
    assert_eq!(ask(&mut front, &acknowledge).await["ok"], true);
    assert!(server.get("/vehicles/events").await.json()["events"][0]["acknowledged_at"].is_string());
    assert_eq!(
        ask(&mut front, &json!({ "action": "ack_event", "id": 99 })).await["code"],
        "VEHICLE_EVENT_NOT_FOUND"
    );
    let audit = server.get("/api/v1/audit-logs?entity_type=vehicle").await;
    assert!(audit.text.contains("North"), "{}", audit.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_may_ask_nothing_more() {
    let server = fleet(&[]).await;
    user(&server, "lead", "MANAGER").await;
    let lead = token(&server, "lead").await;
    let mut front = Wire::try_open(&server, "/ws/front/vehicles", &lead).await.expect("may watch");
    assert_eq!(with(&server, &lead, Method::POST, "/api/v1/auth/logout", None).await.status, 200);
    front.text(r#"{"action":"update_vehicle","id":1,"car_name":"x"}"#).await;
    let end = loop {
        if let Err(code) = front.next().await {
            break code;
        }
    };
    assert_eq!(end, Some(1008));
}

/// Connections, and vehicles on each, of a fleet that fills a queue soon.
const WIRES: u32 = 4;
const PER_WIRE: u32 = 250;

/// The numbers of the vehicles on a connection.
fn own(part: u32) -> std::ops::Range<u32> {
    part * PER_WIRE..(part + 1) * PER_WIRE
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_stops_reading_is_closed_and_harms_nobody() {
    let server = fleet(&[("FLEET__FRONT_QUEUE_KIB", "64")]).await;
    let mut wires = Vec::new();
    for part in 0..WIRES {
        let mut wire = Wire::open(&server, "/ws/vehicles").await;
        let all = own(part).map(|id| register(id, Kind::Police, &format!("P{id}")));
        wire.say_all(all).await;
        wires.push(wire);
    }
    let all = async || server.metric("nightshift_fleet_vehicles").await == f64::from(WIRES * PER_WIRE);
    server.until("all are registered", all).await;
    // A client with hardly any room for what it does not read.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let stream = socket.connect(server.address).await.expect("connected");
    let url = format!("ws://{}/ws/front/vehicles?token={}", server.address, server.token);
    let (mut slow, _) = client_async(url, stream).await.expect("open");
    slow.send(Message::text("hello")).await.expect("sent");
    let mut healthy = Wire::front(&server, "/ws/front/vehicles").await;
    let reader = tokio::spawn(async move {
        let last =
            |p: &ToFront| matches!(p, ToFront::Positions(all) if all.cars().iter().any(|c| c.x == -1.0));
        healthy.until(last).await
    });
    let closed = async || {
        counted(
            &server,
            "nightshift_http_sockets_closed_total",
            "channel=\"front_vehicles\",reason=\"too_slow\"",
        )
        .await
            >= 1.0
    };
    let mut step = 0.0_f32;
    let flood = async {
        loop {
            step += 1.0;
            for (wire, part) in wires.iter_mut().zip(0..) {
                wire.say_all(own(part).map(|id| position(id, step, 0.0))).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closing = server.until("the slow dashboard is closed", async || {
        let text = server.get("/metrics").await.text;
        text.contains("channel=\"front_vehicles\",reason=\"too_slow\"") && closed().await
    });
    tokio::select! {
        () = flood => {}
        () = closing => {}
    }
    wires[0].say(&position(0, -1.0, 0.0)).await;
    reader.await.expect("the healthy one heard all to the end");
}
