//! `/api/v1/models`: a second model is tried on the same windows, compared, promoted and taken back.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{CONFIG_FILE, Server};

/// A directory whose configuration tries the first site's classifier beside the built-in detector.
fn with_a_shadow() -> Arc<TempDir> {
    let dir = TempDir::new().expect("directory");
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fixtures/gru/model.safetensors");
    std::fs::copy(weights, dir.path().join("site.safetensors")).expect("copy the weights");
    let config = "[inference]\nmodels = [\"site.safetensors\"]\n[sensing]\nshadow_model = \"site\"\n";
    std::fs::write(dir.path().join(CONFIG_FILE), config).expect("write the configuration");
    Arc::new(dir)
}

async fn compared(server: &Server, id: &str, windows: u64) -> Value {
    let figures = async || server.get(&format!("/api/v1/models/{id}/compare?hours=1")).await.json();
    server
        .until("the windows are compared", async || {
            figures().await["windows"].as_u64().is_some_and(|n| n >= windows)
        })
        .await;
    figures().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_tried_compared_promoted_and_taken_back_without_touching_a_verdict() {
    let server = Server::start_in(with_a_shadow(), &[]).await.ready().await;
    let models = server.get("/api/v1/models").await.json();
    assert_eq!((&models["live"], &models["shadow"]), (&json!("detector"), &json!("site")));
    let roles: Vec<&Value> =
        models["models"].as_array().expect("models").iter().map(|m| &m["role"]).collect();
    assert_eq!(roles, ["live", "shadow"]);

    server.sensor_with_window("a").await;
    server.sensor_with_window("b").await;
    let named = json!({ "sensor_id": "named", "model": "detector" });
    assert_eq!(server.post("/api/sensors", &named).await.status, 201);
    server.post("/api/sensors/named/readings", &crate::common::series(720)).await;
    let mut verdicts = Vec::new();
    for id in ["a", "b", "a", "named"] {
        let verdict = server.post(&format!("/api/analyze/{id}"), &json!({})).await.json();
        assert_eq!(verdict["model"], "detector", "{verdict}");
        verdicts.push(verdict);
    }
    let figures = compared(&server, "site", 3).await;
    assert_eq!((&figures["windows"], &figures["sensors"]), (&json!(3), &json!(2)), "{figures}");
    assert_eq!(figures["role"], "shadow");
    let share = |name: &str| figures[name].as_f64().expect("a share");
    assert!((0.0..=1.0).contains(&share("agreement")), "{figures}");
    let apart = 3.0 * (1.0 - share("agreement"));
    let examples = figures["examples"].as_array().expect("examples");
    assert_eq!(examples.len() as f64, apart.round(), "{figures}");
    assert!(examples.iter().all(|e| e["live"]["verdict"] != e["shadow"]["verdict"]), "{figures}");
    let stored = server.get("/api/results/all").await.json();
    assert_eq!(stored.as_array().expect("results").len(), 4, "a shadow stores no results: {stored}");
    let total = "nightshift_inference_spare_windows_total";
    assert!(server.metric(total).await >= 3.0);

    let refused = server.post("/api/v1/models/detector/promote", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "MODEL_LIVE"));
    assert_eq!(server.post("/api/v1/models/rollback", &json!({})).await.code(), "NOTHING_PROMOTED");
    assert_eq!(server.post("/api/v1/models/nobody/promote", &json!({})).await.code(), "MODEL_NOT_FOUND");
    assert_eq!(server.get("/api/v1/models/nobody/compare").await.code(), "MODEL_NOT_FOUND");
    for query in ["hours=0", "hours=99999", "examples=101", "hours=x"] {
        assert_eq!(server.get(&format!("/api/v1/models/site/compare?{query}")).await.status, 422, "{query}");
    }

    let promoted = server.post("/api/v1/models/site/promote", &json!({})).await;
    assert_eq!(promoted.status, 200, "{}", promoted.text);
    let promoted = promoted.json();
    assert_eq!((&promoted["live"], &promoted["shadow"]), (&json!("site"), &json!("detector")));
    assert_eq!(promoted["promotions"][0]["promoted_by"], "admin");
    let verdict = server.post("/api/analyze/a", &json!({})).await.json();
    assert_eq!(verdict["model"], "site", "{verdict}");
    let verdict = server.post("/api/analyze/named", &json!({})).await.json();
    assert_eq!(verdict["model"], "detector", "a sensor that names its model keeps it");

    // The one that was replaced goes on, and all of it is there after a restart.
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");
    let server = Server::start_in(dir, &[]).await.ready().await;
    let models = server.get("/api/v1/models").await.json();
    assert_eq!((&models["live"], &models["shadow"]), (&json!("site"), &json!("detector")));
    assert_eq!(server.get("/api/v1/models/site/compare").await.json()["windows"], 3);
    let verdict = server.post("/api/analyze/b", &json!({})).await.json();
    assert_eq!(verdict["model"], "site");
    compared(&server, "detector", 1).await;

    let back = server.post("/api/v1/models/rollback", &json!({})).await.json();
    assert_eq!((&back["live"], &back["shadow"]), (&json!("detector"), &json!("site")));
    assert_eq!(back["promotions"][0]["undone_by"], "admin");
    let audit = server.get("/api/v1/audit-logs?entity_type=model").await.json();
    let lines = audit.as_array().or_else(|| audit["items"].as_array()).expect("lines");
    let live: Vec<&Value> = lines.iter().map(|line| &line["new_values"]["live"]).collect();
    assert_eq!(live, ["detector", "site"], "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_model_that_is_not_loaded_any_more_does_not_judge() {
    let server = Server::start_in(with_a_shadow(), &[]).await.ready().await;
    assert_eq!(server.post("/api/v1/models/site/promote", &json!({})).await.status, 200);
    let (_, dir) = server.stop().await;
    std::fs::write(dir.path().join(CONFIG_FILE), "").expect("write the configuration");
    let server = Server::start_in(dir, &[]).await.ready().await;
    let models = server.get("/api/v1/models").await.json();
    assert_eq!((&models["live"], &models["shadow"]), (&json!("detector"), &Value::Null));
    assert!(models["note"].as_str().is_some_and(|note| note.contains("not loaded")), "{models}");
    server.sensor_with_window("a").await;
    let verdict = server.post("/api/analyze/a", &json!({})).await.json();
    assert_eq!(verdict["model"], "detector");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_that_is_not_loaded_stops_the_start_with_its_name() {
    let dir = TempDir::new().expect("directory");
    std::fs::write(dir.path().join(CONFIG_FILE), "[sensing]\nshadow_model = \"ghost\"\n").expect("write");
    let output = crate::common::run(dir.path(), &["--config", CONFIG_FILE, "--listen", "127.0.0.1:0"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("sensing.shadow_model") && said.contains("ghost"), "{said}");
}
