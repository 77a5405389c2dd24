//! What waits to be sent on one socket: a bounded queue that never makes its senders wait.
//!
//! Whoever has something to say to a listener holds an [`Outlet`]; the socket empties the [`Drain`]. A listener that does not
//! read as fast as it is spoken to is given up once its queue is full: it is told to connect again, and harms nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Text; shared between all who get the same.
    Text(Arc<str>),
    /// Bytes; shared between all who get the same.
    Binary(Bytes),
    /// Nothing more: what waits before it is sent, then the socket closes.
    Last(Close),
}

impl Frame {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Last(_) => 0,
        }
    }
}

/// How a socket is closed by the plant: a WebSocket close code and its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Close {
    /// As in RFC 6455, or 4000 to 4999.
    pub code: u16,
    /// In words; at most 123 bytes.
    pub reason: &'static str,
}

impl Close {
    /// All is said.
    pub const DONE: Self = Self { code: 1000, reason: "done" };
    /// The plant stops.
    pub const GOING_AWAY: Self = Self { code: 1001, reason: "the plant stops; connect again" };
    /// The listener's queue is full.
    pub const TOO_SLOW: Self = Self { code: 1008, reason: "reads too slowly; connect again" };
    /// Nothing came, not even an answer to a ping.
    pub const SILENT: Self = Self { code: 1008, reason: "no answer to pings" };
    /// Whatever speaks here has failed.
    pub const FAILED: Self = Self { code: 1011, reason: "failed here; connect again" };
}

/// Nothing more is sent on this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the socket is closed, or its listener reads too slowly")]
pub struct Gone;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutletLimits {
    /// Most frames.
    pub frames_max: usize,
    /// Most bytes. A single larger frame still passes an empty queue.
    pub bytes_max: usize,
}

#[derive(Debug)]
struct Shared {
    waiting_bytes: AtomicUsize,
    bytes_max: usize,
    close: watch::Sender<Option<Close>>,
}

/// Where frames are put. Clones speak to the same listener.
#[derive(Debug, Clone)]
pub struct Outlet {
    queue: mpsc::Sender<Frame>,
    shared: Arc<Shared>,
}

/// Where frames are taken. Dropping it closes the outlet.
#[derive(Debug)]
pub struct Drain {
    queue: mpsc::Receiver<Frame>,
    shared: Arc<Shared>,
    close: watch::Receiver<Option<Close>>,
}

/// An empty queue.
#[must_use]
pub fn outlet(limits: OutletLimits) -> (Outlet, Drain) {
    let (sender, receiver) = mpsc::channel(limits.frames_max.max(1));
    let (closer, close) = watch::channel(None);
    let shared =
        Arc::new(Shared { waiting_bytes: AtomicUsize::new(0), bytes_max: limits.bytes_max, close: closer });
    (Outlet { queue: sender, shared: Arc::clone(&shared) }, Drain { queue: receiver, shared, close })
}

impl Outlet {
    /// Puts `frame` behind those that wait. Never waits: a listener whose queue is full is closed.
    ///
    /// # Errors
    /// When nothing more is sent here; the caller forgets this listener.
    pub fn send(&self, frame: Frame) -> Result<(), Gone> {
        if self.is_closed() {
            return Err(Gone);
        }
        let bytes = frame.bytes();
        let before = self.shared.waiting_bytes.fetch_add(bytes, Ordering::AcqRel);
        let fits = before == 0 || before.saturating_add(bytes) <= self.shared.bytes_max;
        if fits && self.queue.try_send(frame).is_ok() {
            return Ok(());
        }
        self.shared.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
        // Of a listener that is gone nobody asks why.
        self.close(Close::TOO_SLOW);
        Err(Gone)
    }

    /// Closes the socket; what waits is not sent any more. Only the first call says why.
    pub fn close(&self, close: Close) {
        self.shared.close.send_if_modified(|present| {
            let first = present.is_none();
            if first {
                *present = Some(close);
            }
            first
        });
    }

    /// Whether nothing more is sent here.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed() || self.shared.close.borrow().is_some()
    }

    /// Whether both speak to the same listener.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Drain {
    /// The next frame; `None` when nobody can send any more.
    pub async fn next(&mut self) -> Option<Frame> {
        let frame = self.queue.recv().await?;
        self.taken(&frame);
        Some(frame)
    }

    /// The next frame, if one waits.
    pub fn try_next(&mut self) -> Option<Frame> {
        let frame = self.queue.try_recv().ok()?;
        self.taken(&frame);
        Some(frame)
    }

    /// What tells when the socket is to be closed.
    #[must_use]
    pub fn closing(&self) -> Closing {
        Closing(self.close.clone())
    }

    fn taken(&self, frame: &Frame) {
        self.shared.waiting_bytes.fetch_sub(frame.bytes(), Ordering::AcqRel);
    }
}

/// Tells when a socket is to be closed.
#[derive(Debug)]
pub struct Closing(watch::Receiver<Option<Close>>);

impl Closing {
    /// Waits until it is, and says how.
    pub async fn wait(&mut self) -> Close {
        loop {
            let close = *self.0.borrow_and_update();
            if let Some(close) = close {
                return close;
            }
            if self.0.changed().await.is_err() {
                return Close::DONE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Frame {
        Frame::Binary(Bytes::from(vec![0; bytes]))
    }

    #[tokio::test]
    async fn a_full_queue_closes_its_listener_and_makes_nobody_wait() {
        let (out, drain) = outlet(OutletLimits { frames_max: 2, bytes_max: 1_000 });
        out.send(frame(1)).expect("room");
        out.send(frame(1)).expect("room");
        assert_eq!(out.send(frame(1)), Err(Gone));
        assert_eq!(drain.closing().wait().await, Close::TOO_SLOW);
        assert!(out.is_closed());
    }

    #[tokio::test]
    async fn bytes_count_and_are_given_back() {
        let (out, mut drain) = outlet(OutletLimits { frames_max: 100, bytes_max: 10 });
        out.send(frame(50)).expect("one large frame passes an empty queue");
        assert_eq!(drain.next().await, Some(frame(50)));
        for _ in 0..10 {
            out.send(frame(5)).expect("room");
            out.send(frame(5)).expect("room");
            assert_eq!((drain.try_next(), drain.try_next()), (Some(frame(5)), Some(frame(5))));
        }
        assert_eq!(drain.try_next(), None);
        out.send(frame(5)).expect("room");
        assert_eq!(out.send(frame(6)), Err(Gone));
        assert_eq!(drain.closing().wait().await, Close::TOO_SLOW);
    }

    #[tokio::test]
    async fn the_first_reason_counts_and_a_dropped_drain_closes() {
        let (out, drain) = outlet(OutletLimits { frames_max: 1, bytes_max: 10 });
        out.close(Close::GOING_AWAY);
        out.close(Close::FAILED);
        assert_eq!(drain.closing().wait().await, Close::GOING_AWAY);
        let (out, drain) = outlet(OutletLimits { frames_max: 1, bytes_max: 10 });
        drop(drain);
        assert_eq!(out.send(frame(1)), Err(Gone));
    }
}
