//! `nightshift import` and `nightshift export`, beside the routes.

use std::path::Path;

use futures::StreamExt;
use serde_json::{Value, json};

use super::{fail_sensor, good, good_data, hot_data, lot, pass};
use crate::common::{Server, run};

fn command(dir: &Path, args: &[&str]) -> (bool, String, String) {
    let args: Vec<&str> = args.iter().copied().chain(["--data-dir", "data"]).collect();
    let output = run(dir, &args);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("utf-8");
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_imported_elsewhere() {
    let server = Server::start().await;
    let made = lot(&server, "WF", 2).await;
    pass(&server, &made.number, &made.serials[0], 1, 8).await;
    pass(&server, &made.number, &made.serials[1], 1, 2).await;
    fail_sensor(&server, &made.number, &made.serials[1]).await;
    let (_, dir) = server.stop().await;
    let there = Server::start().await;
    for (resource, format, rows) in [
        ("product-models", "csv", 1),
        ("lots", "jsonl", 1),
        ("serials", "csv", 2),
        ("process-data", "jsonl", 11),
    ] {
        let (well, text, said) = command(dir.path(), &["export", resource, "--format", format]);
        assert!(well, "{said}");
        assert_eq!(text.lines().count(), rows + usize::from(format == "csv"), "{resource}: {text}");
        let file = there.dir.path().join(format!("{resource}.{format}"));
        std::fs::write(&file, text).expect("written");
        let path = file.to_str().expect("path");
        let (well, told, said) = command(there.dir.path(), &["import", resource, path, "--dry-run"]);
        assert!(well && told.contains("nothing was stored"), "{resource}: {told}{said}");
        let (well, told, said) = command(there.dir.path(), &["import", resource, path]);
        assert!(well && told.contains(&format!("{rows} rows")), "{resource}: {told}{said}");
        // Once more is refused, and changes nothing.
        if resource != "process-data" {
            let (well, _, said) = command(there.dir.path(), &["import", resource, path]);
            assert!(!well && said.contains("nothing was stored"), "{resource}: {said}");
        }
    }
    let shown = good(&there.get(&format!("/api/v1/lots/{}", made.number)).await, 200);
    let counts = ["actual_quantity", "passed_quantity", "failed_quantity"].map(|name| shown[name].clone());
    assert_eq!(counts, [json!(2), json!(1), json!(1)]);
    let trace = good(&there.get(&format!("/api/v1/serials/{}/trace", made.serials[0])).await, 200);
    assert_eq!(trace["process_history"].as_array().map(Vec::len), Some(8));
    assert_eq!(trace["component_lots"][0]["component_lot"], "BB-17");
    let overview = good(&there.get("/api/v1/analytics/overview").await, 200);
    assert_eq!((&overview["passed_serials"], &overview["failed_serials"]), (&json!(1), &json!(1)));
    let audit = good(&there.get("/api/v1/audit-logs?entity_type=import").await, 200);
    assert_eq!(audit.as_array().map(Vec::len), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_one_fault_is_told_and_not_stored() {
    let server = Server::start().await;
    let file = server.dir.path().join("lines.csv");
    std::fs::write(&file, "line_code,line_name,capacity_per_shift\nL1,라인 1,400\nL2,,400\nL3,라인 3,many\n")
        .expect("written");
    let path = file.to_str().expect("path");
    let (well, _, said) = command(server.dir.path(), &["import", "production-lines", path]);
    assert!(!well && said.contains("line 4: capacity_per_shift"), "{said}");
    std::fs::write(&file, "line_code,line_name\nL1,라인 1\nL1,again\n").expect("written");
    let (well, told, _) = command(server.dir.path(), &["import", "production-lines", path, "--json"]);
    let told: Value = serde_json::from_str(&told).expect("json");
    assert_eq!((well, &told["stored"], &told["faults"][0]["line"]), (false, &json!(false), &json!(3)));
    assert_eq!(good(&server.get("/api/v1/production-lines").await, 200), json!([]));
    std::fs::write(&file, "line_code,line_name\nL1,라인 1\n").expect("written");
    assert!(command(server.dir.path(), &["import", "production-lines", path]).0);
    assert_eq!(good(&server.get("/api/v1/production-lines").await, 200)[0]["line_name"], "라인 1");
    let (well, _, said) = command(server.dir.path(), &["import", "nonsense", path]);
    assert!(!well && said.contains("product-models"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lot_is_written_as_epcis() {
    let server = Server::start().await;
    let made = lot(&server, "WF", 2).await;
    for serial in &made.serials {
        pass(&server, &made.number, serial, 1, 2).await;
    }
    let args = ["export", "--format", "epcis", "--lot", &made.number, "--base", "https://plant.example/id"];
    let (well, text, said) = command(server.dir.path(), &args);
    assert!(well, "{said}");
    let document: Value = serde_json::from_str(&text).expect("json");
    assert_eq!((&document["type"], &document["schemaVersion"]), (&json!("EPCISDocument"), &json!("2.0")));
    let events = document["epcisBody"]["eventList"].as_array().expect("events");
    // The lot is commissioned, and two processes ran on two units.
    assert_eq!(events.len(), 5);
    assert_eq!(events[0]["bizStep"], "commissioning");
    assert_eq!(events[0]["epcList"][0], format!("https://plant.example/id/serial/{}", made.serials[0]));
    let (well, _, said) = command(server.dir.path(), &["export", "--format", "epcis", "--lot", "NO-SUCH"]);
    assert!(!well && said.contains("not found"), "{said}");
}

/// Reads the stream of events until one has this kind, and gives its data.
async fn heard(server: &Server, kind: &str, after: impl Future<Output = ()>) -> Value {
    let path = format!("/api/v1/events?kind={kind}");
    let stream = server.client.get(server.url(&path)).send().await.expect("stream");
    assert_eq!(stream.status(), 200);
    after.await;
    let mut chunks = stream.bytes_stream();
    let reading = async {
        let mut text = String::new();
        while let Some(Ok(chunk)) = chunks.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
            let whole = text.split("\n\n").find(|event| event.contains("data:") && event.contains(kind));
            if let Some(data) = whole.filter(|_| text.ends_with('\n')).and_then(|e| e.split("data:").nth(1)) {
                return serde_json::from_str::<Value>(data.trim()).expect("json")["data"].clone();
            }
        }
        panic!("the stream ended: {text}");
    };
    tokio::time::timeout(crate::common::DEADLINE, reading).await.expect("heard in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_known_to_a_running_server() {
    let server = Server::start().await;
    let file = server.dir.path().join("processes.jsonl");
    let process = json!({
        "process_number": 9, "process_code": "PALLETISING", "process_name_ko": "적재", "process_name_en": "Palletising",
    });
    std::fs::write(&file, format!("{process}\n")).expect("written");
    let path = file.to_str().expect("path").to_owned();
    let import = async {
        let (well, _, said) = command(server.dir.path(), &["import", "processes", &path]);
        assert!(well, "{said}");
    };
    // The import is another program: who listens here hears of it nevertheless.
    let told = heard(&server, "production.imported", import).await;
    assert_eq!(told, json!({ "resource": "processes", "rows": 1 }));
    // Its process is worked at without a restart.
    let made = lot(&server, "WF", 1).await;
    pass(&server, &made.number, &made.serials[0], 1, 8).await;
    good(&super::start(&server, &made.number, &made.serials[0], 9).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_imported_by_the_rules_of_a_completion() {
    let server = Server::start().await;
    let made = lot(&server, "WF", 1).await;
    let file = server.dir.path().join("runs.jsonl");
    let path = file.to_str().expect("path").to_owned();
    let row = |change: &[(&str, Value)]| {
        let mut row = json!({
            "lot_number": made.number, "serial_number": made.serials[0], "process_number": 3, "operator": "admin",
            "result": "PASS", "started_at": "2025-11-10T09:00:00Z", "completed_at": "2025-11-10T09:01:00Z",
            "measurements": good_data(3, &made.serials[0]),
        });
        for (name, value) in change {
            row[*name] = value.clone();
        }
        row.to_string()
    };
    for (change, told) in [
        (vec![("measurements", hot_data())], "line 1: measurements temp_sensor.measured_temp"),
        (
            vec![("result", json!("FAIL")), ("measurements", json!({}))],
            "line 1: defects must name at least one",
        ),
        (vec![("defects", json!([{ "code": "SENSOR_TEMP_FAIL" }]))], "line 1: defects must be empty"),
        (
            vec![("result", json!("FAIL")), ("defects", json!([{ "code": "NONSENSE" }]))],
            "line 1: defects[0].code must be one of",
        ),
        (vec![("completed_at", json!("2025-11-10T08:59:59Z"))], "line 1: completed_at must not be before"),
        (vec![("notes", json!("x".repeat(1_001)))], "line 1: notes"),
        (vec![("measurements", json!([1]))], "line 1: measurements must be a JSON object"),
    ] {
        std::fs::write(&file, row(&change)).expect("written");
        let (well, _, said) = command(server.dir.path(), &["import", "process-data", &path]);
        assert!(!well && said.contains(told), "{told}: {said}");
    }
    // A failure that says no defect has those that its data show.
    let hot = [("result", json!("FAIL")), ("measurements", hot_data())];
    std::fs::write(&file, row(&hot)).expect("written");
    let (well, _, said) = command(server.dir.path(), &["import", "process-data", &path]);
    assert!(well, "{said}");
    let found = good(&server.get("/api/v1/process-data/failures").await, 200);
    assert_eq!(
        found[0]["defects"][0]["defect_code"].as_str().or(found[0]["defects"][0]["code"].as_str()),
        Some("SENSOR_TEMP_FAIL")
    );
}
