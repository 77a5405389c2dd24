//! People who have briefings: a socket each, a text every few seconds, and how late each text is.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use nightshift_domain::Timestamp;
use nightshift_domain::production::Calendar;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use super::access::Access;
use super::pace::Time;
use super::tally::Tally;
use crate::cli::wire;

/// Seconds between two texts.
const INTERVAL_S: u32 = 2;
/// How long a briefing is asked for; it is ended earlier, with the run.
const ASKED_FOR: Duration = Duration::from_secs(20 * 3_600);

/// Has `people` listen until the run is over.
pub(super) async fn listen(
    access: Arc<Access>,
    tally: Tally,
    (people, run): (u32, &str),
    calendar: &Calendar,
    time: Time,
) -> Result<(), String> {
    let end = Timestamp::from_us(time.clock.now_us()) + ASKED_FOR;
    // `2026-11-26T21:30:15+09:00`
    let end = calendar.rfc3339(end).get(11..16).unwrap_or("12:00").replace(':', "%3A");
    let sockets = access.base.replacen("http", "ws", 1);
    let (token, mut all) = (access.token().to_owned(), JoinSet::new());
    for number in 0..people {
        let name = format!("bench-{run}-{number}");
        let url = format!("{sockets}/ws?username={name}&interval={INTERVAL_S}&endtime={end}&token={token}");
        let (access, tally, time) = (Arc::clone(&access), tally.clone(), time.clone());
        all.spawn(async move {
            // Not all in the same moment, and each text is due a whole number of intervals after its own start.
            let share = f64::from(INTERVAL_S) * f64::from(number) / f64::from(people);
            time.clock.sleep_until(time.start + Duration::from_secs_f64(share)).await;
            tokio::select! {
                () = time.ended() => {}
                broken = one(&url, &tally, &time) => tally.failed("briefing.text", time.elapsed(), &broken),
            }
            let ended = access.manage(Method::POST, "/endBriefing", &json!({ "username": name })).await;
            if let Err(error) = ended {
                tracing::warn!(error, "a briefing of the bench was not ended");
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// One listener, until its socket breaks; why it did.
async fn one(url: &str, tally: &Tally, time: &Time) -> String {
    let mut socket = match wire::open(url).await.map_err(|error| *error) {
        Ok(socket) => socket,
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => {
            return answer.status().as_u16().to_string();
        }
        Err(_) => return "TRANSPORT".to_owned(),
    };
    let mut last = time.elapsed();
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(_))) => {
                let (due, next) = due_of(last, time.elapsed());
                tally.done("briefing.text", due, time.elapsed().saturating_sub(due));
                last = next;
            }
            Some(Ok(Message::Close(_))) | None => return "CLOSED".to_owned(),
            Some(Err(_)) => return "TRANSPORT".to_owned(),
            Some(Ok(_)) => {}
        }
    }
}

/// When the text that has just come was due, and the instant after which the next one is. A text that comes an interval late or
/// more may make up for those that were due meanwhile: the next is not late for them too. Where they come after all, long before
/// one is due, each is late since the last that was.
fn due_of(last: Duration, now: Duration) -> (Duration, Duration) {
    let interval = Duration::from_secs(u64::from(INTERVAL_S));
    let due = last + interval;
    if now + interval / 2 < due {
        return (last, last);
    }
    let missed = now.saturating_sub(due).as_nanos() / interval.as_nanos();
    (due, due + interval * u32::try_from(missed).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_text_does_not_make_all_after_it_late() {
        let s = Duration::from_secs_f64;
        assert_eq!(due_of(s(1.0), s(3.1)), (s(3.0), s(3.0)));
        assert_eq!(due_of(s(3.0), s(5.0)), (s(5.0), s(5.0)));
        // 7.0, 9.0 and 11.0 are told in one text, half a second after the last of them was due.
        assert_eq!(due_of(s(5.0), s(11.5)), (s(7.0), s(11.0)));
        assert_eq!(due_of(s(11.0), s(13.2)), (s(13.0), s(13.0)));
    }

    #[test]
    fn texts_that_come_after_all_do_not_make_later_ones_early() {
        let s = Duration::from_secs_f64;
        // Those of 7.0, 9.0 and 11.0 come together: the second and third are late since 11.0, and 13.0 is the next.
        let mut last = s(5.0);
        for (now, due) in [(11.5, 7.0), (11.5, 11.0), (11.6, 11.0), (13.2, 13.0), (15.0, 15.0)] {
            let (was, next) = due_of(last, s(now));
            assert_eq!(was, s(due), "at {now}");
            last = next;
        }
        // A moment too early is on time.
        assert_eq!(due_of(s(1.0), s(2.99)), (s(3.0), s(3.0)));
    }
}
