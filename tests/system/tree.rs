use serde_json::json;

use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_leads_through_all_children() {
    let server = Server::start().await;
    for n in 0..5 {
        assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": format!("s{n}") })).await.status, 201);
    }
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let page =
            server.get(&format!("/api/v1/system/tree?path=plant/sensing/sensor&limit=2{after}")).await.json();
        assert_eq!(page["children_total"], 5);
        seen.extend(page["children"].as_array().expect("children").iter().map(|c| c["path"].clone()));
        match page["next_after"].as_u64() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.sort_by_key(ToString::to_string);
    seen.dedup();
    assert_eq!(seen.len(), 5, "{seen:?}");
    for (query, status) in [("after=x", 422), ("limit=0", 422), ("path=plant/nothing", 404)] {
        assert_eq!(server.get(&format!("/api/v1/system/tree?{query}")).await.status, status, "{query}");
    }
    let long = "x".repeat(600);
    assert_eq!(server.get(&format!("/api/v1/system/tree?path={long}")).await.status, 422);
}
