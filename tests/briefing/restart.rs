//! Briefings that outlive the process.

use std::sync::Arc;

use rustix::process::{Signal, kill_process};
use serde_json::json;

use super::{Ear, Heard, OPEN, ahead, form};
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_briefing_goes_on_after_the_process_was_stopped_and_after_it_was_killed() {
    let server = Server::start_with(&OPEN).await;
    let mut ear = Ear::open(&server, &format!("/ws?username=kim&interval=1&endtime={}", ahead())).await;
    let mut heard = vec![ear.text().await, ear.text().await];
    let stopping = tokio::spawn(server.stop());
    loop {
        match ear.hear().await {
            Heard::Text(text) => heard.push(text),
            Heard::Closed(code) => break assert_eq!(code, 1001, "the plant stops, the briefing does not"),
        }
    }
    let (status, dir) = stopping.await.expect("stopped");
    assert!(status.success(), "{status}");

    let server = Server::start_in(Arc::clone(&dir), &OPEN).await;
    let mut ear = Ear::open(&server, "/reloadBriefing?username=kim").await;
    let data = ear.json().await["briefing_data"].clone();
    let texts: Vec<String> = serde_json::from_value(data).expect("texts");
    assert_eq!(texts[..heard.len()], heard, "what was heard is kept, in its order");
    ear.text().await;
    kill_process(server.pid(), Signal::KILL).expect("killed");
    drop(server);

    let server = Server::start_in(dir, &OPEN).await;
    let mut ear = Ear::open(&server, "/reloadBriefing?username=kim").await;
    let data = ear.json().await["briefing_data"].clone();
    let again: Vec<String> = serde_json::from_value(data).expect("texts");
    assert_eq!(again[..texts.len()], texts);
    ear.text().await;
    let requests = form(&server, "/getAllRequest", &[("username", "kim")]).await.json();
    assert_eq!(requests.as_array().expect("array").len(), 1, "it is one and the same");
    form(&server, "/endBriefing", &[("username", "kim")]).await;
    let (_, last, code) = ear.rest().await;
    assert_eq!((&last["event"], code), (&json!("ended"), 1000));
}
