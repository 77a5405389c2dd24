//! Every route that reads answers on an empty plant, with and without a trailing slash.

use super::good;
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_plant_has_answers() {
    let server = Server::start().await;
    let document = server.get("/openapi.json").await.json();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let tag = item["get"]["tags"][0].as_str().unwrap_or_default();
        if path.contains('{') || !["production", "alerts"].contains(&tag) {
            continue;
        }
        asked += 1;
        let plain = good(&server.get(path).await, 200);
        let slashed = good(&server.get(&format!("{path}/")).await, 200);
        assert_eq!(plain.is_array(), slashed.is_array(), "{path}");
    }
    assert!(asked >= 35, "{asked}");
}
