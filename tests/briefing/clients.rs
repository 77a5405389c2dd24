//! What today's clients do all day.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Ear, Heard, OPEN, ahead, form};
use crate::common::{Server, now_ms};
use crate::identity::with;

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_a_client() {
    let server = Server::start_with(&OPEN).await.ready().await;
    let first = form(&server, "/login", &[("username", "반장")]).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json()["message"], "signup");
    let again = form(&server, "/login/", &[("username", "반장")]).await.json();
    assert_eq!((&again["message"], &again["user_id"]), (&json!("login"), &first.json()["user_id"]));
    assert!(again["user_id"].is_string() && again.as_object().expect("object").len() == 2, "{again}");

    let custom = form(&server, "/getCustom", &[("username", "반장")]).await.json();
    assert_eq!(custom.as_array().expect("a bare array").len(), 3);
    let wishes = r#"["존댓말로","자세하게","한국어로"]"#;
    let set = form(&server, "/updateCustom", &[("username", "반장"), ("custom_list", wishes)]).await;
    assert_eq!(set.json(), "success to update Custom");
    let custom = form(&server, "/getCustom", &[("username", "반장")]).await.json();
    assert_eq!(custom, json!(["존댓말로", "자세하게", "한국어로"]));

    let path = format!("/ws?username=%EB%B0%98%EC%9E%A5&interval=1&endtime={}", ahead());
    let mut ear = Ear::open(&server, &path).await;
    let text = ear.text().await;
    assert!(text.contains("니다") && serde_json::from_str::<Value>(&text).is_err(), "plain text: {text}");

    let seen = json!({
        "source": "gate-camera", "observed_at": now_ms(), "counts": { "person": 3, "car": 2 }, "caption": "문 앞에 세 사람",
    });
    assert_eq!(server.post("/api/v1/observations", &seen).await.status, 201);
    let told = ear.text_with("gate-camera").await;
    assert!(
        told.contains("사람은 3명") && told.contains("자동차는 2대") && told.contains("「문 앞에 세 사람」"),
        "{told}"
    );
    server.sensor_with_window("wando01").await;
    let low = json!({ "thresholds": { "high": 1.0 } });
    assert_eq!(server.send(reqwest::Method::PATCH, "/api/sensors/wando01", &low).await.status, 200);
    assert_eq!(server.post("/api/analyze/wando01", &json!({})).await.status, 200);
    let told = ear.text_with("wando01").await;
    assert!(told.contains("이상 상태") && told.contains("한계 1"), "{told}");

    let requests = form(&server, "/getAllRequest", &[("username", "반장")]).await.json();
    let request = &requests.as_array().expect("a bare array")[0];
    let name = request["request_name"].as_str().expect("a name");
    assert!(name.len() == 19 && name.as_bytes()[4] == b'-' && name.as_bytes()[13] == b':', "{name}");
    assert!(request["endtime"].as_str().expect("an end").contains(":30 "), "{request}");
    let id = request["request_id"].as_str().expect("an id").to_owned();
    let summary = form(&server, "/aiSummary", &[("request_id", &id)]).await;
    let summary = summary.json().as_str().expect("a JSON string").to_owned();
    assert_eq!(summary.lines().count(), 3, "{summary}");
    assert!(summary.contains("wando01"), "{summary}");

    let ended = form(&server, "/endBriefing", &[("username", "반장")]).await;
    assert_eq!(ended.json(), json!({ "message": "브리핑 성공적으로 종료" }));
    let (_, last, code) = ear.rest().await;
    assert_eq!((last, code), (json!({ "event": "ended", "request_id": id }), 1000));
    let ended = form(&server, "/endBriefing", &[("username", "반장")]).await;
    assert_eq!(ended.status, 200, "ending when none runs is no mistake");
    let texts = form(&server, "/getBriefing", &[("request_id", &id)]).await.json();
    assert!(texts.as_array().expect("a bare array").iter().all(Value::is_string), "{texts}");
    assert_eq!(texts[0], text);
    assert!(texts.as_array().expect("texts").contains(&json!(told)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_comes_back_to_everything() {
    let server = Server::start_with(&OPEN).await;
    let mut ear =
        Ear::open(&server, &format!("/websocket/ws?username=kim&interval=1&endtime={}", ahead())).await;
    let first = ear.text().await;
    drop(ear);
    let told = async || {
        let requests = form(&server, "/getAllRequest", &[("username", "kim")]).await.json();
        let id = requests[0]["request_id"].as_str().expect("an id").to_owned();
        form(&server, "/getBriefing", &[("request_id", &id)]).await.json().as_array().map_or(0, Vec::len) >= 3
    };
    server.until("it tells on with nobody listening", told).await;
    let mut ear = Ear::open(&server, "/websocket/reloadBriefing?username=kim").await;
    let data = ear.json().await;
    let texts = data["briefing_data"].as_array().expect("texts").clone();
    assert!(texts.len() >= 3 && texts[0] == first, "{data}");
    let mut second = Ear::open(&server, "/reloadBriefing?username=KIM").await;
    let known = second.json().await["briefing_data"].as_array().expect("texts").len();
    let next = ear.text().await;
    assert!(next.contains("니다"), "{next}");
    assert!(known >= texts.len());
    assert!(second.text().await.contains("니다"), "two may listen");

    // Another one of the same person ends it for all who listen.
    let mut newer = Ear::open(&server, &format!("/ws?username=kim&interval=1&endtime={}", ahead())).await;
    for old in [ear, second] {
        let (_, last, code) = old.rest().await;
        assert_eq!((&last["event"], code), (&json!("ended"), 1000));
    }
    newer.text().await;
    form(&server, "/endBriefing", &[("username", "kim")]).await;
    let (_, _, code) = newer.rest().await;
    assert_eq!(code, 1000);
    let mut late = Ear::open(&server, "/reloadBriefing?username=kim").await;
    assert!(!late.json().await["briefing_data"].as_array().expect("texts").is_empty());
    let (_, last, code) = late.rest().await;
    assert_eq!((&last["event"], code), (&json!("ended"), 1000), "one that has ended says so");
    let mut nobody = Ear::open(&server, "/reloadBriefing?username=nobody").await;
    assert_eq!(nobody.json().await, json!({ "briefing_data": [] }));
    assert_eq!(nobody.hear().await, Heard::Closed(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_shows_the_events_that_its_numbers_rest_on() {
    let server = Server::start_with(&OPEN).await;
    let mut ear = Ear::open(&server, &format!("/ws?username=kim&interval=1&endtime={}", ahead())).await;
    ear.text().await;
    let seen = json!({ "source": "gate-camera", "counts": { "person": 3 } });
    let seq = server.post("/api/v1/observations", &seen).await.json()["event_seq"].clone();
    let told = ear.text_with("gate-camera").await;
    form(&server, "/endBriefing", &[("username", "kim")]).await;
    let requests = form(&server, "/getAllRequest", &[("username", "kim")]).await.json();
    let id = requests[0]["request_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/briefings/{id}/texts");
    let texts = with(&server, "", Method::GET, &path, None).await.json();
    let texts = texts.as_array().expect("a bare array");
    let bare = form(&server, "/getBriefing", &[("request_id", &id)]).await.json();
    assert_eq!(texts.iter().map(|text| text["text"].clone()).collect::<Value>(), bare, "in their order");

    let text = texts.iter().find(|text| text["text"] == told).expect("what was heard");
    assert_eq!((&text["source"], text["due_at"].is_string()), (&json!("composed"), true), "{text}");
    let evidence = text["evidence"].as_array().expect("evidence");
    let people = json!({ "what": "observation.person", "value": 3.0, "events": [seq], "last": seq });
    assert!(evidence.contains(&people), "{text}");
    let url = server.url(text["events_url"].as_str().expect("a link"));
    let mut events = server.client.get(url).send().await.expect("events");
    let mut stream = String::new();
    while !stream.contains(&format!("id: {seq}\n")) {
        let chunk = events.chunk().await.expect("a chunk").expect("more");
        stream.push_str(&String::from_utf8_lossy(&chunk));
    }

    let part = server.get(&format!("{path}?skip=1&limit=1")).await;
    assert_eq!(part.header("x-total-count"), texts.len().to_string());
    assert_eq!(part.json(), json!([texts[1]]));
    assert!(part.header("link").contains(&format!("<{path}?skip=0&limit=1>; rel=\"prev\"")));
    assert_eq!(server.get(&format!("{path}?limit=1001")).await.status, 422);
    assert_eq!(server.get("/api/v1/briefings/none/texts").await.status, 422);
    let missing = server.get("/api/v1/briefings/999/texts").await;
    assert_eq!((missing.status.as_u16(), missing.code().as_str()), (404, "REQUEST_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_bodies_are_as_good_as_forms() {
    let server = Server::start_with(&OPEN).await;
    let post = async |path: &str, body: Value| server.post(path, &body).await;
    assert_eq!(post("/login", json!({ "username": "lee" })).await.json()["message"], "signup");
    let list = json!({ "username": "lee", "custom_list": ["in English"] });
    assert_eq!(post("/updateCustom", list).await.json(), "success to update Custom");
    let text = json!({ "username": "lee", "custom_list": "[\"in English\", \"short\"]" });
    assert_eq!(post("/updateCustom", text).await.status, 200);
    assert_eq!(post("/getCustom", json!({ "username": "lee" })).await.json(), json!(["in English", "short"]));
    let mut ear = Ear::open(&server, &format!("/ws?username=lee&interval=1&endtime={}", ahead())).await;
    assert!(ear.text().await.contains("nothing to watch"));
    let requests = post("/getAllRequest", json!({ "username": "lee" })).await.json();
    let id: i64 = requests[0]["request_id"].as_str().expect("an id").parse().expect("a number");
    assert_eq!(post("/getBriefing", json!({ "request_id": id })).await.status, 200);
    assert_eq!(post("/aiSummary", json!({ "request_id": id.to_string() })).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_errors_that_say_what_to_do() {
    let server = Server::start_with(&OPEN).await;
    for (path, fields) in [
        ("/login", &[][..]),
        ("/login", &[("username", "")]),
        ("/getBriefing", &[("request_id", "x")]),
        ("/getBriefing", &[]),
        ("/updateCustom", &[("username", "kim"), ("custom_list", "no json")]),
        ("/updateCustom", &[("username", "kim"), ("custom_list", "[1,2]")]),
        ("/updateCustom", &[("username", "kim")]),
    ] {
        let answer = form(&server, path, fields).await;
        assert_eq!(answer.status, 422, "{path} {fields:?}: {}", answer.text);
        assert_eq!(answer.code(), "VALIDATION_ERROR");
    }
    let missing = form(&server, "/getBriefing", &[("request_id", "999")]).await;
    assert_eq!((missing.status.as_u16(), missing.code().as_str()), (404, "REQUEST_NOT_FOUND"));
    assert!(
        missing.json()["detail"].as_str().expect("text").starts_with("GetBriefing Error: "),
        "{}",
        missing.text
    );
    let other = server.send_text(reqwest::Method::POST, "/login", "text/plain", "username=kim").await;
    assert_eq!(other.status, 415, "{}", other.text);
    for query in [
        "interval=1&endtime=10:30%20PM",
        "username=kim&interval=0&endtime=10:30%20PM",
        "username=kim&interval=1.5&endtime=10:30%20PM",
        "username=kim&interval=1&endtime=25:00",
        "username=kim&interval=1",
        "username=a%0Ab&interval=1&endtime=10:30%20PM",
    ] {
        assert_eq!(Ear::refused(&server, &format!("/ws?{query}")).await, 422, "{query}");
    }
    let plain = server.get("/ws?username=kim&interval=1&endtime=10:30%20PM").await;
    assert_eq!(plain.status, 426, "{}", plain.text);
    assert_eq!(server.get("/login").await.status, 405);
    let bad = json!({ "source": "cam", "counts": { "person": -1 } });
    assert_eq!(server.post("/api/v1/observations", &bad).await.status, 422);
    let bad = json!({ "source": "<cam>", "counts": {} });
    assert_eq!(server.post("/api/v1/observations", &bad).await.status, 422);
}
