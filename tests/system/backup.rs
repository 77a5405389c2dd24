//! A backup is made while the plant works, and a plant that is brought back from it is the same one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use nightshift_store::testing;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Server, now_ms, run};

/// Pushes one reading after the other until told to stop; `acknowledged` counts those that were.
async fn load(
    client: reqwest::Client,
    url: String,
    start_ms: i64,
    acknowledged: Arc<AtomicI64>,
    done: Arc<AtomicBool>,
) {
    for n in 0.. {
        if done.load(Ordering::Acquire) {
            return;
        }
        let body = json!([{ "time": start_ms + n * 1_000, "value": n }]);
        let answer = client.post(&url).json(&body).send().await.expect("answer");
        assert_eq!(answer.status(), 200);
        acknowledged.store(n + 1, Ordering::Release);
    }
}

fn done(output: &std::process::Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Backs a working plant up and brings it back beside itself; `at` and `into` are the databases' settings.
async fn comes_back(at: &[(&str, &str)], into: &[(&str, &str)]) {
    let server = Server::start_with(at).await;
    server.sensor_with_window("kept").await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "load" })).await.status, 201);
    let (acknowledged, stop) = (Arc::<AtomicI64>::default(), Arc::<AtomicBool>::default());
    let url = server.url("/api/sensors/load/readings");
    let start_ms = now_ms() - 10_000_000;
    let pushing = load(server.client.clone(), url, start_ms, Arc::clone(&acknowledged), Arc::clone(&stop));
    let pushing = tokio::spawn(pushing);
    server.until("it is under load", async || acknowledged.load(Ordering::Acquire) > 20).await;

    let folder = server.dir.path().to_owned();
    let before = acknowledged.load(Ordering::Acquire);
    let database = |settings: &[(&str, &str)]| {
        settings.iter().find(|(n, _)| *n == "DATABASE__URL").map(|(_, v)| (*v).to_owned())
    };
    let command = |words: &[&str], data: &str, settings: &[(&str, &str)]| {
        let mut words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        words.extend(["--data-dir".to_owned(), data.to_owned()]);
        words.extend(database(settings).map(|url| format!("--database={url}")));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(&folder, &words)
    };
    done(&command(&["backup", "copy"], "data", at));
    let after = acknowledged.load(Ordering::Acquire);
    stop.store(true, Ordering::Release);
    pushing.await.expect("the load");
    assert!(after >= before, "the plant went on: {before} {after}");
    let refused = command(&["backup", "copy"], "data", at);
    assert_eq!(refused.status.code(), Some(1), "a backup is never written over");

    let home = Arc::new(TempDir::new().expect("directory"));
    let data = home.path().join("data");
    let data = data.to_str().expect("text");
    done(&command(&["restore", "copy"], data, into));
    let again = command(&["restore", "copy"], data, into);
    assert_eq!(again.status.code(), Some(1), "nothing is restored over a plant");
    let audit = done(&command(&["audit", "verify", "--json"], data, into));
    assert_eq!(serde_json::from_str::<Value>(&audit).expect("json")["whole"], true, "{audit}");

    // The same people, the same keys, and every reading that was acknowledged before the backup began.
    let restored = Server::start_in(home, into).await;
    let kept = restored.get("/api/sensors/kept").await.json();
    assert_eq!(kept["state"]["account"]["stored"], 720, "{kept}");
    let loaded = restored.get("/api/sensors/load").await.json();
    let stored = loaded["state"]["account"]["stored"].as_i64().expect("count");
    assert!(stored >= before && loaded["state"]["account"]["unaccounted"] == 0, "{stored} of {before}");
    let known = restored.client.get(restored.url("/api/v1/users/me")).bearer_auth(&server.token);
    assert_eq!(
        known.send().await.expect("answer").status(),
        200,
        "a session of the first plant is good here too"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plant_on_sqlite_comes_back_from_a_backup_made_under_load() {
    comes_back(&[], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plant_on_postgresql_comes_back_from_a_backup_made_under_load() {
    let (Some(first), Some(second)) = (testing::postgres().await, testing::postgres().await) else { return };
    second.run_sql("DROP SCHEMA public CASCADE").await;
    second.run_sql("CREATE SCHEMA public").await;
    let (at, into) = (first.options.url.clone(), second.options.url.clone());
    comes_back(&[("DATABASE__URL", at.as_str())], &[("DATABASE__URL", into.as_str())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_changed_is_not_restored() {
    let server = Server::start().await;
    let folder = server.dir.path().to_owned();
    done(&run(&folder, &["backup", "copy", "--data-dir", "data"]));
    let key = walk_for(&folder.join("copy"), "audit.key");
    std::fs::write(&key, "another").expect("written");
    let refused = run(&folder, &["restore", "copy", "--data-dir", "other"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("audit.key") && said.contains("changed"), "{said}");
    assert!(!folder.join("other/nightshift.db").exists());
    let nothing = run(&folder, &["restore", "nothing", "--data-dir", "other"]);
    assert_eq!(nothing.status.code(), Some(1));
}

fn walk_for(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.file_name().is_some_and(|n| n == name) => return path,
                _ => {}
            }
        }
    }
    panic!("no {name}")
}
