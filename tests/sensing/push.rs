use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, Server, now_ms, series};

const PATH: &str = "/api/sensors/a/readings";

async fn server() -> Server {
    let server = Server::start().await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "a" })).await.status, 201);
    server
}

fn counts(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    ["offered", "stored", "duplicate", "late", "rejected", "unaccounted"]
        .iter()
        .map(|name| body[*name].as_i64().expect("count"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reading_is_accounted_for() {
    let server = server().await;
    let now = now_ms();
    let first = json!([{ "time": now - 2_000, "value": 1.0 }, { "time": now - 1_000, "value": 2.0 }]);
    assert_eq!(counts(&server.post(PATH, &first).await), [2, 2, 0, 0, 0, 0]);
    assert_eq!(counts(&server.post(PATH, &first).await), [2, 0, 2, 0, 0, 0]);
    let mixed = json!([
        { "time": now - 2_000, "value": 9.0 },
        { "time": now, "value": 3.0 },
        { "time": now + 400_000, "value": 4.0 },
        { "time": now - 400 * 86_400_000, "value": 5.0 },
    ]);
    let answer = server.post(PATH, &mixed).await;
    assert_eq!(counts(&answer), [4, 1, 0, 1, 2, 0]);
    let refused = answer.json()["refused"].clone();
    assert!(refused[0]["reason"].as_str().expect("text").contains("already stored"), "{refused}");
    assert!(refused[1]["reason"].as_str().expect("text").contains("future"), "{refused}");

    let csv = format!("time,value\n{},5.5\n{},6.5\n", now - 10_000, now - 9_000);
    assert_eq!(
        counts(&server.send_text(Method::POST, PATH, "text/csv; charset=utf-8", csv).await),
        [2, 2, 0, 0, 0, 0]
    );
    assert_eq!(counts(&server.post("/api/sensors/a/readings/", &series(10)).await)[0], 10);
    assert_eq!(counts(&server.post(PATH, &json!([])).await), [0; 6]);

    let state = server.get("/api/sensors/a").await.json()["state"].clone();
    assert_eq!(state["account"]["offered"], 20, "{state}");
    assert_eq!((&state["account"]["unaccounted"], &state["freshness"]), (&json!(0), &json!("fresh")));
    let stored = server.get(PATH).await.json();
    assert_eq!(
        stored.as_array().expect("array").len() as i64,
        state["account"]["stored"].as_i64().expect("count")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_reading_is_refused_and_nothing_is_stored() {
    let server = server().await;
    let now = now_ms();
    let text = |value: &str| format!(r#"[{{"time":{now},"value":{value}}}]"#);
    for (kind, body, said) in [
        ("application/json", text("NaN"), "NaN is not a number"),
        ("application/json", text("-Infinity"), "Infinity is not a number"),
        ("application/json", text("1e999"), "out of range"),
        ("application/json", text("null"), "value"),
        ("application/json", text("\"7\""), "value"),
        ("application/json", format!(r#"[{{"time":{now},"value":1,"unit":"C"}}]"#), "unit"),
        ("application/json", r#"[{"time":"soon","value":1}]"#.to_owned(), "soon"),
        ("application/json", format!(r#"[{{"time":{},"value":1}}]"#, now + 400_000), "future"),
        ("application/json", r#"[{"time":"1999-12-31T00:00:00Z","value":1}]"#.to_owned(), "before 2000"),
        ("application/json", String::new(), "empty"),
        ("application/json", "{}".to_owned(), "start"),
        ("text/csv", format!("{now},NaN"), "finite"),
        ("text/csv", format!("{now},1,2"), "columns"),
    ] {
        let refused = server.send_text(Method::POST, PATH, kind, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        refused.code();
        assert!(refused.text.contains(said), "{body}: {}", refused.text);
    }
    let refused = server.send_text(Method::POST, PATH, "application/xml", "<a/>").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let unknown = server.post("/api/sensors/b/readings", &series(1)).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "SENSOR_NOT_FOUND"));
    assert_eq!(server.get(PATH).await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_at_once_is_refused_with_the_limit() {
    let server =
        Server::start_with(&[("HTTP__READINGS_BYTES_MAX", "20000"), ("SENSING__PUSH_READINGS_MAX", "100")])
            .await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "a" })).await.status, 201);
    let refused = server.post(PATH, &series(720)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text.contains("at most 100")),
        (422, true),
        "{}",
        refused.text
    );
    let refused = server.send_text(Method::POST, PATH, "application/json", " ".repeat(20_001)).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    // Far above the limit, by a client that reads the answer only after it has sent everything.
    let refused = server.send_text(Method::POST, PATH, "application/json", " ".repeat(20_000_000)).await;
    assert_eq!((refused.status.as_u16(), refused.header("connection")), (413, "close"));
    // A body of undeclared length is counted while it arrives.
    let chunks = futures::stream::iter((0..30).map(|_| Ok::<_, std::io::Error>(" ".repeat(1_000))));
    let request = server.client.post(server.url(PATH)).header("content-type", "application/json");
    let refused = request.body(reqwest::Body::wrap_stream(chunks)).send().await.expect("answer");
    assert_eq!(refused.status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_are_read_back_whole_or_thinned() {
    let server = server().await;
    assert_eq!(server.post(PATH, &series(500)).await.status, 200);
    let all = server.get(PATH).await.json();
    let all = all.as_array().expect("array");
    assert_eq!(all.len(), 500);
    let value = |v: &Value| v["value"].as_f64().expect("value");
    let thinned = server.get(&format!("{PATH}?points=20")).await.json();
    let thinned = thinned.as_array().expect("array");
    assert!(thinned.len() <= 20);
    let top = |rows: &[Value]| rows.iter().map(value).fold(f64::MIN, f64::max);
    assert_eq!(top(thinned).to_bits(), top(all).to_bits());
    let (start, end) = (all[10]["time"].as_str().expect("time"), all[19]["time"].as_str().expect("time"));
    let part = server.get(&format!("{PATH}?start={start}&end={end}")).await.json();
    assert_eq!(part.as_array().expect("array").len(), 10);
    for query in ["start=x", "points=1", "limit=0", "start=2024-01-02T00:00:00Z&end=2024-01-01T00:00:00Z"] {
        assert_eq!(server.get(&format!("{PATH}?{query}")).await.status, 422, "{query}");
    }
}
