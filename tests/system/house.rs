//! How long nobody stepped in, what the plant did by itself, and an administrator's commands on the tree.

use nightshift_domain::Timestamp;
use serde_json::{Value, json};

use crate::common::Server;

async fn overview(server: &Server) -> Value {
    let answer = server.get("/api/v1/system/overview").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

fn since(view: &Value) -> Timestamp {
    view["unattended_since"].as_str().expect("time").parse().expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_restarts_an_actor_and_it_is_written_down() {
    let server = Server::start().await;
    let before = overview(&server).await;
    assert_eq!((&before["unattended_why"], &before["recoveries"]["total"]), (&json!("started"), &json!(0)));

    let schedule = "plant/sensing/schedule";
    let node = async || server.get(&format!("/api/v1/system/tree?path={schedule}")).await.json();
    assert_eq!(node().await["restarts"], 0);
    let done = server.post("/api/v1/system/tree/restart", &json!({ "path": schedule })).await;
    assert_eq!(
        (done.status.as_u16(), &done.json()["data"]["path"]),
        (200, &json!(schedule)),
        "{}",
        done.text
    );
    server.until("it runs again", async || node().await["state"] == "running").await;
    assert_eq!(node().await["restarts"], 1);
    assert_eq!(server.get("/api/config/schedule").await.status, 200, "its address outlived the restart");

    let after = overview(&server).await;
    assert_eq!(after["unattended_why"], "restarted");
    assert!(since(&after) > since(&before));
    assert_eq!(after["recoveries"]["total"], 0, "what a person did is not the plant's own doing");
    let lines = server.get("/api/v1/audit-logs?entity_type=actor").await.json();
    assert_eq!(lines[0]["entity_id"], schedule, "{lines}");
    assert_eq!(
        (&lines[0]["actor_name"], &lines[0]["new_values"]["done"]),
        (&json!("admin"), &json!("restarted"))
    );

    let release = server.post("/api/v1/system/tree/release", &json!({ "path": schedule })).await;
    assert_eq!((release.status.as_u16(), release.code().as_str()), (409, "NOT_QUARANTINED"));
    for path in ["plant", "plant/nothing", ""] {
        let answer = server.post("/api/v1/system/tree/restart", &json!({ "path": path })).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "PATH_NOT_FOUND"), "{path}");
    }
    assert_eq!(since(&overview(&server).await), since(&after), "what was refused is no intervention");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_cut_off_recovers_by_itself_and_an_ordered_start_is_a_persons() {
    let server = Server::start().await;
    let kept = async |server: &Server| {
        // The house is written down by its own actor, soon after the start.
        let running = async || {
            let tree = server.get("/api/v1/system/tree?path=plant/system/watch").await.json();
            tree["state"] == "running"
        };
        server.until("the watch runs", running).await;
    };
    kept(&server).await;
    let first = overview(&server).await;
    let dir = std::sync::Arc::clone(&server.dir);
    rustix::process::kill_process(server.pid(), rustix::process::Signal::KILL).expect("signal");
    drop(server);

    let again = Server::start_in(dir, &[]).await;
    kept(&again).await;
    let cut = overview(&again).await;
    assert_eq!(since(&cut), since(&first), "nobody had to come");
    assert_eq!((&cut["recoveries"]["total"], &cut["recoveries"]["last_path"]), (&json!(1), &json!("plant")));
    let (_, dir) = again.stop().await;

    let ordered = overview(&Server::start_in(dir, &[]).await).await;
    assert!(since(&ordered) > since(&first));
    assert_eq!((&ordered["unattended_why"], &ordered["recoveries"]["total"]), (&json!("started"), &json!(1)));
}
