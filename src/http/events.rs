//! `GET /api/v1/events`: what happens in the plant, as server-sent events.
//!
//! A listener that gives the id of the last event it saw gets everything since then from the journal and goes on live,
//! without loss or repeats. Notices that are not journalled (`live=true`) carry no id and may be missed.
//!
//! Where many listen they are not all told at the same moment: each has a place of its own in a short round, and hears there what
//! has gathered since the last one. Between its places it does not even listen: a thousand that are woken or written to at once
//! would hold up whoever asks something meanwhile.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, Stream, StreamExt, stream};
use nightshift_actors::{JournalReader, JournalStep, Live};
use nightshift_domain::Event;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, broadcast};
use utoipa::IntoParams;

use super::App;
use super::extract::Query;
use super::problem::{AnyError, Problem};

/// Time between two comments that show a silent stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Pause that a browser makes before it connects again.
const RETRY: Duration = Duration::from_secs(3);
/// Pause before the journal is read again after it could not be.
const JOURNAL_RETRY_PAUSE: Duration = Duration::from_secs(2);
/// What each open stream adds to the round.
const ROUND_PER_STREAM: Duration = Duration::from_micros(150);
/// Longest round.
const ROUND_MAX: Duration = Duration::from_millis(150);
/// A shorter one is none: few streams disturb nobody.
const ROUND_MIN: Duration = Duration::from_millis(5);
/// What has gathered goes out in pieces of about this size, bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Longest kind prefix, bytes.
const KIND_BYTES_MAX: usize = 64;

/// What to listen to.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listen {
    /// Id of the last event seen, for clients that cannot set `Last-Event-ID`; 0 replays the whole journal.
    last_event_id: Option<String>,
    /// Only events whose kind begins with this.
    #[param(example = "sensing.")]
    kind: Option<String>,
    /// Also notices that are not journalled, such as new readings.
    #[serde(default)]
    live: bool,
}

/// Server-sent events: `event` is the kind, `data` a JSON object `{seq, at, kind, subject, data}`.
///
/// After `reset` events are gone from the journal since the given id: load everything afresh and go on from here.
#[utoipa::path(
    get, path = "/api/v1/events",
    operation_id = "events_follow", tag = "system",
    params(Listen, ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event seen.")),
    responses((status = 200, description = "The stream.", body = String, content_type = "text/event-stream"), AnyError)
)]
pub(crate) async fn follow(
    State(app): State<App>,
    headers: HeaderMap,
    Query(listen): Query<Listen>,
) -> Result<Response, Problem> {
    let permit = app.stream_permit()?;
    let after = last_event_id_of(&headers, listen.last_event_id.as_deref())?;
    let kind = listen.kind.clone().filter(|k| !k.is_empty());
    let formed = |k: &String| k.len() <= KIND_BYTES_MAX && !k.chars().any(char::is_control);
    if !kind.as_ref().is_none_or(formed) {
        let loc = vec!["query".into(), "kind".into()];
        let text = format!("at most {KIND_BYTES_MAX} bytes without control characters");
        return Err(Problem::field(loc, text, "value_error"));
    }
    let live = listen.live.then(|| app.plant.hub().live());
    let reader = app.plant.follow(after, kind.clone());
    // Neighbours in time are far apart in the round.
    let place = app.streams_opened.fetch_add(1, Ordering::Relaxed).wrapping_mul(97);
    let listener = Listener { app: app.clone(), reader, live, kind, place, _open: Open::new(permit) };
    let greeting = Bytes::from(format!(": nightshift\nretry: {}\n\n", RETRY.as_millis()));
    let events = stream::once(async { greeting }).chain(listener.into_stream()).map(Ok::<_, Infallible>);
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        ("x-accel-buffering", "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

/// `Last-Event-ID`, or the query's `last_event_id`: the header is newer, because a browser sets it when it reconnects.
pub(super) fn last_event_id_of(headers: &HeaderMap, in_query: Option<&str>) -> Result<Option<i64>, Problem> {
    let (loc, text) = match headers.get("last-event-id") {
        Some(value) => (["header", "Last-Event-ID"], value.to_str().unwrap_or("?").to_owned()),
        None => match in_query {
            Some(text) => (["query", "last_event_id"], text.to_owned()),
            None => return Ok(None),
        },
    };
    if text.is_empty() {
        return Ok(None);
    }
    let seq = text.parse::<i64>().ok().filter(|seq| *seq >= 0);
    seq.map(Some).ok_or_else(|| {
        Problem::field(loc.into_iter().map(Into::into).collect(), "must be the id of an event", "value_error")
    })
}

/// Counts the stream as open until it is dropped.
pub(super) struct Open {
    _permit: OwnedSemaphorePermit,
}

impl Open {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("nightshift_http_streams_open").increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("nightshift_http_streams_open").decrement(1.0);
    }
}

struct Listener {
    app: App,
    reader: JournalReader,
    live: Option<broadcast::Receiver<Live>>,
    kind: Option<String>,
    /// Its place in the round, as a share of it: 256 places.
    place: u8,
    _open: Open,
}

/// How long a round is, with so many streams.
fn round_of(streams: usize) -> Duration {
    let round = ROUND_PER_STREAM.saturating_mul(u32::try_from(streams).unwrap_or(u32::MAX)).min(ROUND_MAX);
    if round < ROUND_MIN { Duration::ZERO } else { round }
}

/// From `now` to the next time that a place in the round comes.
fn until_place(now: Duration, round: Duration, place: u8) -> Duration {
    let round_us = round.as_micros();
    if round_us == 0 {
        return Duration::ZERO;
    }
    let place_us = round_us * u128::from(place) / 256;
    let wait_us = (place_us + round_us - now.as_micros() % round_us) % round_us;
    Duration::from_micros(u64::try_from(wait_us).unwrap_or(0))
}

/// Waits for the next time that a place in the round comes.
async fn wait_for_place(app: &App, place: u8) {
    let wait = until_place(app.clock.monotonic(), round_of(app.streams_open()), place);
    if !wait.is_zero() {
        app.clock.sleep(wait).await;
    }
}

impl Listener {
    fn into_stream(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, |mut listener| async {
            let piece = listener.piece().await?;
            Some((piece, listener))
        })
    }

    /// What has gathered, in one piece. `None` when the plant stops.
    async fn piece(&mut self) -> Option<Bytes> {
        let first = self.next().await?;
        let Some(more) = self.gathered() else { return Some(first) };
        let mut piece = BytesMut::with_capacity(first.len() + more.len());
        piece.extend_from_slice(&first);
        piece.extend_from_slice(&more);
        while piece.len() < PIECE_BYTES
            && let Some(more) = self.gathered()
        {
            piece.extend_from_slice(&more);
        }
        Some(piece.freeze())
    }

    /// The next event, if it is here already. Only what needs no journal: a question to that would be dropped half asked.
    fn gathered(&mut self) -> Option<Bytes> {
        if self.reader.replays() {
            return None;
        }
        self.coming().now_or_never().flatten()
    }

    /// The next event, or a heartbeat where none has come for long; `None` when the plant stops. Whoever has to wait for an
    /// event is told at its place in the round.
    async fn next(&mut self) -> Option<Bytes> {
        let (app, place) = (self.app.clone(), self.place);
        // What the journal was asked is waited for at once: while a place is, it would keep a connection that others need.
        if !self.reader.replays() {
            if let Some(here) = self.coming().now_or_never() {
                return here;
            }
            wait_for_place(&app, place).await;
        }
        let mut coming = pin!(self.coming());
        if let Some(here) = coming.as_mut().now_or_never() {
            return here;
        }
        // Nothing has come for a whole round: the next event wakes it.
        let event = tokio::select! {
            biased;
            event = coming => event,
            () = app.clock.sleep(HEARTBEAT) => return Some(Bytes::from_static(b": heartbeat\n\n")),
        };
        wait_for_place(&app, place).await;
        event
    }

    /// The next event; `None` when the plant stops.
    async fn coming(&mut self) -> Option<Bytes> {
        let stopping = self.app.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                step = self.reader.next() => match step {
                    Ok(JournalStep::Event(event)) => return Some(event.frame(journalled).clone()),
                    Ok(JournalStep::Reset { oldest_seq }) => return Some(reset(oldest_seq)),
                    Ok(JournalStep::End) => return None,
                    Err(error) => {
                        tracing::warn!(error = %error, "the journal cannot be read for a stream");
                        self.app.clock.sleep(JOURNAL_RETRY_PAUSE).await;
                    }
                },
                notice = next_live(self.live.as_mut()) => match notice {
                    Some(notice) if self.wants(&notice) => return Some(live(&notice)),
                    Some(_) => {}
                    None => self.live = None,
                },
            }
        }
    }

    fn wants(&self, notice: &Live) -> bool {
        self.kind.as_deref().is_none_or(|kind| notice.kind.starts_with(kind))
    }
}

/// The next live notice; never when none are wanted; `None` when there will be no more.
async fn next_live(live: Option<&mut broadcast::Receiver<Live>>) -> Option<Live> {
    let Some(live) = live else { return std::future::pending().await };
    loop {
        match live.recv().await {
            Ok(notice) => return Some(notice),
            // What was missed is not said twice: live notices are only the newest state.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    }
}

fn journalled(event: &Event) -> Bytes {
    let data = serde_json::to_string(event).unwrap_or_default();
    frame(Some(event.seq), &event.event.kind, &data)
}

fn reset(oldest_seq: Option<i64>) -> Bytes {
    let at = oldest_seq.map_or(0, |oldest| oldest - 1);
    frame(Some(at), "reset", &serde_json::json!({ "oldest_seq": oldest_seq }).to_string())
}

fn live(notice: &Live) -> Bytes {
    let subject = serde_json::Value::from(&*notice.subject);
    let data = format!("{{\"kind\":\"{}\",\"subject\":{subject},\"data\":{}}}", notice.kind, notice.data);
    frame(None, notice.kind, &data)
}

/// An event as `text/event-stream` has it; `data` is JSON, which holds no line break.
fn frame(id: Option<i64>, kind: &str, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + kind.len() + 48);
    // Writing to a string does not fail.
    if let Some(id) = id {
        let _ = writeln!(frame, "id: {id}");
    }
    let _ = writeln!(frame, "event: {}", one_line(kind));
    let _ = write!(frame, "data: {data}\n\n");
    Bytes::from(frame)
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_streams_are_told_at_once_and_many_in_a_round() {
        assert_eq!(round_of(1), Duration::ZERO);
        assert_eq!(round_of(200), Duration::from_millis(30));
        assert_eq!(round_of(1_000_000), ROUND_MAX);
        assert_eq!(until_place(Duration::from_secs(7), Duration::ZERO, 9), Duration::ZERO);
    }

    #[test]
    fn an_event_is_written_as_browsers_read_it() {
        let written = frame(Some(7), "a.kind\nid: 9", "{\"a\":1}");
        assert_eq!(written, "id: 7\nevent: a.kindid: 9\ndata: {\"a\":1}\n\n");
        assert_eq!(frame(None, "a", "{}"), "event: a\ndata: {}\n\n");
    }

    #[test]
    fn a_place_comes_once_in_each_round() {
        let round = Duration::from_millis(100);
        for place in [0, 1, 97, 255] {
            for now_us in [0_u64, 1, 49_999, 50_000, 99_999, 100_000, 123_456_789] {
                let now = Duration::from_micros(now_us);
                let wait = until_place(now, round, place);
                assert!(wait < round);
                let at = (now + wait).as_micros() % round.as_micros();
                assert_eq!(at, round.as_micros() * u128::from(place) / 256);
            }
        }
    }
}
