//! WebSockets: what all channels share.
//!
//! A handler behind its door takes an [`Upgrade`] and calls [`accept`] with its [`Terms`] and what is to be talked. The
//! conversation reads from [`Incoming`] and speaks through an [`Outlet`], which never makes anybody wait. Around it: a
//! limited number of places, pings, deadlines for silence and for writing, and an end with a code for whoever reads too
//! slowly, keeps silent, sends too slowly, or is connected when the plant stops.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use nightshift_actors::{Close, Drain, Frame, Outlet, OutletLimits, outlet};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use utoipa::openapi::{RefOr, Response as ApiResponse, ResponseBuilder};

use super::funnel::Funnel;
use super::pace::Pace;
use super::problem::Problem;
use super::timed_io::BytesRead;

/// Time between two pings.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// How long a client may leave one write unread.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Most that is read from a connection at once, bytes. Each socket holds a buffer of that size, and it is cleared before each read.
const READ_BYTES_MAX: usize = 16 * 1_024;
/// How long the closing may take in each direction.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// Gauge of sockets open now, by channel.
const OPEN_METRIC: &str = "nightshift_http_sockets_open";
/// Counter of sockets that ended, by channel and reason.
const CLOSED_METRIC: &str = "nightshift_http_sockets_closed_total";

/// What a channel allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// The channel, as a label of the metrics.
    pub(crate) channel: &'static str,
    /// Longest message that a client may send, bytes.
    pub(crate) incoming_bytes_max: usize,
    /// How much may wait to be sent to it.
    pub(crate) outgoing: OutletLimits,
}

/// Places for sockets of one kind, and the means to wait until all have ended.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    open: TaskTracker,
    /// Cancelled when the process is told to stop.
    stopping: CancellationToken,
    /// Through which their large messages come; none where they have no such.
    funnel: Option<Funnel>,
}

impl Places {
    pub(crate) fn new(sockets_max: usize, stopping: CancellationToken) -> Self {
        let free = Arc::new(Semaphore::new(sockets_max));
        Self { free, open: TaskTracker::new(), stopping, funnel: None }
    }

    /// These, with large messages coming in `at_once` at a time.
    pub(crate) fn funnelled(self, at_once: usize) -> Self {
        Self { funnel: Some(Funnel::new(at_once)), ..self }
    }

    /// Places of their own for sockets of another kind: the crowd of one kind must not shut out the other.
    pub(crate) fn beside(&self, sockets_max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(sockets_max)), ..self.clone() }
    }

    /// Waits until every socket of every kind has ended; whether that was within `deadline`.
    pub(crate) async fn drained(&self, deadline: Duration) -> bool {
        self.open.close();
        timeout(deadline, self.open.wait()).await.is_ok()
    }

    fn take(&self) -> Result<(OwnedSemaphorePermit, TaskTrackerToken), Problem> {
        let permit = Arc::clone(&self.free).try_acquire_owned().map_err(|_| Problem::overloaded(5))?;
        Ok((permit, self.open.token()))
    }
}

/// A request that asks to become a socket; any other is answered 426.
pub(crate) struct Upgrade(WebSocketUpgrade, BytesRead);

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = parts.extensions.get::<BytesRead>().cloned().unwrap_or_default();
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        upgrade.map(|upgrade| Self(upgrade, read)).map_err(|rejection| {
            let text =
                format!("this is a WebSocket: open it with ws:// or wss:// ({})", rejection.body_text());
            Problem::new(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", text)
        })
    }
}

/// The answers of a route that is a socket.
pub(crate) struct SocketAnswers;

impl utoipa::IntoResponses for SocketAnswers {
    fn responses() -> std::collections::BTreeMap<String, RefOr<ApiResponse>> {
        let answer = |text: &str| RefOr::T(ResponseBuilder::new().description(text).build());
        [
            ("101", "The socket is open. It ends with 1001 when the plant stops, 1008 for whoever reads too slowly or keeps silent, 1009 for a message that is too long."),
            ("426", "The request does not ask for a WebSocket."),
            ("503", "Too many sockets are open; try again after `Retry-After` seconds."),
        ]
        .into_iter()
        .map(|(status, text)| (status.to_owned(), answer(text)))
        .collect()
    }
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client closed it in good order.
    Closed,
    /// The connection broke, or the client broke the protocol.
    Broken,
    /// The client sent a message that is longer than the channel allows.
    TooLong,
    /// The plant closed it.
    Ours,
}

/// What a client sends.
pub(crate) struct Incoming {
    stream: SplitStream<WebSocket>,
    out: Outlet,
    /// Cancelled when nothing is written any more.
    written: CancellationToken,
    pace: Pace,
    ending: Ending,
}

impl Incoming {
    /// The next message; `None` when there will be no more. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            let step = tokio::select! {
                biased;
                () = self.written.cancelled() => {
                    self.ending = Ending::Ours;
                    return None;
                }
                step = self.stream.next() => step,
                () = self.pace.lost() => {
                    self.out.close(Close::SILENT);
                    self.ending = Ending::Broken;
                    return None;
                }
            };
            self.pace.heard();
            match step {
                Some(Ok(Message::Text(text))) => return Some(Frame::Text(text.as_str().into())),
                Some(Ok(Message::Binary(bytes))) => return Some(Frame::Binary(bytes)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) => {
                    self.ending = Ending::Closed;
                    return None;
                }
                Some(Err(error)) => {
                    tracing::debug!(error = %error, "a socket broke off");
                    let too_long = is_too_long(error);
                    self.out.close(if too_long { TOO_LONG } else { BROKEN });
                    self.ending = if too_long { Ending::TooLong } else { Ending::Broken };
                    return None;
                }
                None => {
                    self.ending = Ending::Broken;
                    return None;
                }
            }
        }
    }

    /// How it ended, once [`Self::next`] has said that it did.
    pub(crate) fn ending(&self) -> Ending {
        self.ending
    }

    /// Reads on until the client has seen that the socket is closed: with bytes unread the last word would be lost.
    async fn linger(mut self) {
        let rest = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let _ = timeout(CLOSE_MAX, rest).await;
    }
}

/// The client sent what is no message here.
const BROKEN: Close = Close { code: 1002, reason: "the message is against the protocol" };
/// The client sent a message that is longer than the channel allows.
const TOO_LONG: Close = Close { code: 1009, reason: "the message is too long" };

fn is_too_long(error: axum::Error) -> bool {
    use tokio_tungstenite::tungstenite::Error;
    matches!(error.into_inner().downcast_ref::<Error>(), Some(Error::Capacity(_)))
}

/// An open socket.
pub(crate) struct Socket {
    pub(crate) incoming: Incoming,
    pub(crate) out: Outlet,
}

/// Opens a socket and has `talk` speak on it. When `talk` returns, the socket is closed.
///
/// # Errors
/// 503 when no place is left.
pub(crate) fn accept<F>(
    places: &Places,
    upgrade: Upgrade,
    terms: Terms,
    talk: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, Problem>
where
    F: Future<Output = Incoming> + Send + 'static,
{
    let taken = places.take()?;
    let stopping = places.stopping.clone();
    let Upgrade(upgrade, read) = upgrade;
    if let Some(funnel) = &places.funnel {
        read.through(funnel);
    }
    let upgrade = upgrade
        .max_message_size(terms.incoming_bytes_max)
        .max_frame_size(terms.incoming_bytes_max)
        .read_buffer_size(terms.incoming_bytes_max.min(READ_BYTES_MAX));
    Ok(upgrade.on_upgrade(move |socket| async move {
        let (open, _taken) = (Open::new(terms.channel), taken);
        let (out, drain) = outlet(terms.outgoing);
        let (sink, stream) = socket.split();
        let written = CancellationToken::new();
        let writer = Writer { sink, drain, stopping, written: written.clone() };
        let writing = tokio::spawn(writer.run());
        let (pace, ending) = (Pace::new(read), Ending::Ours);
        let incoming = Incoming { stream, out: out.clone(), written, pace, ending };
        let incoming = talk(Socket { incoming, out: out.clone() }).await;
        out.close(Close::DONE);
        let close = writing.await.unwrap_or(Close::FAILED);
        open.ended(incoming.ending(), close);
        incoming.linger().await;
    }))
}

/// Counts a socket as open until it is dropped.
struct Open(&'static str);

impl Open {
    fn new(channel: &'static str) -> Self {
        metrics::gauge!(OPEN_METRIC, "channel" => channel).increment(1.0);
        Self(channel)
    }

    fn ended(&self, ending: Ending, close: Close) {
        let reason = match (ending, close) {
            (_, Close::TOO_SLOW | STALLED) => "too_slow",
            (_, Close::SILENT) => "silent",
            (_, Close::GOING_AWAY) => "stopping",
            (Ending::Closed, _) => "closed",
            (Ending::Broken, _) => "broken",
            (Ending::TooLong, _) => "too_long",
            (Ending::Ours, _) => "ours",
        };
        metrics::counter!(CLOSED_METRIC, "channel" => self.0, "reason" => reason).increment(1);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(OPEN_METRIC, "channel" => self.0).decrement(1.0);
    }
}

/// The client left a write unread for too long.
const STALLED: Close = Close { code: 1008, reason: "does not read; connect again" };

/// Sends what the drain gives, pings, and says why it ends.
struct Writer {
    sink: SplitSink<WebSocket, Message>,
    drain: Drain,
    stopping: CancellationToken,
    /// Cancelled at the end, however it comes.
    written: CancellationToken,
}

impl Writer {
    async fn run(mut self) -> Close {
        let _ended = self.written.clone().drop_guard();
        let (mut closing, stopping) = (self.drain.closing(), self.stopping.clone());
        let close = tokio::select! {
            biased;
            () = stopping.cancelled() => Close::GOING_AWAY,
            // Also while it is written to: who is given up need not be waited for.
            close = closing.wait() => close,
            close = self.write() => close,
        };
        let frame = CloseFrame { code: close.code, reason: close.reason.into() };
        // A client that does not even take this is cut with the connection.
        let _ = timeout(CLOSE_MAX, self.sink.send(Message::Close(Some(frame)))).await;
        close
    }

    /// Writes until nothing is left to say, or the client cannot be written to.
    async fn write(&mut self) -> Close {
        let mut ping = tokio::time::interval(PING_INTERVAL);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.tick().await;
        loop {
            let message = tokio::select! {
                biased;
                _ = ping.tick() => Message::Ping(axum::body::Bytes::new()),
                frame = self.drain.next() => match frame.map(message) {
                    Some(Ok(message)) => message,
                    Some(Err(last)) => return last,
                    None => return Close::DONE,
                },
            };
            match timeout(WRITE_MAX, self.send(message)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(last))) => return last,
                Ok(Err(_)) => return Close::DONE,
                Err(_) => return STALLED,
            }
        }
    }

    /// Sends a message and those that wait behind it, then sees that they leave. Gives how to close when that was all.
    async fn send(&mut self, first: Message) -> Result<Option<Close>, axum::Error> {
        self.sink.feed(first).await?;
        let mut last = None;
        for _ in 1..BURST_FRAMES {
            match self.drain.try_next().map(message) {
                Some(Ok(message)) => self.sink.feed(message).await?,
                Some(Err(close)) => {
                    last = Some(close);
                    break;
                }
                None => break,
            }
        }
        self.sink.flush().await?;
        Ok(last)
    }
}

/// Most frames that are written before pings and the end of the plant are looked at again.
const BURST_FRAMES: usize = 64;

/// What is sent for a frame; how to close when it is the last.
fn message(frame: Frame) -> Result<Message, Close> {
    match frame {
        Frame::Text(text) => Ok(Message::Text((&*text).into())),
        Frame::Binary(bytes) => Ok(Message::Binary(bytes)),
        Frame::Last(close) => Err(close),
    }
}

/// Writes down what the metrics of sockets mean.
pub(super) fn describe_metrics() {
    metrics::describe_gauge!(OPEN_METRIC, "WebSockets open now, by channel.");
    metrics::describe_counter!(CLOSED_METRIC, "WebSockets that ended, by channel and reason.");
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::State;
    use axum::routing::get;
    use futures::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::connect_async;
    use tokio_tungstenite::tungstenite::Message as Word;

    use super::*;

    const TERMS: Terms = Terms {
        channel: "test",
        incoming_bytes_max: 64,
        outgoing: OutletLimits { frames_max: 8, bytes_max: 4 * 1_024 * 1_024 },
    };

    /// Says back what it hears; `flood` makes it say more than anybody reads.
    async fn echo(State(places): State<Places>, upgrade: Upgrade) -> Result<Response, Problem> {
        accept(&places, upgrade, TERMS, |mut socket| async move {
            while let Some(frame) = socket.incoming.next().await {
                let floods = frame == Frame::Text("flood".into());
                let _ = socket.out.send(frame);
                while floods && socket.out.send(Frame::Binary(vec![0; 1_024 * 1_024].into())).is_ok() {
                    tokio::task::yield_now().await;
                }
            }
            socket.incoming
        })
    }

    async fn served(sockets_max: usize) -> (String, Places, CancellationToken) {
        let stopping = CancellationToken::new();
        let places = Places::new(sockets_max, stopping.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/", listener.local_addr().expect("bound"));
        let router = Router::new().route("/", get(echo)).with_state(places.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, places, stopping)
    }

    async fn code(
        client: &mut (impl StreamExt<Item = Result<Word, tokio_tungstenite::tungstenite::Error>> + Unpin),
    ) -> Option<u16> {
        loop {
            match client.next().await {
                Some(Ok(Word::Close(frame))) => return frame.map(|f| f.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Says its last words, and then nothing.
    async fn farewell(State(places): State<Places>, upgrade: Upgrade) -> Result<Response, Problem> {
        accept(&places, upgrade, TERMS, |mut socket| async move {
            for word in ["goodbye", "farewell"] {
                let _ = socket.out.send(Frame::Text(word.into()));
            }
            let _ = socket.out.send(Frame::Last(Close { code: 4001, reason: "all is said" }));
            while socket.incoming.next().await.is_some() {}
            socket.incoming
        })
    }

    #[tokio::test]
    async fn last_words_are_heard_before_the_end() {
        let places = Places::new(1, CancellationToken::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/", listener.local_addr().expect("bound"));
        let router = Router::new().route("/", get(farewell)).with_state(places);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (mut client, _) = connect_async(&url).await.expect("open");
        for word in ["goodbye", "farewell"] {
            assert_eq!(client.next().await.expect("a word").expect("whole"), Word::text(word));
        }
        assert_eq!(code(&mut client).await, Some(4001));
    }

    #[tokio::test]
    async fn says_back_what_it_hears_and_goodbye_when_the_plant_stops() {
        let (url, places, stopping) = served(2).await;
        let (mut client, _) = connect_async(&url).await.expect("open");
        client.send(Word::binary(vec![1, 2, 3])).await.expect("sent");
        assert_eq!(client.next().await.expect("answer").expect("whole"), Word::binary(vec![1, 2, 3]));
        stopping.cancel();
        assert_eq!(code(&mut client).await, Some(1001));
        assert!(places.drained(CLOSE_MAX * 5).await);
    }

    #[tokio::test]
    async fn places_are_limited_and_given_back() {
        let (url, _, _stopping) = served(1).await;
        let (mut first, _) = connect_async(&url).await.expect("open");
        let refused = connect_async(&url).await.expect_err("no place").to_string();
        assert!(refused.contains("503"), "{refused}");
        first.close(None).await.expect("closed");
        while first.next().await.is_some() {}
        let again = async {
            while connect_async(&url).await.is_err() {
                tokio::task::yield_now().await
            }
        };
        timeout(CLOSE_MAX * 10, again).await.expect("a place is free again");
    }

    #[tokio::test]
    async fn who_sends_too_much_or_reads_too_slowly_is_closed() {
        let (url, places, _stopping) = served(2).await;
        let (mut client, _) = connect_async(&url).await.expect("open");
        client.send(Word::binary(vec![0; 65])).await.expect("sent");
        assert_eq!(code(&mut client).await, Some(1009));
        let (mut slow, _) = connect_async(&url).await.expect("open");
        slow.send(Word::text("flood")).await.expect("sent");
        assert!(places.drained(CLOSE_MAX * 10).await, "it ends although nothing is read");
    }
}
