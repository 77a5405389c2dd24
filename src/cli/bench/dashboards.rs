//! People who look on: the first load of the dashboard, again and again, and streams of the line's events.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use nightshift_domain::Timestamp;
use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinSet;

use super::access::{Access, ask};
use super::pace::Time;
use super::tally::Tally;

/// Seconds between two loads of one dashboard, as managers' dashboards poll.
const LOAD_EVERY_S: f64 = 30.0;
/// What a dashboard asks for when it is opened.
const LOADED: [&str; 5] = [
    "/api/v1/dashboard/summary",
    "/api/v1/dashboard/lots",
    "/api/v1/dashboard/processes",
    "/api/v1/dashboard/process-wip",
    "/api/v1/alerts/unread/count",
];
/// Longest event, bytes; a stream that has more without an end is broken.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// Loads the dashboards of `people` until the run is over.
pub(super) async fn load(access: Arc<Access>, tally: Tally, people: u32, time: Time) -> Result<(), String> {
    let per_second = f64::from(people) / LOAD_EVERY_S;
    let mut all = JoinSet::new();
    for number in 0..people {
        let (access, tally, time) = (Arc::clone(&access), tally.clone(), time.clone());
        let mut pace = time.share(per_second, number, people);
        all.spawn(async move {
            while let Some(due) = pace.next().await {
                let parts = LOADED.map(|path| ask(access.request(Method::GET, path)));
                match futures::future::try_join_all(parts).await {
                    Ok(_) => tally.done("dashboard.load", due, time.elapsed().saturating_sub(due)),
                    Err(failure) => tally.failed("dashboard.load", due, &failure.code),
                }
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Follows the line's events on `streams` connections until the run is over: how late each comes.
pub(super) async fn follow(
    access: Arc<Access>,
    tally: Tally,
    streams: u32,
    time: Time,
) -> Result<(), String> {
    let mut all = JoinSet::new();
    for _ in 0..streams {
        let (access, tally, time) = (Arc::clone(&access), tally.clone(), time.clone());
        all.spawn(async move {
            tokio::select! {
                () = time.ended() => {}
                broken = listen(&access, &tally, &time) => tally.failed("events.delivery", time.elapsed(), &broken),
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Reads a stream until it breaks; why it did.
async fn listen(access: &Access, tally: &Tally, time: &Time) -> String {
    let request = access.request(Method::GET, "/api/v1/events?kind=production.");
    // A stream lasts longer than any request may.
    let answer = match request.timeout(time.length + Duration::from_secs(60)).send().await {
        Ok(answer) if answer.status().is_success() => answer,
        Ok(answer) => return answer.status().as_u16().to_string(),
        Err(_) => return "TRANSPORT".to_owned(),
    };
    let (mut pieces, mut waiting) = (answer.bytes_stream(), Vec::new());
    while let Some(Ok(piece)) = pieces.next().await {
        let now_us = time.clock.now_us();
        waiting.extend_from_slice(&piece);
        let whole = waiting.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        for line in String::from_utf8_lossy(&waiting[..whole]).lines() {
            if let Some(at_us) = line.strip_prefix("data:").and_then(happened_us) {
                let late = Duration::from_micros(u64::try_from(now_us - at_us).unwrap_or(0));
                tally.done("events.delivery", time.elapsed(), late);
            }
        }
        waiting.drain(..whole);
        if waiting.len() > EVENT_BYTES_MAX {
            return "ENDLESS_EVENT".to_owned();
        }
    }
    "STREAM_ENDED".to_owned()
}

/// When an event happened, microseconds.
fn happened_us(text: &str) -> Option<i64> {
    let event: Value = serde_json::from_str(text.trim()).ok()?;
    let at: Timestamp = event["at"].as_str()?.parse().ok()?;
    Some(at.us())
}
