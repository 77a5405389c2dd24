//! `nightshift simulate`: over the real protocol, and without a server.

use serde_json::Value;

use super::{SECRET, fleet};
use crate::common::program;

#[tokio::test(flavor = "multi_thread")]
async fn simulated_vehicles_drive_and_follow_orders() {
    let server = fleet(&[("FLEET__MAP_ID", "1")]).await;
    let url = format!("http://{}", server.address);
    let dir = server.dir.path().to_owned();
    let run = tokio::task::spawn_blocking(move || {
        let args = [
            "simulate",
            "fleet",
            "--server",
            &url,
            "--seconds",
            "6",
            "--police",
            "4",
            "--seed",
            "7",
            "--json",
        ];
        program(&dir, &args).env("HMAC_SECRET_KEY", SECRET).output().expect("it starts")
    });
    let output = run.await.expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let tally: Value = serde_json::from_str(&text[text.rfind("\n{").map_or(0, |at| at + 1)..]).expect("json");
    assert!(tally["frames"].as_u64() > Some(100), "{tally}");
    assert_eq!((&tally["nacks"], &tally["reconnects"]), (&0.into(), &0.into()), "{tally}");
    assert!(tally["orders"].as_u64() > Some(0), "{tally}");
    assert_eq!(server.get("/vehicles").await.json()["vehicles"].as_array().expect("list").len(), 5);
}

#[test]
fn the_report_of_chases_repeats_itself() {
    let dir = tempfile::TempDir::new().expect("directory");
    let report = || -> Value {
        let output =
            program(dir.path(), &["simulate", "chases", "--count", "6", "--map", "1", "--json"]).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("json")
    };
    let first = report();
    let sum = |side: &str| {
        ["captured", "escaped", "held"].iter().filter_map(|k| first[side][k].as_u64()).sum::<u64>()
    };
    assert_eq!((sum("planned"), sum("naive")), (6, 6), "{first}");
    assert_eq!(report(), first);
}
