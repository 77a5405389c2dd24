//! The plant's own briefing of the day, and how it is brought.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::signature;
use reqwest::Method;
use serde_json::{Value, json};

use super::database;
use super::stub::{Neighbour, Post, Say};
use crate::common::{Server, now_ms};
use crate::identity::{token, user, with};

const SECRET: &str = "a secret between two programs";

#[tokio::test(flavor = "multi_thread")]
async fn the_day_is_told_to_everybody_and_brought_where_people_look() {
    let server = Server::start().await.ready().await;
    server.sensor_with_window("wando01").await;
    assert_eq!(server.post("/api/analyze/all", &json!({})).await.status, 200);
    assert_eq!(server.get("/api/v1/briefings/daily").await.json(), json!([]), "none is due yet");
    let (_, dir) = server.stop().await;
    // As if the schedule had begun two days ago, and the plant had stood still when it was due.
    let db = database(dir.path()).await;
    let began = Timestamp::from_ms(now_ms()).expect("now") - Duration::from_secs(2 * 86_400);
    let mut tx = db.begin().await.expect("begin");
    let setting = json!({ "until": began, "covered_seq": 0, "carry": {} });
    nightshift_store::system::setting_set(&mut tx, "briefing.daily_began", &setting).await.expect("set");
    tx.commit().await.expect("commit");
    db.close().await;

    let hook = Neighbour::new(|n, _| Say::Answer(if n == 0 { 500 } else { 204 }, String::new())).await;
    let post = Post::new().await;
    let (hook_url, smtp_url) = (format!("http://{}/hook", hook.address), format!("smtp://{}", post.address));
    let settings = [
        ("BRIEFING__WEBHOOK__URL", hook_url.as_str()),
        ("BRIEFING__WEBHOOK__SECRET", SECRET),
        ("BRIEFING__MAIL__SMTP_URL", smtp_url.as_str()),
        ("BRIEFING__MAIL__FROM", "Nightshift <plant@example.com>"),
        ("BRIEFING__MAIL__TO", "leader@example.com, owner@example.com"),
    ];
    let server = Server::start_in(Arc::clone(&dir), &settings).await;
    let made =
        async || !server.get("/api/v1/briefings/daily").await.json().as_array().expect("array").is_empty();
    server.until("the day is told", made).await;
    user(&server, "looker", "VIEWER").await;
    let looker = token(&server, "looker").await;
    let days = with(&server, &looker, Method::GET, "/api/v1/briefings/daily", None).await;
    assert_eq!((days.status.as_u16(), days.header("x-total-count")), (200, "1"));
    let day = days.json()[0].clone();
    assert!(day["text"].as_str().expect("text").contains("센서"), "{day}");
    assert!(!day["evidence"][0]["events"].as_array().expect("events").is_empty(), "{day}");
    let date = day["date"].as_str().expect("a date");
    let english = server.get(&format!("/api/v1/briefings/daily?date={date}&language=en")).await.json();
    assert!(english[0]["text"].as_str().expect("text").contains("sensor"), "{english}");
    assert_eq!(server.get("/api/v1/briefings/daily?date=1999-01-01").await.json(), json!([]));
    assert_eq!(server.get("/api/v1/briefings/daily?language=fr").await.status, 422);

    // It is pushed: the journal has it, and so has everybody who listens.
    let mut events = server
        .client
        .get(server.url("/api/v1/events?kind=briefing.daily&last_event_id=0"))
        .send()
        .await
        .expect("events");
    let mut stream = String::new();
    while !stream.contains("event: briefing.daily") {
        stream.push_str(
            std::str::from_utf8(&events.chunk().await.expect("a chunk").expect("more")).expect("text"),
        );
    }

    server.until("the webhook has it after a failure", async || hook.got().len() >= 2).await;
    let got = hook.got();
    assert_eq!(got[0].header("x-nightshift-delivery"), got[1].header("x-nightshift-delivery"));
    for request in &got {
        let signed = request.header("x-nightshift-signature").expect("signed");
        let at = signed.strip_prefix("t=").and_then(|rest| rest.split_once(',')).expect("a time").0;
        let at: i64 = at.parse().expect("seconds");
        assert_eq!(signed, signature(SECRET.as_bytes(), at, request.body.as_bytes()));
        let body: Value = serde_json::from_str(&request.body).expect("json");
        assert_eq!((&body["kind"], &body["text"]["ko"]), (&json!("briefing.daily"), &day["text"]));
    }
    server.until("mail is taken after having been refused", async || !post.mail().is_empty()).await;
    let mail = post.mail()[0].clone();
    for part in ["<leader@example.com>", "<owner@example.com>", "Message-ID: <briefing-", "plant@example.com"]
    {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    let waiting = async || server.metric("nightshift_briefing_deliveries_waiting").await == 0.0;
    server.until("nothing waits any more", waiting).await;
    assert!(!server.log().contains(SECRET));
}
