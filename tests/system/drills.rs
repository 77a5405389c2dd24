//! The plant practises: a part is killed and comes back by itself.

use futures::StreamExt;
use serde_json::Value;

use crate::common::{DEADLINE, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_kills_a_part_and_writes_down_how_long_it_took_to_come_back() {
    let settings = [
        ("SYSTEM__DRILLS", "true"),
        ("SYSTEM__DRILL_FROM_HOUR", "0"),
        ("SYSTEM__DRILL_UNTIL_HOUR", "24"),
        ("SYSTEM__DRILL_INTERVAL_S", "1"),
    ];
    let server = Server::start_with(&settings).await;
    let drills = async |outcome: &str| {
        server.metric(&format!("nightshift_system_drills_total{{outcome=\"{outcome}\"}}")).await
    };
    server.until("three drills were held", async || drills("recovered").await >= 3.0).await;
    assert_eq!(drills("lost").await, 0.0);
    assert!(server.metric("nightshift_system_drill_recovery_seconds_count").await >= 3.0);
    let url = server.url("/api/v1/events?kind=system.drill&last_event_id=0");
    let mut stream = server.client.get(url).send().await.expect("stream").bytes_stream();
    let mut text = String::new();
    let first = async {
        loop {
            text.push_str(&String::from_utf8_lossy(&stream.next().await.expect("goes on").expect("bytes")));
            if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data:")) {
                return serde_json::from_str::<Value>(data).expect("json");
            }
        }
    };
    let event = tokio::time::timeout(DEADLINE, first).await.expect("an event in time");
    assert_eq!(event["data"]["recovered"], true, "{event}");
    assert!(event["data"]["path"].as_str().is_some_and(|path| path.starts_with("plant/")), "{event}");
    assert!(event["data"]["took_ms"].as_u64().is_some_and(|ms| ms < 60_000), "{event}");
    assert!(!event["data"]["path"].as_str().is_some_and(|path| path.starts_with("plant/system")), "{event}");
    server
        .until("it counts as the plant's own recovery", async || {
            server.get("/api/v1/system/overview").await.json()["recoveries"]["total"].as_u64() >= Some(3)
        })
        .await;
    let (status, _dir) = server.stop().await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_wish_there_is_none_and_hours_must_exist() {
    let server = Server::start().await;
    let tree = server.get("/api/v1/system/tree?path=plant/system").await.json();
    let names: Vec<&str> =
        tree["children"].as_array().expect("children").iter().filter_map(|c| c["path"].as_str()).collect();
    assert!(names.contains(&"plant/system/keeper") && !names.contains(&"plant/system/drill"), "{names:?}");
    let done = crate::common::program(server.dir.path(), &["check-config"])
        .env("NIGHTSHIFT__SYSTEM__DRILL_FROM_HOUR", "24")
        .output()
        .expect("the program runs");
    let complaint = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(78) && complaint.contains("drill_from_hour"), "{complaint}");
}
