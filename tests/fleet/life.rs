//! How fresh a vehicle is, why, and what is kept of it.

use nightshift_domain::fleet::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Wire, fleet, number, position, register, registered};
use crate::common::Server;

async fn freshness(server: &Server, id: u32) -> Value {
    server.get(&format!("/vehicles/{id}")).await.json()["freshness"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_vehicle_goes_stale_then_offline_and_says_why() {
    let server = fleet(&[("FLEET__STALE_AFTER_MS", "300"), ("FLEET__OFFLINE_AFTER_MS", "900")]).await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    car.say(&register(3, Kind::Police, "POLICE_2")).await;
    let id = number(&server, 3).await;
    let state = async |word: &str, reason: &str| {
        let now = freshness(&server, id).await;
        now["state"] == word && now["reason"] == reason
    };
    server.until("silent on an open connection", async || state("STALE", "SILENT").await).await;
    server.until("offline", async || state("OFFLINE", "SILENT").await).await;
    car.say(&position(3, 1.0, 1.0)).await;
    server.until("back", async || freshness(&server, id).await["state"] == "ONLINE").await;
    car.close().await;
    server.until("closed in order", async || state("OFFLINE", "CONNECTION_CLOSED").await).await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    car.say(&position(3, 1.0, 1.0)).await;
    server.until("back again", async || freshness(&server, id).await["state"] == "ONLINE").await;
    drop(car);
    server.until("broken off", async || state("OFFLINE", "CONNECTION_BROKEN").await).await;
    let events = async || {
        let events = server.get("/api/v1/system/tree").await.status;
        assert_eq!(events, 200);
        server.metric("nightshift_fleet_vehicles").await == 1.0
    };
    server.until("the figures", events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vehicle_may_be_seen_on_two_connections() {
    let server = fleet(&[]).await;
    let mut first = Wire::open(&server, "/ws/vehicles").await;
    first.say(&register(3, Kind::Police, "POLICE_2")).await;
    let id = number(&server, 3).await;
    let mut second = Wire::open(&server, "/ws/vehicles").await;
    second.say(&position(3, 1.0, 1.0)).await;
    let connections = async || server.get(&format!("/vehicles/{id}")).await.json()["connections"].as_u64();
    server.until("both are known", async || connections().await == Some(2)).await;
    second.close().await;
    server.until("one is left", async || connections().await == Some(1)).await;
    assert_eq!(server.metric("nightshift_fleet_second_connections_total").await, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_vehicle_was_is_kept() {
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    car.say(&register(3, Kind::Police, "POLICE_2")).await;
    let id = number(&server, 3).await;
    for step in 0..5_u8 {
        car.say(&position(3, f32::from(step), 0.5)).await;
        let taken = async || {
            server.get(&format!("/vehicles/{id}")).await.json()["position"]["x"] == json!(f64::from(step))
        };
        server.until("taken", taken).await;
    }
    let path = format!("/api/v1/fleet/vehicles/{id}/positions");
    let xs = async || -> Vec<f64> {
        let list = server.get(&path).await.json();
        list["positions"].as_array().expect("positions").iter().filter_map(|p| p["x"].as_f64()).collect()
    };
    server.until("all are stored", async || xs().await == [0.0, 1.0, 2.0, 3.0, 4.0]).await;
    assert_eq!(server.get(&format!("{path}?limit=2")).await.json()["positions"][1]["x"], 1.0);
    assert_eq!(server.get(&format!("{path}?limit=0")).await.status, 422);
    assert_eq!(server.get("/api/v1/fleet/vehicles/99/positions").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_change_and_remove_vehicles() {
    let server = fleet(&[]).await;
    let id = registered(&server, 3, Kind::Police, "POLICE_2").await;
    registered(&server, 2, Kind::Runner, "runner").await;
    let path = format!("/vehicles/{id}");
    for (body, status) in [
        (json!({ "car_name": "runner" }), 409),
        (json!({ "car_name": "" }), 422),
        (json!({ "car_name": "x".repeat(51) }), 422),
        (json!({ "car_name": "x", "fuel": 3 }), 422),
        (json!({ "car_name": "North" }), 200),
    ] {
        let answer = server.send(Method::PATCH, &path, &body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    assert_eq!(server.send(Method::PATCH, "/vehicles/99", &json!({ "car_name": "x" })).await.status, 404);
    assert_eq!(server.get("/vehicles/none").await.status, 422);
    // Registering again does not change the name back.
    registered(&server, 3, Kind::Police, "POLICE_2").await;
    assert_eq!(server.get(&path).await.json()["car_name"], "North");
    let gone = server.send_text(Method::DELETE, &path, "application/json", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(server.get(&path).await.code(), "VEHICLE_NOT_FOUND");
    assert_ne!(registered(&server, 3, Kind::Police, "POLICE_2").await, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_the_rest_of_the_plant_runs() {
    let server = Server::start().await;
    assert!(server.log().contains("HMAC_SECRET_KEY"), "the log says what to do");
    for path in ["/vehicles", "/maps", "/maps/1", "/vehicles/events", "/api/v1/fleet/plans"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "FLEET_OFF"), "{path}");
        assert!(answer.text.contains("HMAC_SECRET_KEY"), "{}", answer.text);
    }
    for path in ["/ws/vehicles", "/ws/front/vehicles"] {
        assert_eq!(Wire::try_open(&server, path, &server.token).await.err(), Some(503), "{path}");
    }
    assert_eq!(server.get("/api/sensors").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_say_goodbye_when_the_plant_stops() {
    let server = fleet(&[]).await;
    let mut front = Wire::front(&server, "/ws/front/vehicles").await;
    let mut car = Wire::open(&server, "/ws/vehicles").await;
    let (codes, (status, _)) = tokio::join!(
        async { (front.next().await.expect_err("over"), car.next().await.expect_err("over")) },
        server.stop()
    );
    assert_eq!(codes, (Some(1001), Some(1001)));
    assert!(status.success());
}
