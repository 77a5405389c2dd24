//! Briefings: what somebody has heard is kept, in its order, and the briefing goes on after every crash.

use std::sync::Arc;

use futures::StreamExt;
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use super::Plant;
use crate::briefing::ahead;
use crate::common::{DEADLINE, Server};

/// Listens until told to stop; gives every text that was heard.
pub(super) async fn work(plant: Arc<Plant>) -> Vec<String> {
    let mut heard: Vec<String> = Vec::new();
    let mut begun = false;
    while plant.goes_on() {
        let here = plant.here().await;
        let base = here.base.replacen("http", "ws", 1);
        let url = if begun {
            format!("{base}/reloadBriefing?username=kim&token={}", here.token)
        } else {
            format!("{base}/ws?username=kim&interval=1&endtime={}&token={}", ahead(), here.token)
        };
        let Ok((mut socket, _)) = connect_async(url).await else {
            plant.moved_from(&here).await;
            continue;
        };
        let mut reloaded = begun;
        begun = true;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            if std::mem::take(&mut reloaded) {
                check(&heard, &text);
            } else {
                heard.push(text.to_string());
                plant.acknowledge();
            }
            if !plant.goes_on() {
                return heard;
            }
        }
        plant.moved_from(&here).await;
    }
    heard
}

/// Looks once more at the end; gives how many texts are kept.
pub(super) async fn last(server: &Server, heard: &[String]) -> usize {
    let url = format!("ws://{}/reloadBriefing?username=kim&token={}", server.address, server.token);
    let (mut socket, _) = connect_async(url).await.expect("opens");
    loop {
        match timeout(DEADLINE, socket.next()).await.expect("in time").expect("goes on").expect("whole") {
            Message::Text(text) => return check(heard, &text),
            Message::Close(frame) => panic!("{frame:?}"),
            _ => {}
        }
    }
}

/// Whether a reload holds everything that was heard, in the order in which it was. Texts that nobody was there to hear may
/// stand between.
fn check(heard: &[String], reload: &str) -> usize {
    let reload: Value = serde_json::from_str(reload).expect("json");
    let kept: Vec<String> = serde_json::from_value(reload["briefing_data"].clone()).expect("texts");
    let mut rest = kept.iter();
    for text in heard {
        assert!(rest.any(|kept| kept == text), "a text that was heard is gone: {text}\nkept: {kept:?}");
    }
    kept.len()
}
