use reqwest::Method;
use serde_json::json;

use crate::common::{Server, now_ms};

#[tokio::test(flavor = "multi_thread")]
async fn a_window_becomes_a_verdict_that_says_what_it_rests_on() {
    let server = Server::start().await.ready().await;
    server.sensor_with_window("full").await;
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": "empty" })).await.status, 201);

    let verdict = server.post("/api/analyze/full", &json!({})).await.json();
    assert!(["normal", "abnormal"].contains(&verdict["result"].as_str().expect("word")), "{verdict}");
    for field in ["id", "score", "threshold"] {
        assert!(verdict[field].is_number(), "{field}: {verdict}");
    }
    assert_eq!((&verdict["model"], &verdict["device"]), (&json!("detector"), &json!("cpu")), "{verdict}");
    assert_eq!(verdict["digest"].as_str().map(str::len), Some(64), "{verdict}");
    assert_eq!((&verdict["window"]["count"], &verdict["window"]["gaps"]), (&json!(720), &json!(0)));

    let bare = server.send_text(Method::POST, "/api/analyze/empty", "application/json", "").await.json();
    assert_eq!(bare["result"], "insufficient_data", "{bare}");
    assert!(bare["reason"].is_string());

    let low = json!({ "thresholds": { "low": 1000.0 } });
    assert_eq!(server.send(Method::PATCH, "/api/sensors/full", &low).await.status, 200);
    let ruled = server.post("/api/analyze/full", &json!(null)).await.json();
    assert_eq!((&ruled["result"], &ruled["device"]), (&json!("abnormal"), &json!("rule")), "{ruled}");
    assert!(ruled["rule"].as_str().expect("rule").contains("<= low 1000"));

    let all = server.post("/api/analyze/all/", &json!({})).await.json();
    assert_eq!(all.as_array().expect("array").len(), 2);
    let past = server.post("/api/analyze/full", &json!({ "at": "2020-01-01T00:00:00Z" })).await.json();
    assert_eq!(past["result"], "insufficient_data", "{past}");

    results_are_found_again(&server).await;
}

async fn results_are_found_again(server: &Server) {
    let of_full = server.get("/api/results/full?limit=2").await;
    assert_eq!(of_full.header("x-total-count"), "4", "{}", of_full.text);
    assert_eq!(of_full.json().as_array().expect("array").len(), 2);
    assert!(of_full.header("link").contains("rel=\"next\""));
    let all = server.get("/api/results/all").await.json();
    let times: Vec<&str> =
        all.as_array().expect("array").iter().map(|r| r["inference_time"].as_str().expect("time")).collect();
    assert!(times.len() == 6 && times.is_sorted_by(|a, b| a >= b), "{times:?}");
    let newest = times[0];
    let exact = server.get(&format!("/api/results/all?start_time={newest}&end_time={newest}")).await;
    assert_ne!(exact.header("x-total-count"), "0", "both ends are included");
    let none = server.get(&format!("/api/results/full?start_time={}", now_ms() + 60_000)).await;
    assert_eq!((none.header("x-total-count"), none.json()), ("0", json!([])));
    assert_eq!(server.get("/api/results/all?start_time=x").await.status, 422);
    assert_eq!(server.get("/api/results/nobody").await.code(), "SENSOR_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn given_values_are_judged_and_not_kept() {
    let server = Server::start().await.ready().await;
    let values: Vec<f64> = (0..720).map(|i| (f64::from(i) / 40.0).sin()).collect();
    for body in [json!({ "values": values }), json!(values)] {
        let verdict = server.post("/api/analyze", &body).await;
        assert_eq!(verdict.status, 200, "{}", verdict.text);
        let verdict = verdict.json();
        assert!(verdict["score"].is_number() && verdict.get("sensor_id").is_none(), "{verdict}");
        assert_eq!(verdict["reading_scores"].as_array().expect("scores").len(), 720);
    }
    assert_eq!(server.get("/api/results/all").await.header("x-total-count"), "0");
    for (body, said) in [
        (json!({ "values": [1, 2, 3] }), "720"),
        (json!({ "values": values, "model": "oracle" }), "oracle"),
        (json!({ "values": values, "modell": "detector" }), "modell"),
        (json!({}), "values"),
        (json!({ "values": vec![json!(1e300); 720] }), "out of range"),
    ] {
        let refused = server.post("/api/analyze", &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text.contains(said)),
            (422, true),
            "{said}: {}",
            refused.text
        );
    }
    let nan = format!("[{}NaN]", "1,".repeat(719));
    let refused = server.send_text(Method::POST, "/api/analyze", "application/json", nan).await;
    assert!(refused.status == 422 && refused.text.contains("NaN is not a number"), "{}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_analyzed_is_refused() {
    let server = Server::start().await;
    assert_eq!(server.post("/api/analyze/nobody", &json!({})).await.code(), "SENSOR_NOT_FOUND");
    for body in [json!({ "at": "noon" }), json!({ "when": 1 }), json!([1])] {
        assert_eq!(server.post("/api/analyze/all", &body).await.status, 422, "{body}");
    }
    let refused = server.send_text(Method::POST, "/api/analyze/all", "text/plain", "now").await;
    assert_eq!(refused.status, 415);
    let proxied = server.get("/api/proxy/oden/devices").await;
    assert_eq!((proxied.status.as_u16(), proxied.code().as_str()), (404, "UPSTREAM_NOT_FOUND"));
}
