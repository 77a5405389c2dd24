use reqwest::Method;
use serde_json::json;

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_is_registered_shown_changed_and_removed() {
    let server = Server::start().await;
    let made = server.post("/api/sensors", &json!({ "sensor_id": "wando01", "unit": "mg/L" })).await;
    assert_eq!(
        (made.status.as_u16(), made.header("location")),
        (201, "/api/sensors/wando01"),
        "{}",
        made.text
    );
    assert_eq!(made.json()["state"]["freshness"], "never");
    assert_eq!(made.json()["interval_s"], 120);

    let again = server.post("/api/sensors/", &json!({ "sensor_id": "wando01" })).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "SENSOR_EXISTS"));

    for path in ["/api/sensors/wando01", "/api/sensors/wando01/"] {
        let shown = server.get(path).await;
        assert_eq!((shown.status.as_u16(), &shown.json()["unit"]), (200, &json!("mg/L")));
    }
    let change = json!({ "unit": null, "thresholds": { "low": 3.0 } });
    let changed = server.send(Method::PATCH, "/api/sensors/wando01", &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((&changed.json()["unit"], &changed.json()["thresholds"]["low"]), (&json!(null), &json!(3.0)));

    let removed = server.send_text(Method::DELETE, "/api/sensors/wando01", "application/json", "").await;
    assert_eq!((removed.status.as_u16(), removed.text.as_str()), (204, ""));
    for method in [Method::GET, Method::DELETE] {
        let gone = server.send_text(method, "/api/sensors/wando01", "application/json", "").await;
        assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "SENSOR_NOT_FOUND"));
    }
    let gone = server.send(Method::PATCH, "/api/sensors/wando01", &json!({})).await;
    assert_eq!(gone.status, 404);
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "wando01" })).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_by_field() {
    let server = Server::start().await;
    for (body, said) in [
        (json!({}), "sensor_id"),
        (json!({ "sensor_id": "a/b" }), "sensor_id"),
        (json!({ "sensor_id": "x".repeat(65) }), "sensor_id"),
        (json!({ "sensor_id": "a", "intervall_s": 1 }), "intervall_s"),
        (json!({ "sensor_id": "a", "interval_s": 0 }), "interval_s"),
        (json!({ "sensor_id": "a", "interval_s": "fast" }), "interval_s"),
        (json!({ "sensor_id": "a", "source": "vendor" }), "vendor"),
        (json!({ "sensor_id": "a", "model": "oracle" }), "oracle"),
        (json!({ "sensor_id": "a", "thresholds": { "low": 5, "high": 3 } }), "thresholds"),
        (json!("a"), "object"),
        (json!(["a"]), "object"),
    ] {
        let refused = server.post("/api/sensors", &body).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (422, "VALIDATION_ERROR"), "{body}");
        let detail = &refused.json()["detail"][0];
        assert_eq!(detail["loc"][0], "body");
        assert!(detail.to_string().contains(said), "{body}: {detail}");
    }
    for body in ["", "{", "{\"sensor_id\":\"a\"} x", "nothing"] {
        let refused = server.send_text(Method::POST, "/api/sensors", "application/json", body).await;
        assert_eq!(refused.status, 422, "{body}");
    }
    let refused = server.send_text(Method::POST, "/api/sensors", "text/html", "{}").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let large = json!({ "sensor_id": "a", "name": "x".repeat(70_000) });
    let refused = server.post("/api/sensors", &large).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    let refused = server.get("/api/sensors/a%20b").await;
    assert_eq!((refused.status.as_u16(), &refused.json()["detail"][0]["loc"][0]), (422, &json!("path")));
    assert_eq!(server.get("/api/sensors").await.header("x-total-count"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leads_through_all_its_pages() {
    let server = Server::start().await;
    for n in 0..5 {
        assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": format!("s{n}") })).await.status, 201);
    }
    let mut next = Some("/api/sensors?limit=2".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = server.get(&path).await;
        assert_eq!((page.status.as_u16(), page.header("x-total-count")), (200, "5"));
        seen.extend(page.json().as_array().expect("array").iter().map(|s| s["sensor_id"].clone()));
        let link = page.header("link").split(", ").find(|l| l.ends_with("rel=\"next\"")).map(str::to_owned);
        next = link.map(|l| l.split(['<', '>']).nth(1).expect("target").to_owned());
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"]);
    for query in ["limit=0", "limit=1001", "limit=x", "skip=-1"] {
        let refused = server.get(&format!("/api/sensors?{query}")).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["detail"][0]["loc"][0]),
            (422, &json!("query")),
            "{query}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_plant_says_what_to_do() {
    let server = Server::start_with(&[("SENSING__SENSORS_MAX", "1")]).await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "a" })).await.status, 201);
    let refused = server.post("/api/sensors", &json!({ "sensor_id": "b" })).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "SENSOR_LIMIT_REACHED"));
    assert!(refused.text.contains("sensing.sensors_max"), "{}", refused.text);
    let known = server.post("/api/sensors", &json!({ "sensor_id": "a" })).await;
    assert_eq!(known.code(), "SENSOR_EXISTS");
}
