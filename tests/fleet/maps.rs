//! Maps: six generated ones, and those of people.

use std::path::Path;

use serde_json::{Value, json};

use super::{SECRET, fleet};
use crate::common::Server;

fn write_map(folder: &Path, about: &Value) {
    std::fs::create_dir_all(folder).expect("a folder");
    let surface = json!({ "type": "FeatureCollection", "features": [] });
    let links = json!({
        "nodes": [{ "id": 1, "x": 0.0, "y": 0.0 }, { "id": 2, "x": 100.0, "y": 0.0, "exit": true }],
        "links": [{ "id": 1, "from": 1, "to": 2, "speed_limit_kmh": 50 }],
    });
    for (name, text) in [("map.json", about), ("surface.geojson", &surface), ("links.json", &links)] {
        std::fs::write(folder.join(name), text.to_string()).expect("written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_six_sites_are_there() {
    let server = fleet(&[]).await;
    let maps = server.get("/maps/").await.json();
    let names: Vec<&str> =
        maps["maps"].as_array().expect("maps").iter().filter_map(|m| m["map_name"].as_str()).collect();
    let want = ["K-City", "KATRI", "KIAPI", "상암 (건물 없음)", "세종 BRT", "라스베가스 컨벤션 센터"];
    assert_eq!(names, want);
    assert!(maps["maps"][0]["created_at"].is_string() && maps["maps"][0]["description"].is_string());
    let surface = server.get("/maps/4").await;
    assert_eq!(surface.header("content-type"), "application/geo+json");
    assert_eq!(surface.json()["type"], "FeatureCollection");
    assert_eq!(server.get("/maps/7").await.code(), "MAP_NOT_FOUND");
    assert_eq!(server.get("/maps/K-City").await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_of_your_own_are_taken_and_may_replace_ours() {
    let dir = tempfile::TempDir::new().expect("directory");
    write_map(&dir.path().join("yard"), &json!({ "map_id": 7, "map_name": "Yard" }));
    write_map(&dir.path().join("city"), &json!({ "map_id": 1, "map_name": "Our city" }));
    std::fs::create_dir(dir.path().join("no map")).expect("a folder");
    let server = fleet(&[("FLEET__MAPS_DIR", dir.path().to_str().expect("utf-8"))]).await;
    let maps = server.get("/maps").await.json();
    let name = |at: usize| maps["maps"][at]["map_name"].clone();
    assert_eq!((name(0), name(6)), (json!("Our city"), json!("Yard")));
    assert_eq!(server.get("/maps/7").await.json(), json!({ "type": "FeatureCollection", "features": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_map_stops_the_fleet_alone_and_is_named() {
    let dir = tempfile::TempDir::new().expect("directory");
    write_map(&dir.path().join("yard"), &json!({ "map_id": 7, "map_name": "" }));
    let folder = dir.path().to_str().expect("utf-8");
    let server = Server::start_with(&[("FLEET__SECRET", SECRET), ("FLEET__MAPS_DIR", folder)]).await;
    let answer = server.get("/vehicles").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "FLEET_OFF"));
    assert!(answer.text.contains("yard") && answer.text.contains("map_name"), "{}", answer.text);
    assert_eq!(server.get("/api/sensors").await.status, 200);
    let health = server.get("/api/v1/health").await.json();
    let parts = health["components"].as_array().expect("parts");
    let fleet = parts.iter().find(|part| part["name"] == "fleet").expect("the fleet's part");
    assert_eq!(fleet["state"], "degraded");
}
