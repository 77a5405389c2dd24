use serde_json::json;

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn health_says_what_works() {
    let server = Server::start().await.ready().await;
    let short = server.get("/api/health").await;
    assert_eq!((short.status.as_u16(), short.json()), (200, json!({ "status": "ok" })));
    let full = server.get("/api/v1/health/").await.json();
    assert_eq!((&full["status"], &full["version"]), (&json!("ok"), &json!(env!("CARGO_PKG_VERSION"))));
    let parts = full["components"].as_array().expect("parts");
    for name in ["database", "breakers", "memory", "disk"] {
        assert!(parts.iter().any(|part| part["name"] == name), "{name}: {full}");
    }
    assert_eq!(server.get("/api/v1/health/liveness").await.json(), json!({ "status": "alive" }));
    assert_eq!(server.get("/api/v1/health/readiness").await.json(), json!({ "status": "ready" }));
    assert!(server.get("/api/v1/health/circuit-breakers").await.json().is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_and_the_pool_are_shown() {
    let server = Server::start().await.ready().await;
    let tree = server.get("/api/v1/system/tree").await.json();
    assert_eq!((&tree["path"], &tree["state"]), (&json!("plant"), &json!("running")));
    let names: Vec<&str> = tree["children"]
        .as_array()
        .expect("children")
        .iter()
        .map(|c| c["path"].as_str().expect("path"))
        .collect();
    assert!(names.contains(&"plant/store-writer"), "{names:?}");
    let part = server.get("/api/v1/system/tree?path=plant/sensing&limit=1").await.json();
    assert_eq!(part["path"], "plant/sensing");
    assert_eq!(server.get("/api/v1/system/tree?path=plant/nobody").await.code(), "PATH_NOT_FOUND");
    for query in ["limit=0", "limit=1001", "limit=x"] {
        assert_eq!(server.get(&format!("/api/v1/system/tree?{query}")).await.status, 422, "{query}");
    }
    let pool = server.get("/api/v1/system/inference").await.json();
    assert_eq!((&pool["devices"][0]["label"], &pool["models"][0]["id"]), (&json!("cpu"), &json!("detector")));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_routes_by_their_template() {
    let server = Server::start().await;
    assert_eq!(server.get("/api/sensors/nobody-17").await.status, 404);
    assert_eq!(server.get("/no/such/route").await.status, 404);
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for wanted in [
        r#"nightshift_http_request_duration_seconds_bucket{method="GET",route="/api/sensors/{sensor_id}",status="4xx",le="#,
        r#"nightshift_http_request_duration_seconds_count{method="GET",route="unmatched",status="4xx"} 1"#,
        "nightshift_build_info{version=",
        "process_resident_memory_bytes",
        "nightshift_http_connections_open",
    ] {
        assert!(metrics.text.contains(wanted), "{wanted} is missing in\n{}", metrics.text);
    }
    assert!(!metrics.text.contains("nobody-17"), "no ids in labels");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machine_is_measured() {
    let server = Server::start().await;
    let measured = async || server.get("/metrics").await.text.contains("\nnightshift_host_disk_total_bytes ");
    server.until("the machine is measured", measured).await;
    for room in ["memory", "disk"] {
        let total = server.metric(&format!("nightshift_host_{room}_total_bytes")).await;
        let available = server.metric(&format!("nightshift_host_{room}_available_bytes")).await;
        assert!(total > 0.0 && (0.0..=total).contains(&available), "{room}: {available} of {total}");
    }
}
