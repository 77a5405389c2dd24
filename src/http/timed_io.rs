//! A connection whose client may neither keep silent at its start nor leave answers unread for ever.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::funnel::{Funnel, Turn};

/// Bytes after which a client has said which protocol it speaks: the length of HTTP/2's preface.
const GREETING_BYTES: usize = 24;

/// How many bytes have come over a connection so far; in the extensions of its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct BytesRead(Arc<Come>);

#[derive(Debug, Default)]
struct Come {
    bytes: AtomicU64,
    /// How many of them belong to messages that were whole.
    whole: AtomicU64,
    /// Through which large messages come; none where they come as they like.
    funnel: OnceLock<Funnel>,
}

impl BytesRead {
    /// So many.
    pub(crate) fn get(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// A message is whole: what comes from now on is another.
    pub(crate) fn whole(&self) {
        self.0.whole.store(self.get(), Ordering::Relaxed);
    }

    /// From now on large messages come through `funnel`.
    pub(crate) fn through(&self, funnel: &Funnel) {
        self.whole();
        // A connection becomes a socket once.
        let _ = self.0.funnel.set(funnel.clone());
    }

    fn add(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn poll_turn(&self, turn: &mut Turn, cx: &mut Context<'_>) -> Poll<()> {
        let Some(funnel) = self.0.funnel.get() else { return Poll::Ready(()) };
        turn.poll(funnel, self.get() - self.0.whole.load(Ordering::Relaxed), cx)
    }
}

/// `inner` with two deadlines: one for the client's first bytes, and one for each stall of a write. What lies between
/// them (headers, bodies) has deadlines of its own.
#[derive(Debug)]
pub(crate) struct TimedIo<T> {
    inner: T,
    greeted_bytes: usize,
    greeting: Pin<Box<Sleep>>,
    write_stall: Duration,
    /// Runs while a write waits for the client.
    stalled: Option<Pin<Box<Sleep>>>,
    read: BytesRead,
    /// Of the message that comes now.
    turn: Turn,
}

impl<T> TimedIo<T> {
    pub(crate) fn new(inner: T, greeting: Duration, write_stall: Duration) -> Self {
        let greeting = Box::pin(sleep(greeting));
        let (read, turn) = (BytesRead::default(), Turn::None);
        Self { inner, greeted_bytes: 0, greeting, write_stall, stalled: None, read, turn }
    }

    /// What comes over it, counted.
    pub(crate) fn bytes_read(&self) -> BytesRead {
        self.read.clone()
    }

    fn written<R>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_stall)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.read.poll_turn(&mut this.turn, cx));
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.read.add(buf.filled().len() - before);
        if self.greeted_bytes >= GREETING_BYTES {
            return outcome;
        }
        self.greeted_bytes += buf.filled().len() - before;
        if outcome.is_pending() && self.greeting.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client keeps silent")));
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.written(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.written(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_client_that_keeps_silent_is_cut() {
        let (_client, server) = duplex(64);
        let mut io = TimedIo::new(server, LIMIT, LIMIT);
        let error = io.read_u8().await.expect_err("silence");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_spoken_may_pause() {
        let (mut client, server) = duplex(64);
        let mut io = TimedIo::new(server, LIMIT, LIMIT);
        client.write_all(&[b'x'; GREETING_BYTES]).await.expect("greeting");
        io.read_exact(&mut [0; GREETING_BYTES]).await.expect("greeting");
        assert!(tokio::time::timeout(LIMIT * 10, io.read_u8()).await.is_err(), "still open");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_cut() {
        let (_client, server) = duplex(64);
        let mut io = TimedIo::new(server, LIMIT, LIMIT);
        let error = io.write_all(&[0; 200]).await.expect_err("unread");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
