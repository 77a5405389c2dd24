//! Whether a client of a socket still sends, by the bytes that come and not by whole messages alone: a large one may take
//! minutes over a poor line, and nothing can be said in between.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::timed_io::BytesRead;

/// Time between two looks at a client that says nothing whole.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// Looks in a row without a sign of life after which a client is given up: it has missed two pings.
const QUIET_LOOKS_MAX: u32 = 4;
/// The least rate at which a message must come to count as a sign of life, bytes a second.
const RATE_MIN: u64 = 8 * 1_024;
/// What has to come between two looks.
const BYTES_PER_LOOK_MIN: u64 = RATE_MIN * LOOK_INTERVAL.as_secs();

/// How a client keeps up.
pub(super) struct Pace {
    /// What came over its connection; nothing where that is not counted, and then whole messages alone are signs of life.
    read: BytesRead,
    looks: Interval,
    /// What had come at the last look.
    seen_bytes: u64,
    /// Looks in a row without a sign of life.
    quiet: u32,
}

impl Pace {
    /// Begins now.
    pub(super) fn new(read: BytesRead) -> Self {
        let mut looks = interval(LOOK_INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks.reset();
        let seen_bytes = read.get();
        Self { read, looks, seen_bytes, quiet: 0 }
    }

    /// A whole message has come.
    pub(super) fn heard(&mut self) {
        self.looks.reset();
        self.read.whole();
        (self.seen_bytes, self.quiet) = (self.read.get(), 0);
    }

    /// Returns when the client is to be given up. Dropping the future forgets nothing.
    pub(super) async fn lost(&mut self) {
        loop {
            self.looks.tick().await;
            if self.is_lost_after(self.read.get()) {
                return;
            }
        }
    }

    /// One look, when so many bytes have come in all.
    fn is_lost_after(&mut self, read_bytes: u64) -> bool {
        let enough = read_bytes.saturating_sub(self.seen_bytes) >= BYTES_PER_LOOK_MIN;
        self.seen_bytes = read_bytes;
        self.quiet = if enough { 0 } else { self.quiet + 1 };
        self.quiet >= QUIET_LOOKS_MAX
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::State;
    use axum::response::Response;
    use axum::routing::get;
    use axum::{Extension, Router};
    use futures::StreamExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto::Builder;
    use hyper_util::service::TowerToHyperService;
    use nightshift_actors::{Frame, OutletLimits};
    use nightshift_kernel::Clock;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{WebSocketStream, client_async};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::http::problem::Problem;
    use crate::http::socket::{Places, Terms, Upgrade, accept};
    use crate::http::timed_io::TimedIo;

    const SECOND: Duration = Duration::from_secs(1);
    const MESSAGE_BYTES: usize = 2 * 1_024 * 1_024;
    const TERMS: Terms = Terms {
        channel: "test",
        incoming_bytes_max: MESSAGE_BYTES,
        outgoing: OutletLimits { frames_max: 8, bytes_max: 4_096 },
    };

    #[tokio::test(start_paused = true)]
    async fn too_few_bytes_are_no_sign_of_life() {
        let mut pace = Pace::new(BytesRead::default());
        let mut read = 0;
        let mut look = |bytes: u64| {
            read += bytes;
            pace.is_lost_after(read)
        };
        for _ in 0..100 {
            assert!(!look(BYTES_PER_LOOK_MIN));
        }
        assert!(!look(BYTES_PER_LOOK_MIN - 1) && !look(0) && !look(1));
        assert!(!look(BYTES_PER_LOOK_MIN), "it has caught up");
        assert!(!look(0) && !look(0) && !look(0));
        assert!(look(BYTES_PER_LOOK_MIN - 1));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_a_message_does_not() {
        let (mut pace, clock) = (Pace::new(BytesRead::default()), Clock::system());
        let silence = LOOK_INTERVAL * QUIET_LOOKS_MAX;
        for _ in 0..3 {
            assert!(tokio::time::timeout(silence - LOOK_INTERVAL / 2, pace.lost()).await.is_err());
            pace.heard();
        }
        let before = clock.monotonic();
        pace.lost().await;
        assert!(clock.monotonic().saturating_sub(before) <= silence + SECOND);
    }

    /// Says how long each message was.
    async fn measure(State(places): State<Places>, upgrade: Upgrade) -> Result<Response, Problem> {
        accept(&places, upgrade, TERMS, |mut socket| async move {
            while let Some(frame) = socket.incoming.next().await {
                if let Frame::Binary(bytes) = frame {
                    let _ = socket.out.send(Frame::Text(bytes.len().to_string().into()));
                }
            }
            socket.incoming
        })
    }

    /// A socket over a line that is all in memory, so that its time can be paused.
    async fn line() -> WebSocketStream<DuplexStream> {
        let (client, server) = duplex(64 * 1_024);
        let io = TimedIo::new(server, SECOND * 10, SECOND * 10);
        let router = Router::new()
            .route("/", get(measure))
            .with_state(Places::new(1, CancellationToken::new()))
            .layer(Extension(io.bytes_read()));
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(router);
            let _ = builder.serve_connection_with_upgrades(TokioIo::new(io), service).await;
        });
        client_async("ws://line/", client).await.expect("open").0
    }

    /// The head of a binary frame whose mask leaves every byte as it is.
    fn head(bytes: usize) -> Vec<u8> {
        [&[0x82, 0x80 | 127][..], &(bytes as u64).to_be_bytes(), &[0; 4]].concat()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_may_take_minutes_as_long_as_it_comes() {
        let (mut client, clock) = (line().await, Clock::system());
        let wire = client.get_mut();
        let part = vec![7; usize::try_from(RATE_MIN).expect("small") + 1_024];
        let parts = MESSAGE_BYTES / part.len();
        wire.write_all(&head(parts * part.len())).await.expect("a head");
        assert!(SECOND * u32::try_from(parts).expect("few") > LOOK_INTERVAL * QUIET_LOOKS_MAX * 4);
        for _ in 0..parts {
            clock.sleep(SECOND).await;
            wire.write_all(&part).await.expect("a part");
        }
        let heard = loop {
            match client.next().await.expect("open").expect("whole") {
                Message::Text(text) => break text.to_string(),
                Message::Close(frame) => panic!("{frame:?}"),
                _ => {}
            }
        };
        assert_eq!(heard, (parts * part.len()).to_string());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_trickles_ends_its_socket() {
        let (mut client, clock) = (line().await, Clock::system());
        client.get_mut().write_all(&head(MESSAGE_BYTES)).await.expect("a head");
        let code = loop {
            tokio::select! {
                biased;
                message = client.next() => match message {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => panic!("{error}"),
                    None => break None,
                },
                () = clock.sleep(SECOND) => client.get_mut().write_all(&[7; 64]).await.expect("a trickle"),
            }
        };
        assert_eq!(code, Some(1008));
    }
}
